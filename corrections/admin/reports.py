"""Compliance's pages: the history report with its exports, audit events. They read, nothing else.

An export is a POST: it is recorded as an event, so following a link must not make one.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django import forms
from django.contrib import admin
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from corrections.admin import _pages
from corrections.admin._refusals import refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.choices import AuditKind, Reason, State
from corrections.conf import limits
from corrections.errors import CorrectionError, InvalidInput
from corrections.grants import scope_models
from corrections.permissions import scope_key
from corrections.registry import registry
from corrections.reports import events as audit
from corrections.reports.filters import WRITTEN_BY, Filters, parse
from corrections.reports.history import Sight
from corrections.reports.lines import Report
from corrections.reports.writers import FORMATS
from corrections.services.export import export_history

PREVIEW_DAYS = 30
# Columns of the preview by key; the file has all of them.
SHOWN = ("when", "record_kind", "record", "branch", "field", "before", "after", "source", "written_by")
SHOWN_OF_CORRECTION = ("correction", "reason")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    def view(page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        return _pages.page(site, page)

    return [
        path("corrections/report/", view(history_report), name="corrections_history_report"),
        path("corrections/report/export/", view(export), name="corrections_history_export"),
        path("corrections/auditevent/", view(events), name="corrections_auditevent_changelist"),
    ]


class ReportForm(forms.Form):
    """What the report can be narrowed to; `parse` of reports.filters reads it, and says what can't be used."""

    since = forms.CharField(label=gettext_lazy("from"), widget=forms.DateInput({"type": "date"}))
    until = forms.CharField(label=gettext_lazy("to"), widget=forms.DateInput({"type": "date"}))
    scope = forms.ChoiceField(label=gettext_lazy("branch"))
    model = forms.ChoiceField(label=gettext_lazy("kind of record"))
    record = forms.CharField(label=gettext_lazy("record: number or key"))
    maker = forms.CharField(label=gettext_lazy("maker: name or employee no."))
    checker = forms.CharField(label=gettext_lazy("checker: name or employee no."))
    reason = forms.ChoiceField(label=gettext_lazy("reason"))
    state = forms.ChoiceField(label=gettext_lazy("state"))
    written_by = forms.ChoiceField(label=gettext_lazy("written by"))

    use_required_attribute = False

    def __init__(self, texts: dict[str, Any], *, sight: Sight) -> None:
        super().__init__(initial=texts)
        anything = ("", _("any"))
        choices: dict[str, list[tuple[Any, Any]]] = {
            "scope": scope_choices(sight),
            "model": sorted((entry.key, capfirst(entry.model._meta.verbose_name)) for entry in registry.entries()),
            "reason": list(Reason.choices),
            "state": [(state, label) for state, label in State.choices if state != State.DRAFT],
            "written_by": list(WRITTEN_BY.items()),
        }
        for name, offered in choices.items():
            self.fields[name].choices = [anything, *offered]  # type: ignore[attr-defined]


def scope_choices(sight: Sight) -> list[tuple[str, str]]:
    found = [(scope_key(row), str(row)) for model in scope_models() for row in model._default_manager.all()]
    return sorted((pair for pair in found if sight.covers(pair[0])), key=lambda pair: pair[1])


@dataclass(frozen=True)
class Row:
    """A line of the preview, with what its links need."""

    cells: dict[str, str]
    model: str
    record_pk: str
    correction_pk: int | None
    is_secret: bool


@require_safe
def history_report(request: HttpRequest) -> HttpResponse:
    texts = request.GET.dict() if request.GET else _last_days()
    return _report_page(request, texts)


def _last_days() -> dict[str, str]:
    """Where a reader begins: what was corrected lately. Whatever else was written is a choice away."""
    today = timezone.localdate()
    since = today - dt.timedelta(days=PREVIEW_DAYS)
    return {"since": str(since), "until": str(today), "written_by": "corrections"}


def _report_page(request: HttpRequest, texts: dict[str, str], refused: CorrectionError | None = None) -> HttpResponse:
    """The form, and the first lines of what it says; a refusal beside what was typed."""
    try:
        sight = Sight.of(rights_for(request))
    except CorrectionError as error:
        return refusal_page(request, error)
    rows: list[Row] = []
    try:
        rows = _preview(parse(texts), sight)
    except InvalidInput as error:
        refused = refused or error
    refusal = None if refused is None else refusal_of(refused)
    context = {
        "title": _("History report"),
        "form": ReportForm(texts, sight=sight),
        "texts": {name: value for name, value in texts.items() if name in ReportForm.base_fields and value},
        "rows": rows[: limits.REPORT_PREVIEW_ROWS],
        "is_longer": len(rows) > limits.REPORT_PREVIEW_ROWS,
        "formats": list(FORMATS),
        "refusal": refusal,
        "page_rows_max": limits.EXPORT_PAGE_ROWS_MAX,
    }
    return _pages.render(request, "corrections/report.html", context, status=refusal.status if refusal else 200)


def _preview(filters: Filters, sight: Sight) -> list[Row]:
    report = Report(filters, sight, is_words=True, group_lines=limits.REPORT_PREVIEW_ROWS + 1)
    keys = report.keys()
    found = islice(report.lines_of_changes(), limits.REPORT_PREVIEW_ROWS + 1)
    return [
        Row(
            cells={
                key: cell for key, cell in zip(keys, own + shared, strict=True) if key in SHOWN + SHOWN_OF_CORRECTION
            },
            model=change.entry.key,
            record_pk=change.pk,
            correction_pk=change.correction if report.shows(change.correction) else None,
            is_secret=change.entry.is_secret(change.field),
        )
        for change, (own, shared) in found
    ]


@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """The file, once its event is on record; a refusal is the page again, with what was asked for."""
    texts = request.POST.dict()
    chosen = texts.get("format", "")
    with ExitStack() as unfinished:
        file = unfinished.enter_context(tempfile.TemporaryFile())
        try:
            made = export_history(
                actor=request.user,
                filters=parse(texts),
                format=chosen,
                file=file,
                rows_max=limits.EXPORT_PAGE_ROWS_MAX,
            )
        except CorrectionError as error:
            return _report_page(request, texts, error)
        unfinished.pop_all()  # the response closes the file
    response = FileResponse(file, as_attachment=True, filename=made.filename, content_type=FORMATS[chosen])
    response["X-Content-SHA256"] = made.sha256
    return response


# Audit events


class EventForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("event"))
    actor = forms.CharField(label=gettext_lazy("who: name, employee no. or machine"))
    correction = forms.CharField(label=gettext_lazy("number of a correction"))

    use_required_attribute = False

    def __init__(self, texts: dict[str, Any]) -> None:
        super().__init__(initial=texts)
        self.fields["kind"].choices = [("", _("any")), *AuditKind.choices]  # type: ignore[attr-defined]


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    texts = {name: request.GET.get(name, "").replace("\x00", "")[:200].strip() for name in EventForm.base_fields}
    below, above = _pages.key(request, "below"), _pages.key(request, "above")
    try:
        page = audit.events(rights=rights_for(request), filters=audit.EventFilters(**texts), below=below, above=above)
    except CorrectionError as error:
        return refusal_page(request, error)
    context = {
        "title": _("Audit events"),
        "form": EventForm(texts),
        "page": page,
        "query": _pages.query_without(request, "below", "above"),
        "is_filtered": any(texts.values()),
    }
    return _pages.render(request, "corrections/events.html", context)
