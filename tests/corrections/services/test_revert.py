"""I-05: a revert restores only what its correction wrote, only where it still stands, and says what moved on."""

from __future__ import annotations

import pytest

from accounts.models import Payout
from corrections import services
from corrections.choices import State
from corrections.errors import Conflict, IllegalState, InvalidInput
from corrections.gate import recorded_write
from corrections.models import Correction
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def other_system_writes(payout: Payout, **values: str) -> None:
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(**values)


def test_a_revert_is_a_correction_with_its_own_checker(desk: Desk) -> None:
    payout = desk.payout()
    original = desk.applied(payout)
    back = desk.reverted(original)
    payout.refresh_from_db()
    assert payout.counterparty_bank == "CMB"  # nothing yet
    assert back.reverts_id == original.pk
    desk.approve(back)
    payout.refresh_from_db()
    original.refresh_from_db()
    assert payout.counterparty_bank == "ICBC"
    assert (original.state, back.state) == (State.REVERTED, State.APPLIED)


def test_the_maker_of_a_revert_cannot_decide_it(desk: Desk) -> None:
    from tests.factories.staff import give_roles

    original = desk.applied()
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    back = desk.reverted(original)
    with pytest.raises(Exception, match="another person"):
        desk.approve(back, actor=desk.mara)


def test_only_fields_that_the_correction_wrote_are_restored(desk: Desk) -> None:
    payout = desk.payout()
    original = desk.applied(payout)
    other_system_writes(payout, channel="B")
    desk.approve(desk.reverted(original))
    payout.refresh_from_db()
    assert (payout.counterparty_bank, payout.channel) == ("ICBC", "B")


def test_fields_that_moved_on_are_listed_and_left_alone(desk: Desk) -> None:
    payout = desk.payout()
    original = desk.applied(payout, counterparty_bank="CMB", channel="B")
    other_system_writes(payout, channel="C")
    back = desk.reverted(original)
    [moved] = back.moved_on
    assert (moved["field"], moved["before"], moved["ours"], moved["now"]) == ("channel", "A", "B", "C")
    desk.approve(back)
    payout.refresh_from_db()
    original.refresh_from_db()
    assert (payout.counterparty_bank, payout.channel) == ("ICBC", "C")
    # Not everything that it wrote was restored, so the original stays applied.
    assert original.state == State.APPLIED


def test_a_revert_of_what_moved_on_entirely_is_refused(desk: Desk) -> None:
    payout = desk.payout()
    original = desk.applied(payout)
    other_system_writes(payout, counterparty_bank="ABC")
    with pytest.raises(Conflict) as caught:
        desk.reverted(original)
    assert caught.value.code == "nothing_to_restore"
    assert caught.value.details["moved"][0]["now"] == "ABC"


def test_a_value_that_moves_after_the_revert_was_drafted_stops_it(desk: Desk) -> None:
    payout = desk.payout()
    back = desk.reverted(desk.applied(payout))
    other_system_writes(payout, counterparty_bank="ABC")
    with pytest.raises(Conflict):
        desk.approve(back)
    payout.refresh_from_db()
    assert payout.counterparty_bank == "ABC"
    assert Correction.objects.get(pk=back.pk).state == State.FAILED


def test_reverting_a_revert_restores_the_same_row(desk: Desk) -> None:
    payout = desk.payout()
    original = desk.applied(payout)
    after = original.changes.get().after_image
    back = desk.reverted(original)
    desk.approve(back)
    desk.approve(desk.reverted(back))
    from corrections.engine import rows

    payout.refresh_from_db()
    assert rows.image(rows.entry_of("accounts.payout"), payout) == after
    back.refresh_from_db()
    assert back.state == State.REVERTED


def test_one_revert_at_a_time_and_only_of_what_is_applied(desk: Desk) -> None:
    original = desk.applied()
    desk.reverted(original)
    with pytest.raises(Conflict) as caught:
        services.revert(actor=desk.mara, correction=original, reason="operator_error", note="again")
    assert caught.value.code == "revert_already_open"
    with pytest.raises(IllegalState):
        services.revert(actor=desk.mara, correction=desk.submitted(), reason="operator_error", note="n")


def test_a_revert_takes_no_further_records(desk: Desk) -> None:
    original = desk.applied()
    back = services.revert(actor=desk.mara, correction=original, reason="operator_error", note="n")
    with pytest.raises(InvalidInput):
        services.add_change(actor=desk.mara, correction=back, target=desk.payout(), values={"channel": "B"})


def test_a_secret_is_restored_as_the_same_ciphertext(desk: Desk, customer_fields_allowed: None) -> None:
    payout = desk.payout()
    before = payout.counterparty_account_cipher
    correction = desk.draft(payout, counterparty_account="6222020000009999")
    desk.attach(correction, kind="customer_consent")
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    desk.approve(desk.reverted(correction))
    payout.refresh_from_db()
    assert payout.counterparty_account_cipher == before
    assert payout.counterparty_account.reveal() == "6222020000001187"
