"""Cards that members of staff declared as their own or their relatives': customers' money never goes there."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.choices import StaffRelation
from accounts.models.base import one_of, ref_field
from corrections.history import RecordedHistory
from corrections.protection.fields import SecretField


class StaffCard(models.Model):
    """One declaration. A card is never edited: it is put out of use, and another one declared (accounts/staff.py)."""

    ref = ref_field()
    person = models.ForeignKey(
        settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="declared_cards", verbose_name=_("person")
    )
    relation = models.CharField(
        _("whose it is"), max_length=8, choices=StaffRelation.choices, default=StaffRelation.OWN
    )
    number = SecretField(_("card number"), kind="card", owner="secret_owner")
    # The same number as it is indexed where somebody types it as an account.
    account_index = models.CharField(_("card number"), max_length=64, editable=False, db_index=True)
    identity_number = SecretField(_("identity number"), kind="identity", owner="secret_owner")
    mobile = SecretField(_("mobile"), kind="mobile", owner="secret_owner")
    declared_on = models.DateField(_("declared on"))
    is_active = models.BooleanField(_("in use"), default=True)

    history = RecordedHistory()

    class Meta:
        verbose_name = _("staff-declared card")
        verbose_name_plural = _("staff-declared cards")
        ordering = ["-id"]
        constraints = [
            one_of("staffcard_relation_is_known", "relation", StaffRelation.values),
            models.UniqueConstraint(
                fields=["person", "number_index"],
                name="staffcard_once_per_person",
                violation_error_message=_("This person has declared this card already."),
            ),
            models.CheckConstraint(
                condition=~models.Q(number_index="") & ~models.Q(account_index=""), name="staffcard_has_a_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.get_relation_display()}"

    @property
    def secret_owner(self) -> UUID:
        return self.ref
