"""Machine before human, and more humans for more money: the whole story of cards that staff may type, and of others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import BankCard, LedgerAccount, Payout
from accounts.staff import declare_card
from backoffice.staff.models import User
from corrections import services
from corrections.choices import State
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction, Policy, Rekeying
from tests.corrections.services.desk import Desk, make_desk
from tests.factories.accounts import CustomerFactory, LedgerAccountFactory
from tests.factories.staff import Authenticator, account, with_token

pytestmark = pytest.mark.django_db

WRONG = "6217 0000 0000 0001"


def card_number(first: str) -> str:
    """A number of sixteen digits that begins so, with its check digit (ISO/IEC 7812-1)."""
    digits = first.ljust(15, "4")
    doubled = [int(d) if place % 2 else sum(divmod(2 * int(d), 10)) for place, d in enumerate(digits)]
    return f"{digits}{-sum(doubled) % 10}"


RIGHT = card_number("621700")  # of CCB


class Company(Desk):
    """The desk with everybody whom the shipped policies ask for."""

    sena: User
    gao: User
    ma: User
    deng: User
    lin: User
    tokens: dict[str, Authenticator]


@pytest.fixture
def desk() -> Company:
    desk: Any = make_desk()
    desk.sena = account("Sena", "senior_checker", scope=desk.shanghai)
    desk.gao = account("Gao", "president")
    desk.ma, desk.deng = account("Ma", "policy_admin"), account("Deng", "policy_admin")
    desk.tokens = {user.username: with_token(user) for user in (desk.sena, desk.gao)}
    return desk


def wrong_card(desk: Company, amount: str) -> BankCard:
    """A card of a customer, entered wrongly, to which a refused payout of `amount` should go."""
    customer = CustomerFactory(branch=desk.shanghai, name="Zhang Ming")
    source = LedgerAccountFactory(customer=customer, branch=desk.shanghai, last_activity_on="2026-11-20")
    with recorded_write(source="loan-core"):
        card = BankCard.objects.create(
            customer=customer, number=WRONG, holder_name="Zhang Ming", bank_code="CCB", scheme="unionpay"
        )
    desk.payout(source_account=source, card=card, counterparty_account="", amount=Decimal(amount), beneficiary_name="")
    return card


def typed(desk: Company, card: BankCard, number: str = RIGHT) -> Correction:
    correction = services.draft(
        actor=desk.mara, target=card, values={"number": number}, reason="customer_error", note="As on the form."
    )
    desk.attach(correction, kind="customer_consent", text=f"signed consent of customer {card.customer_id}")
    desk.attach(correction, text=f"form {card.pk}")
    return services.submit(actor=desk.mara, correction=correction)


def let_staff_type_cards(desk: Company) -> None:
    """The shipped policies for typed cards are put in force, by a correction like any other."""
    policies = list(Policy.objects.filter(name__startswith="card typed by staff").order_by("priority"))
    first, *others = policies
    correction = services.draft(
        actor=desk.ma, target=first, values={"is_active": True}, reason="process_gap", note="Decided in November."
    )
    for policy in others:
        services.add_change(actor=desk.ma, correction=correction, target=policy, values={"is_active": True})
    desk.attach(correction, actor=desk.ma, kind="approval")
    services.submit(actor=desk.ma, correction=correction)
    sign(desk, correction, desk.deng)
    sign(desk, correction, desk.gao)
    assert correction.state == State.APPLIED
    assert Policy.objects.filter(name__startswith="card typed by staff", is_active=True).count() == len(policies) == 5


_spent: dict[str, int] = {}


def sign(desk: Company, correction: Correction, user: User, **given: Any) -> None:
    """Signs with whatever proof is there; each code of a token passes once, so later ones are asked for."""
    code = None
    if user.username in desk.tokens:
        step = _spent.get(user.username, 0)
        code, _spent[user.username] = desk.tokens[user.username].code(steps=step), step + 1
    services.approve(actor=user, correction=correction, digest=correction.digest, token=code, **given)


@pytest.fixture(autouse=True)
def unspent() -> None:
    _spent.clear()


def keyed(correction: Correction, number: str = RIGHT) -> dict[tuple[int, str], str]:
    return {(correction.changes.get().pk, "number"): number}


def code_of(act: Any, **arguments: Any) -> str:
    with pytest.raises(CorrectionError) as caught:
        act(**arguments)
    return caught.value.code


def test_by_default_the_customer_must_enter_his_card_himself(desk: Company) -> None:
    with pytest.raises(CorrectionError) as caught:
        typed(desk, wrong_card(desk, "800.00"))
    assert caught.value.code == "customer_must_declare"
    assert "customer must enter it" in str(caught.value)


def test_eight_hundred_needs_one_checker_who_keys_the_card(desk: Company) -> None:
    let_staff_type_cards(desk)
    card = wrong_card(desk, "800.00")
    correction = typed(desk, card)
    assert (
        code_of(services.approve, actor=desk.chidi, correction=correction, digest=correction.digest)
        == "value_must_be_keyed_again"
    )
    sign(desk, correction, desk.chidi, rekeyed=keyed(correction))
    assert correction.state == State.APPLIED
    card.refresh_from_db()
    assert str(card.number).endswith(RIGHT[-4:])
    assert Rekeying.objects.get().agrees


def test_eighty_thousand_needs_a_senior_with_a_token_as_well(desk: Company) -> None:
    let_staff_type_cards(desk)
    correction = typed(desk, wrong_card(desk, "80000.00"))
    sign(desk, correction, desk.chidi, rekeyed=keyed(correction))
    assert correction.state == State.SUBMITTED
    arguments = {"actor": desk.sena, "correction": correction, "digest": correction.digest}
    assert code_of(services.approve, **arguments) == "token_is_required"
    sign(desk, correction, desk.sena)
    assert correction.state == State.APPLIED


def test_two_million_need_the_president_too(desk: Company) -> None:
    let_staff_type_cards(desk)
    correction = typed(desk, wrong_card(desk, "2000000.00"))
    sign(desk, correction, desk.chidi, rekeyed=keyed(correction))
    sign(desk, correction, desk.sena)
    assert correction.state == State.SUBMITTED
    # He proved his token a moment ago, and his step asks for one of its own.
    arguments = {"actor": desk.gao, "correction": correction, "digest": correction.digest}
    assert code_of(services.approve, **arguments) == "token_is_required"
    sign(desk, correction, desk.gao)
    assert correction.state == State.APPLIED


def test_a_card_of_a_member_of_staff_is_refused_by_machine(desk: Company) -> None:
    let_staff_type_cards(desk)
    declare_card(person=desk.carl.person, number=RIGHT)
    card = wrong_card(desk, "800.00")
    with pytest.raises(CorrectionError) as caught:
        typed(desk, card)
    assert caught.value.code == "machine_check_failed"
    assert caught.value.details["check"] == "card_is_not_a_staff_members"
    assert RIGHT not in str(caught.value)


def test_the_eleventh_just_under_the_threshold_meets_the_sum_of_all(desk: Company) -> None:
    corrections = [
        desk.submitted(desk.payout(amount=Decimal("46000.00"), counterparty_account=f"62220200000{n:05d}"))
        for n in range(11)
    ]
    roles = [[step.role for step in correction.steps.all()] for correction in corrections]
    assert roles == [["checker"]] * 10 + [["checker", "senior_checker"]]


def test_a_dormant_account_goes_to_the_eyes_of_compliance(desk: Company) -> None:
    source: LedgerAccount = LedgerAccountFactory(branch=desk.shanghai, status="dormant")
    payout: Payout = desk.payout(source_account=source)
    draft = desk.draft(payout)
    desk.attach(draft)
    answers = {"payout_source_is_in_use": "evidence"}
    correction = services.submit(actor=desk.mara, correction=draft, acknowledged=answers)
    sign(desk, correction, desk.chidi, acknowledged=answers)
    assert (correction.state, correction.step_role) == (State.SUBMITTED, "compliance")
    sign(desk, correction, desk.ana, acknowledged=answers)
    assert correction.state == State.APPLIED
