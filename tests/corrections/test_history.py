"""History tables: their shape, their reading side, and the history of a model whose source is not ours."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django.test.utils import isolate_apps
from taggit.models import Tag

from accounts.models import Payout
from corrections.gate import recorded_write
from corrections.history import RECORD_COLUMNS, RecordedHistory, add_history
from tests.sandbox.models import Label, Parcel


def test_table_and_relation_names_are_simple_historys_own() -> None:
    assert Payout.history.model._meta.db_table == "accounts_historicalpayout"
    assert Tag.history.model._meta.db_table == "sandbox_historicaltag"
    assert Tag.history.model._meta.app_label == "sandbox"


def test_a_historical_row_has_every_live_column_and_the_record_columns() -> None:
    for model in (Parcel, Label, Tag, Payout):
        live = {field.column for field in model._meta.concrete_fields}
        historical = {field.column for field in model.history.model._meta.concrete_fields}
        assert historical == live | set(RECORD_COLUMNS)


@pytest.mark.django_db
def test_history_has_four_indexes_and_no_foreign_key() -> None:
    for model in (Parcel, Tag, Payout):
        table = model.history.model._meta.db_table
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        indexed = [part["columns"] for part in found.values() if part["index"] or part["primary_key"] or part["unique"]]
        by_time = ["history_date", "history_id"]
        assert sorted(indexed) == [by_time, by_time, ["history_id"], ["id", "history_id"]]  # all, corrected; key, row
        assert not [part for part in found.values() if part["foreign_key"]]


def test_no_signal_handler_writes_history() -> None:
    for signal in (post_save, post_delete, pre_delete):
        assert not signal.has_listeners(Parcel)
        assert not signal.has_listeners(Tag)


def test_secrets_are_plain_inert_columns_in_history() -> None:
    historical = Payout.history.model
    cipher = historical._meta.get_field("counterparty_account_cipher")
    assert type(cipher) is models.TextField
    assert not hasattr(cipher, "secret")
    assert cipher.pre_save(historical(counterparty_account_cipher="sealed"), True) == "sealed"


@isolate_apps("tests.sandbox")
def test_a_model_that_inherits_another_table_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="inherits another table"):

        class Crate(Parcel):
            history = RecordedHistory()

            class Meta:
                app_label = "sandbox"


@pytest.mark.django_db
def test_a_third_party_model_is_guarded_and_recorded() -> None:
    with pytest.raises(IntegrityError, match="^gate_closed: taggit_tag "), transaction.atomic():
        Tag.objects.create(name="urgent")
    with recorded_write(source="loader"):
        tag = Tag.objects.create(name="urgent")
        Tag.objects.filter(pk=tag.pk).update(name="very urgent")
        Tag.objects.filter(pk=tag.pk).delete()
    assert list(Tag.history.order_by("history_id").values_list("name", "slug", "history_type")) == [
        ("urgent", "urgent", "+"),
        ("very urgent", "urgent", "~"),
        ("very urgent", "urgent", "-"),
    ]


@pytest.mark.django_db
def test_latest_of_each_gives_one_row_where_two_share_a_moment() -> None:
    with recorded_write(source="loader"):
        Parcel.objects.bulk_create([Parcel(code="P1"), Parcel(code="P2")])
        Parcel.objects.update(price=5)
    assert [(row.code, row.price) for row in Parcel.history.latest_of_each().order_by("code")] == [("P1", 5), ("P2", 5)]


@pytest.mark.django_db
def test_next_and_previous_records_follow_the_order_of_writing() -> None:
    with recorded_write(source="loader"):
        Parcel.objects.bulk_create([Parcel(code="P1"), Parcel(code="P2")])
        Parcel.objects.update(price=5)
    first, last = Parcel.objects.get(code="P1").history.order_by("history_id")
    assert (first.next_record, last.prev_record) == (last, first)
    assert first.prev_record is None
    assert last.next_record is None
    assert last.instance.price == 5


def test_an_app_without_models_can_hold_no_history() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"needs a models\.py"):
        add_history(Session, app="messages")
