"""What can be registered as correctable, and what is refused at start-up with its reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.test.utils import isolate_apps

from accounts.models import Payout
from corrections.registry import Correctable, Entry
from tests.sandbox.models import Parcel


def entry(model: type[models.Model], *fields: str, **more: Any) -> Entry:
    return Entry(model, type("Config", (Correctable,), {"fields": fields, **more})())


@isolate_apps("tests.sandbox")
def test_a_row_that_stands_in_two_tables_is_refused() -> None:
    class Crate(Parcel):
        lid = models.CharField(max_length=5)

        class Meta:
            app_label = "sandbox"

    with pytest.raises(ImproperlyConfigured, match="another model's table"):
        entry(Crate, "lid")


@isolate_apps("tests.sandbox")
def test_another_name_of_a_table_is_refused() -> None:
    class Sight(Parcel):
        class Meta:
            app_label = "sandbox"
            proxy = True

    with pytest.raises(ImproperlyConfigured, match="another model's table"):
        entry(Sight, "address")


@isolate_apps("tests.sandbox")
def test_keys_that_a_change_cannot_name_are_refused() -> None:
    class Pair(models.Model):  # noqa: DJ008
        pk = models.CompositePrimaryKey("a", "b")
        a = models.IntegerField()
        b = models.IntegerField()

        class Meta:
            app_label = "sandbox"

    class Long(models.Model):  # noqa: DJ008
        key = models.CharField(primary_key=True, max_length=65)

        class Meta:
            app_label = "sandbox"

    with pytest.raises(ImproperlyConfigured, match="several columns"):
        entry(Pair, "a")
    with pytest.raises(ImproperlyConfigured, match="more than 64"):
        entry(Long)


@isolate_apps("tests.sandbox")
def test_columns_that_the_database_computes_are_refused() -> None:
    class Sum(models.Model):  # noqa: DJ008
        a = models.IntegerField()
        b = models.GeneratedField(expression=models.F("a"), output_field=models.IntegerField(), db_persist=True)

        class Meta:
            app_label = "sandbox"

    with pytest.raises(ImproperlyConfigured, match="computes"):
        entry(Sum, "a")


@pytest.mark.parametrize(
    "name", ["counterparty_account_cipher", "counterparty_account_index", "counterparty_account_masked", "ref"]
)
def test_the_columns_behind_a_secret_are_no_fields(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="can't be corrected as a field"):
        entry(Payout, name)


def test_what_is_no_column_is_no_field() -> None:
    with pytest.raises(ImproperlyConfigured, match="can't be corrected as a field"):
        entry(Parcel, "labels")
    with pytest.raises(FieldDoesNotExist):
        entry(Parcel, "nonsense")


def test_what_is_only_added_is_neither_changed_nor_deleted() -> None:
    with pytest.raises(ImproperlyConfigured, match="append-only"):
        entry(Parcel, "address", append_only=True, actions={"create", "update"})
    assert entry(Parcel, "address", append_only=True, actions={"create"}).append_only
