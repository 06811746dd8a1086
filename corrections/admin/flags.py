"""Compliance's page of raised risk flags: how many by flag, maker, branch and month, and which; with its export.

An export is a POST: it is recorded as an event, so following a link must not make one.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from corrections.admin import _pages
from corrections.admin._refusals import refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.admin.reports import scope_choices
from corrections.errors import CorrectionError, InvalidInput
from corrections.reports.flags import ASKED, FlagPage, Tally, flag_page, parse_flags, titles
from corrections.reports.history import Sight
from corrections.reports.writers import FORMATS
from corrections.services.flag_export import export_flags

SHOWN_DAYS = 90


def urls(site: admin.AdminSite) -> list[URLPattern]:
    def view(page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        return _pages.page(site, page)

    return [
        path("corrections/flags/", view(flags), name="corrections_flag_report"),
        path("corrections/flags/export/", view(export), name="corrections_flag_export"),
    ]


class FlagForm(forms.Form):
    """What the page can be narrowed to; `parse_flags` reads it, and says what can't be used."""

    since = forms.CharField(label=gettext_lazy("from"), widget=forms.DateInput({"type": "date"}))
    until = forms.CharField(label=gettext_lazy("to"), widget=forms.DateInput({"type": "date"}))
    flag = forms.ChoiceField(label=gettext_lazy("risk flag"))
    scope = forms.ChoiceField(label=gettext_lazy("branch"))
    maker = forms.CharField(label=gettext_lazy("maker: name or employee no."))

    use_required_attribute = False

    def __init__(self, texts: dict[str, Any], *, sight: Sight) -> None:
        super().__init__(initial=texts)
        anything = ("", _("any"))
        known = sorted(titles().items(), key=lambda pair: pair[1])
        self.fields["flag"].choices = [anything, *known]  # type: ignore[attr-defined]
        self.fields["scope"].choices = [anything, *scope_choices(sight)]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Line:
    """A line of a table, with the query string that shows what it counts."""

    tally: Tally
    query: str


@require_safe
def flags(request: HttpRequest) -> HttpResponse:
    return _page(request, _texts(request.GET) if request.GET else _last_days())


def _texts(given: Any) -> dict[str, str]:
    return {name: given.get(name, "") for name in ASKED}


def _last_days() -> dict[str, str]:
    """Where a reader begins."""
    today = timezone.localdate()
    return {"since": str(today - dt.timedelta(days=SHOWN_DAYS)), "until": str(today)}


def _page(request: HttpRequest, texts: dict[str, str], refused: CorrectionError | None = None) -> HttpResponse:
    try:
        sight = Sight.of(rights_for(request))
    except CorrectionError as error:
        return refusal_page(request, error)
    page = FlagPage((), (), (), ())
    try:
        page = flag_page(parse_flags(texts), sight, below=_pages.key(request, "below"))
    except InvalidInput as error:
        refused = refused or error
    refusal = None if refused is None else refusal_of(refused)
    asked = {name: value for name, value in texts.items() if value}
    context = {
        "title": _("Risk flags"),
        "form": FlagForm(texts, sight=sight),
        "texts": asked,
        "page": page,
        "tables": [
            (_("by risk flag"), _lines(page.by_flag, asked)),
            (_("by maker"), _lines(page.by_maker, asked)),
            (_("by month and branch"), _lines(page.by_branch, asked)),
        ],
        "query": f"{urlencode(asked)}&" if asked else "",
        "formats": list(FORMATS),
        "refusal": refusal,
    }
    return _pages.render(request, "corrections/flags.html", context, status=refusal.status if refusal else 200)


def _lines(tallies: Any, asked: dict[str, str]) -> list[Line]:
    return [Line(tally, urlencode({**asked, **tally.narrow})) for tally in tallies]


@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """The file, once its event is on record; a refusal is the page again, with what was asked for."""
    texts, chosen = _texts(request.POST), request.POST.get("format", "")
    with ExitStack() as unfinished:
        file = unfinished.enter_context(tempfile.TemporaryFile())
        try:
            made = export_flags(actor=request.user, filters=parse_flags(texts), format=chosen, file=file)
        except CorrectionError as error:
            return _page(request, texts, error)
        unfinished.pop_all()  # the response closes the file
    response = FileResponse(file, as_attachment=True, filename=made.filename, content_type=FORMATS[chosen])
    response["X-Content-SHA256"] = made.sha256
    return response
