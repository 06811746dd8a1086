"""Tokens by which people prove themselves: their refusals, and the audit events that compliance reads.

Where a token is kept and proved is the project's (setting CORRECTIONS_STEP_UP); it writes its row and calls
`record_token` in one transaction.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import AuditKind
from corrections.errors import Conflict, IllegalState, InvalidInput, NotAllowed
from corrections.services import _door, _texts
from corrections.services._token import TokenWrong

__all__ = [
    "NoToken",
    "PasswordNotAccepted",
    "RemovalNeedsReason",
    "TokenIsNotYours",
    "TokenMustWait",
    "TokenStands",
    "TokenWrong",
    "record_token",
]

REASON_CHARS_MAX = 200
KINDS = (AuditKind.TOKEN_SET_UP, AuditKind.TOKEN_REMOVED)


class TokenMustWait(Conflict):
    code = "token_must_wait"
    message = _("There were wrong codes before. No code is looked at before %(until)s.")


class TokenStands(IllegalState):
    code = "token_is_set_up_already"
    message = _("This account has a token already.")


class NoToken(IllegalState):
    code = "token_is_not_set_up"
    message = _("This account has no token.")


class PasswordNotAccepted(InvalidInput):
    code = "password_is_wrong"
    message = _("This is not the password of your account.")


class TokenIsNotYours(NotAllowed):
    code = "token_is_not_yours_to_remove"
    message = _("A token is removed by its owner, or by a user administrator who is another person.")


class RemovalNeedsReason(InvalidInput):
    code = "token_removal_needs_a_reason"
    message = _("Say why the token is removed.")


def record_token(*, actor: Any, owner: Any, kind: AuditKind, reason: str = "") -> None:
    """Records that an account's token was set up or removed; nothing of the token itself.

    Who removes another account's token says why. Raises NotAllowed, RemovalNeedsReason, InvalidInput.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind} is no event of a token.")
    text = _texts.clean(reason, field="reason", longest=REASON_CHARS_MAX)
    with _door.opened(actor=actor) as act:
        if kind == AuditKind.TOKEN_REMOVED and act.actor.pk != owner.pk and not text:
            raise RemovalNeedsReason(field="reason")
        act.record(kind, subject=f"account:{owner.pk}", owner_name=_door.name_of(owner), reason=text)
