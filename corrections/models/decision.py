"""Decisions and machine verdicts: append-only records bound to the digest they were given for."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import DecisionKind, StepToken, Verdict
from corrections.models.correction import Correction
from corrections.roles import Role


class Decision(models.Model):
    correction = models.ForeignKey(Correction, models.PROTECT, related_name="decisions", verbose_name=_("correction"))
    revision = models.PositiveIntegerField(_("revision"))
    step = models.PositiveSmallIntegerField(_("step"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    kind = models.CharField(_("decision"), max_length=10, choices=DecisionKind.choices)
    digest = models.CharField(_("digest"), max_length=64)
    comment = models.TextField(_("comment"), blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="+")
    person_name = models.CharField(_("person"), max_length=200)
    decided_at = models.DateTimeField(_("decided at"))
    # By whose right, where it is not the person's own: a delegation, or the role that the step escalated to.
    delegation = models.ForeignKey(
        "corrections.Delegation", models.PROTECT, null=True, related_name="+", verbose_name=_("delegation")
    )
    held_role = models.CharField(_("role held"), max_length=20, choices=Role.choices, blank=True)
    # Warnings passed, with the reason given for each; the proof by token that was asked for.
    acknowledged = models.JSONField(_("acknowledged"), default=dict, blank=True)
    # Of a batch: positions of the sampled rows that this person compared with the evidence one by one.
    confirmed = models.JSONField(_("rows compared with the evidence"), default=list, blank=True)
    token = models.CharField(_("token"), max_length=6, choices=StepToken.choices, default=StepToken.NONE)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["correction", "id"]
        default_permissions = ()
        constraints = [
            # I-02
            models.UniqueConstraint(fields=["correction", "revision", "person"], name="decision_once_per_person"),
            models.CheckConstraint(condition=models.Q(kind__in=DecisionKind.values), name="decision_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.person_name}"


class CheckResult(models.Model):
    """A machine's verdict at one moment (submission, decision, apply)."""

    correction = models.ForeignKey(Correction, models.PROTECT, related_name="check_results")
    revision = models.PositiveIntegerField(_("revision"))
    moment = models.CharField(_("moment"), max_length=10)
    check_code = models.CharField(_("check"), max_length=64)
    verdict = models.CharField(_("verdict"), max_length=4, choices=Verdict.choices)
    message = models.CharField(_("message"), max_length=500, blank=True)
    looked_at = models.JSONField(_("looked at"), default=dict, blank=True)
    # A raised risk flag: its verdict is a warning, that asks for no answer.
    is_flag = models.BooleanField(default=False)
    is_hidden = models.BooleanField(default=False)  # from the maker, so that nobody is tipped off
    at = models.DateTimeField(_("at"))

    class Meta:
        default_permissions = ()
        ordering = ["correction", "id"]
        indexes = [
            models.Index(fields=["check_code", "at"], condition=models.Q(is_flag=True), name="checkresult_flags")
        ]

    def __str__(self) -> str:
        return f"{self.check_code}: {self.verdict}"
