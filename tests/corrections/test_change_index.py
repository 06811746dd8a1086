"""One index of the table of changes does for two: it keeps the records of a correction apart, and finds a record's."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from corrections.choices import Action
from corrections.engine import gate
from corrections.models import Change, Correction
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db

NAME = "change_one_per_target"


def more(desk: Desk, draft: Correction, *, count: int = 1, **values: str) -> None:
    """Further changes of a draft, beside the services."""
    first = draft.changes.get(position=1)
    with gate.opened(actor=desk.mara, correction=draft), transaction.atomic():
        for _number in range(count):
            given = {"action": first.action, "target_model": first.target_model, "target_pk": first.target_pk, **values}
            Change.objects.create(correction=draft, position=draft.changes.count() + 1, new=first.new, **given)


def test_a_correction_takes_a_record_once(desk: Desk) -> None:
    draft = desk.draft()
    with pytest.raises(IntegrityError, match=NAME if connection.vendor == "postgresql" else "UNIQUE"):
        more(desk, draft)
    assert draft.changes.count() == 1


def test_another_correction_takes_the_same_record(desk: Desk) -> None:
    payout = desk.payout()
    desk.draft(payout)
    desk.draft(payout)
    assert Change.objects.filter(target_pk=str(payout.pk)).count() == 2


def test_rows_yet_to_be_created_are_no_record_yet(desk: Desk) -> None:
    draft = desk.draft()
    more(desk, draft, count=2, action=Action.CREATE, target_pk="")
    assert draft.changes.filter(target_pk="").count() == 2


def test_the_changes_of_a_record_are_found_by_it(desk: Desk) -> None:
    draft = desk.draft()
    for number in range(200):
        more(desk, draft, target_pk=f"other {number}")
    change = draft.changes.get(position=1)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE corrections_change")  # a plan goes by what the server last counted, else by a guess
            cursor.execute("SET LOCAL enable_seqscan = off")  # so few rows are read faster whole
        plan = Change.objects.filter(target_model=change.target_model, target_pk=change.target_pk).explain()
    assert NAME in plan
