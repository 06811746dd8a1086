"""The check that a frozen or closed account neither pays nor is paid from; postings have theirs in journal.py."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from accounts.checks.payouts import TO_LEAVE
from accounts.choices import AccountStatus
from accounts.models import LedgerAccount, Payout, Repayment
from corrections.checks import Check, Finding, Subject, failed, passed, say
from corrections.choices import Action

SHUT = {AccountStatus.FROZEN, AccountStatus.CLOSED}
MONEY = {"loan", "amount", "currency", "status"}


class AccountIsNotFrozen(Check):
    """A payout that may still leave, and a repayment that is added, taken away or changed in its money."""

    code = "account_is_not_frozen"
    title = _("the account is not frozen")

    def look(self, subject: Subject) -> Finding:
        for label, account in accounts(subject):
            if account.status in SHUT:
                status = AccountStatus(account.status).label
                text = _("%(record)s: account %(account)s is %(status)s, no money may leave or reach it")
                facts = {"record": label, "account": account.number, "status": str(account.status)}
                return failed(say(text, record=label, account=account, status=status), **facts)
        return passed(_("accounts are not frozen"))


def accounts(subject: Subject) -> Iterator[tuple[str, LedgerAccount]]:
    for _change, view in subject.of(Payout, Action.UPDATE, Action.CREATE):
        if isinstance(view.after, Payout) and view.after.status in TO_LEAVE:
            yield view.after.number, view.after.source_account
    for change, view in subject.of(Repayment):
        row = view.row
        if isinstance(row, Repayment) and row.loan_id and (change.action != Action.UPDATE or view.fields & MONEY):
            yield row.reference, row.loan.account
