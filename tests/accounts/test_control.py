"""The checks and flags of a lender at work: through the public door, from the draft to the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import BankCard, Customer, Payout
from accounts.staff import declare_card
from corrections import services
from corrections.errors import CorrectionError
from corrections.models import Correction
from tests.accounts.verifiers.server import says, serving
from tests.corrections.services.desk import Desk, make_desk, put_policy_in_force
from tests.factories.accounts import (
    UNIONPAY,
    BankCardFactory,
    CustomerFactory,
    LedgerAccountFactory,
    LoanApplicationFactory,
    LoanFactory,
)

ICBC, OTHER_ICBC = "6222020000000000000", "6222020000000000018"
TICKS = dict.fromkeys(("card_issuer_is_known", "card_is_verified", "same_evidence_seen"), "looked_into")


@pytest.fixture
def desk() -> Desk:
    """Staff may type what the customer declared, with the customer's consent."""
    cache.clear()  # answers of a verifier that another test served at the same address
    found = make_desk()
    put_policy_in_force(found, [("checker", 1)], staff_may_type_customer_fields=True)
    return found


@pytest.fixture
def customer(desk: Desk) -> Customer:
    found: Customer = CustomerFactory(branch=desk.shanghai)
    return found


@pytest.fixture
def payout(desk: Desk, customer: Customer) -> Payout:
    account = LedgerAccountFactory(customer=customer)
    card = BankCardFactory(customer=customer, number=OTHER_ICBC, scheme="unionpay", status="lost")
    return desk.payout(source_account=account, card=card, beneficiary_name="", amount=Decimal("800.00"))


def submitted(desk: Desk, target: Any, **values: Any) -> Correction:
    correction = services.draft(
        actor=desk.mara, target=target, values=values, reason="customer_error", note="He named another card."
    )
    desk.attach(correction, kind="customer_consent")
    return services.submit(actor=desk.mara, correction=correction, acknowledged=TICKS)


def refused(desk: Desk, target: Any, **values: Any) -> str:
    with pytest.raises(CorrectionError) as refusal:
        submitted(desk, target, **values)
    return f"{refusal.value.code}: {refusal.value}"


@pytest.mark.django_db
def test_a_payout_goes_to_the_customers_own_good_card(desk: Desk, customer: Customer, payout: Payout) -> None:
    card = BankCardFactory(customer=customer, number=ICBC, scheme="unionpay")
    correction = submitted(desk, payout, card=card)
    services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=TICKS)
    payout.refresh_from_db()
    assert payout.card == card


@pytest.mark.django_db
def test_a_card_of_staff_is_refused_by_machine(desk: Desk, customer: Customer, payout: Payout) -> None:
    assert desk.eve.person is not None
    declare_card(person=desk.eve.person, number=UNIONPAY)
    card = BankCardFactory(customer=customer, number=UNIONPAY, scheme="unionpay")
    for values in ({"card": card}, {"counterparty_account": "6200-0000-0000-0005"}):
        said = refused(desk, payout, **values)
        assert "member of staff" in said
        assert UNIONPAY not in said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"number": "6222020000000000001"}, "check digit"),
        ({"number": "4111111111111111"}, "is not one of"),
        ({"scheme": "visa"}, "is not one of"),
        ({"holder_name": "Zhang Xiaomin"}, "is not the customer's"),
        ({"holder_name": "Zhаng Xiaoming"}, "U+0430 CYRILLIC SMALL LETTER A"),
    ],
)
def test_a_card_that_can_t_be_right_is_refused(desk: Desk, payout: Payout, values: Any, sentence: str) -> None:
    card: Any = payout.card
    card.refresh_from_db()
    assert sentence in refused(desk, card, **values)


@pytest.mark.django_db
def test_another_customers_card_is_refused(desk: Desk, payout: Payout) -> None:
    BankCardFactory(number=ICBC, scheme="unionpay")
    card: Any = BankCard.objects.get(pk=payout.card_id)
    assert "another customer" in refused(desk, card, number=ICBC)


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "is_refused"), [("sent", True), ("paid", True), ("refused", False)])
def test_what_has_left_is_not_sent_elsewhere(desk: Desk, status: str, is_refused: bool) -> None:
    payout = desk.payout(status=status, failure_code="14" if status == "refused" else "")
    if is_refused:
        assert "can't be changed any more" in refused(desk, payout, counterparty_bank="CMB")
    else:
        assert submitted(desk, payout, counterparty_bank="CMB").state == "submitted"


@pytest.mark.django_db
def test_a_number_of_a_card_stakes_the_payouts_that_wait_for_it(desk: Desk, payout: Payout) -> None:
    card = BankCard.objects.get(pk=payout.card_id)
    correction = submitted(desk, card, number=ICBC)
    assert correction.stake == Decimal("800.0000")
    assert correction.changes.get().beneficiary == f"accounts.customer:{card.customer_id}"


@pytest.mark.django_db
def test_the_verifier_is_asked_at_submission_and_by_nobody_who_signs(desk: Desk, payout: Payout, settings: Any) -> None:
    card = BankCard.objects.get(pk=payout.card_id)
    with serving(says({"match": True})) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        correction = submitted(desk, card, number=ICBC)
        asked = len(verifier.asked)
        services.approve(actor=desk.chidi, correction=correction, digest=correction.digest, acknowledged=TICKS)
    correction.refresh_from_db()
    assert (correction.state, asked, len(verifier.asked)) == ("applied", 1, 1)
    stored = str(list(correction.check_results.values()))
    assert "card_is_verified" in stored
    assert not any(value in stored for value in verifier.asked[0].values())


@pytest.mark.django_db
def test_what_the_verifier_doesn_t_know_somebody_answers_for(desk: Desk, payout: Payout, settings: Any) -> None:
    card = BankCard.objects.get(pk=payout.card_id)
    with serving(says(b"?")) as verifier:
        settings.CARD_VERIFIER_URL = verifier.url
        correction = submitted(desk, card, number=ICBC)
    result = correction.check_results.get(check_code="card_is_verified")
    assert result.verdict == "warn"
    assert "card_is_verified" in correction.acknowledged


CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


@pytest.mark.django_db(transaction=True)
def test_a_payout_of_a_customers_loan_costs_no_more_statements_than_any_other(desk: Desk) -> None:
    application = LoanApplicationFactory(customer=CustomerFactory(branch=desk.shanghai))
    account = LedgerAccountFactory(customer=application.customer)
    loan = LoanFactory(application=application, account=account)
    card = BankCardFactory(customer=application.customer, number=ICBC, scheme="unionpay")
    payouts = [desk.payout(), desk.payout(source_account=account, loan=loan, card=card)]
    counts = []
    for payout in payouts:
        correction = submitted(desk, payout, counterparty_bank="CMB")
        with CaptureQueriesContext(connection) as captured:
            services.approve(actor=desk.chidi, correction=correction, digest=correction.digest)
        statements = [query["sql"] for query in captured if not query["sql"].startswith(CONTROL)]
        counts.append(len(statements))
        assert len(statements) <= 20, "\n".join(statement[:120] for statement in statements)
    assert counts[0] == counts[1]
