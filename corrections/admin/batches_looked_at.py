"""Looking at a batch: its rows, what was found in its file, how far it is; and its verbs while it is edited."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import Any

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from corrections import services
from corrections.admin import _pages, draft
from corrections.admin._refusals import refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.admin._watching import answered
from corrections.choices import RowStage
from corrections.errors import CorrectionError, InvalidInput
from corrections.models import Correction
from corrections.selectors import batch_rows, lists
from corrections.selectors.batches import BatchSheet
from corrections.selectors.sheet import Sheet
from corrections.services.batch_export import TYPES, export_results
from corrections.services.check import checking

TEXT_CHARS_MAX = 100


def urls(site: admin.AdminSite) -> list[URLPattern]:
    pages: dict[str, Any] = {
        "rows": rows,
        "findings": findings,
        "progress": progress,
        "results": results,
        "replace_rows": replace_rows,
        "check": check,
    }
    return [
        path(f"corrections/correction/<int:pk>/{name}/", _pages.page(site, view), name=f"corrections_correction_{name}")
        for name, view in pages.items()
    ]


def _sheet_or_404(request: HttpRequest, pk: int) -> tuple[Sheet, BatchSheet]:
    """A batch that this account may see; 404 for everything else."""
    correction = _pages.correction_or_404(request, pk)
    sheet = Sheet(actor=request.user, rights=rights_for(request), correction=correction)
    if sheet.batch is None:
        raise Http404
    return sheet, sheet.batch


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:TEXT_CHARS_MAX]


@require_safe
def rows(request: HttpRequest, pk: int) -> HttpResponse:
    sheet, batch = _sheet_or_404(request, pk)
    part, find = _asked(request, "part"), _asked(request, "find")
    part = part if part in batch_rows.Part.values else ""
    assert sheet.looking is not None  # noqa: S101 - it is a batch
    page = batch_rows.row_page(
        sheet.looking, part=part, find=find, after=_pages.key(request, "after"), before=_pages.key(request, "before")
    )
    context = {
        "title": _("Rows of %(correction)s") % {"correction": sheet.correction},
        "correction": sheet.correction,
        "batch": batch,
        "page": page,
        "part": part,
        "find": find,
        "parts": batch_rows.Part.choices,
        "searched": lists.searched(batch.entry) if batch.entry else "",
    }
    return _pages.render(request, "corrections/batch_rows.html", context)


@require_safe
def findings(request: HttpRequest, pk: int) -> HttpResponse:
    """What was found while the file was read: rows that can't be used, and rows that are already so."""
    sheet, batch = _sheet_or_404(request, pk)
    code, column = _asked(request, "code"), _asked(request, "column")
    found = [one for one in batch.findings if one.stage == RowStage.STAGING]
    context = {
        "title": _("Reading the file"),
        "correction": sheet.correction,
        "batch": batch,
        "page": batch_rows.finding_page(
            sheet.correction, stage=RowStage.STAGING, code=code, column=column, after=_asked(request, "after")
        ),
        "code": code,
        "column": column,
        "codes": sorted({one.code for one in found}),
        "columns": sorted({one.column for one in found if one.column}),
    }
    return _pages.render(request, "corrections/batch_findings.html", context)


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the correction's page that says how far it is, for reading it again and again."""
    sheet, batch = _sheet_or_404(request, pk)
    if batch.progress is None:
        raise Http404
    context = {"correction": sheet.correction, "batch": batch, "progress": batch.progress}
    return _pages.render(request, "corrections/_batch_progress.html", context)


@require_POST
def results(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The rows as a file, each with what became of it; handing it out is recorded."""
    correction = _sheet_or_404(request, pk)[0].correction
    chosen = request.POST.get("format", "")
    with ExitStack() as unfinished:
        file = unfinished.enter_context(tempfile.TemporaryFile())
        try:
            made = export_results(actor=request.user, correction=correction, file=file, format=chosen)
        except CorrectionError as error:
            return refusal_page(request, error)
        unfinished.pop_all()  # the response closes the file
    return FileResponse(file, as_attachment=True, filename=made.filename, content_type=TYPES[chosen])


@require_POST
def replace_rows(request: HttpRequest, pk: int) -> HttpResponse:
    """A corrected file in place of the rows that were bad; all others stay as they are."""
    sheet, _batch = _sheet_or_404(request, pk)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise InvalidInput(_("Choose a file, or drop it here."), code="file_is_required")
        services.replace_bad_rows(
            actor=request.user, correction=sheet.correction, file=file, filename=str(file.name or "")
        )
    except CorrectionError as error:
        return draft.again(request, sheet.correction, refusal_of(error, verb="replace_rows"))
    draft.have_checked(request, sheet.correction)
    messages.success(request, _("The bad rows were read anew."))
    return _to_draft(sheet.correction)


@require_POST
def check(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Has machines look at every row of a draft."""
    correction = _sheet_or_404(request, pk)[0].correction
    return answered(
        request,
        checking(actor=request.user, correction=correction),
        title=_("Machines look at %(correction)s") % {"correction": correction},
        back=reverse("admin:corrections_correction_change", args=[pk]),
        done=_to_draft,
        refused=lambda error: draft.again(request, correction, refusal_of(error, verb="check")),
    )


def _to_draft(correction: Correction) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[correction.pk]))
