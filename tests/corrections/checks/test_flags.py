"""The engine's own risk flags: raised and not, at the boundary, with their evidence."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from corrections import services
from corrections.assessment import assess
from corrections.checks import BUILT_IN_FLAGS
from corrections.conf import limits
from corrections.engine import gate
from corrections.gate import recorded_write
from corrections.models import CalendarDay, Correction, FlagRule, Policy
from corrections.registry import registry
from tests.corrections.checks.flagging import NOON, flags_of, plain, rule
from tests.corrections.services.desk import Desk, tampered
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
MOMENT = dt.timedelta(microseconds=1)
DAYS = dt.timedelta(days=90)  # the shipped window


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


# Just under a threshold: the shipped ones are 50,000, 500,000 and 1,000,000, within 5 percent


@pytest.mark.parametrize(
    ("amount", "threshold"),
    [
        ("47499.99", None),
        ("47500.00", "50000.00"),
        ("49999.99", "50000.00"),
        ("50000.00", None),
        ("475000.00", "500000.00"),
        ("950000.00", "1000000.00"),
        ("999999.99", "1000000.00"),
        ("1000000.00", None),
        ("0.01", None),
    ],
)
def test_an_amount_just_under_a_threshold_is_flagged(desk: Desk, amount: str, threshold: str | None) -> None:
    finding = flags_of(desk.draft(desk.payout(amount=Decimal(amount)))).get("just_under_threshold")
    assert (finding and plain(finding)["threshold"]) == threshold
    if finding is not None:
        assert plain(finding)["amount"] == amount


def test_several_changes_just_under_a_threshold_together_are_flagged(desk: Desk) -> None:
    correction = desk.draft(desk.payout(amount=Decimal("25000.00")))
    services.add_change(
        actor=desk.mara,
        correction=correction,
        target=desk.payout(amount=Decimal("24000.00")),
        values={"counterparty_bank": "CMB"},
    )
    assert plain(flags_of(correction)["just_under_threshold"]) == {"amount": "49000.00", "threshold": "50000.00"}


def test_only_thresholds_of_policies_in_force_count(desk: Desk) -> None:
    correction = desk.draft(desk.payout(amount=Decimal("49000.00")))
    assert "just_under_threshold" in flags_of(correction)
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(amount_from="50000.00").update(is_active=False)
    assert "just_under_threshold" not in flags_of(correction)


def test_the_share_below_a_threshold_is_the_rules(desk: Desk) -> None:
    correction = desk.draft(desk.payout(amount=Decimal("40000.00")))
    assert "just_under_threshold" not in flags_of(correction)
    rule(desk, "just_under_threshold", threshold=20)
    assert "just_under_threshold" in flags_of(correction)


# Out of hours


@pytest.mark.parametrize(
    ("moment", "is_raised"),
    [
        ("2026-11-23 08:59:59.999999", True),
        ("2026-11-23 09:00", False),
        ("2026-11-23 17:59:59.999999", False),
        ("2026-11-23 18:00", True),
        ("2026-11-24 00:00", True),
        ("2026-11-22 12:00", True),  # a Sunday
        ("2026-10-01 12:00", True),  # a holiday on a Thursday
        ("2026-10-10 12:00", False),  # a Saturday that is worked
        ("2026-10-10 15:59", False),
        ("2026-10-10 16:00", True),  # which closes early
        ("2028-02-29 12:00", False),
    ],
)
def test_what_is_submitted_out_of_working_hours_is_flagged(desk: Desk, moment: str, is_raised: bool) -> None:
    with gate.opened(actor=desk.sam):
        CalendarDay.objects.create(day="2026-10-01", note="National Day")
        CalendarDay.objects.create(day="2026-10-10", is_working=True, closes_at="16:00")
    finding = flags_of(desk.draft(), at=at(moment)).get("out_of_hours")
    assert (finding is not None) is is_raised
    if finding is not None:
        assert dt.datetime.fromisoformat(plain(finding)["at"]) == at(moment).replace(microsecond=0)
        assert plain(finding)["is_day_of_calendar"] is (moment[:10] in ("2026-10-01", "2026-10-10"))


def test_the_moment_of_submission_counts_however_late_it_is_decided(desk: Desk) -> None:
    correction = desk.submitted()
    tampered(Correction, correction.pk, submitted_at=at("2026-11-22 12:00"))
    desk.approve(correction)
    assert correction.check_results.filter(moment="apply", check_code="out_of_hours").exists()


# The same record again


def test_the_same_record_corrected_again_within_the_window_is_flagged(desk: Desk) -> None:
    payout = desk.payout()
    applied = Correction.objects.get(pk=desk.applied(payout).pk)
    payout.refresh_from_db()
    again = desk.draft(payout, counterparty_bank="ABC")
    assert applied.applied_at is not None
    edge = applied.applied_at + DAYS
    finding = flags_of(again, at=edge)["corrected_again"]
    assert plain(finding) == {"count": 1, "days": 90, "latest": applied.number}
    assert str(applied.number) in str(finding.message)
    assert "corrected_again" not in flags_of(again, at=edge + MOMENT)


def test_of_several_earlier_ones_the_latest_is_named(desk: Desk) -> None:
    payout = desk.payout()
    for bank in ("CMB", "ABC", "BOC"):
        last = desk.applied(payout, counterparty_bank=bank)
        payout.refresh_from_db()
    finding = flags_of(desk.draft(payout, counterparty_bank="CCB"))["corrected_again"]
    assert plain(finding) == {"count": 3, "days": 90, "latest": last.number}


def test_another_record_and_what_was_not_applied_are_no_corrections_of_it(desk: Desk) -> None:
    payout = desk.payout()
    desk.applied()
    refused = desk.submitted(payout)
    services.reject(actor=desk.chidi, correction=refused, digest=refused.digest, comment="No.")
    assert "corrected_again" not in flags_of(desk.draft(payout, counterparty_bank="ABC"))


def test_what_a_revert_takes_back_is_no_earlier_correction(desk: Desk) -> None:
    payout = desk.payout()
    applied = desk.applied(payout)
    back = services.revert(actor=desk.mara, correction=applied, reason="operator_error", note="It was right.")
    assert "corrected_again" not in flags_of(back)
    assert "beneficiary_again" not in flags_of(back)
    services.withdraw(actor=desk.mara, correction=back, comment="Not yet.")
    payout.refresh_from_db()
    between = desk.applied(payout, channel="B")
    back = services.revert(actor=desk.mara, correction=applied, reason="operator_error", note="It was right.")
    assert plain(flags_of(back)["corrected_again"])["latest"] == between.number


def test_a_record_that_is_only_now_created_was_not_corrected_before(desk: Desk) -> None:
    from tests.sandbox.models import Label, Parcel

    with recorded_write(source="post"):
        parcel = Parcel.objects.create(code="P-1")
    new = services.draft(
        actor=account("Mia", "maker"),
        model=Label,
        action="create",
        values={"text": "fragile", "parcel": parcel},
        reason="process_gap",
        note="It was never entered.",
    )
    assert "corrected_again" not in flags_of(new)


# The same beneficiary again


def test_the_same_beneficiary_within_the_window_is_flagged(desk: Desk) -> None:
    earlier = Correction.objects.get(pk=desk.submitted(desk.payout(counterparty_account="6222020000001187")).pk)
    again = desk.draft(desk.payout(counterparty_account="6222020000001187"))
    other = desk.draft(desk.payout(counterparty_account="6217000000000009"))
    assert earlier.submitted_at is not None
    edge = earlier.submitted_at + DAYS
    finding = flags_of(again, at=edge)["beneficiary_again"]
    assert plain(finding) == {"count": 1, "days": 90, "latest": earlier.number}
    assert "beneficiary_again" not in flags_of(again, at=edge + MOMENT)
    assert "beneficiary_again" not in flags_of(other, at=edge)


def test_a_later_one_is_flagged_and_the_earlier_is_not(desk: Desk) -> None:
    earlier, later = desk.submitted(), desk.submitted()
    moment = Correction.objects.get(pk=earlier.pk).submitted_at
    for correction in (earlier, later):  # in the very same moment the register's order decides
        tampered(Correction, correction.pk, submitted_at=moment)
    assert moment is not None
    assert "beneficiary_again" not in flags_of(earlier, at=moment)
    assert plain(flags_of(later, at=moment)["beneficiary_again"])["latest"] == earlier.number


@pytest.mark.parametrize("ending", ["withdraw", "reject"])
def test_what_was_given_up_or_refused_pays_nobody(desk: Desk, ending: str) -> None:
    gone = desk.submitted()
    if ending == "withdraw":
        services.withdraw(actor=desk.mara, correction=gone, comment="A mistake.")
    else:
        services.reject(actor=desk.chidi, correction=gone, digest=gone.digest, comment="No.")
    assert "beneficiary_again" not in flags_of(desk.draft(), at=dt.datetime.now(dt.UTC))


def test_no_evidence_of_a_beneficiary_holds_the_key_itself(desk: Desk) -> None:
    desk.submitted()
    again = desk.submitted()
    key = again.changes.get().beneficiary
    assert key
    result = again.check_results.get(check_code="beneficiary_again")
    assert key not in json.dumps(result.looked_at) + result.message


# The same pair


@pytest.fixture
def five_decided(desk: Desk) -> Desk:
    """Of five corrections that Mara made, Chidi approved three and Carl two; one more still waits."""
    for checker in (desk.chidi, desk.carl, desk.chidi, desk.carl, desk.chidi):
        desk.approve(desk.submitted(), actor=checker)
    desk.submitted()
    return desk


@pytest.mark.parametrize(
    ("threshold", "fewest", "is_raised"),
    [("60.00", 5, False), ("59.99", 5, True), ("59.99", 6, False), ("0.00", 1, True), ("100.00", 1, False)],
)
def test_a_pair_above_its_share_of_enough_decisions_is_flagged(
    five_decided: Desk, threshold: str, fewest: int, is_raised: bool
) -> None:
    desk = five_decided
    rule(desk, "same_pair", threshold=threshold)
    with override_settings(CORRECTIONS_PAIR_DECISIONS_MIN=fewest):
        finding = flags_of(desk.draft(), at=dt.datetime.now(dt.UTC), signer=desk.chidi).get("same_pair")
    assert (finding is not None) is is_raised
    if finding is not None:
        assert plain(finding) == {"decided": 5, "together": 3, "days": 90, "signer": desk.chidi.person_id}


def test_a_pair_is_of_this_maker_and_of_whoever_signs(five_decided: Desk) -> None:
    desk = five_decided
    rule(desk, "same_pair", threshold=50)
    now, draft, other = dt.datetime.now(dt.UTC), desk.draft(), desk.draft(actor=desk.max)
    with override_settings(CORRECTIONS_PAIR_DECISIONS_MIN=1):
        assert "same_pair" in flags_of(draft, at=now, signer=desk.chidi)
        assert "same_pair" not in flags_of(draft, at=now, signer=desk.carl)
        assert "same_pair" not in flags_of(draft, at=now)  # at submission nobody is known
        assert "same_pair" not in flags_of(other, at=now, signer=desk.chidi)


def test_decisions_before_the_window_are_no_habit_any_more(five_decided: Desk) -> None:
    desk = five_decided
    rule(desk, "same_pair", threshold=0)
    draft = desk.draft()
    first = Correction.objects.filter(decided_at__isnull=False).order_by("submitted_at")[0].submitted_at
    assert first is not None
    with override_settings(CORRECTIONS_PAIR_DECISIONS_MIN=1):
        found = flags_of(draft, at=first + DAYS, signer=desk.chidi)["same_pair"]
        assert plain(found)["decided"] == 5
        found = flags_of(draft, at=first + DAYS + MOMENT, signer=desk.chidi)["same_pair"]
        assert plain(found)["decided"] == 4


def test_ten_decisions_are_the_fewest_that_tell_something() -> None:
    assert limits.PAIR_DECISIONS_MIN == 10


# Back to the same desk


@pytest.fixture
def handled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Whoever is put into this list handled every payout."""
    people: dict[str, list[int]] = {"people": []}
    entry = registry.get("accounts.payout")
    assert entry is not None
    monkeypatch.setattr(type(entry.config), "handlers", lambda self, row: people["people"])
    return people


def test_a_maker_who_handled_the_record_is_flagged(desk: Desk, handled: dict[str, list[int]]) -> None:
    draft = desk.draft()
    handled["people"] = [desk.max.person_id]
    assert "same_desk" not in flags_of(draft)
    handled["people"] = [desk.max.person_id, desk.mara.person_id]
    label = draft.changes.get().target_label
    assert plain(flags_of(draft)["same_desk"]) == {"part": "maker", "records": [label]}


def test_a_signer_who_handled_the_record_is_flagged(desk: Desk, handled: dict[str, list[int]]) -> None:
    handled["people"] = [desk.chidi.person_id]
    draft = desk.draft()
    assert "same_desk" not in flags_of(draft)
    assert "same_desk" not in flags_of(draft, signer=desk.carl)
    assert plain(flags_of(draft, signer=desk.chidi)["same_desk"])["part"] == "signer"


def test_where_a_model_bars_handlers_the_engine_refuses_and_no_flag_is_needed(
    desk: Desk, handled: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = registry.get("accounts.payout")
    assert entry is not None
    monkeypatch.setattr(type(entry.config), "bars_handlers", True)
    handled["people"] = [desk.mara.person_id]
    assert "same_desk" not in flags_of(desk.draft())


# Of every flag


def test_a_flag_whose_rule_is_missing_or_out_of_force_is_not_raised(desk: Desk) -> None:
    draft = desk.draft(desk.payout(amount=Decimal("49000.00")))
    sunday = at("2026-11-22 12:00")
    assert {"just_under_threshold", "out_of_hours"} <= set(flags_of(draft, at=sunday))
    rule(desk, "just_under_threshold", is_active=False)
    rule(desk, "out_of_hours", code="of_another_flag")
    assert not {"just_under_threshold", "out_of_hours"} & set(flags_of(draft, at=sunday))


def test_rules_are_those_of_the_submission_until_it_is_submitted_again(desk: Desk) -> None:
    correction = desk.submitted(desk.payout(amount=Decimal("49000.00")))
    rule(desk, "just_under_threshold", is_active=False)
    assert "just_under_threshold" in flags_of(correction)


def test_every_flag_has_a_code_a_title_in_chinese_and_a_shipped_rule(desk: Desk) -> None:
    shipped = set(FlagRule.objects.values_list("code", flat=True))
    for flag in BUILT_IN_FLAGS:
        assert flag.code in shipped
        with translation.override("zh-hans"):
            chinese = str(flag.title)
        assert chinese != str(flag.title)


def test_what_a_flag_says_is_stored_in_every_language_of_the_site(desk: Desk) -> None:
    correction = desk.submitted(desk.payout(amount=Decimal("49000.00")))
    result = correction.check_results.get(check_code="just_under_threshold", moment="submission")
    assert result.message == "the amount 49000.00 lies within 5.00% below the threshold of 50000.00"
    assert "审批限额" in result.looked_at["said"]["zh-hans"]
    assert result.is_flag
    assert (result.verdict, result.is_hidden) == ("warn", True)


def test_all_questions_of_all_flags_are_one_statement_however_long_the_history(five_decided: Desk) -> None:
    desk = five_decided
    draft = desk.draft()
    counts = []
    for active in (False, True):
        with gate.opened(actor=desk.sam):
            FlagRule.objects.update(is_active=active)
        changes = list(draft.changes.all())
        with CaptureQueriesContext(connection) as captured:
            assess(draft, changes, at=NOON, is_locking=False, checker_person_id=desk.chidi.person_id)
        counts.append(len(captured))
    assert counts[0] == counts[1]
