"""Connects the gate to Django: new connections get functions, migrations find no guards, checks count them."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import Tags, register
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate

from corrections.engine.gate.checks import check_gate
from corrections.engine.gate.migration import after_migrate, before_migrate
from corrections.engine.gate.sqlite import register_functions


def connect() -> None:
    """Called once, when the engine starts."""
    connection_created.connect(_connected, dispatch_uid="corrections.gate")
    engine = apps.get_app_config("corrections")
    pre_migrate.connect(before_migrate, sender=engine, dispatch_uid="corrections.gate")
    pre_migrate.connect(_come_last, sender=engine, dispatch_uid="corrections.gate.last")
    _come_last()
    register(check_gate, Tags.database)


def _come_last(**kwargs: Any) -> None:
    """Guards go on after every other receiver: a package may fill its own table once it was migrated."""
    last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
    post_migrate.disconnect(sender=last, dispatch_uid="corrections.gate")
    post_migrate.connect(after_migrate, sender=last, dispatch_uid="corrections.gate")


def _connected(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        register_functions(connection)
