"""How the bank-card verifier is reached: read from the settings, refused where the line would not be private."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SECONDS = 3.0  # for one attempt
ATTEMPTS_MAX = 3
BACKOFF_SECONDS = 0.3  # before the second attempt, doubled before each further one
ANSWER_BYTES_MAX = 16 * 1024


@dataclass(frozen=True)
class Setup:
    url: str
    key: str = field(default="", repr=False)
    seconds: float = SECONDS
    attempts_max: int = ATTEMPTS_MAX
    backoff_seconds: float = BACKOFF_SECONDS

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.username or parts.password or not parts.hostname:
            raise ImproperlyConfigured(
                "CARD_VERIFIER_URL must name a host, and no password: put it in CARD_VERIFIER_KEY."
            )
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise ImproperlyConfigured("CARD_VERIFIER_URL must be https: it carries what a customer entrusted to us.")


def configured() -> Setup | None:
    """The verifier that CARD_VERIFIER_URL names; None where there is none. Raises ImproperlyConfigured."""
    url = str(getattr(settings, "CARD_VERIFIER_URL", "") or "")
    if not url:
        return None
    return Setup(
        url=url,
        key=str(getattr(settings, "CARD_VERIFIER_KEY", "") or ""),
        seconds=float(getattr(settings, "CARD_VERIFIER_SECONDS", SECONDS)),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
