"""Audit events: who did what when, append-only, with names copied and never a secret (I-07, I-13, I-14)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.models.correction import Correction


class AuditEvent(models.Model):
    at = models.DateTimeField(_("at"))
    kind = models.CharField(_("event"), max_length=20, choices=AuditKind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("actor"))
    actor_person_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("actor"), max_length=200)
    correction = models.ForeignKey(
        Correction, models.PROTECT, null=True, related_name="audit_events", verbose_name=_("correction")
    )
    revision = models.PositiveIntegerField(_("revision"), null=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)  # "evidence:12", "accounts.payout:7"
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["correction", "id"], name="auditevent_correction"),
            models.Index(fields=["kind", "id"], name="auditevent_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.actor_name}"
