"""Addresses of the pages of registered models; nothing here asks the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()


@register.simple_tag(takes_context=True)
def records_url(context: Mapping[str, Any], model: str, page: str, pk: Any = None) -> str:
    """A page of a registered model (changelist, change, history, propose, propose_create); "" where there is none."""
    app = getattr(context.get("request"), "current_app", None)
    args = [] if pk is None else [pk]
    try:
        return reverse(f"admin:{model.replace('.', '_')}_{page}", args=args, current_app=app)
    except NoReverseMatch:
        return ""


@register.simple_tag
def query(kept: Mapping[str, Any] | None = None, **more: Any) -> str:
    """A query string of what is filled in, with its question mark."""
    filled = {name: value for name, value in {**(kept or {}), **more}.items() if value not in (None, "")}
    return f"?{urlencode(filled)}" if filled else ""
