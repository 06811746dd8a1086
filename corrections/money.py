"""Amounts of money with their currency; no arithmetic across currencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, order=True)
class Money:
    """An exact amount in one currency (ISO 4217 code)."""

    currency: str
    amount: Decimal

    @classmethod
    def of(cls, amount: Decimal | int | str | None, currency: str) -> Money | None:
        """Money, or nothing where there is no amount."""
        return None if amount is None else cls(currency, Decimal(amount))


def each(amounts: Money | Iterable[Money] | None) -> list[Money]:
    """What a registered function gave, as a list: one amount, several in different currencies, or nothing."""
    if amounts is None:
        return []
    return [amounts] if isinstance(amounts, Money) else list(amounts)


def total(amounts: Iterable[Money | None]) -> dict[str, Decimal]:
    """Sum per currency; what has no amount adds nothing."""
    sums: dict[str, Decimal] = {}
    for money in amounts:
        if money is not None:
            sums[money.currency] = sums.get(money.currency, Decimal(0)) + money.amount
    return dict(sorted(sums.items()))
