"""The object right `correct_<model>` of every registered model, a third party's included, made after each migrate."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.models.signals import post_migrate

from corrections.registry import registry
from corrections.roles import record_permission_codename


def make_record_rights(app_config: AppConfig, using: str, **kwargs: Any) -> None:
    """One permission per registered model of the app that was migrated; safe to run at any time."""
    if not _tables_are_there(using):
        return
    for entry in registry.entries():
        if entry.model._meta.app_label == app_config.label:
            content_type = ContentType.objects.db_manager(using).get_for_model(entry.model)
            Permission.objects.using(using).get_or_create(
                content_type=content_type,
                codename=record_permission_codename(entry.model._meta.model_name or ""),
                defaults={"name": f"Can propose corrections of this {entry.model._meta.verbose_name_raw}"[:255]},
            )


def _tables_are_there(using: str) -> bool:
    tables = set(connections[using].introspection.table_names())
    return {Permission._meta.db_table, ContentType._meta.db_table} <= tables


def connect() -> None:
    post_migrate.connect(make_record_rights, dispatch_uid="corrections.make_record_rights")
