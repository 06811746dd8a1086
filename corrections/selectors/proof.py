"""Whether a signature asks this account for a one-time password now; what a token is, the project knows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.utils import timezone

from corrections.choices import StepToken
from corrections.conf import limits


@dataclass(frozen=True)
class TokenWish:
    """What is asked for: nothing more, as long as an earlier proof counts."""

    is_asked: bool
    is_own: bool  # one for this very signature, however recent the last was


def token_wish(user: Any, token: str) -> TokenWish | None:
    """None where the step asks for no token."""
    if token == StepToken.NONE:
        return None
    is_own = token == StepToken.OWN
    return TokenWish(is_asked=is_own or not _is_recent(user), is_own=is_own)


def _is_recent(user: Any) -> bool:
    proved_at = import_module(settings.CORRECTIONS_STEP_UP).verified_at(user)
    return proved_at is not None and timezone.now() - proved_at <= dt.timedelta(minutes=limits.TOKEN_MINUTES_MAX)
