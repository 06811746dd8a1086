"""One target row inside a correction: what is asked for, and the whole row before and after.

`old` and `new` are keyed by database column, so that a secret is its ciphertext, index and masked text (DESIGN §8),
in the canonical form of integrity/canonical.py.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Case, When
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action
from corrections.models.correction import Correction


class Change(models.Model):
    # No index of its own: `change_position_once` begins with it, and each one costs a batch at every row it writes.
    correction = models.ForeignKey(
        Correction, models.PROTECT, related_name="changes", db_index=False, verbose_name=_("correction")
    )
    position = models.PositiveIntegerField(_("position"))
    action = models.CharField(_("action"), max_length=6, choices=Action.choices)
    target_model = models.CharField(_("kind of record"), max_length=100)
    target_pk = models.CharField(_("record"), max_length=64, blank=True)  # "" until a create is applied
    target_label = models.CharField(_("record"), max_length=200)
    old = models.JSONField(_("old values"), default=dict)
    new = models.JSONField(_("new values"), default=dict)
    before_image = models.JSONField(_("before-image"), null=True, blank=True)
    after_image = models.JSONField(_("after-image"), null=True, blank=True)
    amount = models.DecimalField(_("amount at stake"), max_digits=20, decimal_places=4, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    # Of the revision that was submitted: in the policy currency, and whose money it is (a key, never a secret).
    stake = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    beneficiary = models.CharField(max_length=120, blank=True)
    # What became of it: "" until then, ROW_APPLIED, or the code for which this row of a batch was skipped.
    outcome = models.CharField(_("outcome"), max_length=64, blank=True)
    scope_before = models.CharField(max_length=120, blank=True)
    scope_after = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["correction", "position"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["correction", "position"], name="change_position_once"),
            # By its first two columns it also finds the changes of a record. Rows yet to be created are told apart by
            # position, not left out: SQLite can't tell from a parameter that a partial index would do.
            models.UniqueConstraint(
                "target_model",
                "target_pk",
                "correction",
                Case(When(target_pk="", then="position"), default=0),
                name="change_one_per_target",
            ),
            models.CheckConstraint(condition=models.Q(action__in=Action.values), name="change_action_is_known"),
        ]
        indexes = [
            # Of all rows, for the same reason.
            models.Index(fields=["beneficiary"], name="change_beneficiary"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.target_label}"
