"""Start-up checks of this room: keys that can be used, evidence outside the web root, models fit for secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models

from corrections.protection import keys
from corrections.protection.fields import secret_fields


def check_keys(**kwargs: Any) -> list[CheckMessage]:
    """Without keys nothing protected can be stored: refuse to start."""
    found: list[CheckMessage] = []
    for setting, read in (("FIELD_KEYS", keys.master_keys), ("INDEX_KEY", keys.index_key)):
        try:
            read()
        except ImproperlyConfigured as error:
            hint = f"Set {setting} or {setting}_FILE."
            found.append(Error(str(error), hint=hint, id="corrections.E010"))
    return found


def check_evidence_root(**kwargs: Any) -> list[CheckMessage]:
    """Evidence must not lie where a web server hands out files."""
    if "evidence" not in settings.STORAGES:
        return [Error('STORAGES needs an "evidence" alias.', id="corrections.E011")]
    root = getattr(settings, "EVIDENCE_ROOT", None)
    public = [getattr(settings, "STATIC_ROOT", None), getattr(settings, "MEDIA_ROOT", None)]
    if root and any(_is_inside(Path(root), Path(folder)) for folder in public if folder):
        return [Error("EVIDENCE_ROOT lies in a folder that is served to browsers.", id="corrections.E012")]
    return []


def check_secret_fields(**kwargs: Any) -> list[CheckMessage]:
    """A secret is bound to its row by `ref`, which must be unique and never empty."""
    return [
        Error(
            f"{model._meta.label} has a secret field and needs ref = UUIDField(unique=True, default=uuid4).",
            obj=model,
            id="corrections.E013",
        )
        for model in apps.get_models()
        if secret_fields(model) and not _has_ref(model)
    ]


def _has_ref(model: type[models.Model]) -> bool:
    try:
        ref = model._meta.get_field("ref")
    except FieldDoesNotExist:
        return False
    return isinstance(ref, models.UUIDField) and ref.unique and not ref.null


def _is_inside(inner: Path, outer: Path) -> bool:
    return inner.resolve().is_relative_to(outer.resolve())
