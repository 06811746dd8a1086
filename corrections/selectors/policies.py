"""Approval policies as people read them: what is in force, what is left open, which one would hold, what a draft moves.

For those who set, sign or audit them; nothing here writes or decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from corrections.assessment.rates import rates_for, stake_of
from corrections.checks.controls import report
from corrections.checks.known import known_flags, title_of
from corrections.choices import Action, Reason
from corrections.conf import limits, policy_currency
from corrections.engine import rows, values
from corrections.errors import InvalidInput, NotAllowed
from corrections.models import Change, Correction, Policy, PolicyStep
from corrections.permissions import Rights
from corrections.policies import (
    Atom,
    Case,
    NoPolicy,
    Ruled,
    amount_under,
    fits,
    in_force,
    match,
    rows_under,
    speaks_of,
    together,
)
from corrections.policies.coverage import Coverage, Gap, Overlap
from corrections.policies.sound import LISTS
from corrections.registry import Entry, registry
from corrections.roles import Role
from corrections.selectors import policy_words as words


@dataclass(frozen=True)
class Overview:
    """All versions: those in force in the order in which they are matched, and those that no longer are."""

    in_force: tuple[words.Told, ...]
    out: tuple[words.Told, ...]
    stepless: tuple[Policy, ...]  # in force and matching nothing
    report: Report


@dataclass(frozen=True)
class Report:
    """What coverage found, in sentences."""

    gaps: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    milder: tuple[Overlap, ...] = ()
    by_name: tuple[Overlap, ...] = ()
    usual: tuple[Overlap, ...] = ()
    is_capped: bool = False

    @property
    def is_clean(self) -> bool:
        return not (self.gaps or self.shadowed or self.flags or self.by_name or self.is_capped)


def may_read(rights: Rights) -> bool:
    """Policies are for compliance, and for those who set or sign them; an executor sees what he carries out."""
    signing = {Role.PRESIDENT, Role.CONTROLLER}
    return bool(rights.roles & {Role.COMPLIANCE, Role.POLICY_ADMIN} or rights.everywhere & signing)


def demand_reader(rights: Rights) -> None:
    if not may_read(rights):
        raise NotAllowed


def may_change(rights: Rights) -> bool:
    return Role.POLICY_ADMIN in rights.everywhere and rights.person_id is not None


def overview(*, rights: Rights) -> Overview:
    """Every version with its steps, and what those in force leave open. Raises NotAllowed."""
    demand_reader(rights)
    found = Policy.objects.prefetch_related("steps").order_by("-is_active", "priority", "name", "-version")
    versions = [(policy, list(policy.steps.all())) for policy in found[: limits.COUNT_MAX]]
    ruled = in_force()
    return Overview(
        in_force=tuple(words.told(one.policy, one.steps) for one in ruled),
        out=tuple(words.told(policy, steps) for policy, steps in versions if not policy.is_active),
        stepless=tuple(policy for policy, steps in versions if policy.is_active and not steps),
        report=told_report(report(ruled)),
    )


def told_report(found: Coverage) -> Report:
    return Report(
        gaps=tuple(map(gap_words, found.gaps)),
        shadowed=tuple(
            _("“%(policy)s” never holds: others that come first take all that it is about.") % {"policy": one.policy}
            for one in found.shadowed
        ),
        flags=tuple(_flags(found)),
        milder=tuple(one for one in found.overlaps if one.is_milder and not one.is_by_name),
        by_name=tuple(one for one in found.overlaps if one.is_by_name),
        usual=tuple(one for one in found.overlaps if not one.is_milder and not one.is_by_name),
        is_capped=found.is_capped,
    )


def _flags(found: Coverage) -> Iterator[str]:
    flags = known_flags()
    for ruled, code in found.unknown_flags:
        yield _("“%(policy)s” names a risk flag that no machine knows: %(flag)s.") % {
            "policy": ruled.policy,
            "flag": code,
        }
    for ruled, code in found.silent_flags:
        yield _("“%(policy)s” names a risk flag that is only reported, or out of force: %(flag)s.") % {
            "policy": ruled.policy,
            "flag": title_of(flags, code),
        }
    for code in found.unheard_flags:
        yield _("This risk flag is to raise the tier, but no policy in force names it: %(flag)s.") % {
            "flag": title_of(flags, code)
        }


def gap_words(gap: Gap) -> str:
    """A gap in a line: ``payout, update of amount, status; from … on``."""
    entry = registry.get(gap.model)
    what = _("%(kind)s, %(action)s") % {"kind": words.kind_label(gap.model), "action": Action(gap.action).label}
    parts = [what]
    if entry is not None and len(gap.fields) < len(entry.fields):
        parts.append(", ".join(entry.verbose_name(name) for name in gap.fields))
    high = words.band(gap.amount_from, gap.amount_below)
    parts += [words.items("reasons", gap.reasons), ", ".join(one or _("no amount") for one in gap.currencies), high]
    parts.append(words.rows_below(gap.rows_below))
    return "; ".join(part for part in parts if part)


# Which policy would hold


@dataclass(frozen=True)
class Tried:
    """One policy in the order of matching: whether it holds, and if not, why not."""

    policy: Policy
    holds: bool
    why: str


@dataclass(frozen=True)
class Trial:
    """What would hold for one made-up correction."""

    tried: tuple[Tried, ...]
    added: tuple[words.Told, ...]
    amount: Decimal
    steps: tuple[str, ...] = ()
    evidence_min: int = 0
    sample_rows: int = 0


@dataclass(frozen=True)
class Wish:
    """A made-up correction, as typed."""

    what: str = ""  # model.field
    action: str = Action.UPDATE
    reason: str = Reason.SYSTEM_DEFECT
    impact: str = ""
    amount: str = ""
    currency: str = ""
    earlier: str = ""
    rows: str = ""
    flags: tuple[str, ...] = ()


def trial(*, rights: Rights, wish: Wish) -> Trial:
    """Which policies would hold, and why. Raises NotAllowed, InvalidInput, RateMissing."""
    demand_reader(rights)
    atom, policies = _atom(wish), in_force()
    case = _case(wish, atom, policies)
    plain = [ruled for ruled in policies if not ruled.policy.flags]
    first = next((ruled for ruled in plain if fits(ruled.policy, atom, case)), None)
    tried = []
    for ruled in plain:
        tried.append(Tried(ruled.policy, ruled is first, "" if ruled is first else why_not(ruled.policy, atom, case)))
        if ruled is first:
            break
    try:
        found = match(case, policies)
    except NoPolicy:
        return Trial(tuple(tried), (), case.amount)
    demand = together(found.ruled)
    keys = bool(demand.rekey_fields)
    return Trial(
        tuple(tried),
        tuple(words.told(one.policy, one.steps) for one in dict.fromkeys(found.added)),
        case.amount,
        steps=tuple(words.step_words(step, keys=keys) for step in demand.steps),
        evidence_min=demand.evidence_min,
        sample_rows=demand.sample_rows,
    )


def _atom(wish: Wish) -> Atom:
    model, _dot, name = wish.what.rpartition(".")
    entry = registry.get(model) if model else None
    if entry is None or name not in entry.display_fields() or wish.action not in entry.actions:
        raise InvalidInput(_("Choose a field, and an action that records of this kind allow."), code="trial_not_usable")
    return Atom(entry.key, wish.action, name, wish.impact or str(entry.impact), entry.is_control)


def _case(wish: Wish, atom: Atom, policies: Sequence[Ruled]) -> Case:
    amount = _amount("amount_from", wish.amount)
    currency = wish.currency if amount is not None else ""
    stake = Decimal(0)
    if amount is not None:
        change = Change(amount=amount, currency=currency or policy_currency())
        stake = stake_of(change, rates_for([change], timezone.now(), {})) or Decimal(0)
        currency = change.currency
    earlier = _amount("amount_from", wish.earlier) or Decimal(0)
    windows = {(by, r.policy.cumulate_days): earlier for r in policies for by in r.policy.cumulate}
    return Case(
        atoms=frozenset([atom]),
        reason=wish.reason,
        amount=stake,
        currencies=frozenset([currency] if currency else []),
        earlier=windows,
        rows=_rows(wish.rows),
        flags=frozenset(wish.flags),
    )


def _rows(text: str) -> int:
    """How many rows it changes; one where nothing was typed, since a correction changes at least that."""
    parsed = _parsed("rows_from", text)
    return 1 if parsed is None else max(1, int(parsed))


def _amount(name: str, text: str) -> Decimal | None:
    """An amount as strictly as everywhere."""
    parsed = _parsed(name, text)
    return None if parsed is None else Decimal(parsed)


def _parsed(name: str, text: str) -> Any:
    """What was typed, read as that column of a policy; None for nothing."""
    entry = registry.get(Policy)
    return values.parse(entry, name, text.strip()) if entry is not None and text.strip() else None


def why_not(policy: Policy, atom: Atom, case: Case) -> str:
    """The first reason for which a policy does not match."""
    if not speaks_of(policy, atom):
        return _("is about other records, fields or actions")
    if policy.reasons and case.reason not in policy.reasons:
        return _("is about other reasons")
    if policy.currencies and not case.currencies & set(policy.currencies):
        return _("is about other currencies")
    if rows_under(policy, case) < policy.rows_from:
        wanted, reached = words.rows_from(policy.rows_from), words.count_words(rows_under(policy, case))
        return _("is about corrections of many rows, %(wanted)s; here it is %(reached)s") % {
            "wanted": wanted,
            "reached": reached,
        }
    if not fits(policy, atom, case):
        reached = words.amount(amount_under(policy, case))
        wanted = words.band(policy.amount_from, policy.amount_below)
        return _("is about amounts %(wanted)s; here it is %(reached)s") % {"wanted": wanted, "reached": reached}
    return ""


def trial_fields() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every field by kind of record, to choose from."""
    groups = [
        (
            capfirst(str(entry.model._meta.verbose_name)),
            [(f"{entry.key}.{name}", entry.verbose_name(name)) for name in entry.display_fields()],
        )
        for entry in registry.entries()
    ]
    return sorted(groups)


# What a draft moves


@dataclass(frozen=True)
class Line:
    label: str
    before: str
    after: str

    @property
    def is_different(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class Comparison:
    """A version that a correction adds, beside the one that it takes the place of."""

    after: str
    before: str
    lines: tuple[Line, ...] = field(default_factory=tuple)

    @property
    def different(self) -> list[Line]:
        return [line for line in self.lines if line.is_different]


def comparisons(correction: Correction, changes: Sequence[Change]) -> list[Comparison]:
    """Each version that the correction adds, side by side with the one of its name that it puts out of force."""
    entry, label = registry.get(Policy), Policy._meta.label_lower
    added = [change for change in changes if change.target_model == label and change.action == Action.CREATE]
    if entry is None or not added:
        return []
    out = [change.target_pk for change in changes if change.target_model == label and change.action == Action.UPDATE]
    old = {policy.name: policy for policy in Policy.objects.filter(pk__in=out).prefetch_related("steps")}
    return [_comparison(entry, change, changes, old) for change in added]


def _comparison(entry: Entry, change: Change, changes: Sequence[Change], old: Mapping[str, Policy]) -> Comparison:
    new: Any = rows.unsaved(entry, change.new)
    before = old.get(new.name) or (next(iter(old.values())) if len(old) == 1 else None)
    steps = _steps_of(change, changes)
    names = [
        column.name for column in Policy._meta.concrete_fields if column.name not in ("id", "is_active", "version")
    ]
    lines = [
        Line(words.label_of(name), "" if before is None else _said(before, name), _said(new, name)) for name in names
    ]
    present = [] if before is None else list(before.steps.all())
    lines += _step_lines(present, steps, keys=bool(new.rekey_fields or (before and before.rekey_fields)))
    return Comparison(str(new), "" if before is None else str(before), tuple(lines))


def _said(policy: Policy, name: str) -> str:
    raw = getattr(policy, name)
    return words.value(name, sorted(raw) if name in LISTS and isinstance(raw, list) else raw)


def _steps_of(change: Change, changes: Iterable[Change]) -> list[Any]:
    entry = registry.get(PolicyStep)
    label = PolicyStep._meta.label_lower
    own = [one.new for one in changes if one.target_model == label and one.action == Action.CREATE]
    found: list[Any] = []
    for new in own:
        refers = new.get("policy_id")
        if entry is not None and (refers == {"change": change.position} or str(refers) == (change.target_pk or "?")):
            found.append(rows.unsaved(entry, new))
    return sorted(found, key=lambda step: step.position)


def _step_lines(before: Sequence[Any], after: Sequence[Any], *, keys: bool) -> list[Line]:
    count = max(len(before), len(after))
    said = [[words.step_words(step, keys=keys) for step in steps] for steps in (before, after)]
    padded = [texts + [""] * (count - len(texts)) for texts in said]
    return [
        Line(_("Step %(step)s") % {"step": place}, one, other)
        for place, (one, other) in enumerate(zip(*padded, strict=True), start=1)
    ]
