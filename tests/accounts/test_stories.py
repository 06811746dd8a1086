"""The stories of the made-up company, corrected through the public door: made, signed, applied, taken back."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Sum

from accounts.loaders.company import load_company
from accounts.models import JournalEntry, Loan, Payout, Posting, Repayment
from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.errors import CorrectionError
from corrections.models import Correction
from corrections.services.policy import install_shipped

pytestmark = pytest.mark.django_db

Finish = Callable[..., Correction]


@pytest.fixture(autouse=True)
def company(roles: None) -> None:
    load_company(Path(settings.BASE_DIR) / "fixtures" / "company")
    install_shipped(actor=machine("bootstrap_roles"), profile="lite")


@pytest.fixture
def finish(mara: User, chidi: User) -> Finish:
    """Evidence, submission, approval; the lite policy applies with the one signature. Warnings are answered by tick."""

    def finish(correction: Correction, *warnings: str) -> Correction:
        file = io.BytesIO(f"Channel receipt for {correction.pk}".encode())
        file.name = "receipt.txt"
        services.attach_evidence(actor=mara, correction=correction, file=file, kind="channel_receipt")
        ticked = dict.fromkeys(warnings, "looked_into")
        submitted = services.submit(actor=mara, correction=correction, acknowledged=ticked)
        services.approve(actor=chidi, correction=submitted, digest=submitted.digest, acknowledged=ticked)
        submitted.refresh_from_db()
        return submitted

    return finish


def draft(actor: User, **wish: Any) -> Correction:
    return services.draft(actor=actor, reason="system_defect", note="Seen in the channel's file.", **wish)


def verdicts(correction: Correction) -> dict[str, str]:
    return {row.check_code: row.verdict for row in correction.check_results.all()}


def test_wrong_bank_code_is_corrected_and_taken_back(mara: User, finish: Finish) -> None:
    payout = Payout.objects.filter(failure_code="E14")[0]
    values = {"counterparty_bank": "CMB", "status": "to_be_sent"}
    correction = finish(draft(mara, target=payout, values=values))
    payout.refresh_from_db()
    assert (payout.counterparty_bank, payout.status, correction.state) == ("CMB", "to_be_sent", "applied")
    finish(services.revert(actor=mara, correction=correction, reason="operator_error", note="It was right before."))
    payout.refresh_from_db()
    assert (payout.counterparty_bank, payout.status) == ("ICBC", "refused")


def test_missing_repayment_is_created(mara: User, finish: Finish) -> None:
    loan = Loan.objects.get(number="LN-2026-0003")
    values = {
        "reference": "RP-2026-0003-07",
        "loan": loan,
        "due_on": date(2026, 8, 20),
        "paid_on": date(2026, 8, 20),
        "amount": "6900.00",
        "currency": "CNY",
        "status": "posted",
        "channel_reference": "QP202608200003",
    }
    correction = finish(draft(mara, model=Repayment, action="create", values=values))
    assert correction.state == "applied"
    assert Repayment.objects.get(reference="RP-2026-0003-07").amount == Decimal("6900.00")


def test_doubled_repayment_is_removed(mara: User, finish: Finish) -> None:
    doubled = Repayment.objects.get(reference__endswith="-D")
    assert finish(draft(mara, target=doubled, action="delete")).state == "applied"
    assert not Repayment.objects.filter(pk=doubled.pk).exists()


def test_approval_by_mistake_is_voided_with_its_loan_and_entries_as_one_unit(mara: User, finish: Finish) -> None:
    loan = Loan.objects.get(number="LN-2026-0007")
    correction = draft(mara, target=loan, values={"status": "voided"})
    services.add_change(actor=mara, correction=correction, target=loan.application, values={"decision": "voided"})
    services.add_change(actor=mara, correction=correction, target=loan.payouts.get(), values={"status": "cancelled"})
    for entry in JournalEntry.objects.filter(source_reference=loan.number):
        reverse(mara, correction, entry)
    assert finish(correction).state == "applied"
    loan.refresh_from_db()
    assert loan.application is not None
    assert (loan.status, loan.application.decision, loan.payouts.get().status) == ("voided", "voided", "cancelled")
    moved = Posting.objects.filter(entry__source_reference=loan.number).values("account").annotate(left=Sum("amount"))
    assert {row["left"] for row in moved} == {Decimal(0)}
    assert JournalEntry.objects.filter(reverses__source_reference=loan.number).count() == 2


def reverse(actor: User, correction: Correction, entry: JournalEntry) -> None:
    values = {
        "reference": f"{entry.reference}-R",
        "branch": entry.branch,
        "booked_on": date(2026, 11, 20),
        "kind": "reversal",
        "currency": entry.currency,
        "source_reference": entry.source_reference,
        "reverses": entry,
    }
    created = services.add_change(
        actor=actor, correction=correction, model=JournalEntry, action="create", values=values
    )
    for posting in entry.postings.all():
        opposite = {
            "entry": created,
            "account": posting.account,
            "side": "credit" if posting.amount > 0 else "debit",
            "amount": -posting.amount,
            "currency": posting.currency,
        }
        services.add_change(actor=actor, correction=correction, model=Posting, action="create", values=opposite)


def test_voiding_the_loan_alone_is_warned_of(mara: User, finish: Finish) -> None:
    loan = Loan.objects.get(number="LN-2026-0007")
    correction = finish(draft(mara, target=loan, values={"status": "voided"}), "voided_loan_leaves_nothing_behind")
    assert verdicts(correction)["voided_loan_leaves_nothing_behind"] == "warn"


def test_voiding_a_loan_that_was_paid_out_and_repaid_is_warned_of(mara: User, finish: Finish) -> None:
    loan = Loan.objects.get(number="LN-2026-0001")
    correction = draft(mara, target=loan, values={"status": "voided"})
    services.add_change(actor=mara, correction=correction, target=loan.application, values={"decision": "voided"})
    finished = finish(correction, "voided_loan_leaves_nothing_behind")
    result = finished.check_results.filter(check_code="voided_loan_leaves_nothing_behind")[0]
    assert result.verdict == "warn"
    assert "PO-2026-000013" in result.message
    assert "RP-2026-0001-09" in result.message


def test_one_sided_entry_is_refused(mara: User, finish: Finish) -> None:
    entry = JournalEntry.objects.filter(source_reference="LN-2026-0007").first()
    assert entry is not None
    correction = draft(mara, target=Loan.objects.get(number="LN-2026-0007"), values={"status": "voided"})
    reverse(mara, correction, entry)
    last = correction.changes.order_by("position").last()
    services.remove_change(actor=mara, change=last)
    with pytest.raises(CorrectionError, match="differ by"):
        finish(correction)


def test_payout_from_the_dormant_account_is_warned_of(mara: User, finish: Finish) -> None:
    payout = Payout.objects.get(source_account__status="dormant")
    correction = finish(draft(mara, target=payout, values={"counterparty_bank": "CMB"}), "payout_source_is_in_use")
    assert verdicts(correction)["payout_source_is_in_use"] == "warn"


def test_card_is_the_customers_word(mara: User) -> None:
    payout = Payout.objects.get(failure_code="C41")
    assert payout.card is not None
    active = payout.card.customer.cards.get(status="active")
    with pytest.raises(CorrectionError) as refusal:
        draft(mara, target=payout, values={"card": active})
    assert refusal.value.code == "customer_must_declare"


def test_an_entry_is_neither_updated_nor_deleted_by_a_correction(mara: User) -> None:
    entry = JournalEntry.objects.all()[0]
    for wish in ({"action": "update", "values": {"description": "x"}}, {"action": "delete"}):
        with pytest.raises(CorrectionError) as refusal:
            draft(mara, target=entry, **wish)
        assert refusal.value.code == "action_not_allowed"
