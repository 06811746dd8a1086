"""The form of a new version of a policy: its columns in groups, its steps in a table, and what was typed, read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from corrections.checks.known import known_checks, known_currencies, known_flags
from corrections.conf import limits
from corrections.models import Policy, PolicyStep
from corrections.policies.sound import LISTS
from corrections.registry import registry
from corrections.roles import DECIDING_ROLES, Role
from corrections.selectors.policy_words import CHOICES, label_of
from corrections.services.policy import COLUMNS, STEP_COLUMNS

# Lists of hundreds of names are typed, one to a line; those of a few are ticked.
TYPED = ("field_names", "rekey_fields")
NAMED = ("name", "priority")
ABOUT = (
    "record_kinds",
    "field_names",
    "actions",
    "reasons",
    "impact_classes",
    "amount_from",
    "amount_below",
    "rows_from",
    "currencies",
    "cumulate",
    "cumulate_days",
    "flags",
)
NEEDS = (
    "evidence_min",
    "evidence_kinds",
    "rekey_fields",
    "sample_rows",
    "worded_checks",
    "is_applied_with_approval",
    "executor_is_separate",
    "staff_may_type_customer_fields",
    "allows_break_glass",
)


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    is_chosen: bool


@dataclass
class Control:
    """One column: a text, a tick, a list of ticks, or names one to a line."""

    name: str
    label: str
    kind: str  # text, number, tick, ticks, names
    hint: str = ""
    value: str = ""
    is_ticked: bool = False
    choices: Sequence[Choice] = ()
    length_max: int = 0
    problem: str = ""


@dataclass(frozen=True)
class StepRow:
    """One line of the table of steps; without a role it is none."""

    place: int
    role: Sequence[Choice]
    people: str
    scope: Sequence[Choice]
    token: Sequence[Choice]
    escalates_to: Sequence[Choice]
    is_rekeying: bool


@dataclass
class Form:
    named: list[Control]
    about: list[Control]
    needs: list[Control]
    clocks: list[Control]
    steps: list[StepRow]
    steps_problem: str = ""
    known_fields: list[tuple[str, list[str]]] = field(default_factory=list)

    def blame(self, name: str, problem: str) -> bool:
        """Puts a refusal beside its column; says whether there is such a one."""
        if name == "steps" or name in STEP_COLUMNS:
            self.steps_problem = problem
            return True
        for control in (*self.named, *self.about, *self.needs, *self.clocks):
            if control.name == name:
                control.problem = problem
                return True
        return False


Values = Mapping[str, Any]


def build(values: Values, steps: Sequence[Values]) -> Form:
    """The form with these values in it; lists as lists, everything else as text or a tick."""
    clocks = [name for name in COLUMNS if name not in (*NAMED, *ABOUT, *NEEDS)]
    groups = (NAMED, ABOUT, NEEDS, clocks)
    named, about, needs, timed = [[_control(name, values.get(name)) for name in names] for names in groups]
    shown = [*steps, *[{}] * limits.POLICY_STEPS_MAX][: limits.POLICY_STEPS_MAX]
    rows = [_step(place, step) for place, step in enumerate(shown, start=1)]
    fields = [(str(entry.model._meta.verbose_name), _names_of(entry)) for entry in registry.entries()]
    return Form(named, about, needs, timed, rows, known_fields=sorted(fields))


def of_policy(policy: Policy) -> tuple[Values, Sequence[Values]]:
    """What the form of its next version begins with."""
    values = {name: getattr(policy, name) for name in COLUMNS}
    steps = [{name: getattr(step, name) for name in STEP_COLUMNS} for step in policy.steps.order_by("position")]
    return values, steps


def of_nothing() -> tuple[Values, Sequence[Values]]:
    """What the form of a new policy begins with: the columns' own defaults, and one checker."""
    fresh = Policy()
    return {name: getattr(fresh, name) for name in COLUMNS}, [{"role": Role.CHECKER, "is_rekeying": True}]


def read(data: QueryDict) -> tuple[Values, Sequence[Values]]:
    """What was typed, as the service takes it: it judges every value, whatever was sent."""
    return {name: _typed(name, data) for name in COLUMNS}, list(_typed_steps(data))


def _typed(name: str, data: QueryDict) -> Any:
    if name in TYPED:
        return list(dict.fromkeys(data.get(name, "").replace(",", " ").split()))
    if name in LISTS:
        return list(dict.fromkeys(data.getlist(name)))
    if isinstance(Policy._meta.get_field(name), models.BooleanField):
        return name in data
    return data.get(name, "").strip()


def _typed_steps(data: QueryDict) -> Iterator[dict[str, Any]]:
    for place in range(1, limits.POLICY_STEPS_MAX + 1):
        role = data.get(f"step_{place}_role", "")
        if role:
            step: dict[str, Any] = {name: data.get(f"step_{place}_{name}", "").strip() for name in STEP_COLUMNS}
            yield {**step, "people": step["people"] or "1", "is_rekeying": f"step_{place}_is_rekeying" in data}


def _control(name: str, value: Any) -> Control:
    column: Any = Policy._meta.get_field(name)
    control = Control(name, label_of(name), "text", hint=str(column.help_text or ""))
    if name in TYPED:
        control.kind, control.value = "names", "\n".join(value or [])
        control.hint = control.hint or _("One to a line, as amount or accounts.payout.amount. Empty: every field.")
    elif name in LISTS:
        control.kind, control.choices = "ticks", list(_choices(name, value or []))
    elif isinstance(column, models.BooleanField):
        control.kind, control.is_ticked = "tick", bool(value)
    else:
        control.kind = "text" if isinstance(column, models.CharField) else "number"
        control.value = "" if value is None else str(value)
        control.length_max = column.max_length or 0
    return control


def _choices(name: str, chosen: Sequence[str]) -> Iterator[Choice]:
    """What can be ticked, and what is ticked although nobody knows it any more."""
    offered = dict(_offered(name))
    for value, label in (*offered.items(), *((value, value) for value in chosen if value not in offered)):
        yield Choice(value, label, value in chosen)


def _offered(name: str) -> Iterable[tuple[str, str]]:
    if name in CHOICES:
        return [(str(value), str(label)) for value, label in CHOICES[name].choices]
    if name == "record_kinds":
        return [(entry.key, capfirst(str(entry.model._meta.verbose_name))) for entry in registry.entries()]
    if name == "currencies":
        return [(code, code) for code in known_currencies()]
    known: Mapping[str, Any] = known_flags() if name == "flags" else known_checks()
    return sorted(((code, capfirst(str(one.title))) for code, one in known.items()), key=lambda pair: pair[1])


def _step(place: int, step: Values) -> StepRow:
    role = str(step.get("role", ""))
    return StepRow(
        place,
        role=_roles(role),
        people=str(step.get("people", "1") or "1"),
        scope=_select("scope", str(step.get("scope", ""))),
        token=_select("token", str(step.get("token", ""))),
        escalates_to=_roles(str(step.get("escalates_to", ""))),
        is_rekeying=bool(step.get("is_rekeying", not role)),
    )


def _roles(chosen: str) -> list[Choice]:
    offered = [Choice(role, str(Role(role).label), role == chosen) for role in DECIDING_ROLES]
    return [Choice("", "—", not chosen), *offered]


def _select(name: str, chosen: str) -> list[Choice]:
    column: Any = PolicyStep._meta.get_field(name)
    wanted = chosen or str(column.default)
    return [Choice(str(value), str(label), value == wanted) for value, label in column.choices]


def _names_of(entry: Any) -> list[str]:
    return [f"{entry.key}.{name}" for name in entry.display_fields()]
