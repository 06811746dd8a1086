"""Submission rehearses the apply: what would fail then fails now, with the same code, and leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from accounts.models import LedgerAccount, Payout, Repayment
from corrections import services
from corrections.engine import gate
from corrections.engine.apply import apply_changes, rehearse
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Change, Correction, FieldHold, Policy, PolicyStep
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LoanFactory, RepaymentFactory
from tests.factories.staff import give_roles
from tests.sandbox.models import Label, Parcel

pytestmark = pytest.mark.django_db(transaction=True)

WATCHED = (Payout, Repayment, LedgerAccount, Parcel, Label)


class Yes(dict[str, str]):
    def get(self, key: str, default: Any = None) -> Any:
        return "looked_into"


def counts() -> dict[str, tuple[int, int]]:
    """Rows, and rows of history, of each table."""
    return {model.__name__: (model.objects.count(), model.history.count()) for model in WATCHED}


def draft(desk: Desk, **wish: Any) -> Correction:
    correction = services.draft(actor=desk.mara, reason="operator_error", note="It is missing.", **wish)
    desk.attach(correction)
    return correction


def add(desk: Desk, correction: Correction, **wish: Any) -> Change:
    return services.add_change(actor=desk.mara, correction=correction, **wish)


def applied_code(correction: Correction) -> str:
    """What the real apply says of these changes, in a transaction that is taken back."""
    with pytest.raises(CorrectionError) as refused, transaction.atomic(), gate.opened(actor=correction.maker):
        apply_changes(list(correction.changes.order_by("position")))
    return refused.value.code


def demand_same_refusal(desk: Desk, correction: Correction, code: str) -> None:
    before = counts()
    expected = applied_code(correction)
    with pytest.raises(CorrectionError) as refused:
        services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())
    assert refused.value.code == expected == code
    assert counts() == before
    fresh = Correction.objects.get(pk=correction.pk)
    assert (fresh.state, fresh.number, fresh.digest, fresh.policy_id) == ("draft", None, "", None)
    assert not fresh.check_results.exists()
    assert not fresh.steps.exists()
    assert not FieldHold.objects.filter(correction=fresh).exists()


@pytest.fixture
def mara_everywhere(desk: Desk) -> None:
    """Parcels of no region belong to the company."""
    give_roles(desk.mara, "maker")


def test_two_new_records_that_are_unique_only_once(desk: Desk) -> None:
    values = {"reference": "RP-9", "loan": LoanFactory(branch=desk.shanghai), "due_on": "2026-12-04",
              "paid_on": "2026-12-04", "amount": "10.00", "currency": "CNY"}  # fmt: skip
    correction = draft(desk, model=Repayment, action="create", values=values)
    add(desk, correction, model=Repayment, action="create", values=values)
    demand_same_refusal(desk, correction, "database_refused")


def test_two_payouts_that_come_to_share_a_reference_of_the_channel(desk: Desk) -> None:
    one, two = desk.payout(), desk.payout()
    correction = draft(desk, target=one, values={"channel_reference": "BG-1"})
    add(desk, correction, target=two, values={"channel_reference": "BG-1"})
    demand_same_refusal(desk, correction, "database_refused")


def test_a_reference_of_the_channel_that_another_payout_took_meanwhile(desk: Desk) -> None:
    correction = draft(desk, target=desk.payout(), values={"channel_reference": "BG-7"})
    desk.payout(channel_reference="BG-7")
    demand_same_refusal(desk, correction, "database_refused")


def test_a_record_that_something_hangs_on(desk: Desk, mara_everywhere: None) -> None:
    with recorded_write(source="test"):
        parcel = Parcel.objects.create(code="P1")
        Label.objects.create(parcel=parcel, text="fragile")
    correction = draft(desk, target=parcel, action="delete", values={})
    demand_same_refusal(desk, correction, "record_has_dependants")


def test_a_reference_to_what_is_gone(desk: Desk, mara_everywhere: None) -> None:
    with recorded_write(source="test"):
        parcel = Parcel.objects.create(code="P1")
        other = Parcel.objects.create(code="P2")
        label = Label.objects.create(parcel=other, text="fragile")
    correction = draft(desk, target=label, values={"parcel": parcel})
    with recorded_write(source="test"):
        parcel.delete()
    demand_same_refusal(desk, correction, "database_refused")


def test_a_record_that_changed_meanwhile(desk: Desk) -> None:
    payout = desk.payout()
    correction = draft(desk, target=payout, values={"counterparty_bank": "CMB"})
    with recorded_write(source="test"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
    demand_same_refusal(desk, correction, "value_changed_since_request")


def test_a_trigger_that_refuses(desk: Desk) -> None:
    """A version of a policy that is in use takes no further step; the database says so, and the rehearsal hears it."""
    desk.submitted()
    used = Policy.objects.get(name="four eyes")
    correction = desk.draft()
    step = Change(
        correction=correction, position=2, action="create", target_model="corrections.policystep", target_label="x",
        new={"policy_id": used.pk, "position": 9, "role": "checker", "people": 1, "scope": "target", "token": "none",
             "is_rekeying": True, "escalates_to": ""},
    )  # fmt: skip
    before = PolicyStep.objects.count(), PolicyStep.history.count()
    with pytest.raises(CorrectionError) as refused, transaction.atomic(), gate.opened(actor=desk.sam):
        rehearse([step], {})
    assert refused.value.code == "database_refused"
    assert (PolicyStep.objects.count(), PolicyStep.history.count()) == before


def test_a_rehearsal_that_succeeds_leaves_nothing_either(desk: Desk) -> None:
    loan = LoanFactory(branch=desk.shanghai)
    repayment = RepaymentFactory(loan=loan)
    payout = desk.payout()
    correction = draft(desk, target=payout, values={"counterparty_bank": "CMB"})
    values = {"reference": "RP-9", "loan": loan, "due_on": "2026-12-04", "paid_on": "2026-12-04", "amount": "10.00",
              "currency": "CNY"}  # fmt: skip
    add(desk, correction, model=Repayment, action="create", values=values)
    add(desk, correction, target=Repayment.objects.get(pk=repayment.pk), action="delete", values={})
    before = counts()
    services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())
    assert correction.state == "submitted"
    assert counts() == before
    created = correction.changes.get(action="create")
    assert (created.target_pk, created.after_image) == ("", None)
    assert Payout.objects.get(pk=payout.pk).counterparty_bank == "ICBC"


def test_what_was_rehearsed_is_what_is_applied_and_numbers_go_on(desk: Desk) -> None:
    loan = LoanFactory(branch=desk.shanghai)
    values = {"loan": loan, "due_on": "2026-12-04", "paid_on": "2026-12-04", "amount": "10.00", "currency": "CNY"}
    for reference in ("RP-1", "RP-2"):
        correction = draft(desk, model=Repayment, action="create", values={**values, "reference": reference})
        services.submit(actor=desk.mara, correction=correction, acknowledged=Yes())
        services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=Yes())
        assert correction.state == "applied"
    assert Repayment.objects.filter(reference__in=["RP-1", "RP-2"]).count() == 2
    numbers = list(Correction.objects.order_by("pk").values_list("number", flat=True))
    assert [number[-6:] for number in numbers] == ["000001", "000002"]
