"""Evidence: files that support a correction. The stored file is one row, each use of it on a correction another."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import EvidenceKind
from corrections.models.correction import Correction


class EvidenceFile(models.Model):
    """The bytes, encrypted in the evidence store and named by their digest."""

    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    mime = models.CharField(_("type"), max_length=100)
    kind = models.CharField(_("type"), max_length=10)  # pdf, png, …: found in the content, not in the name
    key_id = models.UUIDField(_("data key"))
    stored_at = models.DateTimeField(_("stored at"))

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.sha256


class Evidence(models.Model):
    correction = models.ForeignKey(Correction, models.PROTECT, related_name="evidence", verbose_name=_("correction"))
    file = models.ForeignKey(EvidenceFile, models.PROTECT, related_name="uses", verbose_name=_("file"))
    kind = models.CharField(_("kind"), max_length=20, choices=EvidenceKind.choices)
    filename = models.CharField(_("file name"), max_length=200)
    note = models.CharField(_("note"), max_length=500, blank=True)
    brought_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    brought_by_person = models.ForeignKey(settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="+")
    brought_by_name = models.CharField(_("brought by"), max_length=200)
    brought_at = models.DateTimeField(_("brought at"))
    revision = models.PositiveIntegerField(_("since revision"))
    removed_at = models.DateTimeField(_("removed at"), null=True, blank=True)
    removed_by_name = models.CharField(_("removed by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ["correction", "id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["correction", "file"],
                condition=models.Q(removed_at__isnull=True),
                name="evidence_file_once_per_correction",
            )
        ]

    def __str__(self) -> str:
        return self.filename
