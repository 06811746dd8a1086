"""The application configuration of the sandbox."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "tests.sandbox"
    label = "sandbox"
    default_auto_field = "django.db.models.BigAutoField"
