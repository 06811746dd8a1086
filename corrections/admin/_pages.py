"""What every page of the engine shares: its site, its frame, and the account that looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from corrections.admin._rights import rights_for
from corrections.models import Correction
from corrections.selectors import corrections


def page(site: admin.AdminSite, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view behind the site's own door: signed in, CSRF-checked, never cached, and aware of its site."""

    def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.admin_site = site  # type: ignore[attr-defined]
        request.current_app = site.name
        return view(request, *args, **kwargs)

    return site.admin_view(inside)


def render(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page in the site's frame."""
    site = getattr(request, "admin_site", admin.site)
    return TemplateResponse(request, template, {**site.each_context(request), **context}, status=status)


def correction_or_404(request: HttpRequest, pk: int) -> Correction:
    """The correction, if this account may see it; whether others exist is nobody's business."""
    found = corrections.visible_one(actor=request.user, pk=pk, rights=rights_for(request))
    if found is None:
        raise Http404
    return found


def key(request: HttpRequest, name: str) -> int | None:
    """A key from the query string; anything else counts as not given."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def query_without(request: HttpRequest, *names: str) -> str:
    """The present query string without these parameters, ready to be followed by another one."""
    query = request.GET.copy()
    for name in [*names, *(name for name in request.GET if not request.GET[name])]:
        query.pop(name, None)
    return f"{query.urlencode()}&" if query else ""
