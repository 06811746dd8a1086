"""Whether a version of a policy can mean anything: names that exist, bounds that hold something, steps one can sign.

Pure: what there is to be named is an argument (`Words`), so that a draft, a shipped file and a stored version are
judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as column
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action, Cumulate, EvidenceKind, Impact, Reason, StepScope, StepToken
from corrections.conf import limits
from corrections.models import Policy, PolicyStep
from corrections.permissions import CONTROL_ROLES
from corrections.roles import DECIDING_ROLES, Role

HOURS = ("reminder_hours", "escalation_hours", "cool_off_hours", "decide_hours", "apply_hours", "rework_hours")


@dataclass(frozen=True)
class Words:
    """What a policy may name: fields by kind of record, the kinds that are the desk's own controls, and codes."""

    fields: Mapping[str, frozenset[str]]
    controls: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    checks: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Problem:
    """Why a version is not sound. `field` is the column that it is about, "steps" for its steps."""

    code: str
    field: str
    message: str | Promise
    values: Mapping[str, Any] = column(default_factory=dict)

    def __str__(self) -> str:
        return str(self.message) % self.values if self.values else str(self.message)


def problems(policy: Policy, steps: Sequence[PolicyStep], words: Words) -> list[Problem]:
    """Everything that is wrong with one version, in the order of its columns."""
    shapes = list(_shapes(policy))
    if shapes:
        return shapes
    return [
        *_names(policy, words),
        *_bounds(policy),
        *_limits(policy),
        *_steps(policy, steps),
        *_signers(policy, steps, words),
    ]


LISTS = (
    "record_kinds",
    "field_names",
    "actions",
    "reasons",
    "impact_classes",
    "currencies",
    "flags",
    "cumulate",
    "evidence_kinds",
    "rekey_fields",
    "worded_checks",
)


def _shapes(policy: Policy) -> Iterator[Problem]:
    text = _("This must be a list of at most %(max)s different names.")
    for name in LISTS:
        value = getattr(policy, name)
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not is_list or len(value) != len(set(value)) or len(value) > limits.POLICY_NAMES_MAX:
            yield Problem(
                code="policy_list_not_readable", field=name, message=text, values={"max": limits.POLICY_NAMES_MAX}
            )


def _names(policy: Policy, words: Words) -> Iterator[Problem]:
    no_field = _("No kind of record that this policy is about has such a field: %(what)s.")
    fields = set(_fields(policy, words))
    # Whatever the column names must be known; the sentence says what is not.
    known: tuple[tuple[Iterable[str], Problem], ...] = (
        (
            words.fields,
            Problem(
                code="policy_names_unknown_kind",
                field="record_kinds",
                message=_("There is no such kind of record: %(what)s."),
            ),
        ),
        (
            Action.values,
            Problem(
                code="policy_names_unknown_action", field="actions", message=_("There is no such action: %(what)s.")
            ),
        ),
        (
            Reason.values,
            Problem(
                code="policy_names_unknown_reason", field="reasons", message=_("There is no such reason: %(what)s.")
            ),
        ),
        (
            Impact.values,
            Problem(
                code="policy_names_unknown_impact",
                field="impact_classes",
                message=_("There is no such impact: %(what)s."),
            ),
        ),
        (
            words.currencies,
            Problem(
                code="policy_names_unknown_currency",
                field="currencies",
                message=_("There is no exchange rate for this currency: %(what)s."),
            ),
        ),
        (
            words.flags,
            Problem(
                code="policy_names_unknown_flag", field="flags", message=_("There is no such risk flag: %(what)s.")
            ),
        ),
        (
            Cumulate.values,
            Problem(
                code="policy_adds_up_by_nothing",
                field="cumulate",
                message=_("Amounts can't be added up by: %(what)s."),
            ),
        ),
        (
            EvidenceKind.values,
            Problem(
                code="policy_names_unknown_evidence",
                field="evidence_kinds",
                message=_("There is no such kind of evidence: %(what)s."),
            ),
        ),
        (
            words.checks,
            Problem(
                code="policy_names_unknown_check",
                field="worded_checks",
                message=_("There is no such check: %(what)s."),
            ),
        ),
        (fields, Problem(code="policy_names_unknown_field", field="field_names", message=no_field)),
        (fields, Problem(code="policy_names_unknown_field", field="rekey_fields", message=no_field)),
    )
    for allowed, problem in known:
        unknown = [item for item in getattr(policy, problem.field) if item not in set(allowed)]
        if unknown:
            yield replace(problem, values={"what": ", ".join(unknown)})


def _fields(policy: Policy, words: Words) -> Iterator[str]:
    """Names of fields, short and with their kind, that the policy could speak of."""
    for kind in policy.record_kinds or words.fields:
        for name in words.fields.get(kind, ()):
            yield name
            yield f"{kind}.{name}"


def _bounds(policy: Policy) -> Iterator[Problem]:
    low, high = policy.amount_from, policy.amount_below
    is_negative = low is not None and low < 0
    if is_negative or (high is not None and high <= max(low or 0, 0)):
        text = _("No amount is in this band: amounts at stake are never below zero, and “below” is not included.")
        yield Problem(code="policy_band_is_empty", field="amount_from", message=text)
    if policy.cumulate and not policy.cumulate_days:
        text = _("Say over how many days earlier amounts are added up.")
        yield Problem(code="policy_adds_up_over_no_days", field="cumulate_days", message=text)
    if policy.is_applied_with_approval and policy.executor_is_separate:
        text = _("What is applied with the last approval has no executor. Choose one of the two.")
        yield Problem(code="policy_has_no_executor", field="executor_is_separate", message=text)


def _limits(policy: Policy) -> Iterator[Problem]:
    most = dict.fromkeys(HOURS, limits.POLICY_HOURS_MAX)
    most |= {"cumulate_days": limits.POLICY_DAYS_MAX, "evidence_min": limits.EVIDENCE_FILES_MAX}
    most |= {"rows_from": limits.POLICY_ROWS_MAX, "sample_rows": limits.POLICY_SAMPLE_ROWS_MAX}
    text = _("At most %(max)s.")
    for name, high in most.items():
        if (getattr(policy, name) or 0) > high:
            yield Problem(code="policy_number_too_large", field=name, message=text, values={"max": high})


def _steps(policy: Policy, steps: Sequence[PolicyStep]) -> Iterator[Problem]:
    if not steps:
        yield Problem(
            code="policy_has_no_steps",
            field="steps",
            message=_("A policy needs at least one step, or nobody could approve."),
        )
    if len(steps) > limits.POLICY_STEPS_MAX:
        text = _("At most %(max)s steps.")
        yield Problem(
            code="policy_has_too_many_steps", field="steps", message=text, values={"max": limits.POLICY_STEPS_MAX}
        )
    for step in steps:
        values = {"step": step.position, "max": limits.POLICY_PEOPLE_MAX}
        if not 1 <= (step.people or 0) <= limits.POLICY_PEOPLE_MAX:
            text = _("Step %(step)s: between 1 and %(max)s people.")
            yield Problem(code="policy_step_needs_people", field="steps", message=text, values=values)
        is_known = step.scope in StepScope.values and step.token in StepToken.values
        roles = [step.role, *([step.escalates_to] if step.escalates_to else [])]
        if not is_known or any(role not in Role.values for role in roles):
            text = _("Step %(step)s: there is no such role, place or token.")
            yield Problem(code="policy_step_not_readable", field="steps", message=text, values=values)
    if sorted(step.position for step in steps) != list(range(1, len(steps) + 1)):
        yield Problem(
            code="policy_step_not_readable", field="steps", message=_("Steps are numbered from 1, without a gap.")
        )


def _signers(policy: Policy, steps: Sequence[PolicyStep], words: Words) -> Iterator[Problem]:
    """Roles that sign nothing, or never see what they would have to sign."""
    kinds = set(policy.record_kinds)
    is_control, is_business = bool(kinds & words.controls), not kinds or bool(kinds - words.controls)
    for step in steps:
        for role in filter(None, (step.role, step.escalates_to)):
            blind_to_controls = is_control and role not in CONTROL_ROLES
            blind_to_business = is_business and role == Role.POLICY_ADMIN
            if role in Role.values and (role not in DECIDING_ROLES or blind_to_controls or blind_to_business):
                text = _("Step %(step)s: a %(role)s never signs such corrections, so nobody could approve them.")
                values = {"step": step.position, "role": Role(role).label}
                yield Problem(code="policy_can_never_be_signed", field="steps", message=text, values=values)
