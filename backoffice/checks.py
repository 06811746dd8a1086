"""What must be right before a deployment, beside Django's own and the engine's checks."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from backoffice import keys


@register(Tags.security, deploy=True)
def secrets_are_not_the_demos(**kwargs: Any) -> list[CheckMessage]:
    """A production secret that was forgotten must not be replaced by one of a demonstration in silence."""
    return [
        Error(
            f"{name} comes from the demo's folder.",
            hint=f"Set {name} or {name}_FILE, and remove {keys.DEMO_FOLDER.name}/ from this machine.",
            id="backoffice.E001",
        )
        for name in keys.demo_secrets()
    ]
