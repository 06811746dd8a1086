"""The page on which a data-fix statement is pasted, looked at as it was understood, and made a draft. Off by default.

Nothing is written by reading: one button shows the rebuilt rule and how many records it finds, the other makes the
draft. How many records there should be is typed by its maker, and never filled in.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from corrections import services
from corrections.admin import _pages, draft
from corrections.admin._refusals import Refusal, refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.choices import Reason
from corrections.conf import limits, statements_are_on
from corrections.errors import CorrectionError
from corrections.models import Correction
from corrections.selectors import statements
from corrections.services.statement import ExecutorIsRequired, shown_rule

TEXTS = ("reason", "note", "ticket", "expected", "text")
ROWS_DIGITS_MAX = 9


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [path("corrections/statement/", _pages.page(site, statement), name="corrections_statement_add")]


@sensitive_post_parameters("text")
@require_http_methods(["GET", "HEAD", "POST"])
def statement(request: HttpRequest) -> HttpResponse:
    if not statements_are_on():
        raise Http404
    if not statements.may_state(rights_for(request)):
        return refusal_page(request, ExecutorIsRequired())
    if request.method != "POST":
        return _form(request)
    try:
        if request.POST.get("then") == "draft":
            return _to_draft(request, _drafted(request))
    except CorrectionError as error:
        return _form(request, refusal_of(error))
    return _form(request)


def _drafted(request: HttpRequest) -> Correction:
    return services.draft_statement(
        actor=request.user,
        **{name: request.POST.get(name, "") for name in ("text", "reason", "note", "ticket")},
        expected_rows=_expected(request.POST.get("expected", "")),
    )


def _expected(text: str) -> Any:
    """The number that was typed, None for nothing; what is no number goes on as it is, for the service to refuse."""
    digits = text.strip()
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= ROWS_DIGITS_MAX
    return int(digits) if is_number else digits or None


def _to_draft(request: HttpRequest, correction: Correction) -> HttpResponse:
    draft.have_checked(request, correction)
    return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[correction.pk]))


def _form(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    reading = None
    if request.method == "POST":
        try:
            reading = statements.read(request.user, rights_for(request), request.POST.get("text", ""))
        except CorrectionError as error:
            refusal = refusal or refusal_of(error)
    context = {
        "title": _("Data-fix statement"),
        "texts": {name: request.POST.get(name, "") for name in TEXTS},
        "reading": reading,
        "reasons": Reason.choices,
        "note_chars_max": limits.NOTE_CHARS_MAX,
        "statement_chars_max": limits.STATEMENT_CHARS_MAX,
        "rows_max": limits.BATCH_ROWS_MAX,
        "refusal": refusal,
        **({} if reading is None else _understood(reading)),
    }
    return _pages.render(request, "corrections/statement.html", context, status=refusal.status if refusal else 200)


def _understood(reading: statements.Reading) -> dict[str, Any]:
    kind = reading.statement.entry.model._meta.verbose_name_plural
    return {"rule": shown_rule(reading.statement), "kind": capfirst(str(kind))}
