"""Proofs by one-time password: whether a code is right now, and when an account proved one last.

The engine asks through the setting CORRECTIONS_STEP_UP. A proof belongs to one account (never to another one of the
same person), ends with the sign-in, with the token and with whoever is deactivated, and its code never passes twice.

A wrong code is counted: whoever calls `verify` inside a transaction commits it whatever the answer is.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from base64 import b32decode
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_otp.oath import TOTP

from backoffice.staff.models import Kind, StepUp, Token
from corrections.protection.secrets import unseal

CODE = re.compile(r"\s*([0-9]{3}) ?([0-9]{3})\s*", re.ASCII)
CODE_CHARS_MAX = 20  # as typed, with spaces
TOLERANCE_STEPS = 1  # of 30 seconds, before and after: clocks of telephones differ

# The account is a human's and in force, and so is its person.
IN_FORCE = Q(user__is_active=True, user__kind=Kind.HUMAN) & (
    Q(user__person__isnull=True) | Q(user__person__is_active=True)
)


def verify(user: Any, token: Any) -> bool:
    """Whether the code is right, new and of this account's own token; if so, remembers the moment.

    Anything else than six digits is simply wrong. Raises SecretUnreadable if the stored key was altered.
    """
    code = code_of(token)
    if code is None or not getattr(user, "pk", None):
        return False
    with transaction.atomic():
        device = living_tokens(user).filter(confirmed=True).select_for_update(of=("self",)).first()
        if device is None or not is_proved(device, code):
            return False
        StepUp.objects.create(user_id=user.pk, at=timezone.now(), is_proof=True)
    return True


def verified_at(user: Any) -> dt.datetime | None:
    """When this account proved its token last, if that still counts. One statement."""
    if not getattr(user, "pk", None):
        return None
    rows = StepUp.objects.filter(IN_FORCE, user_id=user.pk).order_by("-pk")
    newest = rows.values_list("at", "is_proof").first()
    return newest[0] if newest and newest[1] else None


def has_token(user: Any) -> bool:
    """Whether this account has a token that it can prove. One statement."""
    return bool(getattr(user, "pk", None)) and living_tokens(user).filter(confirmed=True).exists()


def waits_until(user: Any) -> dt.datetime | None:
    """Until when no code of this account is looked at, because of wrong ones before."""
    device = living_tokens(user).first()
    why = None if device is None else device.verify_is_allowed()[1]
    return why["locked_until"] if why else None


def end(user: Any) -> None:
    """What this account has proved counts no more."""
    newest = StepUp.objects.filter(user_id=user.pk).order_by("-pk").first()
    if newest is not None and newest.is_proof:
        StepUp.objects.create(user_id=user.pk, at=timezone.now(), is_proof=False)


def living_tokens(user: Any) -> QuerySet[Token]:
    """The one token of an account in force, set up or being set up; never a removed one."""
    rows: QuerySet[Token] = Token.objects.filter(IN_FORCE, user_id=user.pk, removed_at__isnull=True)
    return rows


def code_of(text: Any) -> int | None:
    """The six digits that were typed, spaces around them and in their middle allowed; None for anything else."""
    if not isinstance(text, str) or len(text) > CODE_CHARS_MAX:
        return None
    found = CODE.fullmatch(text)
    return int(found[1] + found[2]) if found else None


@sensitive_variables()
def is_proved(device: Token, code: int) -> bool:
    """Whether the code is right for this locked token; counts it as used, or as wrong. Nothing while it must wait."""
    if not device.verify_is_allowed()[0]:
        return False
    totp = TOTP(b32decode(key_of(device)))
    totp.time = time.time()
    is_right = totp.verify(code, tolerance=TOLERANCE_STEPS, min_t=device.last_t + 1)
    if is_right:
        device.last_t = totp.t()
        device.last_used_at = timezone.now()
        device.throttle_reset(commit=False)
    else:
        device.throttle_increment(commit=False)
    device.save(update_fields=["last_t", "last_used_at", "throttling_failure_timestamp", "throttling_failure_count"])
    return is_right


@sensitive_variables()
def key_of(device: Token) -> str:
    """The key in base 32, as an authenticator app takes it."""
    return unseal(model=Token, field="key", ref=device.ref, cipher=device.key_cipher)
