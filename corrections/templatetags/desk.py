"""How pages show money, moments, states and links to records; the one place for it. Nothing here asks the database."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils import formats, timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from corrections.choices import State

register = template.Library()

SYMBOLS = {"CNY": "¥", "USD": "US$", "EUR": "€", "GBP": "£", "HKD": "HK$"}
MINOR_DIGITS = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}
SOON = dt.timedelta(days=1)
MARKED_RATIO_MIN = 0.7
MARKED_CHARS_MIN, MARKED_CHARS_MAX = 12, 200  # of both; beyond it, a comparison letter by letter helps nobody


@register.filter
def money(amounts: Mapping[str, str] | None) -> str:
    """``{"CNY": "80000.0000"}`` → ``¥80,000.00``; nothing where no money is at stake."""
    return " + ".join(_money(currency, amount) for currency, amount in (amounts or {}).items())


def _money(currency: str, amount: str) -> str:
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return f"{currency} {amount}"
    # Never fewer decimals than the amount really has.
    places = max(MINOR_DIGITS.get(currency, 2), -int(value.normalize().as_tuple().exponent))
    number = formats.number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True)
    return f"{SYMBOLS[currency]}{number}" if currency in SYMBOLS else f"{currency}\u00a0{number}"


@register.filter
def clock(at: dt.datetime | None) -> SafeString | str:
    """The desk's clock and how long ago: ``14:02 · 2 h ago``, with the day when it was not today."""
    if at is None:
        return ""
    local, now = timezone.localtime(at), timezone.localtime()
    shown = f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"
    passed = now - local
    ago = _("just now") if passed < dt.timedelta(minutes=1) else _("%(span)s ago") % {"span": span(passed)}
    whole = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{} · {}</time>', at.isoformat(), whole, shown, ago)


@register.filter
def moment(at: dt.datetime | None) -> str:
    """Day and clock, for paper."""
    return "" if at is None else f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


@register.filter
def waiting(since: dt.datetime | None) -> str:
    """How long something has waited: ``2 h 14 min``."""
    return "" if since is None else span(timezone.now() - since, fine=True)


@register.filter
def left(until: dt.datetime | None) -> str:
    """How long until something ends; empty when it is over."""
    remaining = until - timezone.now() if until else dt.timedelta(0)
    return span(remaining, fine=True) if remaining > dt.timedelta(0) else ""


@register.filter
def span_of(length: dt.timedelta | None) -> str:
    """A length of time that is still to come: ``2 h 14 min``."""
    if length is None:
        return ""
    return span(length, fine=True) if length >= dt.timedelta(minutes=1) else _("less than a minute")


@register.filter
def is_soon(until: dt.datetime | None) -> bool:
    """Whether less than a day is left, or nothing."""
    return until is not None and until - timezone.now() < SOON


def span(length: dt.timedelta, *, fine: bool = False) -> str:
    """A length of time in its largest unit, or its two largest ones."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [
        (days, ngettext("%(n)s day", "%(n)s days", days)),
        (hours, _("%(n)s h")),
        (minutes % 60, _("%(n)s min")),
    ]
    start = next((index for index, (count, _word) in enumerate(parts) if count), 2)
    chosen = parts[start : start + (2 if fine else 1)]
    return " ".join(word % {"n": count} for count, word in chosen if count or len(chosen) == 1)


@register.filter
def filesize(size: int) -> str:
    """``1,187 KB``."""
    if size < 1024:
        return _("%(n)s bytes") % {"n": size}
    return _("%(n)s KB") % {"n": formats.number_format(size // 1024, use_l10n=True, force_grouping=True)}


@register.simple_tag
def state_badge(state: str, is_held: bool = False) -> SafeString:
    """The state in its colour, with its word; a hold stands beside it."""
    badge = format_html('<span class="desk-badge state-{}">{}</span>', state, State(state).label)
    if not is_held:
        return badge
    return format_html('{} <span class="desk-badge state-held">{}</span>', badge, _("on hold"))


@register.simple_tag(takes_context=True)
def record_url(context: Mapping[str, Any], model: str, pk: str) -> str:
    """The page of a record, or nothing where the site has none."""
    if not pk:
        return ""
    try:
        return reverse(f"admin:{model.replace('.', '_')}_change", args=[pk], current_app=_app(context))
    except NoReverseMatch:
        return ""


def _app(context: Mapping[str, Any]) -> str | None:
    return getattr(context.get("request"), "current_app", None)


@register.simple_tag
def marked(before: str, after: str) -> SafeString | str:
    """The new value with what differs from the old one marked, when the two are alike."""
    if not before or not after or not MARKED_CHARS_MIN <= len(before) + len(after) <= MARKED_CHARS_MAX:
        return conditional_escape(after)
    match = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if match.ratio() < MARKED_RATIO_MIN:
        return conditional_escape(after)
    parts = [(tag, after[start:end]) for tag, _a, _b, start, end in match.get_opcodes()]
    shaped = ((format_html("{}" if tag == "equal" else "<mark>{}</mark>", text),) for tag, text in parts if text)
    return format_html_join("", "{}", shaped)
