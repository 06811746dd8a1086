"""The page of data-fix statements: off by default, for whoever holds both roles, and nothing is written by reading."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from backoffice.staff.models import User
from corrections.models import Correction
from tests.corrections.admin.pages import WHY, browser, text_of
from tests.corrections.services.desk import Desk
from tests.factories.staff import account, give_roles

pytestmark = pytest.mark.django_db

ADDRESS = reverse("admin:corrections_statement_add")
TEXT = "update payouts set counterparty_bank='CMB', branch={branch} where channel='X' and not amount<100"


@pytest.fixture(autouse=True)
def switched_on(settings: Any) -> None:
    settings.CORRECTIONS_STATEMENTS = True


@pytest.fixture
def xenia(desk: Desk) -> User:
    user = account("Xenia", "maker", scope=desk.shanghai)
    give_roles(user, "executor", scope=desk.shanghai)
    return user


def sent(user: User, text: str, **more: str) -> Any:
    return browser(user).post(ADDRESS, {**WHY, "text": text, "then": "draft", **more})


def test_page_is_not_there_unless_switched_on(desk: Desk, xenia: User, settings: Any) -> None:
    settings.CORRECTIONS_STATEMENTS = False
    assert browser(xenia).get(ADDRESS).status_code == 404
    assert sent(xenia, TEXT, expected="1").status_code == 404
    assert ADDRESS not in text_of(browser(xenia).get(reverse("admin:index")))


def test_page_is_for_whoever_holds_both_roles(desk: Desk, xenia: User) -> None:
    assert ADDRESS in text_of(browser(xenia).get(reverse("admin:index")))
    assert browser(xenia).get(ADDRESS).status_code == 200
    for user in (desk.mara, desk.eve, desk.chidi, desk.sam):
        answer = browser(user).get(ADDRESS)
        assert answer.status_code == 403
        assert "executor_role_is_required" in text_of(answer)
        assert ADDRESS not in text_of(browser(user).get(reverse("admin:index")))
        assert sent(user, TEXT, expected="1").status_code == 403


def test_reading_shows_the_rule_and_the_count_and_writes_nothing(desk: Desk, xenia: User) -> None:
    first, second = desk.payout(channel="X"), desk.payout(channel="X")
    other = desk.payout(desk.beijing, channel="X")
    answer = sent(xenia, TEXT.format(branch=desk.shanghai.pk), then="read")
    shown = text_of(answer)
    assert answer.status_code == 200
    assert (
        f"UPDATE accounts_payout SET counterparty_bank = 'CMB', branch_id = {desk.shanghai.pk}"
        " WHERE channel = 'X' AND amount >= 100"
    ) in shown
    assert "2 records" in shown
    assert first.number in shown
    assert second.number in shown
    assert other.number not in shown
    assert "Shanghai" in shown
    assert not Correction.objects.exists()


def test_count_is_never_filled_in_for_the_maker(desk: Desk, xenia: User) -> None:
    desk.payout(channel="X")
    shown = text_of(sent(xenia, TEXT.format(branch=desk.shanghai.pk), then="read"))
    assert 'name="expected" value=""' in shown


def test_statement_becomes_a_draft(desk: Desk, xenia: User) -> None:
    payout = desk.payout(channel="X")
    answer = sent(xenia, TEXT.format(branch=desk.shanghai.pk), expected="1")
    correction = Correction.objects.get()
    assert answer.status_code == 302
    assert answer.url == reverse("admin:corrections_correction_change", args=[correction.pk])
    assert correction.changes.get().target_pk == str(payout.pk)
    page = text_of(browser(xenia).get(answer.url))
    assert "WHERE channel = 'X' AND amount >= 100" in page


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        ("", "expected_rows_are_required"),
        ("2", "expected_rows_differ"),
        ("about ten", "expected_rows_not_usable"),
        ("１", "expected_rows_not_usable"),
        ("9" * 40, "expected_rows_not_usable"),
    ],
)
def test_number_of_rows_is_the_makers_to_say(desk: Desk, xenia: User, expected: str, code: str) -> None:
    desk.payout(channel="X")
    text = TEXT.format(branch=desk.shanghai.pk)
    answer = sent(xenia, text, expected=expected)
    shown = text_of(answer)
    assert answer.status_code == 400
    assert code in shown
    assert text in shown  # what was typed is kept
    assert "1 record" in shown
    assert not Correction.objects.exists()


def test_refusal_names_place_and_reason_and_keeps_what_was_typed(desk: Desk, xenia: User) -> None:
    text = "UPDATE payouts SET channel = 'Y' WHERE channel = 'X'; DROP TABLE accounts_payout"
    for then in ("read", "draft"):
        answer = sent(xenia, text, then=then, expected="1")
        shown = text_of(answer)
        assert answer.status_code == 400
        assert "statement_is_more_than_one" in shown
        assert text in shown
    assert not Correction.objects.exists()


def test_what_was_pasted_is_shown_as_text(desk: Desk, xenia: User) -> None:
    answer = sent(xenia, "UPDATE payouts SET channel = '<script>' WHERE channel = '</textarea><b>'", then="read")
    content = answer.content.decode()
    assert "<script>'" not in content
    assert "</textarea><b>" not in content


def test_protected_number_is_not_shown_in_clear_in_the_rule(desk: Desk, xenia: User) -> None:
    answer = sent(xenia, "UPDATE payouts SET channel = 'Y' WHERE purpose = '4111111111111111'", then="read")
    assert answer.context["rule"].endswith("purpose = '****1111'")
