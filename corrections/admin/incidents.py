"""Incidents: the list, opening a new one, and one incident with the corrections that cite it."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from corrections import services
from corrections.admin import _pages
from corrections.admin._refusals import Refusal, refusal_of
from corrections.admin._rights import may_see_business, rights_for
from corrections.conf import limits
from corrections.errors import CorrectionError, NotAllowed
from corrections.models import Incident
from corrections.roles import Role
from corrections.selectors import corrections

TEXTS = ("title", "cause", "defect_number")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("corrections/incident/", _pages.page(site, incident_list), name="corrections_incident_changelist"),
        path("corrections/incident/add/", _pages.page(site, open_new), name="corrections_incident_add"),
        path("corrections/incident/<int:pk>/change/", _pages.page(site, one), name="corrections_incident_change"),
    ]


def _demand_business(request: HttpRequest) -> None:
    if not may_see_business(request):
        raise PermissionDenied


def _may_open(request: HttpRequest) -> bool:
    rights = rights_for(request)
    return Role.MAKER in rights.roles and rights.person_id is not None


@require_safe
def incident_list(request: HttpRequest) -> HttpResponse:
    _demand_business(request)
    below = _pages.key(request, "below")
    rows = Incident.objects.order_by("-pk")
    found = list((rows.filter(pk__lt=below) if below else rows)[: limits.PAGE_ROWS + 1])
    context = {
        "title": _("Incidents"),
        "incidents": found[: limits.PAGE_ROWS],
        "older": found[limits.PAGE_ROWS - 1].pk if len(found) > limits.PAGE_ROWS else None,
        "below": below,
        "may_open": _may_open(request),
    }
    return _pages.render(request, "corrections/incident_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def open_new(request: HttpRequest) -> HttpResponse:
    _demand_business(request)
    texts = {name: request.POST.get(name, "") for name in TEXTS}
    try:
        if not _may_open(request):
            raise NotAllowed(code="maker_role_is_required")
        if request.method != "POST":
            return _form(request, texts)
        incident = services.open_incident(actor=request.user, **texts)
    except CorrectionError as error:
        return _form(request, texts, refusal_of(error))
    return HttpResponseRedirect(reverse("admin:corrections_incident_change", args=[incident.pk]))


def _form(request: HttpRequest, texts: dict[str, str], refusal: Refusal | None = None) -> HttpResponse:
    context = {"title": _("Open an incident"), "texts": texts, "refusal": refusal, "may_open": _may_open(request)}
    return _pages.render(request, "corrections/incident_add.html", context, status=refusal.status if refusal else 200)


@require_safe
def one(request: HttpRequest, pk: int) -> HttpResponse:
    _demand_business(request)
    incident = Incident.objects.filter(pk=pk).first()
    if incident is None:
        raise Http404
    rows = corrections.visible(actor=request.user, rights=rights_for(request)).filter(incident=incident)
    found = list(rows.order_by("-pk")[: limits.PAGE_ROWS + 1])
    context = {
        "title": str(incident),
        "incident": incident,
        "rows": corrections.listed(found[: limits.PAGE_ROWS]),
        "has_more": len(found) > limits.PAGE_ROWS,
    }
    return _pages.render(request, "corrections/incident.html", context)
