"""Creating, deleting, and several rows of several models in one correction, as one unit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts.models import JournalEntry, Posting, Repayment
from corrections import services
from corrections.choices import State
from corrections.errors import Conflict, CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LoanApplicationFactory, LoanFactory, RepaymentFactory

pytestmark = pytest.mark.django_db

TODAY = dt.date(2026, 11, 20)


def loan_of(desk: Desk) -> object:
    """A loan small enough for one checker."""
    mine = {"branch": desk.shanghai, "account__branch": desk.shanghai, "account__currency": "CNY", "currency": "CNY"}
    return LoanFactory(**mine, principal=Decimal("8000.00"))


def finish(desk: Desk, correction: Correction, *warnings: str) -> Correction:
    """Submitted and approved; both people answer these warnings of machines."""
    answers = dict.fromkeys(warnings, "looked_into")
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction, acknowledged=answers)
    services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=answers)
    return correction


def missing_repayment(desk: Desk, loan: object) -> Correction:
    return services.draft(
        actor=desk.mara,
        model=Repayment,
        action="create",
        values={
            "reference": "RP-9001",
            "loan": loan,
            "due_on": TODAY,
            "paid_on": TODAY,
            "amount": "120.00",
            "currency": "CNY",
            "status": "posted",
        },
        reason="channel_failure",
        note="Paid at the counter, never booked.",
    )


def test_a_missing_row_is_created_with_history(desk: Desk) -> None:
    correction = finish(desk, missing_repayment(desk, loan_of(desk)))
    row = Repayment.objects.get(reference="RP-9001")
    change = correction.changes.get()
    assert (correction.state, change.target_pk) == (State.APPLIED, str(row.pk))
    assert change.before_image is None
    assert change.after_image["amount"] == "120.00"
    assert row.history.get().history_type == "+"
    assert row.history.get().history_correction == correction.pk


def test_reverting_a_creation_deletes_the_row(desk: Desk) -> None:
    correction = finish(desk, missing_repayment(desk, loan_of(desk)))
    desk.approve(desk.reverted(correction))
    assert not Repayment.objects.filter(reference="RP-9001").exists()
    correction.refresh_from_db()
    assert correction.state == State.REVERTED


def test_a_created_row_that_others_changed_is_not_deleted_by_the_revert(desk: Desk) -> None:
    correction = finish(desk, missing_repayment(desk, loan_of(desk)))
    with recorded_write(source="loan-core"):
        Repayment.objects.update(amount=Decimal("121.00"))
    with pytest.raises(Conflict) as caught:
        desk.reverted(correction)
    assert caught.value.code == "nothing_to_restore"


def test_a_doubled_row_is_deleted_and_comes_back_equal(desk: Desk) -> None:
    doubled = RepaymentFactory(loan=loan_of(desk), currency="CNY")
    pk = doubled.pk
    correction = services.draft(
        actor=desk.mara, target=doubled, action="delete", values={}, reason="operator_error", note="Booked twice."
    )
    before = correction.changes.get().before_image
    finish(desk, correction)
    assert not Repayment.objects.filter(pk=pk).exists()
    assert Repayment.history.filter(id=pk).first().history_type == "-"
    desk.approve(desk.reverted(correction))
    from corrections.engine import rows

    back = Repayment.objects.get(pk=pk)
    assert rows.image(rows.entry_of("accounts.repayment"), back) == before


def test_application_and_loan_are_voided_as_one_unit(desk: Desk) -> None:
    loan = loan_of(desk)
    application = LoanApplicationFactory(branch=desk.shanghai, decision="approved", requested_amount=Decimal("8000.00"))
    correction = services.draft(
        actor=desk.mara, target=application, values={"decision": "voided"}, reason="operator_error", note="Wrong one."
    )
    services.add_change(actor=desk.mara, correction=correction, target=loan, values={"status": "voided"})
    finish(desk, correction, "voided_loan_leaves_nothing_behind")
    application.refresh_from_db()
    loan.refresh_from_db()
    assert (application.decision, loan.status) == ("voided", "voided")


def test_one_stale_row_stops_the_whole_unit(desk: Desk) -> None:
    one, two = desk.payout(), desk.payout()
    correction = desk.draft(one)
    services.add_change(actor=desk.mara, correction=correction, target=two, values={"counterparty_bank": "CMB"})
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    with recorded_write(source="loan-core"):
        type(two).objects.filter(pk=two.pk).update(counterparty_bank="ABC")
    with pytest.raises(Conflict):
        desk.approve(correction)
    one.refresh_from_db()
    assert one.counterparty_bank == "ICBC"
    assert one.history.count() == 1


def test_an_entry_and_its_postings_are_created_together(desk: Desk) -> None:
    account = desk.accounts[desk.shanghai.pk]
    correction = services.draft(
        actor=desk.mara,
        model=JournalEntry,
        action="create",
        values={
            "reference": "JE-9001",
            "branch": desk.shanghai,
            "booked_on": TODAY,
            "kind": "adjustment",
            "currency": "CNY",
            "description": "Reversal of the voided loan",
        },
        reason="operator_error",
        note="The loan was voided.",
    )
    entry = correction.changes.get()
    for side, amount in (("debit", "100.00"), ("credit", "-100.00")):
        services.add_change(
            actor=desk.mara,
            correction=correction,
            model=Posting,
            action="create",
            values={"entry": entry, "account": account, "side": side, "amount": amount, "currency": "CNY"},
        )
    finish(desk, correction)
    made = JournalEntry.objects.get(reference="JE-9001")
    assert sorted(made.postings.values_list("amount", flat=True)) == [Decimal("-100.00"), Decimal("100.00")]


def test_a_row_that_others_refer_to_is_not_removed_from_the_correction(desk: Desk) -> None:
    correction = services.draft(
        actor=desk.mara,
        model=JournalEntry,
        action="create",
        values={
            "reference": "JE-1",
            "branch": desk.shanghai,
            "booked_on": TODAY,
            "kind": "adjustment",
            "currency": "CNY",
            "description": "x",
        },
        reason="operator_error",
        note="n",
    )
    entry = correction.changes.get()
    services.add_change(
        actor=desk.mara,
        correction=correction,
        model=Posting,
        action="create",
        values={
            "entry": entry,
            "account": desk.accounts[desk.shanghai.pk],
            "side": "debit",
            "amount": "1.00",
            "currency": "CNY",
        },
    )
    with pytest.raises(CorrectionError) as caught:
        services.remove_change(actor=desk.mara, change=entry)
    assert caught.value.code == "change_is_referred_to"


def test_a_delete_with_dependants_is_refused_unless_they_go_too(desk: Desk) -> None:
    from tests.sandbox.models import Label, Parcel

    with recorded_write(source="loan-core"):
        parcel = Parcel.objects.create(code="P-1")
        label = Label.objects.create(parcel=parcel, text="fragile")
    from tests.factories.staff import give_roles

    give_roles(desk.mara, "maker")
    give_roles(desk.chidi, "checker")
    correction = services.draft(
        actor=desk.mara, target=parcel, action="delete", values={}, reason="operator_error", note="n"
    )
    desk.attach(correction)
    with pytest.raises(Conflict) as caught:  # the rehearsal says so before anybody looks at it
        services.submit(actor=desk.mara, correction=correction)
    assert caught.value.code == "record_has_dependants"
    assert Parcel.objects.filter(pk=parcel.pk).exists()
    assert correction.state == State.DRAFT

    services.add_change(actor=desk.mara, correction=correction, target=label, action="delete", values={})
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    assert not Parcel.objects.exists()
    assert not Label.objects.exists()


def test_the_same_row_is_not_taken_twice(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.draft(payout)
    with pytest.raises(CorrectionError) as caught:
        services.add_change(actor=desk.mara, correction=correction, target=payout, values={"channel": "B"})
    assert caught.value.code == "target_already_in_it"


def test_amounts_at_stake_add_up_per_currency(desk: Desk) -> None:
    correction = desk.draft(desk.payout(amount=Decimal("800.00")))
    services.add_change(
        actor=desk.mara, correction=correction, target=desk.payout(amount=Decimal("50.50")), values={"channel": "B"}
    )
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    assert {currency: Decimal(amount) for currency, amount in correction.amounts.items()} == {"CNY": Decimal("850.50")}


def test_a_third_party_model_is_corrected_and_reverted(desk: Desk) -> None:
    from taggit.models import Tag

    from tests.factories.staff import give_roles

    give_roles(desk.mara, "maker")
    give_roles(desk.chidi, "checker")
    with recorded_write(source="loan-core"):
        tag = Tag.objects.create(name="wrnog", slug="wrnog")
    correction = services.draft(
        actor=desk.mara, target=tag, values={"name": "wrong"}, reason="operator_error", note="Misspelt."
    )
    finish(desk, correction)
    tag.refresh_from_db()
    assert tag.name == "wrong"
    assert [row.name for row in tag.history.all()] == ["wrong", "wrnog"]
    desk.approve(desk.reverted(correction))
    tag.refresh_from_db()
    assert tag.name == "wrnog"


def test_a_model_without_scope_needs_the_company_wide_grant(desk: Desk) -> None:
    from taggit.models import Tag

    with recorded_write(source="loan-core"):
        tag = Tag.objects.create(name="one", slug="one")
    with pytest.raises(CorrectionError) as caught:
        services.draft(actor=desk.mara, target=tag, values={"name": "two"}, reason="operator_error", note="n")
    assert caught.value.code == "record_is_outside_your_scope"


def test_booked_entries_stay_when_their_correction_is_reverted(desk: Desk) -> None:
    loan = loan_of(desk)
    correction = services.draft(
        actor=desk.mara, target=loan, values={"status": "voided"}, reason="operator_error", note="n"
    )
    services.add_change(
        actor=desk.mara,
        correction=correction,
        model=JournalEntry,
        action="create",
        values={
            "reference": "JE-77",
            "branch": desk.shanghai,
            "booked_on": TODAY,
            "kind": "adjustment",
            "currency": "CNY",
            "description": "x",
        },
    )
    entry = correction.changes.get(target_model="accounts.journalentry")
    for side, amount in (("debit", "1.00"), ("credit", "-1.00")):
        services.add_change(
            actor=desk.mara,
            correction=correction,
            model=Posting,
            action="create",
            values={
                "entry": entry,
                "account": desk.accounts[desk.shanghai.pk],
                "side": side,
                "amount": amount,
                "currency": "CNY",
            },
        )
    finish(desk, correction, "voided_loan_leaves_nothing_behind")
    back = desk.reverted(correction)
    assert len(back.moved_on) == 3
    desk.approve(back)
    loan.refresh_from_db()
    correction.refresh_from_db()
    assert loan.status == "active"
    assert JournalEntry.objects.filter(reference="JE-77").exists()
    assert correction.state == State.APPLIED
