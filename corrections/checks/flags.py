"""The risk flags of every desk, whatever it corrects; these know no business.

Windows are counted back from the submission, or from now for a draft; what lies exactly at their edge is in them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.checks.asking import Answers, changes_of_targets, count, latest
from corrections.checks.base import NAMED_MAX, Finding, Subject, say, warned
from corrections.checks.flag import Flag
from corrections.choices import DecisionKind, State
from corrections.conf import limits
from corrections.models import CalendarDay, Change, Correction, Decision, FlagRule
from corrections.registry import registry
from corrections.working_time import Calendar, hours_said

__all__ = ["BUILT_IN_FLAGS", "Flag"]

HUNDRED = Decimal(100)
# Corrections that wrote something.
WROTE = (State.APPLIED, State.REVERTED, State.STOPPED)
# Corrections that somebody stands behind: not drafts, and not those that were refused or given up.
COUNTED = (State.SUBMITTED, State.APPROVED, State.APPLYING, *WROTE)
# Corrections whose signatures were given or refused.
DECIDED = (State.APPROVED, State.APPLYING, *WROTE, State.FAILED, State.REJECTED)


class JustUnderThreshold(Flag):
    """The amount is at most `threshold` percent below one from which a policy in force asks for more.

    The threshold itself is not under it; that much below it is.
    """

    code = "just_under_threshold"
    title = _("amount just under a threshold")
    is_of_whole = True

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        for threshold in sorted(subject.thresholds):
            least = threshold * (HUNDRED - rule.threshold) / HUNDRED
            if least <= subject.amount < threshold and subject.amount > 0:
                text = _("the amount %(amount)s lies within %(percent)s%% below the threshold of %(threshold)s")
                facts = {"amount": _plain(subject.amount), "threshold": _plain(threshold)}
                return warned(say(text, **facts, percent=_plain(rule.threshold)), **facts)
        return None


class OutOfHours(Flag):
    """Submitted while the desk is not at work (working_time.py). No numbers of its own."""

    code = "out_of_hours"
    title = _("out of working hours")
    is_of_whole = True

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        days = CalendarDay.objects.filter(day=timezone.localdate(subject.at, timezone.get_default_timezone()))
        return {name: Subquery(days.values(name)[:1]) for name in ("is_working", "opens_at", "closes_at")}

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        at = timezone.localtime(subject.at, timezone.get_default_timezone())
        said = {} if past.get("is_working") is None else {at.date(): hours_said(**past)}
        if Calendar(exceptions=said).is_working(at):
            return None
        text = say(_("submitted at %(moment)s, out of working hours"), moment=f"{at:%Y-%m-%d %H:%M}")
        return warned(text, at=at.isoformat(timespec="seconds"), is_day_of_calendar=bool(said))


class CorrectedAgain(Flag):
    """Another correction of the same record was applied within `window_days`. The one taken back here doesn't count."""

    code = "corrected_again"
    title = _("same record corrected again")

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        applied = _others(subject).filter(applied_at__gte=_since(subject, rule), state__in=WROTE)
        same = changes_of_targets(subject.changes).order_by()
        return _how_many_and_which(applied.filter(pk__in=same.values("correction_id")))

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        text = _("the same record was corrected before, within %(days)s days: %(number)s (of %(count)s)")
        return _again(text, rule, past)


class BeneficiaryAgain(Flag):
    """Another correction in favour of the same beneficiary was submitted within `window_days`, and stands."""

    code = "beneficiary_again"
    title = _("same beneficiary again")

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        keys = sorted({change.beneficiary for change in subject.changes if change.beneficiary})
        if not keys:
            return {}
        earlier = _others(subject).filter(_submitted_before(subject, rule), state__in=COUNTED)
        same = Change.objects.filter(beneficiary__among=frozenset(keys)).order_by()
        return _how_many_and_which(earlier.filter(pk__in=same.values("correction_id")))

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        text = _("the same beneficiary had another correction within %(days)s days: %(number)s (of %(count)s)")
        return _again(text, rule, past)


class SamePair(Flag):
    """Of this maker's corrections of `window_days` that were decided, whoever is about to sign approved more than
    `threshold` percent. Fewer than PAIR_DECISIONS_MIN tell nothing, and at submission nobody is about to sign."""

    code = "same_pair"
    title = _("the same two people again and again")
    is_of_whole = True

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        if subject.checker_person_id is None:
            return {}
        decided = _others(subject).filter(
            _submitted_before(subject, rule), maker_person=subject.correction.maker_person_id, state__in=DECIDED
        )
        signed = Decision.objects.filter(
            correction=OuterRef("pk"), person=subject.checker_person_id, kind=DecisionKind.APPROVE
        )
        return {"decided": count(decided), "together": count(decided.filter(Exists(signed)))}

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        decided, together = past.get("decided") or 0, past.get("together") or 0
        if decided < limits.PAIR_DECISIONS_MIN or together * HUNDRED <= decided * rule.threshold:
            return None
        text = _("of the maker's last %(decided)s corrections, whoever signs here approved %(together)s")
        facts = {"decided": decided, "together": together}
        return warned(say(text, **facts), **facts, days=rule.window_days, signer=subject.checker_person_id)


class SameDesk(Flag):
    """Whoever booked, reconciled or owns the record made the correction or is about to sign it.

    Where the model bars such people nobody gets so far. No numbers of its own.
    """

    code = "same_desk"
    title = _("back to the same desk")

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        records = dict(_handled(subject))
        sentences = {
            "maker": (subject.correction.maker_person_id, _("the maker handled %(records)s before")),
            "signer": (subject.checker_person_id, _("whoever signs here handled %(records)s before")),
        }
        for part, (person, text) in sentences.items():
            labels = [label for label, people in records.items() if person in people]
            if person is not None and labels:
                return warned(say(text, records=", ".join(labels[:NAMED_MAX])), part=part, records=labels[:NAMED_MAX])
        return None


def _since(subject: Subject, rule: FlagRule) -> dt.datetime:
    return subject.at - dt.timedelta(days=rule.window_days)


def _submitted_before(subject: Subject, rule: FlagRule) -> Q:
    """Within the window and not later than this one, so that of two each finding is one's."""
    earlier = Q(submitted_at__lt=subject.at) | Q(submitted_at=subject.at, pk__lt=subject.correction.pk)
    return Q(submitted_at__gte=_since(subject, rule)) & earlier


def _others(subject: Subject) -> QuerySet[Correction]:
    own = [pk for pk in (subject.correction.pk, subject.correction.reverts_id) if pk]
    return Correction.objects.exclude(pk__in=own).order_by()


def _how_many_and_which(corrections: QuerySet[Correction]) -> dict[str, Subquery]:
    """Their count, and the number of the latest."""
    return {"count": count(corrections), "latest": latest(corrections, "number")}


def _again(text: Any, rule: FlagRule, past: Answers) -> Finding | None:
    found = past.get("count") or 0
    if not found:
        return None
    facts = {"count": found, "days": rule.window_days}
    return warned(say(text, **facts, number=past["latest"]), **facts, latest=past["latest"])


def _handled(subject: Subject) -> Iterator[tuple[str, frozenset[int]]]:
    """Records by label with the people who handled them, before or after, of the models that don't bar them."""
    for change in subject.changes:
        entry, view = registry.get(change.target_model), subject.views.get(change.pk)
        if entry is None or view is None or entry.config.bars_handlers:
            continue
        rows = [row for row in (view.before, view.after) if row is not None]
        yield change.target_label, frozenset(pk for row in rows for pk in entry.config.handlers(row) if pk)


def _plain(amount: Decimal) -> str:
    return f"{amount:.2f}"


BUILT_IN_FLAGS: tuple[type[Flag], ...] = (
    JustUnderThreshold,
    OutOfHours,
    CorrectedAgain,
    BeneficiaryAgain,
    SamePair,
    SameDesk,
)
