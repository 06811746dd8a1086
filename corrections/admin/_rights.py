"""The rights of whoever looks at a page, read once per request; services read them afresh."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from corrections.permissions import BUSINESS_ROLES, Rights, rights_of, sees_controls
from corrections.registry import Entry


def rights_for(request: HttpRequest) -> Rights:
    found: Rights | None = getattr(request, "_desk_rights", None)
    user: Any = request.user
    if found is None or found.user_id != (user.pk or 0):
        found = rights_of(user)
        request._desk_rights = found  # type: ignore[attr-defined]
    return found


def may_see_business(request: HttpRequest) -> bool:
    """Whether any business record may be shown: a business role on something, or a superuser."""
    rights = rights_for(request)
    return rights.is_superuser or bool(rights.roles.intersection(BUSINESS_ROLES))


def may_see_kind(request: HttpRequest, entry: Entry) -> bool:
    """Whether records of this kind may be shown at all; which of them is asked of each."""
    if not entry.is_control:
        return may_see_business(request)
    rights = rights_for(request)
    return rights.is_superuser or sees_controls(rights)
