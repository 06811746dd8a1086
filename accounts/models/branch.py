"""Branches: the objects on which people hold rights; no rule about who holds them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models.base import NAME_CHARS_MAX, filled
from corrections.roles import scope_permissions


class Branch(models.Model):
    """A place of business. Groups are named for it (`checker: Shanghai`), so its name is set up once."""

    code = models.CharField(_("code"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=NAME_CHARS_MAX, unique=True)
    city = models.CharField(_("city"), max_length=NAME_CHARS_MAX, blank=True)

    class Meta:
        verbose_name = _("branch")
        verbose_name_plural = _("branches")
        ordering = ["code"]
        permissions = [*scope_permissions()]
        constraints = [filled("branch_is_named", "code", "name")]

    def __str__(self) -> str:
        return self.name


class BranchUserObjectPermission(UserObjectPermissionBase):
    """A right of one account on one branch (django-guardian's direct foreign-key table)."""

    enabled = True
    content_object = models.ForeignKey(Branch, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("account's right on a branch")
        verbose_name_plural = _("accounts' rights on branches")


class BranchGroupObjectPermission(GroupObjectPermissionBase):
    """A right of one group on one branch (django-guardian's direct foreign-key table)."""

    enabled = True
    content_object = models.ForeignKey(Branch, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = _("group's right on a branch")
        verbose_name_plural = _("groups' rights on branches")
