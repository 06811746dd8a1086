"""Notices to people (the inbox, and their mails), and requests to give somebody a role."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import NoticeKind, RoleRequestState
from corrections.models.correction import Correction


class Notice(models.Model):
    """Something that a person should know. Its text is made when it is shown; no sensitive value is kept in it."""

    person = models.ForeignKey(settings.CORRECTIONS_PERSON_MODEL, models.PROTECT, related_name="notices")
    kind = models.CharField(_("notice"), max_length=24, choices=NoticeKind.choices)
    correction = models.ForeignKey(Correction, models.PROTECT, null=True, related_name="notices")
    subject = models.CharField(max_length=200, blank=True)
    # What makes a notice one and the same: two clocks that run at once give it once.
    key = models.CharField(max_length=120, unique=True)
    at = models.DateTimeField(_("at"))
    read_at = models.DateTimeField(_("read at"), null=True)
    mailed_at = models.DateTimeField(_("mailed at"), null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["person", "-id"], name="notice_of_person"),
            models.Index(fields=["id"], condition=models.Q(mailed_at__isnull=True), name="notice_to_mail"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class ClockMark(models.Model):
    """How far a clock has read the audit trail."""

    name = models.CharField(max_length=40, unique=True)
    last_event = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.last_event}"


class RoleRequest(models.Model):
    """One role to be given to one account: asked for by a user administrator, granted by another person."""

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="role_requests", verbose_name=_("account")
    )
    group = models.ForeignKey(Group, models.PROTECT, related_name="+", verbose_name=_("role"))
    state = models.CharField(_("state"), max_length=8, choices=RoleRequestState.choices, default=RoleRequestState.ASKED)
    reason = models.CharField(_("reason"), max_length=200)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_by_person_id = models.BigIntegerField()
    asked_by_name = models.CharField(_("asked by"), max_length=200)
    asked_at = models.DateTimeField(_("asked at"))
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_by_person_id = models.BigIntegerField(null=True)
    decided_by_name = models.CharField(_("decided by"), max_length=200, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("request for a role")
        verbose_name_plural = _("requests for roles")
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["account", "group"],
                condition=models.Q(state="asked"),
                name="rolerequest_one_open",
                violation_error_message=_("This role was asked for already; another user administrator decides."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.group}"
