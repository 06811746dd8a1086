"""Blind re-key: the approver types the value from the evidence; kept is whether both agree, never what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from accounts.models import Payout, Repayment
from corrections import services
from corrections.assessment.keyed import fields_to_key
from corrections.errors import CorrectionError
from corrections.models import AuditEvent, Change, Correction, Decision, Rekeying
from corrections.protection import secrets
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.accounts import LoanFactory

pytestmark = pytest.mark.django_db

CARD, OTHER_CARD = "6222020000001187", "6200000000000005"
AMOUNTS = ("accounts.payout.amount", "accounts.repayment.amount")
MISSED = "6200000000000013"


class Yes(dict[str, str]):
    def get(self, key: str, default: Any = None) -> Any:
        return "looked_into"


@pytest.fixture(autouse=True)
def rekeying_policy(desk: Desk) -> None:
    put_policy_in_force(
        desk,
        [("checker", 1)],
        rekey_fields=["counterparty_account", "channel_reference", *AMOUNTS],
        staff_may_type_customer_fields=True,
    )


def submitted(desk: Desk, payout: Payout | None = None, **values: Any) -> Correction:
    correction = desk.draft(payout, **(values or {"counterparty_account": OTHER_CARD}))
    desk.attach(correction, kind="customer_consent")
    return services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())


def sign(correction: Correction, actor: Any, rekeyed: Any = None, **typed: Any) -> Decision:
    change = correction.changes.first()
    keyed = {(change.pk, name): text for name, text in typed.items()} if typed else rekeyed
    return services.approve(
        actor=actor, correction=correction, digest=correction.digest, rekeyed=keyed, acknowledged=Yes()
    )


def refusal(correction: Correction, actor: Any, rekeyed: Any = None, **typed: Any) -> str:
    with pytest.raises(CorrectionError) as refused:
        sign(correction, actor, rekeyed, **typed)
    return refused.value.code


@pytest.mark.parametrize("typed", [OTHER_CARD, "6200 0000 0000 0005", f"  {OTHER_CARD} "])
def test_the_same_card_agrees_however_it_is_grouped(desk: Desk, typed: str) -> None:
    correction = submitted(desk)
    sign(correction, desk.chidi, counterparty_account=typed)
    assert correction.state == "applied"
    kept = Rekeying.objects.get()
    assert (kept.agrees, kept.field, kept.person_id) == (True, "counterparty_account", desk.chidi.person_id)


@pytest.mark.parametrize(
    "typed", [MISSED, CARD, OTHER_CARD[:-1], OTHER_CARD + "0", "６２００００００００００００１３", "card", "0" * 5000]
)
def test_another_value_is_a_miss_that_is_kept_and_signs_nothing(desk: Desk, typed: str) -> None:
    correction = submitted(desk)
    assert refusal(correction, desk.chidi, counterparty_account=typed) == "keyed_value_differs"
    assert (correction.state, correction.decisions.count()) == ("submitted", 0)
    assert [kept.agrees for kept in Rekeying.objects.all()] == [False]


def test_a_card_is_the_same_with_spaces_and_dashes() -> None:
    for typed in ("6200 0000 0000 0005", "6200-0000-0000-0005"):
        assert secrets.blind_index("card", typed) == secrets.blind_index("card", OTHER_CARD)


def test_full_width_digits_are_no_card_as_they_are_none_for_the_maker(desk: Desk) -> None:
    wide = OTHER_CARD.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert refusal(submitted(desk), desk.chidi, counterparty_account=wide) == "keyed_value_differs"


def test_after_three_misses_another_checker_must_sign_and_may(desk: Desk) -> None:
    correction = submitted(desk)
    for _ in range(2):
        assert refusal(correction, desk.chidi, counterparty_account=MISSED) == "keyed_value_differs"
    assert not AuditEvent.objects.filter(kind="rekey_missed").exists()
    assert refusal(correction, desk.chidi, counterparty_account=MISSED) == "keyed_wrongly_too_often"
    assert refusal(correction, desk.chidi, counterparty_account=OTHER_CARD) == "keyed_wrongly_too_often"
    assert Rekeying.objects.filter(agrees=False).count() == 3
    missed = AuditEvent.objects.get(kind="rekey_missed")
    assert (missed.correction_id, missed.detail["times"]) == (correction.pk, 3)
    sign(correction, desk.carl, counterparty_account=OTHER_CARD)
    assert correction.state == "applied"


def test_whoever_is_barred_may_still_return_it(desk: Desk) -> None:
    correction = submitted(desk)
    for _ in range(3):
        refusal(correction, desk.chidi, counterparty_account=MISSED)
    services.return_for_rework(
        actor=desk.chidi, correction=correction, digest=correction.digest, comment="The receipt says otherwise."
    )
    assert correction.state == "returned"


def test_misses_count_for_one_revision(desk: Desk) -> None:
    correction = submitted(desk)
    for _ in range(3):
        refusal(correction, desk.chidi, counterparty_account=MISSED)
    services.return_for_rework(actor=desk.carl, correction=correction, digest=correction.digest, comment="Again.")
    services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())
    sign(correction, desk.chidi, counterparty_account=OTHER_CARD)
    assert correction.state == "applied"


def test_two_wrong_fields_of_one_try_are_one_miss(desk: Desk) -> None:
    correction = submitted(desk, counterparty_account=OTHER_CARD, amount="900.00")
    for _ in range(2):
        assert refusal(correction, desk.chidi, counterparty_account=MISSED, amount="901.00") == "keyed_value_differs"
    assert Rekeying.objects.count() == 4
    sign(correction, desk.chidi, counterparty_account=OTHER_CARD, amount="900")
    assert correction.state == "applied"


@pytest.mark.parametrize("typed", ["800", "800.0", "800.00", " 800.00 "])
def test_an_amount_agrees_however_its_zeros_are_written(desk: Desk, typed: str) -> None:
    correction = submitted(desk, desk.payout(amount="750.00"), amount="800.00")
    sign(correction, desk.chidi, amount=typed)
    assert correction.state == "applied"


@pytest.mark.parametrize("typed", ["800.01", "8e2", "８００", "800,00", "1_000", "-800", "NaN", "080x"])
def test_what_is_no_such_amount_differs(desk: Desk, typed: str) -> None:
    correction = submitted(desk, desk.payout(amount="750.00"), amount="800.00")
    assert refusal(correction, desk.chidi, amount=typed) == "keyed_value_differs"


@pytest.mark.parametrize("rekeyed", [None, {}, {"counterparty_account": "1"}, {(0, "counterparty_account"): "1"}])
def test_nothing_keyed_is_asked_for_and_is_no_miss(desk: Desk, rekeyed: Any) -> None:
    correction = submitted(desk)
    assert refusal(correction, desk.chidi, rekeyed) == "value_must_be_keyed_again"
    for blank in ("", "   ", None, 6200000000000005, ["6"]):
        assert refusal(correction, desk.chidi, counterparty_account=blank) == "value_must_be_keyed_again"
    assert not Rekeying.objects.exists()


@pytest.mark.parametrize("rubbish", ["text", 5, [("a", "b")], object()])
def test_what_is_no_mapping_is_refused(desk: Desk, rubbish: Any) -> None:
    assert refusal(submitted(desk), desk.chidi, rubbish) == "rekeyed_not_readable"


def test_a_field_that_the_policy_does_not_name_is_not_keyed(desk: Desk) -> None:
    correction = submitted(desk, counterparty_bank="CMB")
    sign(correction, desk.chidi)
    assert correction.state == "applied"


def test_what_is_emptied_needs_no_keying(desk: Desk) -> None:
    correction = submitted(desk, desk.payout(channel_reference="BG-1"), channel_reference="")
    sign(correction, desk.chidi)
    assert correction.state == "applied"


def test_a_new_record_is_keyed_as_well(desk: Desk) -> None:
    loan = LoanFactory(branch=desk.shanghai)
    correction = services.draft(
        actor=desk.mara, model=Repayment, action="create", reason="operator_error", note="One is missing.",
        values={"reference": "RP-9", "loan": loan, "due_on": "2026-12-04", "paid_on": "2026-12-04",
                "amount": "10.00", "currency": "CNY"},
    )  # fmt: skip
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())
    assert refusal(correction, desk.chidi, amount="11.00") == "keyed_value_differs"
    sign(correction, desk.chidi, amount="10")
    assert correction.state == "applied"


def test_a_record_that_is_deleted_needs_no_keying(desk: Desk) -> None:
    change = Change(action="delete", target_model="accounts.repayment", old={"amount": "1.00"})
    assert list(fields_to_key(["amount"], [change])) == []


def test_i13_what_was_keyed_is_stored_nowhere(desk: Desk) -> None:
    correction = submitted(desk)
    refusal(correction, desk.chidi, counterparty_account=MISSED)
    refusal(correction, desk.carl, counterparty_account="4111 1111 1111 1111")
    sign(correction, desk.chidi, counterparty_account=OTHER_CARD)
    found = dump()
    for secret in (MISSED, OTHER_CARD, "4111 1111 1111 1111", "4111111111111111"):
        assert secret not in found


def dump() -> str:
    """Every value of every table."""
    text = []
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            text += [str(row) for row in cursor.fetchall()]
    return "\n".join(text)
