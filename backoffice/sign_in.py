"""The sign-in form, and the page of who is locked out.

The form tells a deactivated person so, and everybody else only that name and password don't fit. A lock-out strikes
a name from an address, whether such an account exists or not, so that nobody learns which accounts there are.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from backoffice.staff.models import User

UNKNOWN = "?"


class SignInForm(AdminAuthenticationForm):
    def get_invalid_login_error(self) -> ValidationError:
        if self._is_deactivated():
            return ValidationError(
                _("This account, or the person it belongs to, is deactivated. Ask a user administrator."),
                code="inactive",
            )
        return ValidationError(
            _("User name and password don't fit together. Both are case-sensitive."), code="invalid_login"
        )

    def _is_deactivated(self) -> bool:
        """Said only to who knows the password: others don't learn which accounts exist, nor from the time it takes."""
        if getattr(self.request, "axes_locked_out", False):
            return False
        name, password = self.cleaned_data.get("username", ""), self.cleaned_data.get("password", "")
        account = User.objects.select_related("person").filter(username=name).first()
        if account is None or account.is_machine:
            make_password(password)
            return False
        if not account.check_password(password):
            return False
        return not account.is_active or (account.person is not None and not account.person.is_active)


def locked_out(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """What stands in place of the answer to whoever failed too often; whether the password was right is not said."""
    seconds = int(get_cool_off(request).total_seconds())
    context = {"minutes": seconds // 60, "failures": settings.AXES_FAILURE_LIMIT}
    answer = render(request, "backoffice/locked_out.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    answer["Cache-Control"] = "no-store"
    return answer


def noted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """The name under which a failure is counted and kept; of an unknown one a keyed hash.

    People type their password into the field for the name: it must not be kept in clear.
    """
    name = (credentials or {}).get("username") or request.POST.get("username")
    if not isinstance(name, str) or not name:
        return None
    known: dict[str, str] = request.__dict__.setdefault("_noted_names", {})
    if name not in known:
        known[name] = name if _exists(name) else _hidden(name)
    return known[name]


def described(username: str | None, ip_address: str | None, *rest: Any) -> str:
    """Who failed, in one line of the log; the name as it is kept."""
    return f"{username or 'no name'} from {ip_address or 'no address'}"


def _exists(name: str) -> bool:
    return "\0" not in name and User.objects.filter(username=name).exists()


def _hidden(name: str) -> str:
    key = settings.SECRET_KEY.encode()
    return UNKNOWN + hmac.new(key, b"unknown name:" + name.encode(errors="replace"), hashlib.sha256).hexdigest()[:32]


def client_address(request: HttpRequest) -> str | None:
    """The address that the request came from: of the connection, or as our outermost proxy wrote it down."""
    address = request.META.get("REMOTE_ADDR", "")
    proxies = settings.PROXIES_IN_FRONT
    if proxies:
        # The last entries are our proxies' own; what stands before them anybody could have sent.
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = hops[-proxies] if len(hops) >= proxies else address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
