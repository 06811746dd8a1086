"""Risk flags that know the lender's business; what each counts in is said in its docstring.

What they must know of the past is asked together with everybody else's questions, in one statement.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.choices import AccountKind, AccountStatus, RepaymentStatus
from accounts.models import (
    BankCard,
    Customer,
    JournalEntry,
    LedgerAccount,
    Loan,
    LoanApplication,
    Payout,
    Posting,
    Repayment,
    StaffCard,
)
from accounts.name_match import folded
from accounts.numbers import index_of
from accounts.stakes import customer_key
from corrections.checks import Finding, Flag, Subject, say, warned
from corrections.checks.asking import Answers, count, latest, total
from corrections.choices import Action, State
from corrections.models import Change, FlagRule
from corrections.registry import ChangeView

ASKED_ONE_BY_ONE_MAX = 50  # rows; of more all are asked about together
TAILS_MIN = 10  # small postings on one account that look like gathering


def months_before(day: dt.date, months: int) -> dt.date:
    """The same day so many months earlier; the last of the month where it has no such day (29 Feb → 28 Feb)."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _views(subject: Subject) -> Iterator[ChangeView]:
    for change in subject.changes:
        view = subject.views.get(change.pk)
        if view is not None:
            yield view


def _account_of(row: Any) -> LedgerAccount | None:
    if isinstance(row, Payout):
        return row.source_account
    if isinstance(row, LedgerAccount):
        return row
    if isinstance(row, Posting):
        return row.account if row.account_id else None
    if isinstance(row, Repayment):
        return row.loan.account if row.loan_id else None
    return None


class DormantAccount(Flag):
    """An account that is dormant, or was last used more than `threshold` months before: on the day itself not yet."""

    code = "dormant_account"
    title = _("dormant account awakened")

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        months = int(rule.threshold)
        limit = months_before(timezone.localdate(subject.at), months) if months else None
        for view in _views(subject):
            # As it was: a correction that awakens it would otherwise hide it.
            account = _account_of(view.before if view.before is not None else view.after)
            if account is None or account.kind != AccountKind.CUSTOMER:
                continue
            # Where no use was ever recorded, the account's status alone can tell.
            last = account.last_activity_on
            is_old = limit is not None and last is not None and last < limit
            if account.status == AccountStatus.DORMANT or is_old:
                text = _("account %(account)s was last used on %(day)s")
                day = f"{last or account.opened_on:%Y-%m-%d}"
                facts = {"account": account.number, "last_used": day, "status": str(account.status)}
                return warned(say(text, account=account, day=day), months=months, **facts)
        return None


class StaffOrRelated(Flag):
    """The customer or the beneficiary shares a number, or the maker's name, with staff. No numbers of its own."""

    code = "staff_or_related"
    title = _("staff or related party")

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        numbers = frozenset(_numbers(subject))
        names = ("number_index", "account_index", "identity_number_index", "mobile_index")
        wanted = reduce(or_, (Q(**{f"{name}__among": numbers}) for name in names))
        return {"declared": count(StaffCard.objects.filter(wanted, is_active=True))} if numbers else {}

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        declared = int(past.get("declared") or 0)
        if declared:
            text = _("a number of the customer or the beneficiary is one that a member of staff declared")
            return warned(text, declarations=declared)
        maker, names = folded(subject.correction.maker_name), list(_names(subject))
        same = {name for name in {name for _label, name in names} if folded(name) == maker} if maker else set()
        namesakes = [label for label, name in names if name in same]
        if namesakes:
            said = _("%(records)s: the customer or the beneficiary has the maker's name")
            return warned(say(said, records=", ".join(namesakes)), records=namesakes)
        return None


def _customer_of(row: Any) -> Customer | None:
    """Whose money or record it is."""
    if isinstance(row, Customer):
        return row
    if isinstance(row, Payout | BankCard | LoanApplication | Loan | LedgerAccount):
        return row.customer
    if isinstance(row, Repayment):
        return row.loan.customer if row.loan_id else None
    if isinstance(row, Posting):
        return row.account.customer if row.account_id else None
    return None


# Of a payout: what says nothing of whom it belongs to or reaches, so that the row after it tells no more.
OF_NOBODY = frozenset({"counterparty_bank", "amount", "channel", "channel_reference", "status", "failure_code"})


def _rows(subject: Subject) -> Iterator[Any]:
    for view in _views(subject):
        if view.before is not None:
            yield view.before
        if view.after is not None and not (isinstance(view.before, Payout) and view.fields <= OF_NOBODY):
            yield view.after


def _numbers(subject: Subject) -> set[str]:
    """Blind indexes of all numbers by which somebody could be known."""
    found: set[str] = set()
    customer: Customer | None = None
    for row in _rows(subject):
        # The row after a change has the same customer as the one before it, most of the time the same instance.
        if (whose := _customer_of(row)) is not None and whose is not customer:
            customer = whose
            found |= {index_of(customer, "identity_number"), index_of(customer, "mobile")}
        if isinstance(row, BankCard):
            found.add(index_of(row, "number"))
        if isinstance(row, LedgerAccount):
            found.add(index_of(row, "account_number"))
        if isinstance(row, Payout):
            found.add(index_of(row, "counterparty_account"))
            found.add(index_of(row.card, "number") if row.card is not None else "")
    return found - {""}


def _names(subject: Subject) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for row in _rows(subject):
        customer = _customer_of(row)
        names: tuple[str, ...] = () if customer is None else (customer.name,)
        names += (row.beneficiary_name,) if isinstance(row, Payout) else ()
        names += (row.holder_name,) if isinstance(row, BankCard) else ()
        label = str(row)
        for name in names:
            pair = (label, name)
            if name and pair not in seen:
                seen.add(pair)
                yield pair


class PriorPeriod(Flag):
    """The record belongs to an earlier year; with a `threshold` above 0, to a month that many months back or more."""

    code = "prior_period"
    title = _("prior period")

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        today, months = timezone.localdate(subject.at), int(rule.threshold)
        for view in _views(subject):
            for row in (view.before, view.after):
                day = _booked(row, view.fields)
                if day is None:
                    continue
                back = (today.year - day.year) * 12 + today.month - day.month
                if day.year < today.year or (months and back >= months):
                    told = {"record": str(row), "day": f"{day:%Y-%m-%d}"}
                    text = say(_("%(record)s belongs to an earlier period: %(day)s"), **told)
                    return warned(text, is_prior_year=day.year < today.year, months_back=back, **told)
        return None


# A loan or an account lives through many periods; what was agreed when it was opened belongs to the first.
AGREED = {"principal", "term_months", "instalment", "opened_on"}


def _booked(row: Any, fields: frozenset[str]) -> dt.date | None:
    """The day by which the record belongs to an accounting period."""
    if isinstance(row, Payout):
        return timezone.localdate(row.created_at)
    if isinstance(row, Repayment):
        return row.paid_on
    if isinstance(row, JournalEntry):
        return row.booked_on
    if isinstance(row, Posting):
        return row.entry.booked_on if row.entry_id else None
    if isinstance(row, LoanApplication):
        return row.requested_on
    if isinstance(row, Loan | LedgerAccount):
        return row.opened_on if fields & AGREED else None
    return None


class RoundTrip(Flag):
    """Money of one customer goes out and comes back in the same amount within `window_days`, one of both corrected."""

    code = "round_trip"
    title = _("money out and in again")

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        since = subject.at - dt.timedelta(days=rule.window_days)
        asked: dict[str, Subquery] = {}
        if len(subject.changes) > ASKED_ONE_BY_ONE_MAX:
            return asked  # then `look` asks for all rows together
        for place, view in enumerate(_views(subject)):
            row = view.row
            if isinstance(row, Payout) and row.customer is not None:
                asked[f"in{place}"] = _came_in(row, timezone.localdate(since))
            elif isinstance(row, Repayment | Posting) and (question := _went_out(row, since)) is not None:
                asked[f"out{place}"] = question
        return asked

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        together: set[str] = set()
        if len(subject.changes) > ASKED_ONE_BY_ONE_MAX:
            together = _both_ways(subject, subject.at - dt.timedelta(days=rule.window_days))
        found = sorted({str(value) for value in past.values() if value} | together)
        if not found:
            return None
        text = say(
            _("the same amount went out and came in within %(days)s days: %(records)s"),
            days=rule.window_days,
            records=", ".join(found),
        )
        return warned(text, records=found, window_days=rule.window_days)


def _came_in(payout: Payout, since: dt.date) -> Subquery:
    """The latest repayment of the same amount by the payout's customer."""
    same = Repayment.objects.filter(loan__customer=payout.customer, amount=payout.amount, currency=payout.currency)
    return latest(same.filter(status=RepaymentStatus.POSTED, paid_on__gte=since), "reference")


def _went_out(row: Repayment | Posting, since: dt.datetime) -> Subquery | None:
    """The latest correction of a payout of the same amount to the same customer."""
    customer = _customer_of(row)
    is_in = isinstance(row, Repayment) or row.amount < 0
    if customer is None or not is_in:
        return None
    same = Change.objects.filter(
        beneficiary=customer_key(customer.pk),
        target_model=Payout._meta.label_lower,
        amount=abs(row.amount),
        currency=row.currency,
        correction__state=State.APPLIED,
        correction__applied_at__gte=since,
    )
    return latest(same, "correction__number")


Key = tuple[Any, Decimal, str]  # whose money, how much, in which currency


def _both_ways(subject: Subject, since: dt.datetime) -> set[str]:
    """The same answers for many rows, by one question in each direction."""
    out: set[Key] = set()
    back: set[Key] = set()
    for view in _views(subject):
        row = view.row
        if isinstance(row, Payout) and row.customer is not None:
            out.add((row.customer.pk, row.amount, row.currency))
        elif isinstance(row, Repayment | Posting) and (isinstance(row, Repayment) or row.amount < 0):
            customer = _customer_of(row)
            if customer is not None:
                back.add((customer_key(customer.pk), abs(row.amount), row.currency))
    return _latest_of(out, _repaid(out, timezone.localdate(since))) | _latest_of(back, _corrected(back, since))


def _repaid(keys: set[Key], since: dt.date) -> Iterable[tuple[Any, Any, str, Any]]:
    if not keys:
        return []
    # The amounts are compared where the answers are looked up.
    same = Repayment.objects.filter(loan__customer__pk__among=frozenset(who for who, *_ in keys))
    same = same.filter(status=RepaymentStatus.POSTED, paid_on__gte=since).order_by()
    return same.values_list("loan__customer", "amount", "currency", "reference")


def _corrected(keys: set[Key], since: dt.datetime) -> Iterable[tuple[Any, Any, str, Any]]:
    if not keys:
        return []
    same = Change.objects.filter(beneficiary__among=frozenset(who for who, *_ in keys))
    same = same.filter(
        target_model=Payout._meta.label_lower, correction__state=State.APPLIED, correction__applied_at__gte=since
    )
    return same.order_by().values_list("beneficiary", "amount", "currency", "correction__number")


def _latest_of(keys: set[Key], found: Iterable[tuple[Any, Any, str, Any]]) -> set[str]:
    latest_by_key: dict[Key, str] = {}
    for who, amount, currency, name in found:
        if (who, amount, currency) in keys:
            latest_by_key[who, amount, currency] = max(name, latest_by_key.get((who, amount, currency), ""))
    return set(latest_by_key.values())


class RoundingTails(Flag):
    """Ten postings of at most `threshold` gather on an internal account within `window_days`, these included."""

    code = "rounding_tails"
    title = _("rounding tails gather in one account")

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        since = timezone.localdate(subject.at) - dt.timedelta(days=rule.window_days)
        asked: dict[str, Subquery] = {}
        for account in sorted(_tails(subject, rule.threshold)):
            small = Posting.objects.filter(account=account, entry__booked_on__gte=since)
            small = small.filter(amount__gte=-rule.threshold, amount__lte=rule.threshold)
            asked |= {f"count{account}": count(small), f"total{account}": total(small, "amount")}
        return asked

    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        for account, ours in sorted(_tails(subject, rule.threshold).items()):
            tails = int(past.get(f"count{account}") or 0) + len(ours)
            if tails < TAILS_MIN:
                continue
            sum_ = Decimal(past.get(f"total{account}") or 0) + sum((posting.amount for posting in ours), Decimal(0))
            number = ours[0].account.number
            text = _("%(count)s postings of at most %(limit)s on %(account)s in %(days)s days, %(sum)s together")
            told = {"count": tails, "account": number, "sum": f"{sum_:.2f}", "limit": f"{rule.threshold:.2f}"}
            return warned(say(text, days=rule.window_days, **told), window_days=rule.window_days, **told)
        return None


def _tails(subject: Subject, limit: Decimal) -> dict[int, list[Posting]]:
    """Small new postings by internal account."""
    found: dict[int, list[Posting]] = {}
    for _change, view in subject.of(Posting, Action.CREATE):
        posting = view.row
        if not isinstance(posting, Posting) or not posting.account_id or abs(posting.amount) > limit:
            continue
        if posting.account.kind != AccountKind.CUSTOMER:
            found.setdefault(posting.account_id, []).append(posting)
    return found
