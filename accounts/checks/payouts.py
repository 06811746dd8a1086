"""Checks of payouts: where money goes, from what account, how much of a loan, and whether it is on its way already."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from accounts.choices import AccountStatus, CardStatus, PayoutStatus
from accounts.models import Loan, Payout
from corrections.checks import Check, Finding, Subject, failed, passed, say, warned
from corrections.choices import Action
from corrections.registry import ChangeView

# Where the money goes, and how much of it.
DESTINATION = {"card", "counterparty_account", "counterparty_bank", "beneficiary_name", "amount", "channel", "currency"}
ON_ITS_WAY = {PayoutStatus.SENT, PayoutStatus.PAID}
TO_LEAVE = {PayoutStatus.CREATED, PayoutStatus.TO_BE_SENT}
NEVER_LEFT = {PayoutStatus.REFUSED, PayoutStatus.CANCELLED}


def _payouts(subject: Subject) -> Iterator[tuple[ChangeView, Payout]]:
    """Payouts as they would be."""
    for _change, view in subject.of(Payout, Action.UPDATE, Action.CREATE):
        if isinstance(view.after, Payout):
            yield view, view.after


class PayoutCardIsItsCustomers(Check):
    """A payout goes to a card of the customer whose money it is, and to one that works."""

    code = "payout_card_is_its_customers"
    title = _("the card belongs to the payout's customer")

    def look(self, subject: Subject) -> Finding:
        for view, payout in _payouts(subject):
            card = payout.card
            if card is None:
                continue
            if payout.customer is not None and card.customer_id != payout.customer.pk:
                text = say(_("%(payout)s would go to another customer's card"), payout=payout)
                return failed(text, payout=payout.number)
            if "card" in view.fields and card.status != CardStatus.ACTIVE:
                status = CardStatus(card.status).label
                text = say(_("the card for %(payout)s is %(status)s"), payout=payout, status=status)
                return warned(text, payout=payout.number, status=str(card.status))
        return passed(_("payouts go to their own customers' cards"))


class PayoutSourceIsInUse(Check):
    """Money out of a dormant, frozen or closed account deserves a second look."""

    code = "payout_source_is_in_use"
    title = _("the source account is in use")

    def look(self, subject: Subject) -> Finding:
        for _view, payout in _payouts(subject):
            account = payout.source_account
            if account.status != AccountStatus.ACTIVE:
                status = AccountStatus(account.status).label
                text = say(_("%(payout)s leaves an account that is %(status)s"), payout=payout, status=status)
                return warned(text, payout=payout.number, account=account.number, status=str(account.status))
        return passed(_("source accounts are in use"))


class PayoutIsNotOnItsWay(Check):
    """What was sent or paid can't be sent elsewhere, nor sent once more, by correcting our record of it."""

    code = "payout_is_not_on_its_way"
    title = _("the payout is not on its way or paid")

    def look(self, subject: Subject) -> Finding:
        for _change, view in subject.of(Payout):
            before, after = view.before, view.after
            if not isinstance(before, Payout) or before.status not in ON_ITS_WAY:
                continue
            status = PayoutStatus(before.status).label
            facts = {"payout": before.number, "status": str(before.status)}
            if view.fields & DESTINATION or after is None:
                text = _("%(payout)s is %(status)s: where it went and how much can't be changed any more")
                return failed(say(text, payout=before, status=status), **facts)
            if isinstance(after, Payout) and after.status in TO_LEAVE:
                text = _("%(payout)s is %(status)s: sent again, it would be paid twice")
                return failed(say(text, payout=before, status=status), **facts)
        return passed(_("no payout is on its way or paid"))


class PayoutsStayWithinTheirLoan(Check):
    """The payouts of a loan together are no more than its principal. One query, where money or a loan's sum changes."""

    code = "payouts_stay_within_their_loan"
    title = _("the amount stays within the loan")

    def together(self, view: ChangeView) -> Hashable:
        return view.after.loan_id if isinstance(view.after, Payout) else None

    def look(self, subject: Subject) -> Finding:
        for loan, ours in _by_loan(subject).values():
            counted = [payout for payout in ours if payout.status not in NEVER_LEFT]
            foreign = [payout.number for payout in counted if payout.currency != loan.currency]
            if foreign:
                text = say(_("%(payouts)s and the loan have different currencies"), payouts=", ".join(foreign))
                return warned(text, payouts=foreign, loan=loan.number)
            others = loan.payouts.exclude(pk__in=[payout.pk for payout in ours if payout.pk])
            others = others.exclude(status__in=NEVER_LEFT).filter(currency=loan.currency)
            rest = others.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
            total = rest + sum((payout.amount for payout in counted), Decimal(0))
            if total > loan.principal:
                text = _("payouts of %(loan)s would be %(total)s together, and the loan is %(principal)s")
                told = {"total": f"{total:.2f}", "principal": f"{loan.principal:.2f}"}
                return failed(say(text, loan=loan, **told), loan=loan.number, **told)
        return passed(_("payouts stay within their loans"))


def _by_loan(subject: Subject) -> dict[int, tuple[Loan, list[Payout]]]:
    """Loans of which the sum to pay out may grow, or the principal changes, with their payouts as they would be."""
    loans: dict[int, Loan] = {}
    for _change, view in subject.of(Loan, Action.UPDATE):
        if isinstance(view.after, Loan) and "principal" in view.fields:
            loans[view.after.pk] = view.after
    payouts = list(_payouts(subject))
    for view, payout in payouts:
        if payout.loan is not None and payout.loan_id is not None and _may_grow(view, payout):
            loans.setdefault(payout.loan_id, payout.loan)
    return {pk: (loan, [payout for _view, payout in payouts if payout.loan_id == pk]) for pk, loan in loans.items()}


def _may_grow(view: ChangeView, payout: Payout) -> bool:
    if payout.status in NEVER_LEFT:
        return False
    returns = not isinstance(view.before, Payout) or view.before.status in NEVER_LEFT
    return returns or bool(view.fields & {"amount", "loan", "currency"})
