"""Which policies hold for a correction, and what they demand together; pure reading, no decision is taken here."""

from __future__ import annotations

from corrections.policies.case import Atom, Case
from corrections.policies.demand import Demand, StepDemand, of_policy, together
from corrections.policies.match import (
    Match,
    NoPolicy,
    Ruled,
    amount_under,
    fits,
    in_force,
    match,
    may_be_typed,
    rows_under,
    speaks_of,
    steps_of,
)

__all__ = [
    "Atom",
    "Case",
    "Demand",
    "Match",
    "NoPolicy",
    "Ruled",
    "StepDemand",
    "amount_under",
    "fits",
    "in_force",
    "match",
    "may_be_typed",
    "of_policy",
    "rows_under",
    "speaks_of",
    "steps_of",
    "together",
]
