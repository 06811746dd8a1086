"""Delegations for absence: the roles that one lends, those that were lent to one, a form for another, and the end."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from corrections import services
from corrections.admin import _pages
from corrections.admin._refusals import Refusal, refusal_of
from corrections.admin._rights import rights_for
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import Delegation
from corrections.permissions import EVERYWHERE
from corrections.selectors import delegations

FIELDS = ("receiver", "role", "scope", "starts_on", "ends_on", "reason")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("delegations/", _pages.page(site, overview), name="corrections_delegations"),
        path("delegations/<int:pk>/end/", _pages.page(site, end), name="corrections_delegation_end"),
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, {})
    typed = {name: request.POST.get(name, "") for name in FIELDS}
    try:
        services.delegate(actor=request.user, **_meant(typed))
    except CorrectionError as error:
        return _page(request, typed, refusal_of(error))
    messages.success(request, _("The role is lent."))
    return HttpResponseRedirect(reverse("admin:corrections_delegations"))


def _meant(typed: dict[str, str]) -> dict[str, Any]:
    """What the form says; what can't be read is nothing, which the service refuses by name."""
    key = typed["scope"]
    # An unknown scope must not turn into everywhere: the service refuses what is no scope.
    scope = None if key == EVERYWHERE else delegations.scope_of(key) or Delegation()
    person = delegations.person_of(_number(typed["receiver"]))
    days = {name: _day(typed[name]) for name in ("starts_on", "ends_on")}
    return {"receiver": person, "role": typed["role"], "scope": scope, "reason": typed["reason"], **days}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _page(request: HttpRequest, typed: dict[str, str], refusal: Refusal | None = None) -> HttpResponse:
    rights = rights_for(request)
    roles = delegations.lendable(rights)
    today = timezone.localdate().isoformat()
    context = {
        "title": _("Delegations"),
        "loans": delegations.loans(rights=rights),
        "sees_all": delegations.sees_all(rights),
        "roles": roles,
        "may_lend_everywhere": any(role in rights.everywhere for role, _label in roles),
        "places": delegations.places(rights) if roles else [],
        "receivers": delegations.receivers(rights) if roles else [],
        "typed": typed or {"starts_on": today, "ends_on": today},
        "days_max": limits.DELEGATION_DAYS_MAX,
        "refusal": refusal,
    }
    return _pages.render(request, "corrections/delegations.html", context, status=refusal.status if refusal else 200)


@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponse:
    loan = next((one.row for one in delegations.loans(rights=rights_for(request)) if one.row.pk == pk), None)
    if loan is None:
        raise Http404
    try:
        services.end_delegation(actor=request.user, delegation=loan)
    except CorrectionError as error:
        return _page(request, {}, refusal_of(error))
    messages.success(request, _("The delegation is taken back."))
    return HttpResponseRedirect(reverse("admin:corrections_delegations"))
