"""The project's two application configurations: its own, and the admin with our site in place of Django's."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class BackofficeConfig(AppConfig):
    name = "backoffice"
    default = True

    def ready(self) -> None:
        import_module("backoffice.checks")


class BackofficeAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "backoffice.site.BackofficeSite"
