"""The project's two application configurations: its own, and the admin with our site in place of Django's."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class BackofficeConfig(AppConfig):
    name = "backoffice"
    default = True


class BackofficeAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "backoffice.site.BackofficeSite"
