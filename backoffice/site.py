"""The one admin site: who may enter it at all, and its titles."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class BackofficeSite(admin.AdminSite):
    site_title = _("Correction back office")
    site_header = _("Correction back office")
    index_title = _("Start")

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the signed-in account is an active staff account of an active person (or a superuser's)."""
        user = request.user
        if not (user.is_active and getattr(user, "is_staff", False)):
            return False
        person = user.person
        return person.is_active if person else user.is_superuser
