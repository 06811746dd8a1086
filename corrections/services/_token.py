"""Step-up: the proof by one-time password that a step asks for. What a token is, the project knows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from corrections.choices import StepToken
from corrections.conf import limits
from corrections.errors import NotAllowed
from corrections.policies import StepDemand
from corrections.services._door import Act


class TokenRequired(NotAllowed):
    code = "token_is_required"
    message = _("This signature needs a one-time password of your token. Enter the code that it shows now.")


class TokenWrong(NotAllowed):
    code = "token_is_wrong"
    message = _("This one-time password is wrong or was used already. Wait for the next code and enter that.")


@dataclass
class Proof:
    """Whether the proof was given already, before machines looked at a large batch."""

    is_given: bool = False


def is_proved(act: Act, step: StepDemand, token: Any) -> bool:
    """Whether the proof that this step asks for is there. Raises TokenRequired where none is.

    A wrong token is counted: the act then commits nothing else, and fails with TokenWrong after it.
    """
    if step.token == StepToken.NONE:
        return True
    if token in (None, ""):
        if step.token == StepToken.RECENT and _is_recent(act):
            return True
        raise TokenRequired(minutes=limits.TOKEN_MINUTES_MAX)
    if _provider().verify(act.actor, token):
        return True
    act.fail(TokenWrong())
    return False


def _is_recent(act: Act) -> bool:
    proved_at = _provider().verified_at(act.actor)
    return proved_at is not None and act.now - proved_at <= dt.timedelta(minutes=limits.TOKEN_MINUTES_MAX)


def _provider() -> Any:
    """The project's module with `verify(user, token)` and `verified_at(user)`."""
    return import_module(settings.CORRECTIONS_STEP_UP)
