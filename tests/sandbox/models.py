"""Business tables of nobody in particular: one guarded, one that others write, one that hangs on the first."""

from __future__ import annotations

from django.db import models

from corrections.history import RecordedHistory
from tests.sandbox.secretive import Drawer, Locker


class Region(models.Model):
    """A scope."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Parcel(models.Model):
    """Guarded: every type of column that a business table has."""

    code = models.CharField(max_length=20, unique=True)
    address = models.CharField(max_length=100, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    weight = models.IntegerField(null=True, blank=True)
    is_lost = models.BooleanField(default=False)
    details = models.JSONField(default=dict, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    region = models.ForeignKey(Region, models.PROTECT, null=True, blank=True)

    history = RecordedHistory()

    def __str__(self) -> str:
        return self.code


class Label(models.Model):
    """Guarded, and deleted with its parcel by Django's cascade."""

    parcel = models.ForeignKey(Parcel, models.CASCADE, related_name="labels")
    text = models.CharField(max_length=50)

    history = RecordedHistory()

    def __str__(self) -> str:
        return self.text


class Reading(models.Model):
    """Recording: other systems write it directly."""

    value = models.IntegerField()

    history = RecordedHistory()

    def __str__(self) -> str:
        return str(self.value)


__all__ = ["Drawer", "Label", "Locker", "Parcel", "Reading", "Region"]
