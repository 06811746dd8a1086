"""A policy in words: which corrections it is about, who signs, and what else it asks for. Nothing here is read anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from corrections.checks.known import known_checks, known_flags, title_of
from corrections.choices import Action, Cumulate, EvidenceKind, Impact, Reason, StepScope, StepToken
from corrections.conf import policy_currency
from corrections.models import Policy, PolicyStep
from corrections.policies.sound import LISTS
from corrections.registry import registry
from corrections.roles import Role

CHOICES: dict[str, type[models.TextChoices]] = {
    "actions": Action,
    "reasons": Reason,
    "impact_classes": Impact,
    "cumulate": Cumulate,
    "evidence_kinds": EvidenceKind,
}


@dataclass(frozen=True)
class Said:
    """One thing that a policy says, under its heading."""

    label: str
    text: str


@dataclass(frozen=True)
class Told:
    """A version as a page tells it."""

    policy: Policy
    about: tuple[Said, ...]
    steps: tuple[str, ...]
    needs: tuple[Said, ...]
    clocks: tuple[str, ...]


def told(policy: Policy, steps: Sequence[PolicyStep]) -> Told:
    """The whole version; what it leaves open is not said."""
    return Told(
        policy,
        about=tuple(Said(label, text) for label, text in _about(policy) if text),
        steps=tuple(step_words(step, keys=bool(policy.rekey_fields)) for step in steps),
        needs=tuple(Said(label, text) for label, text in _needs(policy) if text),
        clocks=tuple(_clocks(policy)),
    )


def label_of(name: str) -> str:
    """What people call a column of a policy."""
    return capfirst(str(Policy._meta.get_field(name).verbose_name))  # type: ignore[union-attr]


def _about(policy: Policy) -> Iterator[tuple[str, str]]:
    if not policy.record_kinds:
        yield label_of("record_kinds"), _("every kind of business record")
    for name in ("record_kinds", "field_names", "actions", "reasons", "impact_classes", "currencies"):
        yield label_of(name), items(name, getattr(policy, name))
    yield _("Amounts"), band(policy.amount_from, policy.amount_below)
    yield _("Number of rows"), rows_from(policy.rows_from)
    yield label_of("cumulate"), _added_up(policy)
    if policy.flags:
        yield _("Added when one is raised"), items("flags", policy.flags)


def _added_up(policy: Policy) -> str:
    if not policy.cumulate:
        return ""
    days = policy.cumulate_days
    over = ngettext("over %(count)s day", "over %(count)s days", days) % {"count": days}
    return f"{items('cumulate', policy.cumulate)}, {over}"


def _needs(policy: Policy) -> Iterator[tuple[str, str]]:
    count = policy.evidence_min
    pieces = ngettext("at least %(count)s piece", "at least %(count)s pieces", count) % {"count": count}
    kinds = items("evidence_kinds", policy.evidence_kinds)
    yield _("Evidence"), f"{pieces}; {kinds}" if kinds else pieces
    yield label_of("rekey_fields"), items("rekey_fields", policy.rekey_fields)
    yield label_of("sample_rows"), count_words(policy.sample_rows)
    yield label_of("worded_checks"), items("worded_checks", policy.worded_checks)
    yield capfirst(pgettext("policy", "applied")), _applied(policy)
    if policy.staff_may_type_customer_fields:
        yield _("What the customer declared"), _("staff may type it, with the customer's consent")
    if policy.allows_break_glass:
        yield _("Break-glass"), str(Policy._meta.get_field("allows_break_glass").help_text)


def _applied(policy: Policy) -> str:
    if policy.is_applied_with_approval:
        return _("with the last approval")
    return _("by an executor who signed nothing") if policy.executor_is_separate else _("by an executor")


def _clocks(policy: Policy) -> Iterator[str]:
    for name in ("reminder_hours", "escalation_hours", "cool_off_hours", "decide_hours", "apply_hours", "rework_hours"):
        if getattr(policy, name):
            yield f"{label_of(name)}: {getattr(policy, name)}"


def step_words(step: Any, *, keys: bool) -> str:
    """One step in a line: how many of whom, held where, with which proof."""
    parts = [f"{step.people} × {Role(step.role).label}" if step.role in Role.values else step.role]
    if step.scope != StepScope.TARGET:
        parts.append(str(StepScope(step.scope).label))
    if step.token != StepToken.NONE:
        parts.append(_("token: %(which)s") % {"which": StepToken(step.token).label})
    if keys and step.is_rekeying:
        parts.append(_("keys blindly"))
    if step.escalates_to:
        parts.append(_("escalates to %(role)s") % {"role": Role(step.escalates_to).label})
    return ", ".join(parts)


def items(name: str, values: Iterable[str]) -> str:
    """What a list of a policy names, in words."""
    return ", ".join(item(name, value) for value in values)


def item(name: str, value: str) -> str:
    """One name in a list of a policy, in words; as it stands where nobody knows it any more."""
    if name in CHOICES:
        labels: Mapping[str, Any] = dict(CHOICES[name].choices)
        return str(labels.get(value, value))
    if name == "record_kinds":
        return kind_label(value)
    if name == "flags":
        return str(title_of(known_flags(), value))
    if name == "worded_checks":
        return str(title_of(known_checks(), value))
    return _field_label(value) if name in ("field_names", "rekey_fields") else value


def kind_label(label: str) -> str:
    entry = registry.get(label)
    return str(entry.model._meta.verbose_name) if entry else label


def _field_label(name: str) -> str:
    """``accounts.payout.amount`` in words; a bare name as the first kind of record calls it that has it."""
    model, _dot, short = name.rpartition(".")
    for entry in registry.entries():
        if short in entry.display_fields() and (not model or entry.key == model):
            label = entry.verbose_name(short)
            return f"{entry.model._meta.verbose_name}: {label}" if model else label
    return name


def amount(value: Decimal) -> str:
    """An amount in the policy currency."""
    number = formats.number_format(value, decimal_pos=2, use_l10n=True, force_grouping=True)
    return f"{number} {policy_currency()}"


def band(low: Decimal | None, high: Decimal | None) -> str:
    """A band of amounts; nothing where it has no bound."""
    if low and high is not None:
        return _("from %(low)s to below %(high)s") % {"low": amount(low), "high": amount(high)}
    if high is not None:
        return _("below %(high)s") % {"high": amount(high)}
    return _("from %(low)s on") % {"low": amount(low)} if low else ""


def rows_from(least: int) -> str:
    """Rows from which a policy holds; nothing where any count will do."""
    return (
        ngettext("from %(rows)s row on", "from %(rows)s rows on", least) % {"rows": count_words(least)} if least else ""
    )


def rows_below(most: int | None) -> str:
    """Rows below which nothing holds; nothing where that is so for every count."""
    return "" if most is None else _("fewer than %(rows)s rows") % {"rows": count_words(most)}


def count_words(number: int) -> str:
    """A count with its thousands apart; nothing where there is none."""
    return formats.number_format(number, use_l10n=True, force_grouping=True) if number else ""


def value(name: str, raw: Any) -> str:
    """A column of a version as text, for comparing two versions."""
    if name in LISTS:
        return items(name, raw or [])
    if isinstance(raw, bool):
        return _("yes") if raw else _("no")
    if name in ("amount_from", "amount_below"):
        return "" if raw is None else amount(Decimal(raw))
    if name in ("rows_from", "sample_rows"):
        return count_words(int(raw or 0))
    return "" if raw is None else str(raw)
