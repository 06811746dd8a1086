"""Ways into a batch: a file, a template to fill in, one rule for records chosen in a list. One POST is one draft."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from corrections import services
from corrections.admin import _controls, _pages, draft
from corrections.admin._refusals import Refusal, refusal_of, refusal_page
from corrections.admin._rights import may_see_kind, rights_for
from corrections.choices import Action, Reason
from corrections.conf import limits
from corrections.errors import CorrectionError, InvalidInput, NotAllowed
from corrections.models import Correction
from corrections.permissions import is_maker, visible_records
from corrections.registry import Entry, registry
from corrections.selectors import lists, records, statements
from corrections.services.batch_export import TYPES, export_template

TEXTS = ("reason", "note", "ticket", "expected", "sheet")
ABOUT_SHEETS = ("several_sheets", "sheet_not_found")
EVERYTHING = "all"  # in place of single keys: all that the list shows


class NotANumberOfRows(InvalidInput):
    code = "expected_rows_not_a_number"
    message = gettext_lazy("Say in digits how many rows you expect, or leave it empty.")


class NothingChosen(InvalidInput):
    code = "no_record_is_chosen"
    message = gettext_lazy("Tick records in the list, or take all that it shows.")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path("corrections/batch/", _pages.page(site, upload), name="corrections_batch_add"),
        path("corrections/batch/template/", _pages.page(site, template), name="corrections_batch_template"),
        path("corrections/batch/rule/", _pages.page(site, rule), name="corrections_batch_rule"),
    ]


def correctable_kinds(request: HttpRequest) -> list[Entry]:
    """Kinds of record that this account may correct in a batch."""
    rights = rights_for(request)
    known = registry.entries()
    return [entry for entry in known if records.may_correct_some(rights, entry) and may_see_kind(request, entry)]


def _entry_or_404(request: HttpRequest, label: str) -> Entry:
    entry = registry.get(label) if label else None
    if entry is None or entry not in correctable_kinds(request):
        raise Http404
    return entry


# A file


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    if not is_maker(rights_for(request)):
        return refusal_page(request, NotAllowed(code="maker_role_is_required"))
    if request.method != "POST":
        return _upload_form(request)
    try:
        correction = _uploaded(request)
    except CorrectionError as error:
        return _upload_form(request, refusal_of(error))
    return _to_draft(request, correction)


def _uploaded(request: HttpRequest) -> Correction:
    entry = registry.get(request.POST.get("model", ""))
    if entry is None or entry not in correctable_kinds(request):
        raise InvalidInput(_("Choose the kind of record."), code="kind_of_record_is_required", field="model")
    file = request.FILES.get("file")
    if file is None:
        raise InvalidInput(_("Choose a file, or drop it here."), code="file_is_required", field="file")
    return services.draft_batch(
        actor=request.user,
        model=entry.model,
        file=file,
        filename=str(file.name or ""),
        sheet=request.POST.get("sheet", "").strip(),
        **_why(request),
    )


def _why(request: HttpRequest) -> dict[str, Any]:
    texts = {name: request.POST.get(name, "") for name in ("reason", "note", "ticket")}
    return {**texts, "expected_rows": _expected(request.POST.get("expected", ""))}


def _expected(text: str) -> int | None:
    digits = text.strip().replace(",", "")
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise NotANumberOfRows(field="expected")
    return int(digits)


def _upload_form(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    kinds = [(entry.key, capfirst(str(entry.model._meta.verbose_name_plural))) for entry in correctable_kinds(request)]
    chosen = registry.get(asked.get("model", "")) if asked.get("model") else None
    context = {
        "title": _("Correct many records by a file"),
        "kinds": sorted(kinds, key=lambda one: one[1]),
        "chosen": chosen.key if chosen else "",
        "megabytes_max": limits.BATCH_BYTES_MAX // (1024 * 1024),
        "rows_max": limits.BATCH_ROWS_MAX,
        "may_state": statements.may_state(rights_for(request)),
        "is_about_sheets": refusal is not None and refusal.code in ABOUT_SHEETS,
        **_form(request, refusal),
    }
    return _pages.render(request, "corrections/batch_upload.html", context, status=refusal.status if refusal else 200)


def _form(request: HttpRequest, refusal: Refusal | None) -> dict[str, Any]:
    return {
        "texts": {name: request.POST.get(name, "") for name in TEXTS},
        "reasons": Reason.choices,
        "note_chars_max": limits.NOTE_CHARS_MAX,
        "refusal": refusal,
    }


def _to_draft(request: HttpRequest, correction: Correction) -> HttpResponse:
    """The draft's page, with what machines say of it where that doesn't take long."""
    draft.have_checked(request, correction)
    return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[correction.pk]))


# A template


@require_http_methods(["GET", "HEAD", "POST"])
def template(request: HttpRequest) -> HttpResponseBase:
    """The columns that a file may have; by POST with the chosen records filled in, which is recorded."""
    asked = request.POST if request.method == "POST" else request.GET
    entry = _entry_or_404(request, asked.get("model", ""))
    chosen = asked.get("format", "xlsx")
    with ExitStack() as unfinished:
        file = unfinished.enter_context(tempfile.TemporaryFile())
        try:
            where = _chosen(request, entry, asked).where if request.method == "POST" else None
            made = export_template(actor=request.user, entry=entry, file=file, format=chosen, where=where)
        except CorrectionError as error:
            return refusal_page(request, error)
        unfinished.pop_all()  # the response closes the file
    return FileResponse(file, as_attachment=True, filename=made.filename, content_type=TYPES[chosen])


# One rule for chosen records


@dataclass(frozen=True)
class Chosen:
    """Which records of a list are meant: single ones, or all that its filters leave."""

    where: Q
    fields: list[tuple[str, str]]  # to be sent again
    words: list[tuple[str, str]]  # the filters, for people
    is_all: bool


def _chosen(request: HttpRequest, entry: Entry, asked: Any) -> Chosen:
    """What `asked` names. Raises NothingChosen, and what the list's own filters raise."""
    if asked.get(EVERYTHING):
        params = {name: asked[name] for name in ("q", *entry.config.list_filter) if asked.get(name)}
        user, rights = request.user, rights_for(request)
        where = lists.condition(user, rights, entry, params)
        words = lists.in_words(user, rights, entry, params)
        return Chosen(where, [(EVERYTHING, "1"), *params.items()], words, is_all=True)
    keys = [lists.key_of(entry, text) for text in asked.getlist("pk")]
    if not keys:
        raise NothingChosen
    return Chosen(Q(pk__in=keys), [("pk", str(key)) for key in keys], [], is_all=False)


@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest) -> HttpResponse:
    """New values for all chosen records at once."""
    asked = request.POST if request.method == "POST" else request.GET
    entry = _entry_or_404(request, asked.get("model", ""))
    try:
        chosen = _chosen(request, entry, asked)
    except CorrectionError as error:
        return refusal_page(request, error)
    reader = _controls.Reader(request.user, rights_for(request))
    form = _controls.build(reader, entry, Action.UPDATE, None)
    for control in form.controls:
        control.value = ""  # what a new record would begin with says nothing about these
    if request.method != "POST":
        return _rule_form(request, entry, chosen, form)
    try:
        correction = _drafted(request, entry, chosen, _controls.read(reader, form, request.POST))
    except CorrectionError as error:
        refusal = refusal_of(error)
        if refusal.field and not any(control.problem for control in form.controls):
            form.blame(refusal.field, str(refusal))
        return _rule_form(request, entry, chosen, form, refusal)
    return _to_draft(request, correction)


def _drafted(request: HttpRequest, entry: Entry, chosen: Chosen, values: Mapping[str, Any]) -> Correction:
    if not values:
        raise InvalidInput(_("Tick at least one field and type its new value."), code="no_value_is_given")
    return services.draft_selection(
        actor=request.user, model=entry.model, where=chosen.where, values=values, **_why(request)
    )


def _rule_form(
    request: HttpRequest, entry: Entry, chosen: Chosen, form: _controls.Form, refusal: Refusal | None = None
) -> HttpResponse:
    found = visible_records(request.user, rights_for(request), entry).filter(chosen.where)
    options = entry.model._meta
    context = {
        "title": _("Correct many: %(what)s") % {"what": capfirst(str(options.verbose_name_plural))},
        "opts": options,
        "entry": entry,
        "chosen": chosen,
        "count": found.order_by()[: limits.BATCH_ROWS_MAX + 1].count(),
        "rows_max": limits.BATCH_ROWS_MAX,
        "form": form,
        **_form(request, refusal),
    }
    return _pages.render(request, "corrections/batch_rule.html", context, status=refusal.status if refusal else 200)
