"""One's own token (setting up, proving, removing), a lost token of somebody else's, and who tried to sign in."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import qrcode
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backoffice.navigation import rights_for
from backoffice.staff import sign_ins, step_up, tokens
from backoffice.staff.models import Token, User
from corrections.admin._refusals import Refusal, refusal_of
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.roles import Role

PAGE = "admin:token"


def urls(site: AdminSite) -> list[URLPattern]:
    def door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return site.admin_view(sensitive_post_parameters()(view))

    return [
        path("token/", door(own), name="token"),
        path("token/begin/", door(begin), name="token_begin"),
        path("token/picture/", door(picture), name="token_picture"),
        path("token/confirm/", door(confirm), name="token_confirm"),
        path("token/remove/", door(remove), name="token_remove"),
        path("token/prove/", door(prove), name="token_prove"),
        path("staff/user/<int:pk>/token/remove/", door(remove_lost), name="staff_user_token_remove"),
        path("sign-ins/", door(attempts), name="sign_ins"),
    ]


def _render(request: HttpRequest, template: str, context: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    from django.contrib import admin

    full = {**admin.site.each_context(request), "refusal": refusal, **context}
    return TemplateResponse(request, template, full, status=refusal.status if refusal else 200)


# One's own token


@require_safe
def own(request: HttpRequest) -> HttpResponse:
    return _own(request)


def _own(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    device = step_up.living_tokens(request.user).first()
    is_new = device is not None and not device.confirmed
    context = {
        "title": _("Token"),
        "token": device,
        "is_new": is_new,
        "key": _in_groups(step_up.key_of(device)) if device is not None and is_new else "",
        "proved_at": step_up.verified_at(request.user),
        "minutes": limits.TOKEN_MINUTES_MAX,
    }
    return _render(request, "backoffice/token.html", context, refusal)


def _in_groups(key: str) -> str:
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


@require_safe
def picture(request: HttpRequest) -> HttpResponse:
    """The QR code of the key that is being set up; one's own, and only until it is confirmed."""
    device = step_up.living_tokens(request.user).filter(confirmed=False).select_related("user").first()
    if device is None:
        raise Http404
    return HttpResponse(_png(device), content_type="image/png", headers={"Content-Disposition": "inline"})


def _png(device: Token) -> bytes:
    code = qrcode.QRCode(box_size=6, border=4)
    code.add_data(tokens.address_of(device))
    written = io.BytesIO()
    code.make_image().save(written)
    return written.getvalue()


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    return _done(request, lambda: tokens.begin(actor=request.user))


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    password, code = request.POST.get("password", ""), request.POST.get("code", "")
    said = _("The token is set up. From now on a decision may ask for a code of it.")
    return _done(request, lambda: tokens.confirm(actor=request.user, password=password, code=code), said)


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    code = request.POST.get("code", "")
    return _done(request, lambda: tokens.remove_own(actor=request.user, code=code), _("The token is removed."))


def _done(request: HttpRequest, act: Callable[[], object], said: str = "") -> HttpResponse:
    try:
        act()
    except CorrectionError as error:
        return _own(request, refusal_of(error))
    if said:
        messages.success(request, said)
    return HttpResponseRedirect(reverse(PAGE))


@require_http_methods(["GET", "HEAD", "POST"])
def prove(request: HttpRequest) -> HttpResponse:
    """A code typed now, and back to the page that one came from."""
    back = _way_back(request)
    refusal = None
    if request.method == "POST":
        try:
            tokens.prove(actor=request.user, code=request.POST.get("code", ""))
            messages.success(request, _("The code is right."))
            return HttpResponseRedirect(back)
        except CorrectionError as error:
            refusal = refusal_of(error)
    context = {
        "title": _("Enter a code of your token"),
        "has_token": step_up.has_token(request.user),
        "next": back,
        "minutes": limits.TOKEN_MINUTES_MAX,
    }
    return _render(request, "backoffice/token_prove.html", context, refusal)


def _way_back(request: HttpRequest) -> str:
    """An address below the admin, whatever was asked for."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = asked.startswith(reverse("admin:index")) and url_has_allowed_host_and_scheme(asked, None)
    return asked if is_ours and ".." not in asked and "\\" not in asked else reverse(PAGE)


# Other people's


@require_http_methods(["GET", "HEAD", "POST"])
def remove_lost(request: HttpRequest, pk: int) -> HttpResponse:
    if not _may_administer(request):
        raise PermissionDenied
    owner = get_object_or_404(User.objects.select_related("person"), pk=pk)
    if not tokens.may_remove_lost(request.user, owner):
        raise PermissionDenied
    refusal = None
    reason = request.POST.get("reason", "")
    if request.method == "POST":
        try:
            tokens.remove_lost(actor=request.user, owner=owner, reason=reason)
            messages.success(request, _("The token is removed."))
            return HttpResponseRedirect(reverse("admin:staff_user_change", args=[pk]))
        except CorrectionError as error:
            refusal = refusal_of(error)
    context = {
        "title": _("Remove a lost token"),
        "owner": owner,
        "has_token": step_up.has_token(owner),
        "reason": reason,
    }
    return _render(request, "backoffice/token_remove.html", context, refusal)


def _may_administer(request: HttpRequest) -> bool:
    rights = rights_for(request)
    return rights.is_superuser or Role.USER_ADMIN in rights.roles


@require_safe
def attempts(request: HttpRequest) -> HttpResponse:
    """Names that are locked out now, and the latest failures: for who administers people, and for compliance."""
    if not (_may_administer(request) or Role.COMPLIANCE in rights_for(request).roles):
        raise PermissionDenied
    below = request.GET.get("below", "")
    page = sign_ins.failures(below=int(below) if below.isascii() and below.isdigit() and len(below) < 19 else None)
    context = {"title": _("Sign-ins that failed"), "locked": sign_ins.locked_out(), "page": page}
    return _render(request, "backoffice/sign_ins.html", context, None)
