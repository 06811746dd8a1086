"""Accounts and the double-entry journal; entries and postings are only ever added, and corrected by new entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.choices import AccountKind, AccountStatus, EntryKind, HolderRole, Side
from accounts.models.base import (
    BANK_CODE_CHARS_MAX,
    NAME_CHARS_MAX,
    NUMBER_CHARS_MAX,
    amount_field,
    currency_field,
    filled,
    in_whole_units,
    known_currency,
    one_of,
    ref_field,
    rule,
)
from accounts.models.branch import Branch
from accounts.models.customer import Customer
from corrections.history import RecordedHistory
from corrections.protection.fields import SecretField

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


def _handler(label: StrPromise) -> models.ForeignKey[Any, Any]:
    """A person who handled the record: a column to be read with the row, never a way to look records up."""
    return models.ForeignKey(
        settings.CORRECTIONS_PERSON_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=label,
    )


class LedgerAccount(models.Model):
    """An account in our books.

    `number` is our internal ledger number, meaningless outside. `account_number` is the bank account number that the
    customer hands out, and a secret.
    """

    ref = ref_field()
    number = models.CharField(_("ledger number"), max_length=NUMBER_CHARS_MAX, unique=True)
    account_number = SecretField(_("account number"), kind="account", owner="secret_owner")
    kind = models.CharField(_("kind"), max_length=10, choices=AccountKind.choices)
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        related_name="ledger_accounts",
        null=True,
        blank=True,
        verbose_name=_("customer"),
    )
    name = models.CharField(_("name"), max_length=NAME_CHARS_MAX, blank=True)
    branch = models.ForeignKey(
        Branch, models.PROTECT, related_name="ledger_accounts", db_index=False, verbose_name=_("branch")
    )
    currency = currency_field()
    status = models.CharField(_("status"), max_length=10, choices=AccountStatus.choices, default=AccountStatus.ACTIVE)
    # Whoever on the staff answers for an internal account; corrects and signs nothing about it.
    owner_person = _handler(_("answers for it"))
    opened_on = models.DateField(_("opened on"))
    last_activity_on = models.DateField(_("last activity on"), null=True, blank=True)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ["-id"]
        constraints = [
            filled("ledger_account_is_numbered", "number"),
            known_currency("ledger_account_currency_is_known"),
            one_of("ledger_account_kind_is_known", "kind", AccountKind.values),
            one_of("ledger_account_status_is_known", "status", AccountStatus.values),
            rule(
                "ledger_account_has_its_customer",
                models.Q(kind=AccountKind.CUSTOMER, customer__isnull=False)
                | models.Q(kind__in=[AccountKind.INTERNAL, AccountKind.EQUITY], customer__isnull=True),
                _("A customer account belongs to a customer, every other account to none."),
            ),
            rule(
                "ledger_account_internal_is_named",
                ~models.Q(name="") | models.Q(kind=AccountKind.CUSTOMER),
                _("An internal account needs a name."),
            ),
            rule(
                "ledger_account_active_after_opening",
                models.Q(last_activity_on__isnull=True) | models.Q(last_activity_on__gte=models.F("opened_on")),
                _("The last activity can't be before the account was opened."),
            ),
        ]
        indexes = [models.Index(fields=["branch", "id"], name="ledger_account_of_branch")]

    def __str__(self) -> str:
        return f"{self.number} {self.currency}"

    @property
    def secret_owner(self) -> UUID:
        return self.ref if self.customer is None else self.customer.ref


class AccountHolder(models.Model):
    """Who may use an account: its owner, and others whom the owner authorised."""

    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="holders", verbose_name=_("account"))
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="holdings", verbose_name=_("customer"))
    role = models.CharField(pgettext_lazy("account", "role"), max_length=10, choices=HolderRole.choices)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("account holder")
        verbose_name_plural = _("account holders")
        ordering = ["-id"]
        constraints = [
            one_of("holder_role_is_known", "role", HolderRole.values),
            models.UniqueConstraint(
                fields=["account", "customer"],
                name="holder_once_per_account",
                violation_error_message=_("This customer already holds this account."),
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(role=HolderRole.OWNER),
                name="holder_one_owner_per_account",
                violation_error_message=_("This account already has an owner."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.get_role_display()}"


class JournalEntry(models.Model):
    """One business event in the books; its postings sum to zero per currency."""

    reference = models.CharField(_("reference"), max_length=NUMBER_CHARS_MAX, unique=True)
    branch = models.ForeignKey(
        Branch, models.PROTECT, related_name="journal_entries", db_index=False, verbose_name=_("branch")
    )
    booked_on = models.DateField(_("booked on"))
    kind = models.CharField(_("kind"), max_length=14, choices=EntryKind.choices)
    currency = currency_field()
    description = models.CharField(_("description"), max_length=200, blank=True)
    source_reference = models.CharField(_("source's reference"), max_length=64, blank=True, db_index=True)
    counterparty_bank = models.CharField(_("counterparty's bank"), max_length=BANK_CODE_CHARS_MAX, blank=True)
    reverses = models.ForeignKey(
        "self",
        models.PROTECT,
        related_name="reversals",
        null=True,
        blank=True,
        verbose_name=_("reverses"),
    )
    # Who booked it, and who found it in order; nobody where the books came from elsewhere.
    booked_by_person = _handler(_("booked by"))
    reconciled_by_person = _handler(_("reconciled by"))

    history = RecordedHistory()

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        ordering = ["-id"]
        constraints = [
            filled("entry_is_referenced", "reference"),
            known_currency("entry_currency_is_known"),
            one_of("entry_kind_is_known", "kind", EntryKind.values),
            rule(
                "entry_reversal_names_its_original",
                models.Q(kind=EntryKind.REVERSAL, reverses__isnull=False)
                | (~models.Q(kind=EntryKind.REVERSAL) & models.Q(reverses__isnull=True)),
                _("A reversal names the entry that it reverses, and no other kind of entry does."),
            ),
            rule(
                "entry_reverses_another",
                models.Q(reverses__isnull=True) | ~models.Q(reverses=models.F("id")),
                _("An entry can't reverse itself."),
            ),
        ]
        indexes = [models.Index(fields=["branch", "id"], name="entry_of_branch")]

    def __str__(self) -> str:
        return self.reference


class Posting(models.Model):
    """One side of an entry on one account: debits are positive, credits negative."""

    entry = models.ForeignKey(JournalEntry, models.PROTECT, related_name="postings", verbose_name=_("journal entry"))
    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="postings", verbose_name=_("account"))
    side = models.CharField(_("side"), max_length=6, choices=Side.choices)
    amount = amount_field(_("amount"))
    currency = currency_field()

    history = RecordedHistory()

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        ordering = ["-id"]
        constraints = [
            known_currency("posting_currency_is_known"),
            in_whole_units("posting_amount_in_whole_units", "amount"),
            rule(
                "posting_side_has_its_sign",
                models.Q(side=Side.DEBIT, amount__gt=0) | models.Q(side=Side.CREDIT, amount__lt=0),
                _("A debit is above zero, a credit below."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()} {abs(self.amount)} {self.currency}"
