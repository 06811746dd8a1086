"""Many rows are read like a few: the same values and references, one statement for each table."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from accounts.models import Payout
from corrections.engine import reading, rows
from corrections.models import Change
from tests.corrections.services.batches import draft_rows, payouts
from tests.corrections.services.desk import Desk, make_desk
from tests.factories.accounts import LoanFactory


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


@pytest.fixture
def changes(desk: Desk) -> list[Change]:
    lent = desk.payout(loan=LoanFactory(), branch=desk.shanghai)
    return list(draft_rows(desk, [lent, *payouts(desk, 4)]).changes.all())


def told(row: models.Model | None) -> Any:
    """All that an instance holds, and what it refers to as far as that was read."""
    if row is None:
        return None
    held = {name: told(other) for name, other in row._state.fields_cache.items()}
    columns = {field.attname: row.__dict__[field.attname] for field in row._meta.concrete_fields}
    return type(row), columns, held, row._state.db, row._state.adding


@pytest.mark.parametrize("read", [rows.live_targets, rows.locked_targets])
def test_many_rows_are_what_a_few_are(changes: list[Change], monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    with transaction.atomic():
        few = read(changes)
        monkeypatch.setattr(rows, "MANY_ROWS", 0)
        with CaptureQueriesContext(connection) as asked:
            many = read(changes)
    assert {key: told(row) for key, row in many.items()} == {key: told(row) for key, row in few.items()}
    assert len(many) == 5
    assert len(asked) <= 1 + 7  # the table itself, and one for each reference that some row has


def test_a_model_that_somebody_watches_is_made_as_django_makes_it(changes: list[Change]) -> None:
    seen: list[Any] = []

    def watch(sender: Any, instance: Any, **rest: Any) -> None:
        seen.append(instance)

    post_init.connect(watch, sender=Payout)
    reading.is_plain.cache_clear()
    try:
        found = list(reading.read_rows(Payout, [change.target_pk for change in changes], ()))
    finally:
        post_init.disconnect(watch, sender=Payout)
        reading.is_plain.cache_clear()
    assert seen == found


def test_among_asks_what_in_asks(changes: list[Change]) -> None:
    wanted = [change.target_pk for change in changes[1:3]]
    of_text = Change.objects.filter(target_pk__among=frozenset(wanted)).order_by("pk")
    assert list(of_text) == list(Change.objects.filter(target_pk__in=wanted).order_by("pk")) == changes[1:3]
    of_keys = Payout.objects.filter(source_account__branch__pk__among=frozenset([str(changes[0].pk + 10**6)]))
    assert not of_keys.exists()
    assert Payout.objects.filter(pk__among=frozenset(wanted)).count() == 2
    assert not Payout.objects.filter(pk__among=frozenset()).exists()
