"""Machine checks that know the lender's business; they only look, and name what a human should know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.choices import AccountStatus, ApplicationDecision, CardStatus, LoanStatus, PayoutStatus, RepaymentStatus
from accounts.models import BankCard, LedgerAccount, Loan, Payout, Posting
from corrections.checks import Finding, Subject, say
from corrections.choices import Action, Verdict
from corrections.models import Change

NAMED_RECORDS_MAX = 5  # in a verdict; more tell nobody more


def payout_card_is_its_customers(subject: Subject) -> Finding:
    """A payout goes to a card of the customer whose money it is, and to one that works."""
    for change, payout in _payouts(subject):
        card = _card_afterwards(change, payout)
        if card is None:
            continue
        if payout.customer is not None and card.customer_id != payout.customer.pk:
            return Finding(Verdict.FAIL, say(_("%(payout)s would go to another customer's card"), payout=payout))
        if "card_id" in change.new and card.status != CardStatus.ACTIVE:
            status = CardStatus(card.status).label
            return Finding(Verdict.WARN, say(_("the card for %(payout)s is %(status)s"), payout=payout, status=status))
    return Finding(Verdict.PASS, _("payouts go to their own customers' cards"))


def payout_source_is_in_use(subject: Subject) -> Finding:
    """Money out of a dormant, frozen or closed account deserves a second look."""
    for _change, payout in _payouts(subject):
        account = payout.source_account
        if account.status != AccountStatus.ACTIVE:
            text = _("%(payout)s leaves an account that is %(status)s")
            return Finding(Verdict.WARN, say(text, payout=payout, status=AccountStatus(account.status).label))
    return Finding(Verdict.PASS, _("source accounts are in use"))


def postings_balance(subject: Subject) -> Finding:
    """The new postings of each entry sum to zero per currency."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for change in _of(subject, Posting):
        sums[str(change.new.get("entry_id")), str(change.new.get("currency"))] += Decimal(change.new["amount"])
    open_ends = [f"{amount} {currency}" for (_entry, currency), amount in sums.items() if amount]
    if open_ends:
        return Finding(Verdict.FAIL, say(_("debits and credits differ by %(sums)s"), sums=", ".join(open_ends)))
    return Finding(Verdict.PASS, _("debits and credits are equal"))


def postings_fit_their_accounts(subject: Subject) -> Finding:
    """A posting is in its account's currency, and the account still takes postings."""
    for change in _of(subject, Posting):
        account = LedgerAccount.objects.filter(pk=change.new.get("account_id")).first()
        if account is None or account.currency != change.new.get("currency"):
            return Finding(
                Verdict.FAIL, say(_("%(posting)s is not in its account's currency"), posting=change.target_label)
            )
        if account.status in {AccountStatus.FROZEN, AccountStatus.CLOSED}:
            text = _("account %(account)s is %(status)s and takes no postings")
            return Finding(Verdict.FAIL, say(text, account=account, status=AccountStatus(account.status).label))
    return Finding(Verdict.PASS, _("accounts take these postings"))


def voided_loan_leaves_nothing_behind(subject: Subject) -> Finding:
    """Whoever voids a loan looks at its application, at payouts that left or may leave, and at what was repaid."""
    voided = [c for c in _of(subject, Loan, Action.UPDATE) if c.new.get("status") == LoanStatus.VOIDED]
    together = {(change.target_model, change.target_pk) for change in subject.changes}
    for change in voided:
        loan: Any = subject.live.get(change.pk)
        left = (row for row in _hanging_on(loan) if (row._meta.label_lower, str(row.pk)) not in together)
        names = ", ".join(map(str, islice(left, NAMED_RECORDS_MAX)))
        if names:
            return Finding(Verdict.WARN, say(_("not in this correction: %(records)s"), records=names))
    return Finding(Verdict.PASS, _("nothing is left behind"))


def _hanging_on(loan: Any) -> Iterator[Any]:
    if loan is None:
        return
    if loan.application is not None and loan.application.decision == ApplicationDecision.APPROVED:
        yield loan.application
    yield from loan.payouts.exclude(status__in=[PayoutStatus.REFUSED, PayoutStatus.CANCELLED])
    yield from loan.repayments.filter(status=RepaymentStatus.POSTED)


def _of(subject: Subject, model: Any, action: str = Action.CREATE) -> Iterator[Change]:
    for change in subject.changes:
        if change.target_model == model._meta.label_lower and change.action == action:
            yield change


def _payouts(subject: Subject) -> Iterator[tuple[Change, Payout]]:
    for change in _of(subject, Payout, Action.UPDATE):
        payout = subject.live.get(change.pk)
        if isinstance(payout, Payout):
            yield change, payout


def _card_afterwards(change: Change, payout: Payout) -> BankCard | None:
    key = change.new.get("card_id", payout.card_id)
    return None if key is None else BankCard.objects.filter(pk=key).first()
