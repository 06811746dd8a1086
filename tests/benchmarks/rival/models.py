"""Payouts as the engine's are, column by column, without gate: bare, and with django-simple-history's own signals."""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords

from accounts.models import Branch, LedgerAccount


class PayoutColumns(models.Model):
    number = models.CharField(max_length=40, unique=True)
    source_account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+")
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    counterparty_bank = models.CharField(max_length=16)
    counterparty_account_cipher = models.TextField(default="")
    counterparty_account_index = models.CharField(max_length=64, default="", db_index=True)
    counterparty_account_masked = models.CharField(max_length=64, default="")
    beneficiary_name = models.CharField(max_length=120, blank=True)
    amount = models.DecimalField(max_digits=15, decimal_places=2)
    currency = models.CharField(max_length=3)
    purpose = models.CharField(max_length=64, blank=True)
    channel = models.CharField(max_length=32)
    channel_reference = models.CharField(max_length=64, blank=True, db_index=True)
    status = models.CharField(max_length=10)
    failure_code = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number


class BarePayout(PayoutColumns):
    """Changed without history."""


class RecordedPayout(PayoutColumns):
    """Changed with the history that django-simple-history writes from its signals."""

    history = HistoricalRecords()
