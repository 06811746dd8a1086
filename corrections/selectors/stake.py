"""The amount by which policies chose the tier, as pages tell it: in their currency, by which rates, with what else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from corrections.choices import Cumulate

Amount = Mapping[str, str]  # one amount by its currency, as the filter `money` takes it


@dataclass(frozen=True)
class Sum:
    """What earlier corrections of the same kind add, within days; and both together."""

    label: str
    days: int
    earlier: Amount
    together: Amount


@dataclass(frozen=True)
class Stake:
    amount: Amount
    rates: tuple[tuple[str, str], ...]  # of other currencies: what one unit is worth
    currency: str
    sums: tuple[Sum, ...]

    @property
    def says_more(self) -> bool:
        """Whether there is more to tell than the plain amount."""
        return bool(self.rates or self.sums)


def stake_of(amount: Decimal, currency: str, rates: Mapping[str, Any], earlier: Mapping[str, Any]) -> Stake | None:
    """`earlier` by ``dimension:days``; None where no money is at stake, and none was."""
    sums = tuple(_sums(amount, currency, earlier))
    if not amount and not sums:
        return None
    foreign = tuple((name, f"{Decimal(rate).normalize():f}") for name, rate in rates.items() if name != currency)
    return Stake({currency: f"{amount:f}"}, foreign, currency, sums)


def pinned_stake(demand: Mapping[str, Any]) -> Stake | None:
    """Of a submitted correction, by the rates and sums that were pinned with it."""
    if "amount" not in demand:
        return None
    return stake_of(Decimal(demand["amount"]), demand["currency"], demand.get("rates", {}), demand.get("earlier", {}))


def _sums(amount: Decimal, currency: str, earlier: Mapping[str, Any]) -> Iterable[Sum]:
    words = dict(Cumulate.choices)
    for key, found in sorted(earlier.items()):
        by, days = key.split(":")
        value = Decimal(found)
        if value:
            both = {currency: f"{amount + value:f}"}
            yield Sum(str(words.get(by, by)), int(days), {currency: f"{value:f}"}, both)
