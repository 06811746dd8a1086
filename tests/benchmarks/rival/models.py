"""Payouts as the engine's are, column for column and index for index, without gate: bare, and with the signals of
django-simple-history."""

from __future__ import annotations

from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords

from accounts.models import BankCard, Branch, LedgerAccount, Loan, Payout
from accounts.models.base import ref_field


def _like_payouts(made: list[Any]) -> list[Any]:
    """The same constraints or indexes for each table here, under its own name."""
    found = [one.clone() for one in made]
    for one in found:
        one.name = one.name.replace("payout", "%(class)s", 1)
    return found


class PayoutColumns(models.Model):
    ref = ref_field()
    number = models.CharField(max_length=40, unique=True)
    source_account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+")
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+", db_index=False)
    counterparty_bank = models.CharField(max_length=16)
    counterparty_account_cipher = models.TextField(default="")
    counterparty_account_index = models.CharField(max_length=64, default="", db_index=True)
    counterparty_account_masked = models.CharField(max_length=64, default="")
    beneficiary_name = models.CharField(max_length=120, blank=True)
    loan = models.ForeignKey(Loan, models.PROTECT, related_name="+", null=True, blank=True)
    card = models.ForeignKey(BankCard, models.PROTECT, related_name="+", null=True, blank=True)
    amount = models.DecimalField(max_digits=15, decimal_places=2)
    currency = models.CharField(max_length=3)
    purpose = models.CharField(max_length=64, blank=True)
    channel = models.CharField(max_length=32)
    channel_reference = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10)
    failure_code = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = _like_payouts(Payout._meta.constraints)
        indexes = _like_payouts(Payout._meta.indexes)

    def __str__(self) -> str:
        return self.number


class BarePayout(PayoutColumns):
    """Changed without history."""


class RecordedPayout(PayoutColumns):
    """Changed with the history that django-simple-history writes from its signals."""

    history = HistoricalRecords()
