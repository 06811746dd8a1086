"""The inbox: one's own notices, unread first; reading one of them is a POST like every act."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from corrections import services
from corrections.admin import _pages
from corrections.admin._rights import rights_for
from corrections.selectors import inbox

PARTS = ("unread", "read")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("inbox/", _pages.page(site, inbox_page), name="corrections_inbox"),
        path("inbox/read/", _pages.page(site, read_all), name="corrections_inbox_read_all"),
        path("inbox/<int:pk>/read/", _pages.page(site, read_one), name="corrections_inbox_read"),
    ]


@require_safe
def inbox_page(request: HttpRequest) -> HttpResponse:
    part, below = request.GET.get("part", ""), _pages.key(request, "below")
    found = inbox.page(
        actor=request.user,
        rights=rights_for(request),
        part=part if part in PARTS and below else "",
        below=below if part in PARTS else None,
    )
    context = {"title": _("Inbox"), "page": found, "next": dict(parse_qsl(found.next))}
    return _pages.render(request, "corrections/inbox.html", context)


@require_POST
def read_one(request: HttpRequest, pk: int) -> HttpResponse:
    """Marks one's own notice as read, and goes on to its correction where that was asked for."""
    rights = rights_for(request)
    notice = inbox.of_person(rights).filter(pk=pk).first()
    if notice is None:
        raise Http404
    services.mark_read(actor=request.user, notice=notice)
    if request.POST.get("open") and notice.correction_id is not None:
        return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[notice.correction_id]))
    return _back()


@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Marks all as read that stood on the page or before; what came meanwhile stays unread."""
    text = request.POST.get("up_to", "")
    up_to = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    count = services.mark_all_read(actor=request.user, up_to=up_to)
    messages.success(request, _("Marked as read: %(count)s.") % {"count": count})
    return _back()


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:corrections_inbox"))
