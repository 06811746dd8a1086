"""Start-up of the engine: connects guards, reads every app's ``correctable.py``, then freezes the registry."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class CorrectionsConfig(AppConfig):
    name = "corrections"
    verbose_name = _("corrections")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from corrections import record_rights
        from corrections.engine.gate import connect
        from corrections.registry import registry
        from corrections.system_checks import register_checks

        connect()
        record_rights.connect()
        autodiscover_modules("correctable")
        registry.freeze()
        register_checks()
