"""Setting a token up, and taking it away: every rule about tokens but the proof itself, which is in step_up.py.

A token is set up by its owner alone, with the password again and a first code. It is removed by its owner with a
code; a lost one by a user administrator who is another person, with a reason. Both are audit events.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.debug import sensitive_variables

from backoffice.staff import step_up
from backoffice.staff.models import Token, User
from corrections.choices import AuditKind
from corrections.permissions import is_usable, rights_of
from corrections.protection import keys
from corrections.protection.secrets import seal_text
from corrections.roles import Role
from corrections.services.token import (
    NoToken,
    PasswordNotAccepted,
    TokenIsNotYours,
    TokenMustWait,
    TokenStands,
    TokenWrong,
    record_token,
)

KEY_BYTES = 20  # RFC 4226 recommends as many as the hash has
ISSUER = "Correction back office"


@sensitive_variables()
def begin(*, actor: Any) -> Token:
    """A new key for the actor's own account, to be confirmed; one that was never confirmed gives way."""
    with transaction.atomic():
        owner = _locked_account(actor)
        if not is_usable(owner) or owner.is_machine:
            raise TokenIsNotYours
        device = step_up.living_tokens(owner).first() or Token(user=owner)
        if device.confirmed:
            raise TokenStands
        if device.key_cipher:
            keys.destroy(device.ref)
        device.ref, device.created_at = uuid4(), timezone.now()
        device.key_cipher = _sealed(device)
        device.save()
    return device


@sensitive_variables("password", "code")
def confirm(*, actor: Any, password: str, code: str) -> Token:
    """Takes the token into use. A wrong password or code counts, so that neither can be guessed.

    Raises NoToken, TokenMustWait, PasswordNotAccepted, TokenWrong.
    """
    refusal: Exception | None = None
    with transaction.atomic():
        owner = _locked_account(actor)
        device = step_up.living_tokens(owner).filter(confirmed=False).first()
        if device is None:
            raise NoToken
        _demand_no_wait(owner)
        if not owner.check_password(password):
            device.throttle_increment()
            refusal = PasswordNotAccepted(field="password")
        elif not _is_proved(device, code):
            refusal = TokenWrong(field="code")
        else:
            device.confirmed, device.confirmed_at = True, timezone.now()
            device.save()
            record_token(actor=owner, owner=owner, kind=AuditKind.TOKEN_SET_UP)
    if refusal is not None:
        raise refusal
    return device


def remove_own(*, actor: Any, code: str) -> None:
    """Takes the actor's own token away, proved by a code. Raises NoToken, TokenMustWait, TokenWrong."""
    prove(actor=actor, code=code)
    with transaction.atomic():
        owner = _locked_account(actor)
        _retire(owner)
        record_token(actor=owner, owner=owner, kind=AuditKind.TOKEN_REMOVED)


def remove_lost(*, actor: Any, owner: User, reason: str) -> None:
    """Takes another person's lost token away. Raises TokenIsNotYours, RemovalNeedsReason, NoToken."""
    with transaction.atomic():
        account = _locked_account(owner)
        if not may_remove_lost(actor, account):
            raise TokenIsNotYours
        _retire(account)
        record_token(actor=actor, owner=account, kind=AuditKind.TOKEN_REMOVED, reason=reason)


def may_remove_lost(user: Any, owner: User) -> bool:
    """A user administrator, or a superuser, for accounts of other persons; a superuser's only as superuser."""
    rights = rights_of(User.objects.select_related("person").filter(pk=user.pk).first())
    if user.pk == owner.pk or (rights.person_id is not None and rights.person_id == owner.person_id):
        return False
    return rights.is_superuser or (Role.USER_ADMIN in rights.roles and not owner.is_superuser)


def prove(*, actor: Any, code: str) -> None:
    """As `step_up.verify`, with a refusal that says why. Raises NoToken, TokenMustWait, TokenWrong."""
    if not step_up.has_token(actor):
        raise NoToken
    _demand_no_wait(actor)
    if not step_up.verify(actor, code):
        raise TokenWrong(field="code")


def address_of(device: Token) -> str:
    """The otpauth address that an authenticator app reads from the picture; it holds the key."""
    label = quote(f"{ISSUER}:{device.user.get_username()}")
    return f"otpauth://totp/{label}?{urlencode({'secret': step_up.key_of(device), 'issuer': ISSUER})}"


def _locked_account(account: Any) -> User:
    """The account as it is now; locked, so that two tabs can't set up two tokens."""
    return User.objects.select_related("person").select_for_update(of=("self",)).get(pk=account.pk)


@sensitive_variables()
def _sealed(device: Token) -> str:
    plain = b32encode(secrets.token_bytes(KEY_BYTES)).decode()
    return seal_text(model=Token, field="key", ref=device.ref, owner=device.ref, plain=plain)


def _is_proved(device: Token, code: str) -> bool:
    digits = step_up.code_of(code)
    return digits is not None and step_up.is_proved(device, digits)


def _demand_no_wait(owner: Any) -> None:
    until = step_up.waits_until(owner)
    if until is not None:
        raise TokenMustWait(until=date_format(timezone.localtime(until), "H:i:s"))


def _retire(owner: User) -> None:
    """The key is destroyed, the row stays; what was proved by it counts no more."""
    device = Token.objects.filter(user=owner, confirmed=True, removed_at__isnull=True).first()
    if device is None:
        raise NoToken
    keys.destroy(device.ref)
    device.key_cipher, device.removed_at = "", timezone.now()
    device.save()
    step_up.end(owner)
