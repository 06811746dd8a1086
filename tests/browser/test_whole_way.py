"""One correction from the wrong record to the right one and back again, by the people whose work it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import Page, expect

from accounts.models import Payout
from corrections.choices import State
from corrections.models import Correction
from tests.browser.hands import arrived, choose_file, drop_file, follow, paste_screenshot
from tests.browser.visitor import LATIN_WORD, Visitor, english_leftovers, picture
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)

LANGUAGES = {"en": "en-GB", "zh-hans": "zh-CN"}

# Names, values, keys and file kinds that are the same in both languages; the sandbox speaks English only.
SAME_EVERYWHERE = frozenset(
    LATIN_WORD.findall(
        "Mara Chidi Carl Ana MARA CHIDI ANA Shanghai Zhang Ming ICBC CMB CNY English Ctrl Enter Esc "
        "CSV XLSX PDF png receipt letter txt screenshot Labels Parcels Readings Tags"
    )
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_maker_return_resubmit_approve_applied_revert(
    desk: Desk, visit: Callable[..., Visitor], language: str, tmp_path: Path
) -> None:
    payout, other = desk.payout(), desk.submitted()
    with translation.override(language):
        way = Way(desk, visit, LANGUAGES[language], payout)
        way.maker_proposes()
        way.maker_brings_evidence()
        way.maker_submits()
        way.checker_returns(next_one=other)
        way.maker_answers()
        way.checker_approves_by_keyboard(next_one=other)
        way.compliance_reads_and_exports(tmp_path)
        way.maker_takes_back()
        way.checker_approves_the_revert()
        way.looked_chinese() if language == "zh-hans" else way.looked_english()


class Way:
    """The people of one correction, each at a browser of his or her own."""

    def __init__(self, desk: Desk, visit: Callable[..., Visitor], locale: str, payout: Payout) -> None:
        self.payout = payout
        self.maker = visit(locale=locale).sign_in(desk.mara)
        self.checker = visit(locale=locale).sign_in(desk.chidi)
        self.auditor = visit(locale=locale).sign_in(desk.ana)
        self.labels: dict[str, list[str]] = {}
        self.correction: Correction

    def look(self, visitor: Visitor) -> None:
        """What every page must be: as wide as the window, and in the reader's language."""
        visitor.fits()
        self.labels[visitor.page.url] = [*self.labels.get(visitor.page.url, []), *visitor.labels()]

    # The maker

    def maker_proposes(self) -> None:
        page = self.maker.page
        self.look(self.maker)
        page.click(f"summary:has-text('{_('Records')}')")
        follow(page, f"nav a:has-text('{_('payouts').capitalize()}')")
        self.look(self.maker)
        follow(page, f"a:has-text('{self.payout.number}')")
        self.look(self.maker)
        self.maker.reads("ICBC", "****1187", _("Propose a correction"))
        follow(page, f"a:has-text('{_('Propose a correction')}')")
        self.look(self.maker)
        page.fill("#new_counterparty_bank", "CMBB")
        page.select_option("select[name=reason]", "system_defect")
        page.fill("input[name=ticket]", "OPS-17")
        page.fill("textarea[name=note]", "The mapping wrote the wrong bank code.")
        page.keyboard.press("Control+Enter")
        arrived(page, ".draft-change")
        self.look(self.maker)
        self.correction = Correction.objects.latest("pk")

    def maker_brings_evidence(self) -> None:
        page = self.maker.page
        choose_file(page, "receipt.txt", b"The channel refused: unknown bank code.")
        drop_file(page, "letter.txt", b"The bank confirms its code.")
        paste_screenshot(page, picture("Channel console: E14"))
        assert page.locator(".draft-evidence li").count() == 3
        self.look(self.maker)

    def maker_submits(self) -> None:
        page = self.maker.page
        page.focus("textarea[name=note]")
        page.keyboard.press("Control+Enter")
        arrived(page, "#decide")
        self.correction.refresh_from_db()
        assert self.correction.state == State.SUBMITTED
        self.maker.reads(str(self.correction.number))
        self.look(self.maker)

    def maker_answers(self) -> None:
        page = self.maker.page
        self.maker.go("/admin/")
        self.look(self.maker)
        follow(page, f"main a:has-text('{self.correction.number}'), #content a:has-text('{self.correction.number}')")
        self.maker.reads("Which code does the bank confirm?")
        self.look(self.maker)
        follow(page, f"a:has-text('{_('other values')}')")
        page.fill("#new_counterparty_bank", "CMB")
        page.keyboard.press("Control+Enter")
        arrived(page, ".draft-change:has-text('CMB')")
        page.fill("textarea[name=note]", "The bank confirms CMB, see the letter.")
        page.keyboard.press("Control+Enter")
        arrived(page, "#decide")
        self.correction.refresh_from_db()
        assert (self.correction.state, self.correction.revision) == (State.SUBMITTED, 2)

    def maker_takes_back(self) -> None:
        page = self.maker.page
        self.maker.go(f"/admin/corrections/correction/{self.correction.pk}/change/")
        page.click(".dc-verb[data-verb=revert] summary")
        page.select_option(".dc-verb[data-verb=revert] select[name=reason]", "operator_error")
        page.fill(".dc-verb[data-verb=revert] textarea", "The first code was right after all.")
        page.keyboard.press("Control+Enter")
        arrived(page, ".draft-change")
        self.look(self.maker)
        choose_file(page, "second-letter.txt", b"The bank withdraws its confirmation.")
        page.click("[data-shortcut=submit]")
        arrived(page, "#decide")

    # The checker, without a mouse

    def checker_opens_from_queue(self) -> Page:
        """The queue's second line by keyboard: the first one is somebody else's story."""
        page = self.checker.page
        self.checker.go("/admin/corrections/queue/")
        self.checker.reads(str(self.correction.number))
        self.look(self.checker)
        for _step in range(5):
            page.keyboard.press("j")
            if page.evaluate("document.activeElement.innerText").strip() == self.correction.number:
                break
        page.keyboard.press("Enter")
        arrived(page, f"#decide:has-text('{self.correction.number}')")
        self.look(self.checker)
        return page

    def checker_returns(self, *, next_one: Correction) -> None:
        page = self.checker_opens_from_queue()
        self.checker.reads("CMBB", "OPS-17", "The mapping wrote the wrong bank code.")
        page.keyboard.press("r")
        page.keyboard.type("Which code does the bank confirm?")
        page.keyboard.press("Control+Enter")
        arrived(page, f"#decide:has-text('{next_one.number}')")
        self.correction.refresh_from_db()
        assert self.correction.state == State.RETURNED

    def checker_approves_by_keyboard(self, *, next_one: Correction) -> None:
        page = self.checker_opens_from_queue()
        self.checker.reads("CMBB", "CMB", "Which code does the bank confirm?")  # what moved since revision 1
        page.keyboard.press("Control+Enter")
        assert page.url.endswith(f"/{self.correction.pk}/change/")  # not before all evidence was opened
        open_all_evidence(page)
        page.keyboard.press("Control+Enter")
        arrived(page, f"#decide:has-text('{next_one.number}')")
        self.look(self.checker)
        self.correction.refresh_from_db()
        self.payout.refresh_from_db()
        assert (self.correction.state, self.payout.counterparty_bank) == (State.APPLIED, "CMB")

    def checker_approves_the_revert(self) -> None:
        original, self.correction = self.correction, Correction.objects.latest("pk")
        page = self.checker_opens_from_queue()
        open_all_evidence(page)
        page.keyboard.press("Control+Enter")
        arrived(page, ".messagelist .success")
        original.refresh_from_db()
        self.payout.refresh_from_db()
        assert (original.state, self.payout.counterparty_bank) == (State.REVERTED, "ICBC")
        self.checker.go(f"/admin/corrections/correction/{original.pk}/change/")
        self.checker.reads(str(State.REVERTED.label))
        self.look(self.checker)

    # Compliance

    def compliance_reads_and_exports(self, folder: Path) -> None:
        page = self.auditor.page
        self.look(self.auditor)
        self.auditor.go(f"/admin/accounts/payout/{self.payout.pk}/history/")
        self.auditor.reads("ICBC", "CMB", str(self.correction.number))
        self.look(self.auditor)
        self.auditor.go(f"/admin/corrections/correction/{self.correction.pk}/change/")
        self.look(self.auditor)
        self.auditor.go("/admin/corrections/report/?model=accounts.payout")
        self.look(self.auditor)
        with page.expect_download() as started:
            page.click("button[value=csv]")
        started.value.save_as(folder / "history.csv")
        lines = list(csv.reader(io.StringIO((folder / "history.csv").read_text("utf-8-sig"))))
        ours = [line for line in lines if str(self.correction.number) in line]
        assert any("ICBC" in line and "CMB" in line for line in ours)
        self.auditor.go("/admin/corrections/auditevent/")
        self.look(self.auditor)

    # Languages

    def looked_chinese(self) -> None:
        known = SAME_EVERYWHERE | {str(self.payout.number)}
        english = {url: found for url, all_ in self.labels.items() if (found := english_leftovers(all_, known))}
        assert not english, english
        for text in ("经办", "复核", "证明材料", "订正登记簿", "修改前整行", "执行"):
            assert any(text in label for labels in self.labels.values() for label in labels), text

    def looked_english(self) -> None:
        said = {label for labels in self.labels.values() for label in labels}
        assert not {label for label in said if any("\u4e00" <= char <= "\u9fff" for char in label)} - {"中文"}


def open_all_evidence(page: Page) -> None:
    """By the keys that walk the evidence; each is opened when its mark says so."""
    for number in range(1, page.locator(".dc-tab").count() + 1):
        page.keyboard.press(str(number))
        expect(page.locator(".dc-tab").nth(number - 1)).to_have_attribute("data-opened", "1")
