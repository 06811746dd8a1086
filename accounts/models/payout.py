"""Payouts: money that leaves through a channel to a bank account or a card."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.choices import PayoutStatus
from accounts.models.base import (
    BANK_CODE_CHARS_MAX,
    NAME_CHARS_MAX,
    NUMBER_CHARS_MAX,
    above_zero,
    amount_field,
    currency_field,
    filled,
    in_whole_units,
    known_currency,
    one_of,
    ref_field,
    rule,
    when,
)
from accounts.models.branch import Branch
from accounts.models.customer import BankCard, Customer
from accounts.models.ledger import LedgerAccount
from accounts.models.lending import Loan
from corrections.history import RecordedHistory
from corrections.protection.fields import SecretField


class Payout(models.Model):
    """One order to pay. It goes to a card of the customer or to an account at the counterparty's bank."""

    ref = ref_field()
    number = models.CharField(_("payout number"), max_length=NUMBER_CHARS_MAX, unique=True)
    source_account = models.ForeignKey(
        LedgerAccount, models.PROTECT, related_name="payouts", verbose_name=_("source account")
    )
    # A copy of the source account's branch: lists of a branch must not join at a million rows.
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="payouts", db_index=False, verbose_name=_("branch"))
    counterparty_bank = models.CharField(_("bank code"), max_length=BANK_CODE_CHARS_MAX)
    counterparty_account = SecretField(_("counterparty's account"), kind="account", owner="secret_owner")
    beneficiary_name = models.CharField(_("beneficiary's name"), max_length=NAME_CHARS_MAX, blank=True)
    loan = models.ForeignKey(
        Loan, models.PROTECT, related_name="payouts", null=True, blank=True, verbose_name=_("loan")
    )
    card = models.ForeignKey(
        BankCard, models.PROTECT, related_name="payouts", null=True, blank=True, verbose_name=_("bank card")
    )
    amount = amount_field(_("amount"))
    currency = currency_field()
    purpose = models.CharField(_("purpose"), max_length=64, blank=True)
    channel = models.CharField(_("channel"), max_length=32)
    channel_reference = models.CharField(_("channel's reference"), max_length=64, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=PayoutStatus.choices, default=PayoutStatus.CREATED)
    failure_code = models.CharField(_("failure code"), max_length=32, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        ordering = ["-id"]
        constraints = [
            filled("payout_is_numbered", "number", "counterparty_bank", "channel"),
            above_zero("payout_amount_above_zero", "amount"),
            known_currency("payout_currency_is_known"),
            in_whole_units("payout_amount_in_whole_units", "amount"),
            one_of("payout_status_is_known", "status", PayoutStatus.values),
            rule(
                "payout_goes_somewhere",
                models.Q(card__isnull=False) | ~models.Q(counterparty_account_index=""),
                _("A payout goes to a card or to an account: one of them is needed."),
            ),
            rule(
                "payout_refusal_has_its_code",
                when(models.Q(status=PayoutStatus.REFUSED), ~models.Q(failure_code="")),
                _("A refused payout needs the channel's failure code."),
            ),
            rule(
                "payout_paid_without_failure",
                when(models.Q(status=PayoutStatus.PAID), models.Q(failure_code="")),
                _("A paid payout has no failure code."),
            ),
            models.UniqueConstraint(
                fields=["channel_reference", "channel"],
                condition=~models.Q(channel_reference=""),
                name="payout_channel_reference_once",
                violation_error_message=_("Another payout has this reference of the channel."),
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "id"], name="payout_of_branch"),
            # Refused ones are few among millions, and what the desk looks for.
            models.Index(fields=["status", "id"], name="payout_of_status"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def customer(self) -> Customer | None:
        """Whose money this is: the account's customer, else the loan's, else the card's."""
        if self.source_account.customer is not None:
            return self.source_account.customer
        if self.loan is not None:
            return self.loan.customer
        return None if self.card is None else self.card.customer

    @property
    def secret_owner(self) -> UUID:
        customer = self.customer
        return self.ref if customer is None else customer.ref
