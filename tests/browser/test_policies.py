"""A policy administrator reads, tries and changes a policy in a browser: without scripts, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from corrections.models import Correction, Policy
from tests.browser.hands import arrived, follow
from tests.browser.visitor import Visitor
from tests.corrections.services.desk import Desk
from tests.factories.staff import account

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_policy_is_read_tried_and_changed_without_scripts(desk: Desk, visit: Callable[..., Visitor]) -> None:
    visitor = visit(java_script_enabled=False).sign_in(account("Pola", "policy_admin")).go("/admin/policies/")
    page = visitor.page
    visitor.reads("Every correction has an approval policy", "four eyes v1", "from 1,000,000.00 CNY on")
    page.select_option("select[name=what]", "accounts.payout.amount")
    page.fill("input[name=amount]", "80000")
    page.keyboard.press("Enter")
    arrived(page, ".po-tried")
    visitor.reads("1 × senior checker")
    six = Policy.objects.get(name="six eyes")
    follow(page, f"article[aria-labelledby=policy-{six.pk}] a:has-text('Next version')")
    page.fill("input[name=amount_from]", "70000.00")
    page.fill("textarea[name=rekey_fields]", "colour")
    page.select_option("select[name=reason] >> nth=0", "process_gap")
    page.fill("textarea[name=note]", "The board decided so.")
    visitor.allowed = {400}
    page.press("input[name=amount_from]", "Enter")
    arrived(page, "#problem_rekey_fields")
    page.fill("textarea[name=rekey_fields]", "accounts.payout.counterparty_account")
    page.press("input[name=amount_from]", "Enter")
    arrived(page, "text=six eyes v1 → six eyes v2")
    visitor.reads("50,000.00 CNY", "70,000.00 CNY")
    assert Correction.objects.get().changes.count() == 4


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_pages_of_policies_fit_a_laptop_and_speak_one_language(
    desk: Desk, visit: Callable[..., Visitor], locale: str
) -> None:
    user = account("Pola", "policy_admin", language="zh-hans" if locale == "zh-CN" else "en")
    visitor = visit(locale=locale).sign_in(user)
    six = Policy.objects.get(name="six eyes")
    for path in ("policies/", f"policies/version/?of={six.pk}", "policies/version/", f"policies/retire/?of={six.pk}"):
        visitor.go(f"/admin/{path}").fits()
        if locale == "zh-CN":
            assert "Which corrections" not in visitor.text()
            assert "适用的订正单" in visitor.text() or "停用" in visitor.text()
