"""Every refusal of the engine, as one exception tree with stable codes; no other module defines one that users see.

A refusal is a sentence a clerk understands. `code` is a whole statement and never changes its meaning, so that
scripts and the help page can rely on it; `details` names the row, the field and the remedy.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class CorrectionError(Exception):
    """A refusal. `code` is stable, `message` is for people, `details` for programs (never a secret)."""

    code: ClassVar[str] = "correction_refused"
    message: ClassVar[str | Promise] = _("This is not possible.")

    def __init__(self, message: str | Promise | None = None, /, *, code: str | None = None, **details: Any):
        self.details = details
        self._message = message if message is not None else self.message
        if code is not None:
            self.code = code  # type: ignore[misc]
        super().__init__(self._message)

    def __str__(self) -> str:
        text = str(self._message)
        return text % self.details if self.details and "%(" in text else text

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), str(self), self.code, self.details))


def _rebuild(kind: type[CorrectionError], message: str, code: str, details: dict[str, Any]) -> CorrectionError:
    return kind(message.replace("%", "%%") if details else message, code=code, **details)


class NotAllowed(CorrectionError):
    """The actor lacks a right, or is excluded from this act as a person."""

    code = "not_allowed"
    message = _("You don't have the right to do this. Ask a user administrator if you should.")


class IllegalState(CorrectionError):
    """The correction's state doesn't allow this act."""

    code = "illegal_state"
    message = _("This correction is “%(state)s”: that can't be done now.")


class InvalidInput(CorrectionError):
    """What was entered can't be used. `details` names the field and the remedy."""

    code = "invalid_input"
    message = _("The input can't be used.")


class Conflict(CorrectionError):
    """The world has moved on: a stale value, another open correction, another decision."""

    code = "conflict"
    message = _("Something else changed meanwhile.")


class IntegrityBroken(CorrectionError):
    """Stored content is not what was signed or sealed. Nothing was written; tell compliance."""

    code = "integrity_broken"
    message = _("Stored content is not what it was when it was recorded. Nothing was done; tell compliance.")


class SecretUnreadable(IntegrityBroken):
    """A stored secret or evidence file can't be opened: altered, moved, or its key is gone. Never shows content."""

    code = "secret_unreadable"
    message = _("This protected value can't be read.")


class NoPreview(CorrectionError):
    """A file can't be shown as an image. The original is still there to download."""

    code = "no_preview"
    message = _("This file can't be shown here. Download it instead.")
