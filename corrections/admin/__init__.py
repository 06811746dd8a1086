"""The engine's pages in Django's admin: thin edges that parse, call one service or selector, and render.

Works in any AdminSite: a site prepends `extra_urls(site)` to its own, and `register_records(site)` gives every
registered model its pages. Each room of pages is a module with `urls(site)`. No page writes but through
`corrections.services`.
"""

from __future__ import annotations

from importlib import import_module

from django.contrib import admin
from django.urls import URLPattern

# In the order in which their addresses are tried.
NAMES = (
    *("queue", "inbox", "register", "decide", "evidence", "maker", "incidents", "delegations", "records"),
    *("batches", "batches_looked_at", "statements", "policies", "reports", "flags"),
)
ROOMS = [import_module(f"{__name__}.{name}") for name in NAMES]


def extra_urls(site: admin.AdminSite) -> list[URLPattern]:
    """Addresses of the engine's pages, named in the site's own namespace.

    Records are registered here, and not at import: other apps' admin modules are all read by now, and an admin that
    one of them registered for a correctable model gives way.
    """
    register_records(site)
    return [url for room in ROOMS if hasattr(room, "urls") for url in room.urls(site)]


def register_records(site: admin.AdminSite) -> None:
    """Every registered model gets its read-only pages."""
    for room in ROOMS:
        if hasattr(room, "register_records"):
            room.register_records(site)
