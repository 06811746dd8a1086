"""A secret field on a model: sealed on every way into the table, and shown on none out of it (I-13)."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from typing import Any
from uuid import uuid4

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection, transaction
from django.db.migrations.writer import MigrationWriter
from django.forms import modelform_factory
from django.test import RequestFactory
from django.views.debug import SafeExceptionReporterFilter

from corrections.errors import CorrectionError, InvalidInput, SecretUnreadable
from corrections.protection.fields import Pending, Secret, secret_field, secret_fields
from corrections.protection.keys import keyring
from corrections.protection.secrets import reveal
from tests.sandbox.models import Drawer, Locker, Region

CARD = "4111111111111111"
OTHER_CARD = "5500005555555559"

pytestmark = pytest.mark.django_db


def stored(locker: Locker) -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT card_cipher, card_index, card_masked FROM sandbox_locker WHERE id = %s", [locker.pk])
        row = cursor.fetchone()
    return row[0], row[1], row[2]


def test_three_columns_are_real_and_the_attribute_is_none() -> None:
    columns = {field.column for field in Locker._meta.concrete_fields}
    assert {"card_cipher", "card_index", "card_masked"} <= columns
    assert "card" not in columns
    assert isinstance(Locker.card, property)


def test_saved_row_holds_no_plain_text_and_reveals_it() -> None:
    locker = Locker.objects.create(card="4111 1111 1111 1111")
    assert CARD not in "".join(stored(locker))
    again = Locker.objects.get(pk=locker.pk)
    for row in (locker, again):
        assert str(row.card) == f"{row.card}" == "****1111"
        assert row.card.reveal() == reveal(row, "card") == CARD


def test_keyword_arguments_come_in_any_order() -> None:
    owner = uuid4()
    given = {"card": CARD, "ref": uuid4(), "owner_ref": owner, "title": "a"}
    for names in (list(given), list(reversed(given))):
        locker = Locker(**{name: given[name] for name in names})
        locker.ref = uuid4()
        locker.save()
        assert Locker.objects.get(pk=locker.pk).card.reveal() == CARD


def test_bulk_created_rows_are_sealed_in_a_few_statements(django_assert_max_num_queries: Any) -> None:
    lockers = [Locker(card=CARD, mobile="13812341234") for _ in range(50)]
    with keyring() as ring, django_assert_max_num_queries(12):
        ring.ensure(locker.owner_ref for locker in lockers if locker.owner_ref)
        Locker.objects.bulk_create(lockers, batch_size=25)
    with keyring() as ring:
        ring.ensure(locker.owner_ref for locker in lockers if locker.owner_ref)
        for locker in Locker.objects.all():
            assert (locker.card.reveal(), locker.mobile.reveal()) == (CARD, "13812341234")


def test_changed_value_replaces_all_three_columns() -> None:
    locker = Locker.objects.create(card=CARD)
    before = stored(locker)
    locker.card = OTHER_CARD
    locker.save()
    assert all(old != new for old, new in zip(before, stored(locker), strict=True))
    assert Locker.objects.get(pk=locker.pk).card.reveal() == OTHER_CARD


def test_saving_an_untouched_secret_keeps_its_ciphertext() -> None:
    locker = Locker.objects.create(card=CARD)
    before = stored(locker)
    again = Locker.objects.get(pk=locker.pk)
    again.title = "b"
    again.save()
    assert stored(locker) == before


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_clears_all_three_columns(nothing: str | None) -> None:
    locker = Locker.objects.create(card=CARD)
    locker.card = nothing
    locker.save()
    assert stored(locker) == ("", "", "")
    assert not locker.card
    assert locker.card.reveal() == ""


def test_secret_of_one_row_can_be_given_to_another() -> None:
    one = Locker.objects.create(card=CARD)
    two = Locker.objects.create(card=one.card)
    assert Locker.objects.get(pk=two.pk).card.reveal() == CARD
    assert stored(one)[0] != stored(two)[0]


def test_masked_text_is_not_taken_for_a_number() -> None:
    locker = Locker.objects.create(card=CARD)
    with pytest.raises(InvalidInput):
        locker.card = str(locker.card)


def test_refresh_drops_what_is_pending() -> None:
    locker = Locker.objects.create(card=CARD)
    locker.card = OTHER_CARD
    assert locker.card.reveal() == OTHER_CARD
    locker.refresh_from_db()
    assert locker.card.reveal() == CARD


def test_deferred_columns_are_loaded_when_needed_and_sealed_when_set() -> None:
    pk = Locker.objects.create(card=CARD).pk
    assert Locker.objects.only("title").get(pk=pk).card.reveal() == CARD
    locker = Locker.objects.defer("card_cipher", "card_index", "card_masked").get(pk=pk)
    locker.card = OTHER_CARD
    locker.save()
    assert Locker.objects.get(pk=pk).card.reveal() == OTHER_CARD


def test_owner_is_an_attribute_a_property_or_a_method() -> None:
    locker = Locker.objects.create(card=CARD, identity="11010519491231002X")
    drawer = Drawer.objects.create(locker=locker, card=CARD)
    assert locker.identity.reveal() == "11010519491231002X"
    assert drawer.card.reveal() == CARD


def test_secret_without_owner_is_refused() -> None:
    with pytest.raises(CorrectionError) as caught:
        Locker.objects.create(owner_ref=None, card=CARD)
    assert caught.value.code == "secret_has_no_owner"


@pytest.mark.parametrize(
    "write",
    [
        lambda locker: Locker.objects.bulk_update([locker], ["card_cipher"]),
        lambda locker: Locker.objects.filter(pk=locker.pk).update(card_cipher=locker.card_cipher),
    ],
)
def test_ways_that_do_not_seal_refuse_to_write(write: Any) -> None:
    locker = Locker.objects.create(card=CARD)
    locker.card = OTHER_CARD
    with pytest.raises(CorrectionError) as caught, transaction.atomic():
        write(locker)
    assert caught.value.code == "secret_not_sealed"
    assert Locker.objects.get(pk=locker.pk).card.reveal() == CARD


def test_swapped_columns_of_two_rows_reveal_nothing() -> None:
    one, two = Locker.objects.create(card=CARD), Locker.objects.create(card=OTHER_CARD)
    Locker.objects.filter(pk=one.pk).update(card_cipher=stored(two)[0])
    with pytest.raises(SecretUnreadable):
        reveal(Locker.objects.get(pk=one.pk), "card")


@pytest.mark.parametrize("is_saved", [False, True])
def test_plain_text_shows_in_no_text_of_the_instance(is_saved: bool, caplog: pytest.LogCaptureFixture) -> None:
    locker = Locker(card=CARD)
    if is_saved:
        locker.save()
    logging.getLogger("test").warning("%s %r %s", locker, locker.card, vars(locker))
    texts = [
        str(locker),
        repr(locker),
        repr(locker.card),
        repr(vars(locker)),
        f"{locker.card_cipher}",
        f"{locker.card:>20}",
        serializers.serialize("json", [locker]),
        caplog.text,
    ]
    assert not [text for text in texts if CARD in text]


def test_pending_plain_text_is_never_pickled() -> None:
    locker = Locker(card=CARD)
    for thing in (locker, locker.card, locker.card_cipher):
        with pytest.raises(CorrectionError) as caught:
            pickle.dumps(thing)
        assert caught.value.code == "secret_not_sealed"


def test_saved_instance_is_pickled_without_plain_text() -> None:
    locker = Locker.objects.create(card=CARD)
    dumped = pickle.dumps(locker)
    assert CARD.encode() not in dumped
    assert pickle.loads(dumped).card.reveal() == CARD  # noqa: S301  our own bytes
    assert CARD.encode() not in pickle.dumps(locker.card)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_copies_keep_what_is_pending_and_part_ways(way: Any) -> None:
    locker = Locker(card=CARD)
    other = way(locker)
    other.ref = uuid4()
    other.card = OTHER_CARD
    locker.save()
    other.save()
    assert (locker.card.reveal(), other.card.reveal()) == (CARD, OTHER_CARD)


def test_wrong_number_is_refused_at_once_and_not_repeated() -> None:
    for typed in ("4111-1111-1111-111é", "4111" * 30):
        with pytest.raises(InvalidInput) as caught:
            Locker(card=typed)
        assert typed not in "".join(traceback.format_exception(caught.value))


def test_error_report_hides_the_value_in_every_frame() -> None:
    typed = "9999-8888-7777-é"
    request = RequestFactory().get("/")
    try:
        Locker().card = typed
    except InvalidInput as error:
        trace: Any = error.__traceback__
    shown = ""
    while trace.tb_next is not None:
        trace = trace.tb_next
        shown += repr(SafeExceptionReporterFilter().get_traceback_frame_variables(request, trace.tb_frame))
    assert "********************" in shown
    assert typed not in shown


def test_full_validation_accepts_a_pending_secret() -> None:
    locker = Locker(title="a", card=CARD)
    locker.full_clean()
    locker.save()
    assert locker.card.reveal() == CARD


def test_no_form_offers_the_columns() -> None:
    assert set(modelform_factory(Locker, fields="__all__").base_fields) == {"owner_ref", "title"}


def test_no_query_takes_the_attribute() -> None:
    with pytest.raises(FieldError) as caught:
        Locker.objects.filter(card=CARD)
    assert CARD not in str(caught.value)


def test_migration_knows_the_column_and_not_the_secret() -> None:
    text, _imports = MigrationWriter.serialize(Locker._meta.get_field("card_cipher"))
    assert text.startswith("corrections.protection.fields.CipherTextField(")
    assert "kind" not in text


def test_secret_fields_of_a_model() -> None:
    assert list(secret_fields(Locker)) == ["card", "identity", "mobile", "account"]
    assert secret_fields(Region) == {}
    found = secret_field(Locker, "card")
    assert found is not None
    assert found.kind == "card"
    assert secret_field(Locker, "title") is None
    assert secret_field(Locker, "nothing") is None


def test_pending_and_secret_write_nothing_by_accident() -> None:
    buffer = io.StringIO()
    locker = Locker(card=CARD)
    print(locker.card, locker.card_cipher, file=buffer)
    assert CARD not in buffer.getvalue()
    assert isinstance(locker.card, Secret)
    assert isinstance(locker.card_cipher, Pending)
