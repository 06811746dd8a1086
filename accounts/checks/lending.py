"""Checks of loans and repayments: nothing is left behind, nothing comes before the loan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.choices import ApplicationDecision, LoanStatus, PayoutStatus, RepaymentStatus
from accounts.models import Loan, Repayment
from corrections.checks import Check, Finding, Subject, failed, passed, say, warned
from corrections.choices import Action

NAMED_RECORDS_MAX = 5  # in a verdict; more tell nobody more


class VoidedLoanLeavesNothingBehind(Check):
    """Whoever voids a loan looks at its application, at payouts that left or may leave, and at what was repaid."""

    code = "voided_loan_leaves_nothing_behind"
    title = _("a voided loan leaves nothing behind")

    def look(self, subject: Subject) -> Finding:
        together = {(change.target_model, change.target_pk) for change in subject.changes}
        for change, view in subject.of(Loan, Action.UPDATE):
            if change.new.get("status") != LoanStatus.VOIDED:
                continue
            left = (row for row in _hanging_on(view.row) if (row._meta.label_lower, str(row.pk)) not in together)
            names = [str(row) for row in islice(left, NAMED_RECORDS_MAX)]
            if names:
                return warned(say(_("not in this correction: %(records)s"), records=", ".join(names)), records=names)
        return passed(_("nothing is left behind"))


class RepaymentIsNotBeforeItsLoan(Check):
    """Nothing is repaid before the loan was opened; on that very day it may be."""

    code = "repayment_is_not_before_its_loan"
    title = _("no repayment is before its loan")

    def look(self, subject: Subject) -> Finding:
        for _change, view in subject.of(Repayment, Action.UPDATE, Action.CREATE):
            row = view.after
            if not isinstance(row, Repayment) or not row.loan_id or not view.fields & {"paid_on", "loan"}:
                continue
            if row.paid_on < row.loan.opened_on:
                return _too_early(row.reference, row.paid_on, row.loan)
        for _change, view in subject.of(Loan, Action.UPDATE):
            if isinstance(view.after, Loan) and "opened_on" in view.fields:
                first = view.after.repayments.filter(status=RepaymentStatus.POSTED).order_by("paid_on", "pk").first()
                if first is not None and first.paid_on < view.after.opened_on:
                    return _too_early(first.reference, first.paid_on, view.after)
        return passed(_("no repayment is before its loan"))


def _too_early(reference: str, paid_on: dt.date, loan: Loan) -> Finding:
    text = _("%(repayment)s was paid on %(paid)s, and %(loan)s opened on %(opened)s")
    told = {"paid": f"{paid_on:%Y-%m-%d}", "opened": f"{loan.opened_on:%Y-%m-%d}"}
    return failed(say(text, repayment=reference, loan=loan, **told), repayment=reference, loan=loan.number, **told)


def _hanging_on(loan: Any) -> Iterator[Any]:
    if loan.application is not None and loan.application.decision == ApplicationDecision.APPROVED:
        yield loan.application
    yield from loan.payouts.exclude(status__in=[PayoutStatus.REFUSED, PayoutStatus.CANCELLED])
    yield from loan.repayments.filter(status=RepaymentStatus.POSTED)
