"""Which policies hold for a correction; pure reading, no decision is taken here.

Each field that a correction touches is matched by itself, so that a change under a strict policy gains nothing from
standing beside one under a mild policy. For each the first policy in force by priority holds. Policies that name
risk flags only add: a flag never lowers what holds without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.utils.translation import gettext_lazy as _

from corrections.errors import CorrectionError
from corrections.models import Policy, PolicyStep
from corrections.policies.case import Atom, Case


class NoPolicy(CorrectionError):
    """I-09: no policy, no correction."""

    code = "no_policy_matches"
    message = _("No approval policy matches this correction, so nobody could approve it. Ask a policy administrator.")


@dataclass(frozen=True)
class Ruled:
    """A policy with its steps in order."""

    policy: Policy
    steps: tuple[PolicyStep, ...]

    @property
    def people(self) -> int:
        return sum(step.people for step in self.steps)


@dataclass(frozen=True)
class Match:
    """The policy that holds for each field, and those that risk flags add."""

    base: Mapping[Atom, Ruled]
    added: tuple[Ruled, ...]

    @property
    def leading(self) -> Ruled:
        """Of those that hold without any flag the one with most signatures: its name tells nobody what was raised."""
        return min(self.base.values(), key=_order)

    @property
    def ruled(self) -> list[Ruled]:
        """Each policy once, the one with most signatures first."""
        found = {ruled.policy.pk: ruled for ruled in (*self.base.values(), *self.added)}
        return sorted(found.values(), key=_order)


def _order(ruled: Ruled) -> tuple[int, int, int]:
    return (-ruled.people, ruled.policy.priority, ruled.policy.pk)


def in_force() -> list[Ruled]:
    """Policies in force in the order of matching, in one statement. One without steps could never be signed."""
    steps = PolicyStep.objects.filter(policy__is_active=True).select_related("policy")
    steps = steps.order_by("policy__priority", "policy__name", "-policy__version", "policy_id", "position")
    return [Ruled(policy, tuple(own)) for policy, own in groupby(steps, key=lambda step: step.policy)]


def steps_of(policy: Policy) -> list[PolicyStep]:
    return sorted(policy.steps.all(), key=lambda step: step.position)


def match(case: Case, policies: Sequence[Ruled]) -> Match:
    """The policies that hold. Raises NoPolicy when a single field is ruled by none."""
    plain = [ruled for ruled in policies if not ruled.policy.flags]
    flagged = [ruled for ruled in policies if ruled.policy.flags]
    base = {atom: _first(plain, atom, case) for atom in case.atoms}
    if not base or None in base.values():
        raise NoPolicy
    return Match({atom: ruled for atom, ruled in base.items() if ruled}, tuple(_added(flagged, case)))


def _added(flagged: Sequence[Ruled], case: Case) -> Iterable[Ruled]:
    for flag in sorted(case.flags):
        naming = [ruled for ruled in flagged if flag in ruled.policy.flags]
        for atom in sorted(case.atoms):
            found = _first(naming, atom, case)
            if found is not None:
                yield found


def _first(policies: Sequence[Ruled], atom: Atom, case: Case) -> Ruled | None:
    return next((ruled for ruled in policies if fits(ruled.policy, atom, case)), None)


def fits(policy: Policy, atom: Atom, case: Case) -> bool:
    """Whether a policy matches one field of a correction."""
    return (
        speaks_of(policy, atom)
        and _is_in(case.reason, policy.reasons)
        and (not policy.currencies or bool(case.currencies & set(policy.currencies)))
        and _is_in_band(policy, amount_under(policy, case))
        and rows_under(policy, case) >= policy.rows_from
    )


def speaks_of(policy: Policy, atom: Atom) -> bool:
    """Whether a policy is about such a field at all. The desk's own controls must be named to be meant."""
    if atom.is_control and atom.model not in policy.record_kinds:
        return False
    return (
        _is_in(atom.model, policy.record_kinds)
        and _is_in(atom.action, policy.actions)
        and _is_in(atom.impact, policy.impact_classes)
        and (
            not policy.field_names
            or atom.field in policy.field_names
            or f"{atom.model}.{atom.field}" in policy.field_names
        )
    )


def amount_under(policy: Policy, case: Case) -> Decimal:
    """The amount as this policy adds it up: with earlier ones, by the dimension that gives most."""
    earlier = [case.earlier.get((dimension, policy.cumulate_days), Decimal(0)) for dimension in policy.cumulate]
    return case.amount + max(earlier, default=Decimal(0))


def rows_under(policy: Policy, case: Case) -> int:
    """Rows as this policy counts them: with those of earlier corrections, so that a file gains nothing by splitting."""
    earlier = [case.earlier_rows.get((dimension, policy.cumulate_days), 0) for dimension in policy.cumulate]
    return case.rows + max(earlier, default=0)


def _is_in_band(policy: Policy, amount: Decimal) -> bool:
    """`amount_from` itself is in the band, `amount_below` itself is not."""
    if policy.amount_from is not None and amount < policy.amount_from:
        return False
    return policy.amount_below is None or amount < policy.amount_below


def _is_in(value: str, allowed: Sequence[str]) -> bool:
    return not allowed or value in allowed


def may_be_typed(policies: Sequence[Ruled], atom: Atom) -> bool:
    """Whether some policy in force could let staff type this field; submission asks the one that holds."""
    plain = (ruled.policy for ruled in policies if not ruled.policy.flags)
    return any(policy.staff_may_type_customer_fields and speaks_of(policy, atom) for policy in plain)
