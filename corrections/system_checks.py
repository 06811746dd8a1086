"""Start-up checks of the engine itself: limits, keys and settings it can't work without (fail closed)."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from corrections.conf import unusable
from corrections.protection.checks import check_evidence_root, check_keys, check_secret_fields


def check_limits(**kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"CORRECTIONS_{name} must be a whole number above zero.", id="corrections.E001") for name in unusable()
    ]


def check_person_model(**kwargs: Any) -> list[CheckMessage]:
    label = getattr(settings, "CORRECTIONS_PERSON_MODEL", "")
    try:
        apps.get_model(label)
    except (LookupError, ValueError):
        return [Error("CORRECTIONS_PERSON_MODEL must name the model of people.", id="corrections.E002")]
    return []


def register_checks() -> None:
    register(check_limits)
    register(check_person_model)
    register(check_keys)
    register(check_evidence_root)
    register(check_secret_fields)
