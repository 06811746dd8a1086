"""Machine before human, more humans for more money: a card typed by staff, keyed blindly, signed with a token."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import Page, expect

from accounts.models import Payout
from corrections.choices import State
from corrections.engine import gate
from corrections.models import Correction, Decision, Policy, PolicyStep, Rekeying
from tests.browser.hands import arrived, choose_file
from tests.browser.test_whole_way import LANGUAGES, SAME_EVERYWHERE
from tests.browser.visitor import Visitor, english_leftovers
from tests.corrections.services.desk import Desk
from tests.factories.staff import account, with_token

pytestmark = pytest.mark.django_db(transaction=True)

CARD, TAIL = "6222020000005556", "5556"
CHECKER: dict[str, Any] = {"role": "checker"}
SENIOR: dict[str, Any] = {"role": "senior_checker", "token": "own", "is_rekeying": False}
SAME = SAME_EVERYWHERE | {"Sena", "SENA", "eyes"}


def let_staff_type_cards(desk: Desk) -> None:
    """Four eyes below 50,000, above it a senior with a token; whoever checks keys the card blindly."""
    alike = {"staff_may_type_customer_fields": True, "rekey_fields": ["counterparty_account"]}
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        large = Policy.objects.create(name="six eyes", version=2, priority=10, amount_from=Decimal(50_000), **alike)
        small = Policy.objects.create(name="four eyes", version=2, priority=20, **alike)
        for policy, steps in ((large, (CHECKER, SENIOR)), (small, (CHECKER,))):
            for position, step in enumerate(steps, start=1):
                PolicyStep.objects.create(policy=policy, position=position, **step)


def opened(visitor: Visitor, correction: Correction) -> Page:
    visitor.go(f"/admin/corrections/correction/{correction.pk}/change/")
    visitor.fits()
    return visitor.page


def bare(page: Page) -> str:
    """What a person could read on the page or in its fields, in every part of it, opened or not."""
    return f"{page.text_content('main, #content')} {page.evaluate(VALUES)}"


VALUES = "() => [...document.querySelectorAll('input:not([type=hidden]), textarea')].map((one) => one.value).join(' ')"


class Way:
    """The maker, the checker and the senior, each at a browser of his or her own."""

    def __init__(self, desk: Desk, visit: Callable[..., Visitor], locale: str, payout: Payout) -> None:
        self.payout = payout
        self.sena = account("Sena", "senior_checker", scope=desk.shanghai)
        self.telephone = with_token(self.sena)
        self.maker = visit(locale=locale).sign_in(desk.mara)
        self.checker = visit(locale=locale).sign_in(desk.chidi)
        self.senior = visit(locale=locale).sign_in(self.sena)
        self.labels: list[str] = []
        self.correction: Correction

    def look(self, visitor: Visitor) -> None:
        visitor.fits()
        self.labels += visitor.labels()

    def maker_types_the_card(self) -> None:
        page = self.maker.go(f"/admin/accounts/payout/{self.payout.pk}/propose/").page
        page.fill("#new_counterparty_account", CARD)
        page.select_option("select[name=reason]", "customer_error")
        page.fill("textarea[name=note]", f"The customer's new card ends in {TAIL}.")
        page.keyboard.press("Control+Enter")
        arrived(page, ".draft-change")
        self.correction = Correction.objects.latest("pk")
        page.select_option("form[data-attach] select[name=kind]", "customer_consent")
        choose_file(page, "consent.txt", f"I ask you to pay to my card {CARD}.".encode())
        self.look(self.maker)
        self.maker.reads("Chidi", "Carl", "Sena", "¥80,000.00", "six eyes v2")

    def maker_submits(self) -> None:
        page = self.maker.page
        page.focus("textarea[name=note]")
        page.keyboard.press("Control+Enter")
        arrived(page, "#decide")
        assert TAIL in bare(page)
        self.look(self.maker)

    def checker_keys_wrongly_then_rightly(self) -> None:
        page = opened(self.checker, self.correction)
        expect(page.locator(".dc-canvas:not(noscript .dc-canvas)").first).to_be_visible()
        assert TAIL not in bare(page)
        button, keyed = page.locator("#approve button"), page.locator("[data-rekey]")
        expect(button).to_be_disabled()
        expect(page.locator("#why-not")).to_contain_text(_("To be keyed:"))
        self.look(self.checker)
        self._nothing_is_pasted(page)
        keyed.focus()
        page.keyboard.type("6222 0200 0000 9999")
        expect(button).to_be_enabled()
        self.checker.allowed = {409}
        page.keyboard.press("Control+Enter")
        arrived(page, ".propose-problem")
        self.checker.allowed = set()
        assert "9999" not in bare(page)
        assert TAIL not in bare(page)
        self.look(self.checker)
        expect(page.locator("[data-rekey]")).to_be_focused()
        page.keyboard.type("6222 0200 0000 5556")
        expect(button).to_be_enabled()
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/queue/")
        assert list(Rekeying.objects.order_by("pk").values_list("agrees", flat=True)) == [False, True]

    def _nothing_is_pasted(self, page: Page) -> None:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.evaluate("(text) => navigator.clipboard.writeText(text)", CARD)
        page.focus("[data-rekey]")
        page.keyboard.press("Control+V")
        expect(page.locator("[data-no-paste]")).to_be_visible()
        expect(page.locator("[data-rekey]")).to_have_value("")

    def senior_signs_with_a_token(self) -> None:
        page = opened(self.senior, self.correction)
        assert TAIL in bare(page)  # it was keyed as the maker keyed it
        assert page.locator("[data-rekey]").count() == 0
        expect(page.locator(".dc-canvas:not(noscript .dc-canvas)").first).to_be_visible()
        expect(page.locator("#approve button")).to_be_disabled()
        expect(page.locator("#why-not")).to_have_text(_("The token's code is missing."))
        self.look(self.senior)
        page.focus("[data-token]")
        page.keyboard.type(self.telephone.code())
        expect(page.locator("#approve button")).to_be_enabled()
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/queue/")
        self.correction.refresh_from_db()
        assert self.correction.state == State.APPLIED
        assert [one.token for one in Decision.objects.order_by("pk")] == ["none", "own"]

    def the_form_prints_it(self) -> None:
        page = self.maker.go(f"/admin/corrections/correction/{self.correction.pk}/change/?print=1").page
        self.labels += self.maker.labels()
        for text in ("Chidi", "Sena", _("agreed"), _("differed"), TAIL):
            assert text in bare(page), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_typed_by_staff_is_keyed_blindly_and_a_large_sum_takes_a_senior_with_a_token(
    desk: Desk, visit: Callable[..., Visitor], language: str
) -> None:
    let_staff_type_cards(desk)
    payout = desk.payout(amount=Decimal("80000.00"))
    with translation.override(language):
        way = Way(desk, visit, LANGUAGES[language], payout)
        way.maker_types_the_card()
        way.maker_submits()
        way.checker_keys_wrongly_then_rightly()
        way.senior_signs_with_a_token()
        way.the_form_prints_it()
        if language == "zh-hans":
            assert english_leftovers(way.labels, SAME) == set()
