"""What a change can move: the money at stake, and who gains by it. Registered in correctable.py."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db.models import Sum

from accounts.choices import PayoutStatus
from accounts.models import BankCard, Customer, LedgerAccount, Loan, Payout
from accounts.name_match import is_same
from accounts.numbers import index_of
from corrections.money import Money
from corrections.registry import ChangeView

TERMS = {"instalment", "term_months"}
DONE = (PayoutStatus.PAID, PayoutStatus.CANCELLED)


def larger(change: ChangeView, field: str) -> Money | None:
    """The larger of the amounts before and after: lowering an amount is no way under a limit."""
    rows: list[Any] = [row for row in (change.before, change.after) if row is not None]
    biggest = max(rows, key=attrgetter(field))
    return Money.of(getattr(biggest, field), biggest.currency)


def of_repayment(change: ChangeView) -> Money | list[Money] | None:
    """The larger amount; where the currency changes too, both: which of them is dearer, rates decide."""
    rows: list[Any] = [row for row in (change.after, change.before) if row is not None]
    amounts = {row.currency: Money(row.currency, row.amount) for row in rows}
    return list(amounts.values()) if len(amounts) > 1 else larger(change, "amount")


def of_loan(change: ChangeView) -> Money | None:
    """The principal; where only the terms change, the money effect of that."""
    before, after = change.before, change.after
    if not isinstance(before, Loan) or not isinstance(after, Loan) or not change.fields <= TERMS:
        return larger(change, "principal")
    return Money.of(effect_of_terms(before, after), before.currency)


def effect_of_terms(before: Loan, after: Loan) -> Decimal:
    """By how much what is repaid differs in all; or in time, where it is spread over more or fewer months."""
    in_all = abs(after.instalment * after.term_months - before.instalment * before.term_months)
    in_time = abs(after.instalment - before.instalment) * min(before.term_months, after.term_months)
    return max(in_all, in_time)


def of_card(change: ChangeView) -> Money | list[Money] | None:
    """For a new number: the payouts that go to this card and are not paid yet, in each of their currencies."""
    card = change.before
    if not isinstance(card, BankCard) or "number" not in change.fields:
        return None
    waiting = Payout.objects.filter(card=card.pk).exclude(status__in=DONE).order_by().values("currency")
    sums = [Money(row["currency"], row["sum"]) for row in waiting.annotate(sum=Sum("amount"))]
    return sums if len(sums) > 1 else next(iter(sums), None)


def customer_key(pk: int | None) -> str:
    """The key of a customer as a beneficiary."""
    return "" if pk is None else f"{Customer._meta.label_lower}:{pk}"


def account_key(account: LedgerAccount) -> str:
    """The customer whose account it is; an account of our own stands for itself."""
    return customer_key(account.customer_id) or f"{LedgerAccount._meta.label_lower}:{account.pk}"


def of_payout_to(payout: Payout) -> str:
    """Whom a payout reaches: the card's customer, the customer in person, or an account elsewhere by its index."""
    if payout.card is not None:
        return customer_key(payout.card.customer_id)
    customer = payout.customer
    if customer is not None and (not payout.beneficiary_name or is_same(payout.beneficiary_name, customer.name)):
        return customer_key(customer.pk)
    index = index_of(payout, "counterparty_account")
    return f"account:{index}" if index else ""
