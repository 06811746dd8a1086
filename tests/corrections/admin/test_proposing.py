"""The form by which a maker proposes: what it shows, what it refuses beside the field, what is entered or removed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from django.urls import reverse

from accounts.models import Payout, Repayment
from corrections import services
from corrections.admin import _seen
from corrections.choices import State
from corrections.gate import recorded_write
from corrections.models import Correction
from corrections.registry import registry
from tests.corrections.admin.pages import (
    WHY,
    browser,
    draft_page,
    propose,
    seen,
    text_of,
    ticked,
    url,
)
from tests.corrections.services.desk import Desk
from tests.factories.accounts import (
    CustomerFactory,
    LoanApplicationFactory,
    LoanFactory,
    RepaymentFactory,
)

pytestmark = pytest.mark.django_db
PAYOUT = "accounts.payout"
DRAFT_QUERIES_MAX = 20


def _entry(row: Any) -> Any:
    return registry.get(row)


def test_what_the_maker_proposes_becomes_a_draft(desk: Desk) -> None:
    payout = desk.payout()
    answer = propose(desk.mara, payout, counterparty_bank="CMB")
    correction = Correction.objects.get()
    assert answer.status_code == 302
    assert answer.url == reverse("admin:corrections_correction_change", args=[correction.pk])
    change = correction.changes.get()
    assert (change.old, change.new) == ({"counterparty_bank": "ICBC"}, {"counterparty_bank": "CMB"})
    assert (correction.state, correction.reason, correction.ticket) == (State.DRAFT, "system_defect", "T-1")


def test_the_form_shows_present_values_masked_and_no_secret(desk: Desk) -> None:
    payout = desk.payout()
    form = browser(desk.mara).get(url(PAYOUT, "propose", payout.pk))
    text = text_of(form)
    assert "ICBC" in text
    assert "****1187" in text
    signed = signing.loads(seen(form), salt=_seen.SALT)
    for hidden in (payout.counterparty_account_cipher, payout.counterparty_account_index):  # type: ignore[attr-defined]
        assert hidden not in text
        assert hidden not in str(signed)


@pytest.mark.parametrize("user", ["chidi", "ana", "eve", "sam"])
def test_only_a_maker_proposes(desk: Desk, user: str) -> None:
    payout = desk.payout()
    token = _seen.token(_entry(payout), payout)
    client = browser(getattr(desk, user))
    address = url(PAYOUT, "propose", payout.pk)
    answer = client.post(address, {"seen": token, **WHY, **ticked(counterparty_bank="CMB")})
    # An executor of the whole company sees the record; whoever sees it is told why not.
    assert answer.status_code == 403
    assert not Correction.objects.exists()


def test_a_maker_of_another_branch_finds_no_form(desk: Desk) -> None:
    payout = desk.payout()
    token = _seen.token(_entry(payout), payout)
    answer = browser(desk.bo).post(url(PAYOUT, "propose", payout.pk), {"seen": token, **WHY, **ticked(amount="1")})
    assert answer.status_code == 404
    assert not Correction.objects.exists()


def test_a_value_that_moved_meanwhile_is_refused_and_the_form_shows_it(desk: Desk) -> None:
    payout = desk.payout()
    address = url(PAYOUT, "propose", payout.pk)
    client = browser(desk.mara)
    token = seen(client.get(address))
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
    data = {**WHY, **ticked(counterparty_bank="CMB")}
    answer = client.post(address, {"seen": token, **data})
    assert answer.status_code == 409
    text = text_of(answer)
    assert "value_changed_since_request" in text
    assert ">ABC<" in text
    assert 'value="CMB"' in text
    # The answer carries what is there now, so that sending it again is an informed request.
    assert client.post(address, {"seen": seen(answer), **data}).status_code == 302


def test_a_secret_that_moved_meanwhile_is_refused(desk: Desk, customer_fields_allowed: None) -> None:
    payout = desk.payout()
    token = _seen.token(_entry(payout), payout)
    with recorded_write(source="loan-core"):
        payout.counterparty_account = "6222020000009999"
        payout.save()
    data = {"seen": token, **WHY, **ticked(counterparty_account="6222020000001111")}
    answer = browser(desk.mara).post(url(PAYOUT, "propose", payout.pk), data)
    assert answer.status_code == 409
    assert not Correction.objects.exists()


def _forged(desk: Desk) -> dict[str, str]:
    mine, other = desk.payout(), desk.payout()
    honest = _seen.token(_entry(mine), mine)
    return {
        "nothing": "",
        "garbage": "x" * 50,
        "cut": honest[:-4],
        "another record's": _seen.token(_entry(other), other),
        "another form's": signing.dumps([PAYOUT, str(mine.pk), {"counterparty_bank": "ICBC"}], salt="other"),
        "huge": "x" * 300_000,
        "pk": str(mine.pk),
    }


@pytest.mark.parametrize("kind", ["nothing", "garbage", "cut", "another record's", "another form's", "huge"])
def test_old_values_cannot_be_forged(desk: Desk, kind: str) -> None:
    tokens = _forged(desk)
    data = {"seen": tokens[kind], **WHY, **ticked(counterparty_bank="CMB")}
    answer = browser(desk.mara).post(url(PAYOUT, "propose", tokens["pk"]), data)
    assert answer.status_code == 400
    assert "form_not_genuine" in text_of(answer)
    assert not Correction.objects.exists()


def test_what_the_customer_declared_is_closed_and_refused(desk: Desk) -> None:
    payout = desk.payout()
    form = text_of(browser(desk.mara).get(url(PAYOUT, "propose", payout.pk)))
    assert "the customer must enter it" in form
    assert 'name="new_counterparty_account"' not in form
    answer = propose(desk.mara, payout, counterparty_account="6222020000001111")
    assert answer.status_code == 403
    assert "customer_must_declare" in text_of(answer)
    assert not Correction.objects.exists()


def test_a_refused_secret_is_not_put_back_into_the_page(desk: Desk, customer_fields_allowed: None) -> None:
    answer = propose(desk.mara, desk.payout(), counterparty_account="6222020000004321", data={"note": ""})
    assert answer.status_code == 400
    assert "6222020000004321" not in text_of(answer)


@pytest.mark.parametrize(
    ("values", "more", "code"),
    [
        ({}, {}, "nothing_changes"),
        ({"counterparty_bank": "ICBC"}, {}, "nothing_changes"),
        ({"counterparty_bank": "CMB"}, {"reason": "because"}, "reason_is_required"),
        ({"counterparty_bank": "CMB"}, {"note": "  "}, "note_is_required"),
        ({"counterparty_bank": "CMB"}, {"note": "x" * 5000}, "text_too_long"),
        ({"counterparty_bank": "CMB"}, {"note": "a\x00b"}, "text_not_usable"),
        ({"counterparty_bank": "CMB"}, {"ticket": "\x00"}, "text_not_usable"),
        ({"counterparty_bank": "CMB"}, {"incident": "77"}, "incident_not_found"),
        ({"counterparty_bank": "CMB"}, {"incident": "٣"}, "incident_not_found"),
        ({"counterparty_bank": "CMB"}, {"action": "explode"}, "action_not_allowed"),
        ({"counterparty_bank": "CMB"}, {"action": "delete"}, "action_not_allowed"),
        ({"counterparty_bank": "a\x00b"}, {}, "value_has_invisible_character"),
        ({"counterparty_bank": "x" * 20_000}, {}, "value_too_long"),
        ({"amount": "1e3"}, {}, "value_not_plain_decimal"),
        ({"amount": "１２"}, {}, "value_not_plain_decimal"),
        ({"amount": "-5"}, {}, "row_would_be_invalid"),
        ({"amount": "9" * 40}, {}, "value_not_plain_decimal"),
        ({"status": "no such"}, {}, "value_not_usable"),
        ({"branch": "999999"}, {}, "reference_not_found"),
        ({"branch": "created:7"}, {}, "value_not_usable"),
        ({"branch": "9" * 60}, {}, "reference_not_found"),
    ],
)
def test_what_cannot_be_used_is_refused_beside_it_and_kept(
    desk: Desk, values: dict[str, str], more: dict[str, str], code: str
) -> None:
    answer = propose(desk.mara, desk.payout(), data=more, **values)
    text = text_of(answer)
    assert 400 <= answer.status_code < 500
    assert code in text
    if code not in {"action_not_allowed", "value_too_long"} and values.keys() <= {"counterparty_bank", "amount"}:
        assert all(f'value="{typed}"' in text for typed in values.values())
    assert not Correction.objects.exists()


def test_a_value_typed_without_its_tick_is_asked_about(desk: Desk) -> None:
    answer = propose(desk.mara, desk.payout(), data={"new_counterparty_bank": "CMB"})
    assert answer.status_code == 400
    assert "value_typed_but_not_ticked" in text_of(answer)


def test_a_ticked_field_left_empty_is_emptied(desk: Desk) -> None:
    payout = desk.payout(channel_reference="BG1")
    assert propose(desk.mara, payout, channel_reference="").status_code == 302
    assert Correction.objects.get().changes.get().new == {"channel_reference": ""}


def test_a_moment_is_read_by_the_desks_clock(desk: Desk) -> None:
    application = LoanApplicationFactory(customer__branch=desk.shanghai)
    assert propose(desk.mara, application, decided_at="2026-11-05T10:30").status_code == 302
    assert Correction.objects.get().changes.get().new == {"decided_at": "2026-11-05T02:30:00.000000+00:00"}
    bad = propose(desk.mara, LoanApplicationFactory(customer__branch=desk.shanghai), decided_at="2026-13-45T99:99")
    assert bad.status_code == 400


def test_an_open_correction_is_announced_on_the_form(desk: Desk) -> None:
    payout = desk.payout()
    number = desk.submitted(payout).number
    assert str(number) in text_of(browser(desk.mara).get(url(PAYOUT, "propose", payout.pk)))


def test_a_draft_can_belong_to_an_incident(desk: Desk) -> None:
    incident = services.open_incident(actor=desk.mara, title="Mapping fault")
    assert propose(desk.mara, desk.payout(), data={"incident": str(incident.pk)}, amount="5.00").status_code == 302
    assert Correction.objects.get().incident == incident


def test_many_referable_records_are_looked_up_by_their_number(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corrections.selectors.lists.CHOICES_MAX", 2)
    loans = [LoanFactory(application__customer__branch=desk.shanghai) for _ in range(3)]
    repayment = RepaymentFactory(loan=loans[0])
    elsewhere = LoanFactory(application__customer__branch=desk.beijing)
    assert "exact loan number" in text_of(browser(desk.mara).get(url("accounts.repayment", "propose", repayment.pk)))
    refused = propose(desk.mara, repayment, loan=elsewhere.number)
    assert (refused.status_code, "reference_not_found" in text_of(refused)) == (400, True)
    assert propose(desk.mara, repayment, loan=loans[1].number).status_code == 302
    assert Correction.objects.get().changes.get().new == {"loan_id": loans[1].pk}


# Missing and doubled records


def test_a_missing_repayment_is_entered(desk: Desk) -> None:
    loan = LoanFactory(application__customer__branch=desk.shanghai)
    data = {
        "new_reference": "RP-MISSING",
        "new_loan": str(loan.pk),
        "new_due_on": "2026-11-04",
        "new_paid_on": "2026-11-04",
        "new_amount": "6860.00",
        "new_currency": "CNY",
        "new_status": "posted",
    }
    client = browser(desk.mara)
    address = url("accounts.repayment", "propose_create")
    assert client.get(address).status_code == 200
    assert client.post(address, {**WHY, **data}).status_code == 302
    correction = Correction.objects.get()
    desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)
    assert Repayment.objects.get(reference="RP-MISSING").loan == loan


def test_a_missing_record_of_another_branch_is_refused(desk: Desk) -> None:
    loan = LoanFactory(application__customer__branch=desk.beijing)
    data = {"new_reference": "RP-X", "new_loan": str(loan.pk), "new_due_on": "2026-11-04", "new_paid_on": "2026-11-04"}
    data |= {"new_amount": "1.00", "new_currency": "CNY"}
    answer = browser(desk.mara).post(url("accounts.repayment", "propose_create"), {**WHY, **data})
    assert answer.status_code in (400, 403)
    assert not Correction.objects.exists()


def test_a_kind_that_takes_no_new_records_says_so(desk: Desk) -> None:
    answer = browser(desk.mara).get(url(PAYOUT, "propose_create"))
    assert (answer.status_code, "action_not_allowed" in text_of(answer)) == (400, True)


def test_a_doubled_repayment_is_removed(desk: Desk) -> None:
    repayment = RepaymentFactory(loan=LoanFactory(application__customer__branch=desk.shanghai))
    form = browser(desk.mara).get(url("accounts.repayment", "propose", repayment.pk), {"action": "delete"})
    assert repayment.reference in text_of(form)
    assert propose(desk.mara, repayment, data={"action": "delete"}).status_code == 302
    correction = Correction.objects.get()
    assert correction.changes.get().action == "delete"
    assert "the row that is deleted" in text_of(draft_page(desk, correction))


def test_choices_name_customers_by_their_labels(desk: Desk) -> None:
    CustomerFactory(branch=desk.shanghai, name="Zhang Xiaoming")
    text = text_of(browser(desk.mara).get(url("accounts.accountholder", "propose_create")))
    assert "Zhang Xiaoming" not in text
