"""Customers and their bank cards; their secrets are encrypted under a data key of the customer."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.choices import CardScheme, CardStatus, CustomerStatus
from accounts.models.base import (
    BANK_CODE_CHARS_MAX,
    NAME_CHARS_MAX,
    NUMBER_CHARS_MAX,
    filled,
    one_of,
    ref_field,
)
from accounts.models.branch import Branch
from accounts.names import masked_name
from corrections.history import RecordedHistory
from corrections.protection.fields import SecretField


class Customer(models.Model):
    ref = ref_field()
    customer_number = models.CharField(_("customer number"), max_length=NUMBER_CHARS_MAX, unique=True)
    name = models.CharField(_("name"), max_length=NAME_CHARS_MAX)
    identity_number = SecretField(_("identity number"), kind="identity", owner="secret_owner")
    mobile = SecretField(_("mobile"), kind="mobile", owner="secret_owner")
    branch = models.ForeignKey(
        Branch, models.PROTECT, related_name="customers", db_index=False, verbose_name=_("branch")
    )
    status = models.CharField(_("status"), max_length=10, choices=CustomerStatus.choices, default=CustomerStatus.ACTIVE)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-id"]
        constraints = [
            filled("customer_is_named", "customer_number", "name"),
            one_of("customer_status_is_known", "status", CustomerStatus.values),
        ]
        indexes = [
            models.Index(fields=["branch", "id"], name="customer_of_branch"),
            models.Index(fields=["name"], name="customer_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_number} {masked_name(self.name)}"

    @property
    def secret_owner(self) -> UUID:
        return self.ref


class BankCard(models.Model):
    """A customer's card at some bank. Cards of imported books may come without their number."""

    ref = ref_field()
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="cards", verbose_name=_("customer"))
    number = SecretField(_("card number"), kind="card", owner="secret_owner")
    holder_name = models.CharField(_("holder's name"), max_length=NAME_CHARS_MAX)
    bank_code = models.CharField(_("bank code"), max_length=BANK_CODE_CHARS_MAX)
    scheme = models.CharField(_("scheme"), max_length=12, choices=CardScheme.choices, default=CardScheme.UNKNOWN)
    status = models.CharField(_("status"), max_length=10, choices=CardStatus.choices, default=CardStatus.ACTIVE)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("bank card")
        verbose_name_plural = _("bank cards")
        ordering = ["-id"]
        constraints = [
            filled("card_is_named", "holder_name", "bank_code"),
            one_of("card_scheme_is_known", "scheme", CardScheme.values),
            one_of("card_status_is_known", "status", CardStatus.values),
            models.UniqueConstraint(
                fields=["customer", "number_index"],
                condition=~models.Q(number_index=""),
                name="card_once_per_customer",
                violation_error_message=_("This customer already has a card with this number."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bank_code} {str(self.number) or self.get_scheme_display()}"

    @property
    def secret_owner(self) -> UUID:
        return self.customer.ref
