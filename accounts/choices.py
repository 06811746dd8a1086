"""The business vocabulary of a lender: statuses, kinds and currencies, with the words people see for them.

A context tells translators whose status it is: a closed account and a closed card are two words in Chinese.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Currency(models.TextChoices):
    """Currencies that are kept, with the two decimals of the columns of money.

    A yen has none, and an amount with sen is refused. A Kuwaiti dinar has three: the third can't be kept, so such an
    amount is refused too, and never rounded.
    """

    CNY = "CNY", _("Chinese yuan")
    HKD = "HKD", _("Hong Kong dollar")
    USD = "USD", _("US dollar")
    EUR = "EUR", _("euro")
    GBP = "GBP", _("pound sterling")
    CZK = "CZK", _("Czech koruna")
    JPY = "JPY", _("Japanese yen")
    KWD = "KWD", _("Kuwaiti dinar")


WHOLE = (Currency.JPY,)  # currencies without a smaller unit


class CustomerStatus(models.TextChoices):
    ACTIVE = "active", pgettext_lazy("customer", "active")
    BLOCKED = "blocked", pgettext_lazy("customer", "blocked")
    CLOSED = "closed", pgettext_lazy("customer", "closed")


class HolderRole(models.TextChoices):
    OWNER = "owner", pgettext_lazy("account", "owner")
    AUTHORISED = "authorised", pgettext_lazy("account", "authorised user")


class CardScheme(models.TextChoices):
    VISA = "visa", "Visa"
    MASTERCARD = "mastercard", "Mastercard"
    UNIONPAY = "unionpay", _("UnionPay")
    JCB = "jcb", "JCB"
    AMEX = "amex", "American Express"
    UNKNOWN = "unknown", _("not known")


class CardStatus(models.TextChoices):
    ACTIVE = "active", pgettext_lazy("card", "active")
    LOST = "lost", pgettext_lazy("card", "lost")
    EXPIRED = "expired", pgettext_lazy("card", "expired")
    CLOSED = "closed", pgettext_lazy("card", "closed")


class AccountKind(models.TextChoices):
    CUSTOMER = "customer", _("customer account")
    INTERNAL = "internal", _("internal account")
    EQUITY = "equity", _("equity account")


class AccountStatus(models.TextChoices):
    ACTIVE = "active", pgettext_lazy("account", "active")
    DORMANT = "dormant", pgettext_lazy("account", "dormant")
    FROZEN = "frozen", pgettext_lazy("account", "frozen")
    CLOSED = "closed", pgettext_lazy("account", "closed")


class ApplicationDecision(models.TextChoices):
    PENDING = "pending", pgettext_lazy("application", "pending")
    APPROVED = "approved", pgettext_lazy("application", "approved")
    DECLINED = "declined", pgettext_lazy("application", "declined")
    VOIDED = "voided", pgettext_lazy("application", "voided")


class LoanStatus(models.TextChoices):
    ACTIVE = "active", pgettext_lazy("loan", "active")
    OVERDUE = "overdue", pgettext_lazy("loan", "overdue")
    REPAID = "repaid", pgettext_lazy("loan", "repaid")
    DEFAULTED = "defaulted", pgettext_lazy("loan", "defaulted")
    VOIDED = "voided", pgettext_lazy("loan", "voided")


class RepaymentStatus(models.TextChoices):
    POSTED = "posted", pgettext_lazy("repayment", "posted")
    VOID = "void", pgettext_lazy("repayment", "void")


class PayoutStatus(models.TextChoices):
    CREATED = "created", pgettext_lazy("payout", "created")
    TO_BE_SENT = "to_be_sent", pgettext_lazy("payout", "to be sent")
    SENT = "sent", pgettext_lazy("payout", "sent")
    PAID = "paid", pgettext_lazy("payout", "paid")
    REFUSED = "refused", pgettext_lazy("payout", "refused by the channel")
    CANCELLED = "cancelled", pgettext_lazy("payout", "cancelled")


class EntryKind(models.TextChoices):
    DEPOSIT = "deposit", pgettext_lazy("journal", "deposit")
    WITHDRAWAL = "withdrawal", pgettext_lazy("journal", "withdrawal")
    TRANSFER_IN = "transfer_in", pgettext_lazy("journal", "transfer in")
    TRANSFER_OUT = "transfer_out", pgettext_lazy("journal", "transfer out")
    INTEREST = "interest", pgettext_lazy("journal", "interest")
    FEE = "fee", pgettext_lazy("journal", "fee")
    DISBURSEMENT = "disbursement", pgettext_lazy("journal", "loan disbursement")
    REPAYMENT = "repayment", pgettext_lazy("journal", "loan repayment")
    REVERSAL = "reversal", pgettext_lazy("journal", "reversal")
    ADJUSTMENT = "adjustment", pgettext_lazy("journal", "adjustment")


class Side(models.TextChoices):
    DEBIT = "debit", pgettext_lazy("journal", "debit")
    CREDIT = "credit", pgettext_lazy("journal", "credit")


class StaffRelation(models.TextChoices):
    OWN = "own", pgettext_lazy("card", "the person's own")
    RELATIVE = "relative", pgettext_lazy("card", "a relative's")
