"""A data-fix statement becomes a draft, row by row, for whoever makes and carries out corrections of these records."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.staff.models import User
from corrections import services
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction
from tests.corrections.services.desk import Desk
from tests.factories.staff import MachineFactory, account, give_roles
from tests.sandbox.models import Parcel

pytestmark = pytest.mark.django_db

TEXT = "UPDATE payouts SET counterparty_bank = 'CMB' WHERE channel = 'X' AND amount >= 100"


@pytest.fixture(autouse=True)
def switched_on(settings: Any) -> None:
    settings.CORRECTIONS_STATEMENTS = True


@pytest.fixture
def xenia(desk: Desk) -> User:
    """Xenia makes corrections in Shanghai and carries out others' everywhere."""
    user = account("Xenia", "executor")
    give_roles(user, "maker", scope=desk.shanghai)
    return user


def stated(actor: Any, text: Any = TEXT, **more: Any) -> Correction:
    given = {"reason": "system_defect", "note": "The mapping wrote the wrong bank code.", "expected_rows": 2}
    return services.draft_statement(actor=actor, text=text, **{**given, **more})


def refused(actor: Any, text: Any = TEXT, **more: Any) -> str:
    with pytest.raises(CorrectionError) as refusal:
        stated(actor, text, **more)
    assert not Correction.objects.exists()
    return refusal.value.code


def test_records_that_the_statement_finds_become_changes(desk: Desk, xenia: User) -> None:
    found = [desk.payout(channel="X", amount="100.00"), desk.payout(channel="X", amount="900.00")]
    desk.payout(channel="X", amount="99.99")
    desk.payout(channel="Y", amount="900.00")
    correction = stated(xenia, ticket="T-7")
    assert sorted(correction.changes.values_list("target_pk", flat=True)) == sorted(str(one.pk) for one in found)
    assert {(str(c.old), str(c.new)) for c in correction.changes.all()} == {
        ("{'counterparty_bank': 'ICBC'}", "{'counterparty_bank': 'CMB'}")
    }
    batch = correction.batch
    assert (batch.source, batch.rows, batch.expected_rows) == ("statement", 2, 2)
    assert batch.rule == ("UPDATE accounts_payout SET counterparty_bank = 'CMB' WHERE channel = 'X' AND amount >= 100")
    assert (correction.state, correction.ticket, correction.maker) == ("draft", "T-7", xenia)


def test_nothing_of_the_records_changes_before_it_is_signed(desk: Desk, xenia: User) -> None:
    payouts = [desk.payout(channel="X"), desk.payout(channel="X")]
    stated(xenia)
    for payout in payouts:
        payout.refresh_from_db()
        assert payout.counterparty_bank == "ICBC"


@pytest.mark.parametrize("value", [None, False, "True", 1, "yes"])
def test_statements_are_off_unless_switched_on(desk: Desk, xenia: User, settings: Any, value: object) -> None:
    settings.CORRECTIONS_STATEMENTS = value
    assert refused(xenia) == "statements_are_off"


def test_statements_are_off_by_default(desk: Desk, xenia: User, settings: Any) -> None:
    del settings.CORRECTIONS_STATEMENTS
    assert refused(xenia) == "statements_are_off"


def test_both_roles_are_needed(desk: Desk) -> None:
    assert refused(desk.mara) == "executor_role_is_required"
    assert refused(desk.eve) == "maker_role_is_required"
    assert refused(desk.sam) == "maker_role_is_required"
    assert refused(desk.chidi) == "maker_role_is_required"


def test_both_roles_are_needed_on_the_records(desk: Desk) -> None:
    desk.payout(channel="X"), desk.payout(channel="X")
    user = account("Yuri", "maker", scope=desk.shanghai)
    give_roles(user, "executor", scope=desk.beijing)
    assert refused(user) == "executor_role_is_required"


def test_roles_are_asked_before_the_text_is_read(desk: Desk) -> None:
    assert refused(desk.mara, "DROP TABLE accounts_payout") == "executor_role_is_required"


def test_somebody_must_ask(desk: Desk) -> None:
    assert refused(None) == "actor_is_required"
    assert refused(MachineFactory()) == "actor_needs_a_person"


def test_records_of_branches_that_one_does_not_see_are_as_if_not_there(desk: Desk) -> None:
    user = account("Yuri", "maker", scope=desk.shanghai)
    give_roles(user, "executor", scope=desk.shanghai)
    desk.payout(channel="X"), desk.payout(desk.beijing, channel="X")
    assert refused(user) == "expected_rows_differ"
    assert stated(user, expected_rows=1).changes.count() == 1


def test_record_that_one_sees_and_may_not_correct_is_a_bad_row(desk: Desk, xenia: User) -> None:
    own, other = desk.payout(channel="X"), desk.payout(desk.beijing, channel="X")
    correction = stated(xenia)
    assert [change.target_pk for change in correction.changes.all()] == [str(own.pk)]
    finding = correction.row_findings.get()
    assert (finding.code, correction.batch.bad_rows) == ("target_not_found", 1)
    assert other.number not in finding.message


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        (1, "expected_rows_differ"),
        (3, "expected_rows_differ"),
        (0, "expected_rows_differ"),
        (None, "expected_rows_are_required"),
        ("2", "expected_rows_not_usable"),
        (True, "expected_rows_not_usable"),
        (-2, "expected_rows_not_usable"),
    ],
)
def test_i04_maker_says_how_many_rows_there_are(desk: Desk, xenia: User, expected: object, code: str) -> None:
    desk.payout(channel="X"), desk.payout(channel="X")
    assert refused(xenia, expected_rows=expected) == code


def test_i01_its_maker_neither_signs_nor_applies_it(desk: Desk, xenia: User) -> None:
    give_roles(xenia, "checker", scope=desk.shanghai)
    desk.payout(channel="X", amount="100.00"), desk.payout(channel="X", amount="100.00")
    correction = stated(xenia)
    desk.attach(correction, actor=xenia)
    services.submit(actor=xenia, correction=correction)
    with pytest.raises(CorrectionError) as refusal:
        desk.approve(correction, actor=xenia)
    assert refusal.value.code == "maker_cannot_decide"


def test_unreadable_statement_leaves_nothing(desk: Desk, xenia: User) -> None:
    assert refused(xenia, "UPDATE payouts SET channel = 'Y'") == "statement_has_no_where"


def test_reference_that_the_maker_may_not_see_is_as_if_not_there(desk: Desk, xenia: User) -> None:
    with recorded_write(source="loan-core"):
        Parcel.objects.create(code="P-1", address="x")
    assert refused(xenia, "UPDATE payouts SET branch = 99999 WHERE channel = 'X'") in {
        "reference_not_found",
        "expected_rows_differ",
    }


def test_i13_card_number_in_an_open_field_is_not_kept_in_clear(desk: Desk, xenia: User) -> None:
    desk.payout(channel="X", purpose="4111111111111111")
    correction = stated(xenia, "UPDATE payouts SET channel = 'Y' WHERE purpose = '4111111111111111'", expected_rows=1)
    assert correction.batch.rule.endswith("WHERE purpose = '****1111'")


def test_every_kind_of_value_arrives(desk: Desk) -> None:
    user = account("Zoe", "maker", "executor")
    with recorded_write(source="loan-core"):
        parcel = Parcel.objects.create(code="P-1", address="old", weight=7, price="1.00")
    correction = stated(
        user,
        "UPDATE parcels SET address = 'O''Brien', price = 12.50, weight = NULL, is_lost = TRUE,"
        " sent_at = '2026-10-01 09:30:00+08:00' WHERE code = 'P-1' AND weight BETWEEN 1 AND 9",
        expected_rows=1,
    )
    change = correction.changes.get()
    assert change.target_pk == str(parcel.pk)
    assert set(change.new) == {"address", "price", "weight", "is_lost", "sent_at"}
    assert (change.new["address"], change.new["weight"], change.new["is_lost"]) == ("O'Brien", None, True)
    assert str(change.new["sent_at"]).startswith("2026-10-01T01:30:00")
