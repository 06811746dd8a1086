"""Registers the two actions when Django starts."""

from __future__ import annotations

from django.apps import AppConfig


class RivalConfig(AppConfig):
    name = "tests.benchmarks.rival"
    label = "rival"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.benchmarks.rival import actions  # noqa: F401 - registers
