"""Approval policies: versioned rows that say which signatures a correction needs. A version is never edited."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.roles import Role


class Policy(models.Model):
    name = models.CharField(_("name"), max_length=100)
    version = models.PositiveIntegerField(_("version"), default=1, validators=[MinValueValidator(1)])
    is_active = models.BooleanField(_("in force"), default=True)
    priority = models.PositiveIntegerField(
        _("priority"), default=100, help_text=_("The lowest one that matches holds.")
    )
    evidence_min = models.PositiveIntegerField(
        _("pieces of evidence at least"), default=1, validators=[MinValueValidator(1)]
    )
    is_applied_with_approval = models.BooleanField(_("applied with the last approval"), default=True)
    staff_may_type_customer_fields = models.BooleanField(
        _("staff may type what the customer declared"),
        default=False,
        help_text=_("Then only with the customer's consent as evidence."),
    )

    class Meta:
        verbose_name = _("approval policy")
        verbose_name_plural = _("approval policies")
        ordering = ["priority", "name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="policy_version_once"),
            models.CheckConstraint(condition=models.Q(evidence_min__gte=1), name="policy_demands_evidence"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class PolicyStep(models.Model):
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="steps", verbose_name=_("approval policy"))
    position = models.PositiveSmallIntegerField(_("step"), validators=[MinValueValidator(1)])
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    people = models.PositiveSmallIntegerField(_("people"), default=1, validators=[MinValueValidator(1)])

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["policy", "position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "position"], name="policystep_position_once"),
            models.CheckConstraint(condition=models.Q(people__gte=1), name="policystep_needs_people"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.get_role_display()} × {self.people}"
