"""Data keys: one random key per owner of secrets, kept wrapped only; wrapping is in protection/keys.py."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _


class DataKey(models.Model):
    """Destroying the wrapped form erases every secret of its owner, in live rows and in history alike."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    owner = models.UUIDField(_("owner"), db_index=True)
    wrapped = models.CharField(_("wrapped key"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    destroyed_at = models.DateTimeField(_("destroyed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("data key")
        verbose_name_plural = _("data keys")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=models.Q(destroyed_at__isnull=True),
                name="data_key_one_living_per_owner",
            ),
            models.CheckConstraint(
                condition=models.Q(models.Q(destroyed_at__isnull=True), ~models.Q(wrapped=""))
                | models.Q(destroyed_at__isnull=False, wrapped=""),
                name="data_key_wrapped_until_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
