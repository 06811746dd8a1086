"""What machines found and policies demand, on the pages of those who sign: warnings, flags, blind re-key, tokens."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, ClassVar

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.checks import Check, Finding, Flag, Subject, passed, warned
from corrections.choices import State
from corrections.engine import gate
from corrections.models import Correction, Decision, FlagRule, Policy, PolicyStep, Rekeying
from corrections.registry import registry
from tests.corrections.admin.pages import browser, text_of, verb_url
from tests.corrections.services.desk import Desk, evidence_file
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

CARD, TAIL, BANK = "6222020000005556", "5556", "QUXBANK"
LONG = re.compile(r"[0-9A-Za-z_-]{32,}")  # digests and tokens, in which any four digits may stand


def put_in_force(desk: Desk, *steps: dict[str, Any], **fields: Any) -> None:
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="tried", **fields)
        for position, step in enumerate(steps, start=1):
            PolicyStep.objects.create(policy=policy, position=position, **step)


@pytest.fixture
def blind(desk: Desk) -> Correction:
    """Card and bank of a payout are typed by the maker, and keyed again by the checker."""
    put_in_force(
        desk,
        {"role": "checker"},
        staff_may_type_customer_fields=True,
        rekey_fields=["counterparty_account", "accounts.payout.counterparty_bank"],
    )
    correction = services.draft(
        actor=desk.mara,
        target=desk.payout(),
        values={"counterparty_account": CARD, "counterparty_bank": BANK},
        reason="customer_error",
        note=f"The customer's card at {BANK} ends in {TAIL}.",
        ticket=f"T-{TAIL}",
    )
    desk.attach(correction, kind="customer_consent", file_name=f"card-{TAIL}.txt", note=f"of {BANK}")
    return services.submit(actor=desk.mara, correction=correction)


def page_of(user: User, correction: Correction, **query: Any) -> str:
    return text_of(browser(user).get(reverse("admin:corrections_correction_change", args=[correction.pk]), query))


def tells(page: str) -> set[str]:
    """Which of the hidden values a page tells, in clear or by the end of a masked one."""
    bare = LONG.sub("", page)
    return {text for text in (CARD, TAIL, BANK) if text in bare}


def keyed(correction: Correction, card: str = CARD, bank: str = BANK) -> dict[str, str]:
    pk = correction.changes.get().pk
    return {f"rekey-{pk}-counterparty_account": card, f"rekey-{pk}-counterparty_bank": bank}


def approve(user: User, correction: Correction, **data: Any) -> Any:
    correction.refresh_from_db()
    return browser(user).post(verb_url("approve", correction), {"digest": correction.digest, **data})


# Blind re-key


@pytest.mark.parametrize("query", [{}, {"read": 1}, {"print": 1}])
def test_who_could_come_to_key_a_value_sees_it_nowhere(desk: Desk, blind: Correction, query: dict[str, int]) -> None:
    for user in (desk.chidi, desk.carl, desk.ana, desk.eve, desk.max, desk.sam):
        page = page_of(user, blind, **query)
        assert tells(page) == set(), user
        assert "▒▒▒▒" in page
    assert tells(page_of(desk.mara, blind, **query)) == {TAIL, BANK}


def test_lists_and_the_record_do_not_tell_it_either(desk: Desk, blind: Correction) -> None:
    client = browser(desk.chidi)
    payout = blind.changes.get().target_pk
    for name, args in (
        ("corrections_queue", []),
        ("corrections_correction_changelist", []),
        ("index", []),
        ("accounts_payout_change", [payout]),
        ("accounts_payout_history", [payout]),
    ):
        assert tells(text_of(client.get(reverse(f"admin:{name}", args=args)))) == set(), name


def test_the_report_of_what_waits_does_not_tell_it(desk: Desk, blind: Correction) -> None:
    day = timezone.localdate().isoformat()
    query = {"since": day, "until": day, "state": "submitted"}
    page = text_of(browser(desk.ana).get(reverse("admin:corrections_history_report"), query))
    assert "▒▒▒▒" in page
    assert tells(page) == set()


def test_a_draft_is_hidden_from_its_later_checkers_and_what_came_back_stays_hidden(
    desk: Desk, blind: Correction
) -> None:
    draft = services.draft(
        actor=desk.mara,
        target=desk.payout(),
        values={"counterparty_bank": BANK},
        reason="process_gap",
        note="The mapping wrote the wrong one.",
    )
    assert tells(page_of(desk.chidi, draft)) == set()
    assert tells(page_of(desk.mara, draft)) == {BANK}
    services.return_for_rework(actor=desk.carl, correction=blind, digest=blind.digest, comment=f"Really {TAIL}?")
    assert tells(page_of(desk.chidi, blind)) == set()
    change = blind.changes.get()
    address = reverse("admin:corrections_correction_add_change", args=[blind.pk])
    assert tells(text_of(browser(desk.max).get(address, {"replaces": change.position}))) == set()
    assert tells(text_of(browser(desk.mara).get(address, {"replaces": change.position}))) == {BANK}


def test_the_difference_between_revisions_does_not_tell_it(desk: Desk, blind: Correction) -> None:
    services.return_for_rework(actor=desk.carl, correction=blind, digest=blind.digest, comment="Once more.")
    services.remove_change(actor=desk.mara, change=blind.changes.get())
    payout = Payout.objects.get()
    services.add_change(actor=desk.mara, correction=blind, target=payout, values={"counterparty_bank": "OTHERBANK"})
    services.submit(actor=desk.mara, correction=blind)
    answer = browser(desk.chidi).get(reverse("admin:corrections_correction_change", args=[blind.pk]))
    assert "Since revision 1" in text_of(answer)
    assert "OTHERBANK" not in text_of(answer)
    moved = answer.context["sheet"].moved.differences
    assert not any(BANK in one.before + one.after for one in moved)  # which the next may ask for again
    assert "OTHERBANK" in page_of(desk.mara, blind)


def test_inputs_ask_for_what_is_hidden_and_take_it(desk: Desk, blind: Correction) -> None:
    page = page_of(desk.chidi, blind)
    for name in keyed(blind):
        [found] = re.findall(rf"<input[^>]*name=\"{name}\"[^>]*>", page)
        assert 'autocomplete="off"' in found
        assert "value=" not in found
    assert "data-rekey" not in page_of(desk.ana, blind)
    assert approve(desk.chidi, blind, **keyed(blind)).status_code == 302
    blind.refresh_from_db()
    assert blind.state == State.APPLIED
    for user in (desk.carl, desk.ana):
        assert tells(page_of(user, blind)) == {TAIL, BANK}  # agreed, and nobody keys it any more
    printed = page_of(desk.ana, blind, print=1)
    assert "Keyed blindly" in printed
    assert "agreed" in printed
    assert "keyed blindly, agreed" in page_of(desk.ana, blind)


def test_what_was_keyed_wrongly_never_comes_back_into_the_page(desk: Desk, blind: Correction) -> None:
    answer = approve(desk.chidi, blind, **keyed(blind, card="6222020000009999"), comment="As on the paper.")
    assert answer.status_code == 409
    page = text_of(answer)
    assert "(keyed_value_differs)" in page
    assert "2 more tries" in page
    assert "9999" not in LONG.sub("", page)
    assert "As on the paper." in page
    assert tells(page) == set()


def test_a_missing_value_is_named_by_the_server_too(desk: Desk, blind: Correction) -> None:
    answer = approve(desk.chidi, blind, **keyed(blind, bank=""))
    assert answer.status_code == 400
    assert "(value_must_be_keyed_again)" in text_of(answer)
    assert not Rekeying.objects.exists()


def test_after_three_misses_the_page_says_that_another_checker_must_sign(desk: Desk, blind: Correction) -> None:
    for _ in range(3):
        approve(desk.chidi, blind, **keyed(blind, bank="WRONG"))
    page = page_of(desk.chidi, blind)
    assert "Another checker must sign" in page
    assert f'action="{verb_url("approve", blind)}"' not in page
    assert verb_url("hand_over", blind) in page
    assert "data-rekey" in page_of(desk.carl, blind)
    assert approve(desk.carl, blind, **keyed(blind)).status_code == 302


def test_a_step_that_keys_nothing_sees_the_value_once_it_was_keyed(desk: Desk) -> None:
    put_in_force(
        desk,
        {"role": "checker"},
        {"role": "senior_checker", "is_rekeying": False},
        rekey_fields=["counterparty_bank"],
    )
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    correction = desk.submitted(desk.payout(), counterparty_bank=BANK)
    assert tells(page_of(sena, correction)) == set()
    pk = correction.changes.get().pk
    assert approve(desk.chidi, correction, **{f"rekey-{pk}-counterparty_bank": BANK}).status_code == 302
    page = page_of(sena, correction)
    assert tells(page) == {BANK}
    assert "data-rekey" not in page


# Warnings and flags


class Odd(Check):
    code = "looks_odd"
    title = "looks odd"

    def look(self, subject: Subject) -> Finding:
        return warned("the payout looks odd") if subject.changes else passed("fine")


class Known(Flag):
    code = "known_to_somebody"
    title = "known to somebody"

    def look(self, subject: Subject, rule: FlagRule, past: Any) -> Finding | None:
        return warned("the beneficiary is known")


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.get(Payout)
    assert entry is not None
    monkeypatch.setattr(entry.config, "checks", (Odd,))


@pytest.fixture
def hidden_flag(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.get(Payout)
    assert entry is not None
    monkeypatch.setattr(entry.config, "flags", (Known,))
    with gate.opened(actor=desk.sam):
        FlagRule.objects.create(code=Known.code, raises_tier=False, is_hidden_from_maker=True)


ANSWER = {"ack-looks_odd": "on", "ack-reason-looks_odd": "evidence", "ack-words-looks_odd": "The letter says so."}


def odd_one(desk: Desk) -> Correction:
    correction = desk.draft()
    desk.attach(correction)
    return services.submit(actor=desk.mara, correction=correction, acknowledged={"looks_odd": "asked"})


def test_a_warning_is_answered_on_the_page_and_kept_with_the_signature(desk: Desk, odd: None) -> None:
    correction = odd_one(desk)
    page = page_of(desk.chidi, correction)
    for text in ('name="ack-looks_odd"', "looks odd", "the payout looks odd", "the evidence explains it"):
        assert text in page, text
    assert "The maker passed" in page
    assert 'name="ack-looks_odd"' not in page_of(desk.ana, correction)
    assert approve(desk.chidi, correction, **ANSWER).status_code == 302
    given = {"looks_odd": {"reason": "evidence", "words": "The letter says so."}}
    assert Decision.objects.get().acknowledged == given
    for page in (page_of(desk.ana, correction), page_of(desk.ana, correction, print=1)):
        assert "the evidence explains it" in page
        assert "The letter says so." in page


@pytest.mark.parametrize(
    ("left_out", "code"),
    [("ack-looks_odd", "warning_needs_acknowledgement"), ("ack-reason-looks_odd", "warning_needs_acknowledgement")],
)
def test_an_answer_that_is_not_whole_is_refused_and_kept(desk: Desk, odd: None, left_out: str, code: str) -> None:
    correction = odd_one(desk)
    answer = approve(
        desk.chidi,
        correction,
        **{**ANSWER, left_out: ""}
        if "reason" in left_out
        else {name: text for name, text in ANSWER.items() if name != left_out},
    )
    assert answer.status_code == 400
    page = text_of(answer)
    assert f"({code})" in page
    assert "The letter says so." in page
    assert not Decision.objects.exists()


def test_other_takes_words(desk: Desk, odd: None) -> None:
    correction = odd_one(desk)
    said = {"ack-looks_odd": "on", "ack-reason-looks_odd": "other", "ack-words-looks_odd": " "}
    assert "(acknowledgement_needs_words)" in text_of(approve(desk.chidi, correction, **said))


def test_a_warning_that_came_after_the_submission_can_be_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    correction = desk.submitted()
    entry = registry.get(Payout)
    assert entry is not None
    monkeypatch.setattr(entry.config, "checks", (Odd,))
    answer = approve(desk.chidi, correction)
    assert answer.status_code == 400
    assert 'name="ack-looks_odd"' in text_of(answer)
    assert approve(desk.chidi, correction, **ANSWER).status_code == 302


def test_a_hidden_flag_is_told_to_those_who_sign_or_audit_and_to_nobody_else(desk: Desk, hidden_flag: None) -> None:
    draft = desk.draft()
    assert "known to somebody" not in page_of(desk.mara, draft)
    desk.attach(draft)
    correction = services.submit(actor=desk.mara, correction=draft)
    for user, is_told in (
        (desk.chidi, True),
        (desk.ana, True),
        (desk.mara, False),
        (desk.max, False),
        (desk.eve, False),
    ):
        for query in ({}, {"print": 1}):
            page = page_of(user, correction, **query)
            assert ("known to somebody" in page) is is_told, (user, query)
            assert ("the beneficiary is known" in page) is is_told, (user, query)


# The draft


def test_the_maker_answers_on_the_draft_and_a_refusal_keeps_what_was_typed(desk: Desk, odd: None) -> None:
    correction = desk.draft()
    desk.attach(correction)
    assert 'name="ack-looks_odd"' in page_of(desk.mara, correction)
    sent = {"reason": "process_gap", "note": "What I typed.", "ticket": "", "ack-words-looks_odd": "My words."}
    refused = browser(desk.mara).post(verb_url("submit", correction), {**sent, "ack-reason-looks_odd": "asked"})
    assert refused.status_code == 400
    assert "(warning_needs_acknowledgement)" in text_of(refused)
    assert "What I typed." in text_of(refused)
    assert "My words." in text_of(refused)
    answered = {**sent, "ack-looks_odd": "on", "ack-reason-looks_odd": "asked"}
    assert browser(desk.mara).post(verb_url("submit", correction), answered).status_code == 302
    correction.refresh_from_db()
    assert correction.acknowledged == {"looks_odd": {"reason": "asked", "words": "My words."}}


def test_each_change_of_a_draft_stores_what_machines_said_and_looking_stores_nothing(desk: Desk, odd: None) -> None:
    correction = desk.draft()
    page_of(desk.mara, correction)
    assert not correction.check_results.exists()
    sent = {"reason": "process_gap", "note": "Said better.", "ticket": ""}
    browser(desk.mara).post(verb_url("amend", correction), sent)
    first = correction.check_results.filter(moment="draft")
    assert first.get(check_code="looks_odd").verdict == "warn"
    count = first.count()
    files = {"files": evidence_file(), "kind": "channel_receipt", "note": ""}
    browser(desk.mara).post(verb_url("attach", correction), files)
    assert correction.check_results.filter(moment="draft").count() == 2 * count
    assert correction.audit_events.filter(kind="checked").count() == 2
    with pytest.raises(Exception, match="contribut|branch|right|role"):
        services.check_draft(actor=desk.chidi, correction=correction)


def test_the_draft_says_who_must_sign_by_name_and_why(desk: Desk) -> None:
    account("Sena", "senior_checker", scope=desk.shanghai)
    put_in_force(
        desk,
        {"role": "checker"},
        {"role": "senior_checker", "token": "recent"},
        {"role": "president", "scope": "company"},
        rekey_fields=["counterparty_bank"],
        evidence_kinds=["screenshot"],
        cool_off_hours=24,
        evidence_min=2,
    )
    page = page_of(desk.mara, desk.draft())
    for text in ("Chidi", "Carl", "Sena", "not older than 15 minutes", "the whole company", "screenshot", "bank code",
                 "¥800.00", "24", "tried v1", "too few people can sign this step", "evidence 0 of 2"):  # fmt: skip
        assert text in page, text
    assert "Bea" not in page


# Tokens, the way, the clocks


class Proof:
    """Stands for the project's module of tokens: 123456 is right."""

    at: ClassVar[dt.datetime | None] = None

    @staticmethod
    def verify(user: User, token: Any) -> bool:
        return bool(token == "123456")

    @classmethod
    def verified_at(cls, user: User) -> dt.datetime | None:
        return cls.at


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> type[Proof]:
    from backoffice.staff import step_up

    monkeypatch.setattr(step_up, "verify", Proof.verify)
    monkeypatch.setattr(step_up, "verified_at", lambda user: Proof.at)
    monkeypatch.setattr(Proof, "at", None)
    return Proof


@pytest.mark.parametrize("token", ["recent", "own"])
def test_a_step_asks_for_its_token_and_never_shows_what_was_typed(
    desk: Desk, proof: type[Proof], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(desk, {"role": "checker", "token": token})
    correction = desk.submitted()
    page = page_of(desk.chidi, correction)
    [found] = re.findall(r"<input[^>]*name=\"token\"[^>]*>", page)
    assert 'inputmode="numeric"' in found
    assert 'autocomplete="one-time-code"' in found
    assert reverse("admin:token") in page
    missing = approve(desk.chidi, correction)
    assert "(token_is_required)" in text_of(missing)
    wrong = approve(desk.chidi, correction, token="987654")
    assert "987654" not in LONG.sub("", text_of(wrong))
    monkeypatch.setattr(Proof, "at", timezone.now())
    assert ('name="token"' in page_of(desk.chidi, correction)) is (token == "own")
    assert approve(desk.chidi, correction, token="123456").status_code == 302


def test_the_way_says_who_can_sign_next_and_when_it_escalates(desk: Desk) -> None:
    account("Sena", "senior_checker", scope=desk.shanghai)
    put_in_force(
        desk,
        {"role": "checker", "escalates_to": "senior_checker"},
        {"role": "senior_checker"},
        escalation_hours=16,
    )
    correction = desk.submitted()
    page = page_of(desk.ana, correction)
    assert "can sign: Carl" in page
    assert "Chidi" in page
    assert "Sena" in page
    assert "to senior checker" in page
    answer = browser(desk.ana).get(reverse("admin:corrections_correction_change", args=[correction.pk]))
    clocks = answer.context["sheet"].clocks
    assert clocks.escalates_at > clocks.since


def test_who_handled_a_ledger_record_is_told_that_another_must_sign(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry.get(Payout)
    assert entry is not None
    monkeypatch.setattr(entry.config, "bars_handlers", True)
    monkeypatch.setattr(entry.config, "handlers", lambda row: [desk.chidi.person_id])
    correction = desk.submitted()
    page = page_of(desk.chidi, correction)
    assert "You booked, reconciled or own this record" in page
    assert f'action="{verb_url("approve", correction)}"' not in page
    assert approve(desk.chidi, correction).status_code == 403
    assert f'action="{verb_url("approve", correction)}"' in page_of(desk.carl, correction)


def test_the_amount_is_told_in_the_policy_currency_with_its_pinned_rate(desk: Desk) -> None:
    correction = desk.submitted(desk.payout(currency="USD"))
    page = page_of(desk.chidi, correction)
    assert "US$800.00" in page
    assert "pinned at submission" in page


def test_compliance_refers_and_nobody_else_hears_of_it(desk: Desk) -> None:
    correction = desk.submitted()
    assert browser(desk.chidi).post(verb_url("refer", correction), {"comment": "x"}).status_code == 403
    answer = browser(desk.ana).post(verb_url("refer", correction), {"comment": "Smells of layering."})
    assert answer.status_code == 302
    assert "Smells of layering." in page_of(desk.ana, correction)
    for user in (desk.mara, desk.chidi, desk.max):
        page = page_of(user, correction)
        assert "Smells" not in page
        assert "laundering" not in page


def test_breaking_the_glass_is_offered_to_seniors_where_the_policy_allows_it(desk: Desk) -> None:
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    put_in_force(desk, {"role": "checker"}, allows_break_glass=True)
    correction = desk.submitted()
    assert f'action="{verb_url("break_glass", correction)}"' in page_of(sena, correction)
    assert f'action="{verb_url("break_glass", correction)}"' not in page_of(desk.chidi, correction)
    sent = {"digest": correction.digest, "reason": "The customer's salary must go out before the bank closes today."}
    assert browser(sena).post(verb_url("break_glass", correction), sent).status_code == 302
    assert "Applied by break-glass" in page_of(desk.ana, correction)
    assert f'action="{verb_url("countersign", correction)}"' in page_of(desk.chidi, correction)
    sent = {"digest": correction.digest, "comment": "Looked at."}
    assert browser(desk.chidi).post(verb_url("countersign", correction), sent).status_code == 302
    assert f'action="{verb_url("countersign", correction)}"' not in page_of(desk.carl, correction)


def test_the_page_of_a_demanding_step_stays_within_its_queries(
    desk: Desk, client: Client, proof: type[Proof], django_assert_max_num_queries: Any
) -> None:
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    put_in_force(
        desk,
        {"role": "checker", "escalates_to": "senior_checker"},
        {"role": "senior_checker", "token": "recent"},
        rekey_fields=["counterparty_bank"],
        escalation_hours=16,
    )
    correction = desk.submitted()
    services.return_for_rework(actor=desk.carl, correction=correction, digest=correction.digest, comment="Once more.")
    services.submit(actor=desk.mara, correction=correction)
    pk = correction.changes.get().pk
    approve(desk.chidi, correction, **{f"rekey-{pk}-counterparty_bank": "CMB"})
    client.force_login(sena)
    address = reverse("admin:corrections_correction_change", args=[correction.pk])
    client.get(address)
    with django_assert_max_num_queries(15):
        page = client.get(address)
    assert page.context["acts"].may_decide
