"""Machine checks that know the lender's business; they only look, and name what a human should know."""

from __future__ import annotations

from accounts.checks.cards import (
    CardBankFitsItsNumber,
    CardIsNotAnothers,
    CardIsNotAStaffMembers,
    CardIssuerIsKnown,
    CardNumberIsReal,
    CardSchemeFitsItsNumber,
)
from accounts.checks.frozen import AccountIsNotFrozen
from accounts.checks.holders import HolderIsTheCustomer
from accounts.checks.journal import PostingsBalance, PostingsFitTheirAccounts
from accounts.checks.lending import RepaymentIsNotBeforeItsLoan, VoidedLoanLeavesNothingBehind
from accounts.checks.payouts import (
    PayoutCardIsItsCustomers,
    PayoutIsNotOnItsWay,
    PayoutSourceIsInUse,
    PayoutsStayWithinTheirLoan,
)
from accounts.checks.verified import CardIsVerified

__all__ = [
    "AccountIsNotFrozen",
    "CardBankFitsItsNumber",
    "CardIsNotAStaffMembers",
    "CardIsNotAnothers",
    "CardIsVerified",
    "CardIssuerIsKnown",
    "CardNumberIsReal",
    "CardSchemeFitsItsNumber",
    "HolderIsTheCustomer",
    "PayoutCardIsItsCustomers",
    "PayoutIsNotOnItsWay",
    "PayoutSourceIsInUse",
    "PayoutsStayWithinTheirLoan",
    "PostingsBalance",
    "PostingsFitTheirAccounts",
    "RepaymentIsNotBeforeItsLoan",
    "VoidedLoanLeavesNothingBehind",
]
