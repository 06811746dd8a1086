"""Changing the bank code of a payout as an action of django-maker-checker, by its ready-made handler."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_maker_checker.model_change import ModelChangeHandler
from django_maker_checker.models import Tenant
from django_maker_checker.registry import register

from tests.benchmarks.rival.models import BarePayout, RecordedPayout


class BankCodeChange(ModelChangeHandler):
    category = "Payouts"
    fields = ("counterparty_bank",)

    def queryset(self, tenant: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows

    def tenant_of(self, obj: Any) -> Tenant:
        return Tenant.default()


@register
class BareBankCodeChange(BankCodeChange):
    action_type = "bare_bank_code_change"
    label = "Bank code"
    model = BarePayout


@register
class RecordedBankCodeChange(BankCodeChange):
    action_type = "recorded_bank_code_change"
    label = "Bank code, with history"
    model = RecordedPayout
