"""An incident: one cause behind many corrections, with evidence they may share."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Incident(models.Model):
    title = models.CharField(_("title"), max_length=200)
    cause = models.TextField(_("cause"), blank=True)
    defect_number = models.CharField(_("defect number"), max_length=64, blank=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("opened by")
    )
    opened_by_name = models.CharField(_("opened by"), max_length=200)
    opened_at = models.DateTimeField(_("opened at"))

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"INC-{self.pk} {self.title}"
