"""What machines say of a correction of the desk's own controls: the rules as they would be afterwards must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.checks import known
from corrections.checks.base import Check, Finding, Subject, failed, passed, say, verdict, warned
from corrections.choices import Action
from corrections.conf import limits, policy_currency
from corrections.models import CalendarDay, ExchangeRate, FlagRule, Policy, PolicyStep
from corrections.policies import Ruled, in_force
from corrections.policies.coverage import Coverage, Gap, coverage
from corrections.policies.sound import problems

CURRENCY = re.compile("[A-Z]{3}")
# Of a version that stands already, nothing else is ever changed.
CHANGEABLE = {"is_active", "priority"}


def proposed(subject: Subject) -> list[Ruled]:
    """The versions that a correction adds, with the steps that it adds to them."""
    added: list[Ruled] = []
    for change, view in subject.of(Policy, Action.CREATE):
        own = [
            step.after
            for other, step in subject.of(PolicyStep, Action.CREATE)
            if other.new.get("policy_id") == {"change": change.position}
        ]
        policy: Any = view.after
        added.append(Ruled(policy, tuple(sorted(own, key=lambda step: step.position))))  # type: ignore[arg-type]
    return added


def afterwards(subject: Subject) -> list[Ruled]:
    """The versions that would be in force, in the order of matching."""
    changed: dict[int, Any] = {view.row.pk: view.after for _c, view in subject.of(Policy, Action.UPDATE)}
    kept = [ruled for ruled in in_force() if ruled.policy.pk not in changed]
    back = [policy for policy in changed.values() if policy.is_active]
    steps = PolicyStep.objects.filter(policy__in=[policy.pk for policy in back]).order_by("position")
    again = [Ruled(policy, tuple(step for step in steps if step.policy_id == policy.pk)) for policy in back]
    added = [ruled for ruled in proposed(subject) if ruled.policy.is_active]
    found = [ruled for ruled in (*kept, *again, *added) if ruled.steps]
    return sorted(found, key=lambda r: (r.policy.priority, r.policy.name, -r.policy.version))


class ControlsAreSound(Check):
    code = "controls_are_sound"
    title = _("the new rules can be carried out")

    def look(self, subject: Subject) -> Finding:
        return verdict(
            [str(problem) for problem in _unsound(subject)],
            _("these rules can't be carried out: %(what)s"),
            _("the new rules can be carried out"),
        )


def _unsound(subject: Subject) -> Iterator[str | Promise]:
    yield from _versions(subject)
    for change, view in subject.of(FlagRule):
        rule: Any = view.after
        if rule.window_days > limits.POLICY_DAYS_MAX:
            yield say(_("At most %(max)s days."), max=limits.POLICY_DAYS_MAX)
        if "code" in change.new and (change.action == Action.UPDATE or rule.code not in known.known_flags()):
            yield say(_("A rule is for a risk flag that machines know, and stays with it: %(flag)s."), flag=rule.code)
    for _change, view in subject.of(ExchangeRate, Action.CREATE):
        rate: Any = view.after
        if not CURRENCY.fullmatch(rate.currency) or rate.currency == policy_currency():
            yield _("A rate is for another currency than the policies' own, by its three capital letters.")
    for _change, view in subject.of(CalendarDay):
        day: Any = view.after
        if day is not None and day.opens_at and day.closes_at and day.opens_at >= day.closes_at:
            yield _("A day closes after it opens.")


def _versions(subject: Subject) -> Iterator[str | Promise]:
    added = proposed(subject)
    words = known.words() if added else None
    for ruled in added:
        yield from (f"{ruled.policy}: {problem}" for problem in problems(ruled.policy, ruled.steps, words))  # type: ignore[arg-type]
    with_new_steps = sum(len(ruled.steps) for ruled in added)
    if with_new_steps != sum(1 for _pair in subject.of(PolicyStep, Action.CREATE)):
        yield _("Steps belong to a version that is added together with them.")
    for change, _view in subject.of(Policy, Action.UPDATE):
        if set(change.new) - CHANGEABLE:
            yield _("A version is never edited: add the next one.")
    names = [ruled.policy.name for ruled in afterwards(subject)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield say(_("Two versions of “%(name)s” would be in force."), name=name)


class PoliciesLeaveNoGap(Check):
    """A gap that was there before is no reason to refuse; that nobody could mend it any more is."""

    code = "policies_leave_no_gap"
    title = _("every correction has an approval policy")

    def look(self, subject: Subject) -> Finding:
        if not any(True for _pair in subject.of(Policy)):
            return passed(_("no approval policy is changed"))
        after = report(afterwards(subject))
        if any(gap.model == Policy._meta.label_lower for gap in after.gaps):
            return failed(_("approval policies themselves could not be changed any more"))
        opened = sorted(_of(after.gaps) - _of(report(in_force()).gaps))
        if opened:
            text = _("without an approval policy, so nobody could approve: %(what)s")
            return warned(say(text, what=", ".join(opened[:5])), gaps=opened[:50])
        return passed(_("every correction has an approval policy as before"))


def report(policies: Sequence[Ruled]) -> Coverage:
    """What these policies leave open, for all that can be corrected."""
    return coverage(policies, known.kinds(), known.flag_states(), known.known_currencies())


def _of(gaps: Sequence[Gap]) -> set[str]:
    """Gaps as plain words that can be compared and kept: what, how, amounts, and rows where they matter."""
    return {f"{gap.model} {gap.action} {gap.amount_from:f}–{_below(gap)}" for gap in gaps}


def _below(gap: Gap) -> str:
    amount = "" if gap.amount_below is None else f"{gap.amount_below:f}"
    return amount if gap.rows_below is None else f"{amount} <{gap.rows_below}"
