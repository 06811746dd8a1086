"""What a policy is matched against: plain values, so that matching is a pure function of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, order=True)
class Atom:
    """The smallest thing that a policy can speak of: one action on one field of one kind of record."""

    model: str
    action: str
    field: str
    impact: str = ""
    is_control: bool = False


@dataclass(frozen=True)
class Case:
    """One correction as policies see it. Amounts are in the policy currency and never below zero.

    `earlier` is what earlier corrections of the same maker, beneficiary, target or day add up to, by dimension and
    days, and `earlier_rows` how many rows they changed. `flags` are the raised ones that may raise the tier.
    """

    atoms: frozenset[Atom]
    reason: str
    amount: Decimal = Decimal(0)
    currencies: frozenset[str] = frozenset()
    earlier: Mapping[tuple[str, int], Decimal] = field(default_factory=dict)
    rows: int = 1
    earlier_rows: Mapping[tuple[str, int], int] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
