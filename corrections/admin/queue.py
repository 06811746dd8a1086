"""The queue: what waits for the signature of the account that looks."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from corrections.admin import _pages
from corrections.admin._rights import rights_for
from corrections.roles import DECIDING_ROLES
from corrections.selectors import queue


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("corrections/queue/", _pages.page(site, queue_page), name="corrections_queue")]


@require_safe
def queue_page(request: HttpRequest) -> HttpResponse:
    rights = rights_for(request)
    found = queue.page(actor=request.user, rights=rights, after=_pages.key(request, "after"))
    context = {
        "title": _("My queue"),
        "queue": found,
        "decides": bool(rights.signing_roles.intersection(DECIDING_ROLES)) and not rights.is_superuser,
    }
    return _pages.render(request, "corrections/queue.html", context)
