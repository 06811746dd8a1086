"""Checks of the journal: entries balance, and accounts take what is posted to them."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from accounts.choices import AccountStatus
from accounts.models import Posting
from corrections.checks import Check, Finding, Subject, failed, passed, say
from corrections.choices import Action


class PostingsBalance(Check):
    """The new postings of each entry sum to zero per currency."""

    code = "postings_balance"
    title = _("the ledger stays balanced")

    def look(self, subject: Subject) -> Finding:
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for change, _view in subject.of(Posting, Action.CREATE):
            # The key as it stands in the change: of an entry that this correction creates there is none yet.
            sums[str(change.new.get("entry_id")), str(change.new.get("currency"))] += Decimal(change.new["amount"])
        open_ends = [f"{amount} {currency}" for (_entry, currency), amount in sums.items() if amount]
        if open_ends:
            return failed(say(_("debits and credits differ by %(sums)s"), sums=", ".join(open_ends)), open=open_ends)
        return passed(_("debits and credits are equal"))


class PostingsFitTheirAccounts(Check):
    """A posting is in its account's currency, and the account still takes postings."""

    code = "postings_fit_their_accounts"
    title = _("accounts take these postings")

    def look(self, subject: Subject) -> Finding:
        for change, view in subject.of(Posting, Action.CREATE):
            posting: Posting = view.row  # type: ignore[assignment]
            account = posting.account if posting.account_id else None
            if account is None or account.currency != posting.currency:
                text = say(_("%(posting)s is not in its account's currency"), posting=change.target_label)
                return failed(text, posting=change.target_label)
            if account.status in {AccountStatus.FROZEN, AccountStatus.CLOSED}:
                status = AccountStatus(account.status).label
                text = say(_("account %(account)s is %(status)s and takes no postings"), account=account, status=status)
                return failed(text, account=account.number, status=str(account.status))
        return passed(_("accounts take these postings"))
