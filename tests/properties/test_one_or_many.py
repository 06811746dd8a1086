"""I-12: row by row or by sets, the same changes leave equal rows, history, images and outcomes, or the same refusal.

The same batch is carried out in both ways from the same moment on: what the first did is taken back in between.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import LedgerAccount, StaffCard
from corrections.choices import ROW_APPLIED
from corrections.engine.apply import apply_changes, demand_images
from corrections.engine.in_sets import apply_rows
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Change, Correction
from tests.corrections.engine.in_sets.batches import batch, carried_out, edges, whole
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db

ROWS_MAX = 5
numbers = itertools.count(1)

# Every sign that could mean something in SQL, JSON or a text format, and ordinary ones.
texts = st.text(alphabet="aZ09 '\"\\%$_{}[]:,.;\n\t张é😀\u2028\x7f", max_size=12)
some_text = texts.filter(bool)
FIRST, LAST = (dt.datetime(year, 1, 1) for year in (1970, 2100))  # noqa: DTZ001 - aware ones are made of them
offsets = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=8))])
fine = st.datetimes(FIRST, LAST, timezones=offsets)
moments = fine | fine.map(lambda moment: moment.replace(microsecond=0))
days = st.dates(dt.date(1970, 1, 1), dt.date(2020, 12, 31))
cents = st.integers(1, 10**15 - 1).map(lambda number: Decimal(number).scaleb(-2))

OWN = {"history_id", "history_date"}
REFUSED = ("database_refused", None)
STALE = ("value_changed_since_request", "record_not_found")

Values = dict[str, st.SearchStrategy[Any]]

PAYOUT: Values = {
    "counterparty_bank": texts.map(lambda text: text[:11]),  # empty ones are refused by the database
    "purpose": texts,
    "counterparty_account_cipher": texts,
    "counterparty_account_index": some_text,
    "amount": cents | st.just(Decimal("-1.00")),
    "created_at": moments,
    "ref": st.uuids(),
    "loan_id": st.none() | st.just(987654321),
    "status": st.sampled_from(["created", "sent", "refused", "paid"]),
    "failure_code": st.sampled_from(["14", "14", ""]),
}
ACCOUNT: Values = {
    "name": texts,
    "opened_on": days,
    "last_activity_on": st.none() | days,
    "owner_person_id": st.none(),
}
STAFF_CARD: Values = {"is_active": st.booleans(), "declared_on": days, "mobile_masked": texts}


def new_payout(desk: Desk) -> models.Model:
    return desk.payout()


def new_account(desk: Desk) -> models.Model:
    number = f"2002-{next(numbers)}"
    with recorded_write(source="loan-core"):
        return LedgerAccount.objects.create(
            number=number, kind="internal", name="Fees", branch=desk.shanghai, currency="CNY", opened_on="2020-01-01"
        )


def new_staff_card(desk: Desk) -> models.Model:
    number = f"{next(numbers):064d}"
    with recorded_write(source="loan-core"):
        return StaffCard.objects.create(
            person=desk.mara.person, number_index=number, account_index=number, declared_on="2026-01-01"
        )


KINDS: list[tuple[Callable[[Desk], models.Model], Values]] = [
    (new_payout, PAYOUT),
    (new_account, ACCOUNT),
    (new_staff_card, STAFF_CARD),
]


@st.composite
def plans(draw: st.DrawFn) -> tuple[Callable[[Desk], models.Model], list[tuple[dict[str, Any], dict[str, Any]]]]:
    """A kind of record, and per row what is asked for and what somebody else writes meanwhile."""
    make, values = draw(st.sampled_from(KINDS))
    some = st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=4, unique=True)
    pairs = []
    for _row in range(draw(st.integers(1, ROWS_MAX))):
        asked = {name: draw(values[name]) for name in draw(some)}
        names = [name for name in draw(st.just([]) | st.just([]) | some) if name not in ("ref", "loan_id")]
        pairs.append((asked, {name: draw(values[name]) for name in names}))
    return make, pairs


def written_meanwhile(row: models.Model, values: dict[str, Any]) -> None:
    """As far as the database takes it."""
    try:
        with recorded_write(source="loan-core"):
            type(row)._base_manager.filter(pk=row.pk).update(**values)
    except IntegrityError:
        return


def one_by_one(correction: Correction) -> None:
    """As the services apply an ordinary correction."""
    changes = list(correction.changes.order_by("position"))
    apply_changes(changes)
    demand_images(changes)
    for change in changes:
        change.outcome = ROW_APPLIED
    Change.objects.bulk_update(changes, ["target_pk", "before_image", "after_image", "outcome"])


def by_sets(correction: Correction) -> None:
    first, last = edges(correction)
    apply_rows(correction, first, last, on_bad_row="fail_all")


def traces(correction: Correction, targets: list[models.Model]) -> list[Any]:
    """All that is left behind, but what no two writes share: the ids and moments of history."""
    recorded = type(targets[0]).history.filter(id__in=[target.pk for target in targets]).order_by("id", "history_id")
    names = [field.attname for field in recorded.model._meta.concrete_fields if field.attname not in OWN]
    kept = correction.changes.order_by("position").values_list("position", "before_image", "after_image", "outcome")
    return [[whole(target) for target in targets], list(recorded.values_list(*names)), list(kept)]


def what_happens(desk: Desk, correction: Correction, targets: list[models.Model], work: Callable[..., None]) -> Any:
    """What it leaves behind, or the code of its refusal; taken back again."""
    with transaction.atomic():
        try:
            with carried_out(desk, correction):
                work(correction)
                if connection.vendor == "postgresql":
                    connection.check_constraints()
            return traces(correction, targets)
        except CorrectionError as refusal:
            return refusal.code, refusal.details.get("record")
        finally:
            transaction.set_rollback(True)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(plan=plans())
def test_i12_one_by_one_or_by_sets_the_same_is_left_behind(desk: Desk, plan: Any) -> None:
    make, pairs = plan
    with transaction.atomic():
        targets = [make(desk) for _ in pairs]
        for target in targets:
            target.refresh_from_db()
        correction = batch(desk, [(target, asked) for target, (asked, _) in zip(targets, pairs, strict=True)])
        for target, (_, meanwhile) in zip(targets, pairs, strict=True):
            if meanwhile:
                written_meanwhile(target, meanwhile)
        sets, single = (what_happens(desk, correction, targets, work) for work in (by_sets, one_by_one))
        # Where one row is stale and the database refuses another, each way meets its own first.
        assert sets == single or (single == REFUSED and sets[0] in STALE)
        transaction.set_rollback(True)
