"""Amounts in the one currency that policies speak; the rates that were used are pinned with the correction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.conf import policy_currency
from corrections.errors import Conflict
from corrections.models import Change, ExchangeRate
from corrections.money import Money

CENT = Decimal("0.0001")  # what Change.stake keeps


class RateMissing(Conflict):
    """What can't be compared with a threshold can't be said to be below it."""

    code = "exchange_rate_is_missing"
    message = _(
        "There is no exchange rate for %(currency)s, so the amount can't be compared with the policies. "
        "Ask a policy administrator to add one."
    )


def rates_for(changes: Iterable[Change | Money], at: dt.datetime, pinned: Mapping[str, str]) -> dict[str, Decimal]:
    """What one unit of each currency at stake is worth; pinned rates first. Raises RateMissing."""
    wanted = sorted({change.currency for change in changes if change.amount is not None})
    rates = {policy_currency(): Decimal(1)} | {currency: Decimal(rate) for currency, rate in pinned.items()}
    missing = [currency for currency in wanted if currency not in rates]
    rates |= _latest(missing, timezone.localdate(at)) if missing else {}
    for currency in missing:
        if currency not in rates:
            raise RateMissing(currency=currency)
    return {currency: rates[currency] for currency in wanted}


def _latest(currencies: list[str], day: dt.date) -> dict[str, Decimal]:
    found = ExchangeRate.objects.filter(currency__in=currencies, valid_from__lte=day).order_by("valid_from")
    return dict(found.values_list("currency", "rate"))


def stake_of(change: Change | Money, rates: Mapping[str, Decimal]) -> Decimal | None:
    """Money at stake in the policy currency, never below zero: a minus sign is no way under a limit."""
    if change.amount is None:
        return None
    return (abs(change.amount) * rates[change.currency]).quantize(CENT, ROUND_HALF_EVEN)
