"""What stands around a signature: the pinned steps, blind keyings, and delegations for absence."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import StepScope, StepToken
from corrections.models.change import Change
from corrections.models.correction import Correction
from corrections.roles import Role


class CorrectionStep(models.Model):
    """One step that a revision was pinned to: what its policies demanded together, when it was submitted."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="steps", verbose_name=_("correction"))
    revision = models.PositiveIntegerField(_("revision"))
    position = models.PositiveSmallIntegerField(_("step"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    people = models.PositiveSmallIntegerField(_("people"))
    scope = models.CharField(_("held on"), max_length=8, choices=StepScope.choices)
    token = models.CharField(_("token"), max_length=6, choices=StepToken.choices)
    is_rekeying = models.BooleanField(_("keys blindly"))
    escalates_to = models.CharField(_("escalates to"), max_length=20, choices=Role.choices, blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["correction", "revision", "position"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["correction", "revision", "position"], name="correctionstep_once"),
            models.CheckConstraint(condition=models.Q(people__gte=1), name="correctionstep_needs_people"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.get_role_display()} × {self.people}"


class Rekeying(models.Model):
    """One blind keying of a field: whether it agreed with the maker's, never what was keyed."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="rekeyings", verbose_name=_("correction"))
    revision = models.PositiveIntegerField(_("revision"))
    change = models.ForeignKey(Change, models.PROTECT, related_name="+", verbose_name=_("change"))
    field = models.CharField(_("field"), max_length=100)
    person = models.ForeignKey(settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="+")
    person_name = models.CharField(_("person"), max_length=200)
    agrees = models.BooleanField(_("agrees"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("blind re-key")
        verbose_name_plural = _("blind re-keys")
        ordering = ["correction", "id"]
        default_permissions = ()
        indexes = [models.Index(fields=["correction", "revision", "person"], name="rekeying_of_person")]

    def __str__(self) -> str:
        return f"{self.field}: {self.agrees}"


class Delegation(models.Model):
    """A person's role on a scope, lent to another for days of absence; subject to the exclusions of both."""

    giver = models.ForeignKey(
        settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="delegations_given", verbose_name=_("from")
    )
    receiver = models.ForeignKey(
        settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="delegations_received", verbose_name=_("to")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    scope_key = models.CharField(max_length=120, blank=True)  # "*": everywhere, as far as the giver holds it
    scope_label = models.CharField(_("held on"), max_length=200, blank=True)
    starts_on = models.DateField(_("from day"))
    ends_on = models.DateField(_("to day"))
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"))
    ended_at = models.DateTimeField(_("taken back at"), null=True, blank=True)

    class Meta:
        verbose_name = _("delegation")
        verbose_name_plural = _("delegations")
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__gte=models.F("starts_on")), name="delegation_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~models.Q(giver=models.F("receiver")), name="delegation_to_another"),
        ]
        indexes = [models.Index(fields=["receiver", "ends_on"], name="delegation_of_receiver")]

    def __str__(self) -> str:
        return f"{self.giver} → {self.receiver}: {self.get_role_display()}"
