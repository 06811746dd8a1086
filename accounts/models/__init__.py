"""The tables of the lender's business data, one file per subject."""

from accounts.models.branch import Branch, BranchGroupObjectPermission, BranchUserObjectPermission
from accounts.models.customer import BankCard, Customer
from accounts.models.ledger import AccountHolder, JournalEntry, LedgerAccount, Posting
from accounts.models.lending import Loan, LoanApplication, Repayment
from accounts.models.payout import Payout
from accounts.models.staff import StaffCard

__all__ = [
    "AccountHolder",
    "BankCard",
    "Branch",
    "BranchGroupObjectPermission",
    "BranchUserObjectPermission",
    "Customer",
    "JournalEntry",
    "LedgerAccount",
    "Loan",
    "LoanApplication",
    "Payout",
    "Posting",
    "Repayment",
    "StaffCard",
]
