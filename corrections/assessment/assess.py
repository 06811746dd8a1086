"""The assessment itself: one pass over the rows, one question to the past, one match of the policies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from corrections.assessment import earlier
from corrections.assessment.rates import rates_for, stake_of
from corrections.assessment.subject import Targets, subject_of
from corrections.checks import Check, Finding, Flag, Subject, checks_for, flags_for
from corrections.checks.asking import ask
from corrections.choices import Action, Verdict
from corrections.engine import rows
from corrections.errors import CorrectionError
from corrections.models import Change, Correction, FlagRule
from corrections.money import Money, each
from corrections.policies import Atom, Case, Demand, Match, Ruled, in_force, match, together
from corrections.registry import Entry


@dataclass(frozen=True)
class Raised:
    """A risk flag that is raised, with its rule and its evidence."""

    flag: Flag
    rule: FlagRule
    finding: Finding


@dataclass(frozen=True)
class Assessment:
    """All that machines found. `refusal` says that a row is gone or moved on; `barred` are people who handled it."""

    subject: Subject
    refusal: CorrectionError | None
    findings: Sequence[tuple[Check, Finding]]
    flags: Sequence[Raised]
    case: Case
    policies: Sequence[Ruled]
    rates: Mapping[str, Decimal]
    barred: frozenset[int]
    rules: Mapping[str, FlagRule]
    targets: Targets

    @cached_property
    def match(self) -> Match:
        """The policies that hold. Raises NoPolicy."""
        return match(self.case, self.policies)

    @cached_property
    def demand(self) -> Demand:
        """What they demand together. Raises NoPolicy."""
        return together(self.match.ruled)

    def of(self, verdict: Verdict) -> list[tuple[Check, Finding]]:
        return [(check, finding) for check, finding in self.findings if finding.verdict == verdict]


def assess(
    correction: Correction,
    changes: Sequence[Change],
    *,
    at: dt.datetime,
    is_locking: bool,
    checker_person_id: int | None = None,
    with_external: bool = False,
) -> Assessment:
    """Assesses a correction as it stands. `at` is the moment of its submission, from which windows are counted.

    With `is_locking` the rows are locked in the caller's transaction, to be applied as they were looked at. Checks
    that ask other systems run only `with_external`: never while somebody's signature waits.
    """
    targets = _targets(changes, is_locking=is_locking)
    subject, refusal = subject_of(correction, changes, targets, at=at, checker_person_id=checker_person_id)
    moved = {change.pk: _moved(change, subject) for change in changes}
    rates = rates_for([money for moneys in moved.values() for money in moneys], at, correction.demand.get("rates", {}))
    for change in changes:
        _put_stakes(change, subject, moved[change.pk], rates)
    policies = in_force()
    subject = replace(subject, amount=_amount(changes), thresholds=_thresholds(policies))
    flags = flags_for(subject)
    rules = _rules(correction, flags)
    past = ask(correction, _questions(subject, policies, flags, rules))
    raised = _raised(subject, flags, rules, past)
    return Assessment(
        subject=subject,
        refusal=refusal,
        findings=[] if refusal else _findings(subject, with_external=with_external),
        flags=raised,
        case=_case(correction, changes, subject, past, raised),
        policies=policies,
        rates=rates,
        barred=_handlers(subject, barring=True),
        rules=rules,
        targets=targets,
    )


def _targets(changes: Sequence[Change], *, is_locking: bool) -> Targets:
    existing = [change for change in changes if change.action != Action.CREATE]
    return rows.locked_targets(existing) if is_locking else rows.live_targets(existing)


def _moved(change: Change, subject: Subject) -> list[Money]:
    """The money at stake as the rows stand now, and what a revision is pinned to: it may have grown since."""
    entry = rows.entry_of(change.target_model)
    signed = Money.of(change.amount, change.currency) if subject.correction.demand else None
    return [*each(entry.config.amount_at_stake(subject.views[change.pk])), *each(signed)]


def _put_stakes(change: Change, subject: Subject, moved: Sequence[Money], rates: Mapping[str, Decimal]) -> None:
    """The dearest counts. What a revision was pinned to is signed, and stays as it is."""
    dearest = max(moved, key=lambda money: stake_of(money, rates) or 0, default=None)
    change.stake = None if dearest is None else stake_of(dearest, rates)
    if not subject.correction.demand:
        change.amount, change.currency = (dearest.amount, dearest.currency) if dearest else (None, "")
    view = subject.views[change.pk]
    entry = rows.entry_of(change.target_model)
    # A create that hangs on another of the same correction can't tell before that one is there.
    refers_ahead = any(rows.is_placeholder(value) for value in change.new.values())
    change.beneficiary = "" if refers_ahead else entry.config.beneficiary(view)


def _amount(changes: Sequence[Change]) -> Decimal:
    return sum((change.stake for change in changes if change.stake is not None), Decimal(0))


def _thresholds(policies: Sequence[Ruled]) -> tuple[Decimal, ...]:
    """Amounts from which some policy in force holds."""
    return tuple(sorted({ruled.policy.amount_from for ruled in policies if ruled.policy.amount_from}))


def _rules(correction: Correction, flags: Sequence[Flag]) -> dict[str, FlagRule]:
    """The rules in force, by code: those pinned at submission, or of this moment for a draft."""
    pinned = correction.demand.get("flag_rules")
    if pinned is not None:
        return {code: FlagRule(code=code, **_numbers(rule)) for code, rule in pinned.items()}
    if not flags:
        return {}
    return {rule.code: rule for rule in FlagRule.objects.filter(is_active=True)}


def pinned_rules(rules: Mapping[str, FlagRule]) -> dict[str, dict[str, Any]]:
    """Rules as they are kept with a correction."""
    names = ("raises_tier", "is_hidden_from_maker", "window_days")
    return {
        code: {name: getattr(rule, name) for name in names} | {"threshold": f"{rule.threshold:.2f}"}
        for code, rule in sorted(rules.items())
    }


def _numbers(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {**rule, "threshold": Decimal(rule["threshold"])}


def _questions(
    subject: Subject, policies: Sequence[Ruled], flags: Sequence[Flag], rules: Mapping[str, FlagRule]
) -> dict[str, Any]:
    asked = earlier.questions(subject, earlier.windows(policies))
    for flag in flags:
        if flag.code in rules:
            own = flag.questions(subject, rules[flag.code])
            asked |= {f"{flag.code}:{label}": question for label, question in own.items()}
    return asked


def _raised(
    subject: Subject, flags: Sequence[Flag], rules: Mapping[str, FlagRule], past: Mapping[str, Any]
) -> list[Raised]:
    found = []
    for flag in flags:
        rule = rules.get(flag.code)
        if rule is None:
            continue
        own = {label.partition(":")[2]: value for label, value in past.items() if label.startswith(f"{flag.code}:")}
        finding = flag.look(subject, rule, own)
        if finding is not None:
            found.append(Raised(flag, rule, finding))
    return found


def _findings(subject: Subject, *, with_external: bool) -> list[tuple[Check, Finding]]:
    checks = checks_for(subject)
    return [(check, check.look(subject)) for check in checks if with_external or not check.is_external]


def _case(
    correction: Correction,
    changes: Sequence[Change],
    subject: Subject,
    past: Mapping[str, Any],
    raised: Sequence[Raised],
) -> Case:
    return Case(
        atoms=frozenset(atom for change in changes for atom in atoms_of(change, subject)),
        reason=correction.reason,
        amount=subject.amount,
        currencies=frozenset(change.currency for change in changes if change.currency),
        earlier=earlier.sums(past, earlier.MONEY),
        rows=len(changes),
        earlier_rows={window: int(rows) for window, rows in earlier.sums(past, earlier.ROWS).items()},
        flags=frozenset(item.flag.code for item in raised if item.rule.raises_tier),
    )


def atoms_of(change: Change, subject: Subject) -> list[Atom]:
    """One for each field that is written; a delete touches every field of its record."""
    entry = rows.entry_of(change.target_model)
    names = rows.fields_of(entry, change.new) if change.action != Action.DELETE else entry.display_fields()
    impact = entry.config.impact_of(subject.views[change.pk])
    return [Atom(entry.key, change.action, name, impact, entry.is_control) for name in names]


def _handlers(subject: Subject, *, barring: bool) -> frozenset[int]:
    """People who booked, reconciled or own the records, of the models that bar them (or of the others)."""
    found: set[int] = set()
    for change in subject.changes:
        entry: Entry = rows.entry_of(change.target_model)
        view = subject.views.get(change.pk)
        if view is not None and entry.config.bars_handlers == barring:
            for row in filter(None, (view.before, view.after)):
                found.update(pk for pk in entry.config.handlers(row) if pk)
    return frozenset(found)
