"""查核不返原岗: who booked, reconciled or answers for a ledger record neither corrects it nor signs its correction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import JournalEntry, LedgerAccount
from backoffice.staff.models import User
from corrections import services
from corrections.choices import State
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction
from corrections.selectors.signers import signers_of
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories import accounts as business
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def four_eyes(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)])


def refused(code: str, call: Callable[[], Any]) -> None:
    with pytest.raises(CorrectionError) as caught:
        call()
    assert caught.value.code == code


def owned_by(desk: Desk, user: User) -> LedgerAccount:
    with recorded_write(source="loan-core"):
        LedgerAccount.objects.filter(pk=desk.accounts[desk.shanghai.pk].pk).update(owner_person=user.person)
    return LedgerAccount.objects.get(pk=desk.accounts[desk.shanghai.pk].pk)


def drafted(desk: Desk, row: LedgerAccount, maker: User) -> Correction:
    correction = services.draft(
        actor=maker,
        target=row,
        action="update",
        values={"status": "dormant"},
        reason="system_defect",
        note="Wrong status.",
    )
    desk.attach(correction, actor=maker)
    return correction


def submitted(desk: Desk, row: LedgerAccount) -> Correction:
    return services.submit(actor=desk.mara, correction=drafted(desk, row, desk.mara))


def test_who_answers_for_an_account_submits_no_correction_of_it(desk: Desk) -> None:
    row = owned_by(desk, desk.mara)
    correction = drafted(desk, row, desk.mara)
    refused("handler_cannot_correct", lambda: services.submit(actor=desk.mara, correction=correction))
    services.submit(actor=desk.max, correction=drafted(desk, row, desk.max))


def test_who_answers_for_an_account_decides_no_correction_of_it(desk: Desk) -> None:
    correction = submitted(desk, owned_by(desk, desk.chidi))
    for verb in (services.return_for_rework, services.reject):
        refused(
            "handler_cannot_decide",
            lambda v=verb: v(actor=desk.chidi, correction=correction, digest=correction.digest, comment="No."),
        )
    refused("handler_cannot_decide", lambda: desk.approve(correction, actor=desk.chidi))
    desk.approve(correction, actor=desk.carl)
    correction.refresh_from_db()
    assert correction.state == State.APPLIED


def test_second_account_of_a_handler_helps_nothing(desk: Desk) -> None:
    correction = submitted(desk, owned_by(desk, desk.chidi))
    second = account("Chidi2", "checker", scope=desk.shanghai, person=desk.chidi.person, username="chidi2")
    refused("handler_cannot_decide", lambda: desk.approve(correction, actor=second))


def test_nobody_stands_in_for_a_handler_and_no_handler_stands_in_for_others(desk: Desk) -> None:
    dora, today = account("Dora"), timezone.localdate()
    for giver, receiver in ((desk.chidi, dora), (desk.carl, account("Hans"))):
        services.delegate(
            actor=giver,
            receiver=receiver.person,
            role="checker",
            scope=desk.shanghai,
            starts_on=today,
            ends_on=today,
            reason="Leave.",
        )
    correction = submitted(desk, owned_by(desk, desk.chidi))
    refused("handler_cannot_decide", lambda: desk.approve(correction, actor=dora))
    refused(
        "handler_cannot_decide",
        lambda: services.reject(actor=dora, correction=correction, digest=correction.digest, comment="No."),
    )
    owned_by(desk, receiver)  # the delegate of Carl handles it now
    refused("handler_cannot_decide", lambda: desk.approve(correction, actor=receiver))


@pytest.mark.parametrize("part", ["booked_by_person", "reconciled_by_person"])
def test_who_handled_an_entry_books_no_reversal_of_it_and_signs_none(part: str, desk: Desk) -> None:
    ours = desk.accounts[desk.shanghai.pk]
    entry = business.booked(debit=ours, credit=_other(desk), **{part: desk.mara.person})
    correction = services.draft(
        actor=desk.mara,
        model=JournalEntry,
        action="create",
        values={
            "reference": "R-1",
            "branch": desk.shanghai,
            "booked_on": entry.booked_on,
            "kind": "reversal",
            "currency": entry.currency,
            "reverses": entry,
        },
        reason="operator_error",
        note="Booked twice.",
    )
    desk.attach(correction)
    refused("handler_cannot_correct", lambda: services.submit(actor=desk.mara, correction=correction))


def _other(desk: Desk) -> LedgerAccount:
    return business.LedgerAccountFactory(customer=business.CustomerFactory(branch=desk.shanghai))


def test_handler_of_what_is_no_ledger_record_may_sign(desk: Desk) -> None:
    correction = desk.submitted()
    desk.approve(correction)
    correction.refresh_from_db()
    assert correction.state == State.APPLIED


def test_submission_counts_no_handler_among_those_who_can_sign(desk: Desk) -> None:
    from corrections.choices import AuditKind
    from corrections.models import AuditEvent

    desk.carl.groups.clear()
    give_roles(desk.carl, "executor")
    correction = submitted(desk, owned_by(desk, desk.chidi))
    assert AuditEvent.objects.filter(correction=correction, kind=AuditKind.NOBODY_TO_SIGN).exists()
    [step] = signers_of(correction, barred={desk.chidi.person_id or 0})
    assert step.signers == ()
