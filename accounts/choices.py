"""The business vocabulary of a lender: statuses, kinds and currencies, with the words people see for them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Currency(models.TextChoices):
    """Currencies that are kept; all of them have two decimals, which the columns of money rely on."""

    CNY = "CNY", _("Chinese yuan")
    HKD = "HKD", _("Hong Kong dollar")
    USD = "USD", _("US dollar")
    EUR = "EUR", _("euro")
    GBP = "GBP", _("pound sterling")
    CZK = "CZK", _("Czech koruna")


class CustomerStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    BLOCKED = "blocked", _("blocked")
    CLOSED = "closed", _("closed")


class HolderRole(models.TextChoices):
    OWNER = "owner", _("owner")
    AUTHORISED = "authorised", _("authorised user")


class CardScheme(models.TextChoices):
    VISA = "visa", "Visa"
    MASTERCARD = "mastercard", "Mastercard"
    UNIONPAY = "unionpay", _("UnionPay")
    JCB = "jcb", "JCB"
    AMEX = "amex", "American Express"
    UNKNOWN = "unknown", _("not known")


class CardStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    LOST = "lost", _("lost")
    EXPIRED = "expired", _("expired")
    CLOSED = "closed", _("closed")


class AccountKind(models.TextChoices):
    CUSTOMER = "customer", _("customer account")
    INTERNAL = "internal", _("internal account")


class AccountStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    DORMANT = "dormant", _("dormant")
    FROZEN = "frozen", _("frozen")
    CLOSED = "closed", _("closed")


class ApplicationDecision(models.TextChoices):
    PENDING = "pending", _("pending")
    APPROVED = "approved", _("approved")
    DECLINED = "declined", _("declined")
    VOIDED = "voided", _("voided")


class LoanStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    OVERDUE = "overdue", _("overdue")
    REPAID = "repaid", _("repaid")
    DEFAULTED = "defaulted", _("defaulted")
    VOIDED = "voided", _("voided")


class RepaymentStatus(models.TextChoices):
    POSTED = "posted", _("posted")
    VOID = "void", _("void")


class PayoutStatus(models.TextChoices):
    CREATED = "created", _("created")
    TO_BE_SENT = "to_be_sent", _("to be sent")
    SENT = "sent", _("sent")
    PAID = "paid", _("paid")
    REFUSED = "refused", _("refused by the channel")
    CANCELLED = "cancelled", _("cancelled")


class EntryKind(models.TextChoices):
    DEPOSIT = "deposit", _("deposit")
    WITHDRAWAL = "withdrawal", _("withdrawal")
    TRANSFER_IN = "transfer_in", _("transfer in")
    TRANSFER_OUT = "transfer_out", _("transfer out")
    INTEREST = "interest", _("interest")
    FEE = "fee", _("fee")
    DISBURSEMENT = "disbursement", _("loan disbursement")
    REPAYMENT = "repayment", _("loan repayment")
    REVERSAL = "reversal", _("reversal")
    ADJUSTMENT = "adjustment", _("adjustment")


class Side(models.TextChoices):
    DEBIT = "debit", _("debit")
    CREDIT = "credit", _("credit")
