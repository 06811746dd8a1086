"""The maker's verbs on a correction that is still edited; every write is one POST to one service.

A refusal comes back on the page itself, beside the part that it is about, and keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from corrections import services
from corrections.admin import _answers, _pages, draft, propose
from corrections.admin._refusals import Refusal, refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.admin._watching import answered
from corrections.choices import Action
from corrections.errors import CorrectionError, InvalidInput
from corrections.models import Change, Correction
from corrections.registry import Entry, registry
from corrections.selectors import records
from corrections.services.submit import submitting


def urls(site: admin.AdminSite) -> list[URLPattern]:
    verbs = {
        "amend": amend,
        "submit": submit,
        "add_change": add_change,
        "remove_change": remove_change,
        "attach": attach,
        "remove_evidence": remove_evidence,
    }
    return [
        path(f"corrections/correction/<int:pk>/{verb}/", _pages.page(site, view), name=f"corrections_correction_{verb}")
        for verb, view in verbs.items()
    ]


# Why


@require_POST
def amend(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves the texts and the way with bad rows; with `then=find` goes on to the search for another record."""
    correction = _pages.correction_or_404(request, pk)
    typed = _typed(request)
    try:
        services.amend(actor=request.user, correction=correction, **typed, **_on_bad_row(request))
    except CorrectionError as error:
        return draft.again(request, correction, refusal_of(error, verb="amend"), typed=typed)
    draft.have_checked(request, correction)
    if request.POST.get("then") == "find":
        query = {"model": request.POST.get("model", "")[:100], "find": request.POST.get("find", "")[:200]}
        return HttpResponseRedirect(draft.address(correction, **query) + "#records")
    return HttpResponseRedirect(draft.address(correction, saved="1"))


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in draft.TEXTS}


@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Saves what was typed last, if it differs, and hands the correction to the checkers."""
    correction = _pages.correction_or_404(request, pk)
    typed = _typed(request) if "note" in request.POST else {}
    try:
        if any(getattr(correction, name) != text.strip() for name, text in typed.items()):
            services.amend(actor=request.user, correction=correction, **typed)
    except CorrectionError as error:
        return _not_submitted(request, correction, typed, error)
    return answered(
        request,
        submitting(
            actor=request.user, correction=correction, acknowledged=_answers.given(request.POST), **_on_bad_row(request)
        ),
        title=_("Submitting %(correction)s") % {"correction": correction},
        back=draft.address(correction),
        done=partial(_submitted, request),
        refused=partial(_not_submitted, request, correction, typed),
    )


def _submitted(request: HttpRequest, correction: Correction) -> HttpResponse:
    messages.success(request, _("%(number)s is submitted and waits for decision.") % {"number": correction.number})
    return HttpResponseRedirect(draft.address(correction))


def _not_submitted(
    request: HttpRequest, correction: Correction, typed: Mapping[str, str], error: CorrectionError
) -> HttpResponse:
    verb = "amend" if error.details.get("field") in draft.TEXTS else "submit"
    return draft.again(request, correction, refusal_of(error, verb=verb), typed=typed)


def _on_bad_row(request: HttpRequest) -> dict[str, str]:
    """What its maker chose for the bad rows of a batch; nothing else asks."""
    chosen = request.POST.get("on_bad_row", "")
    return {"on_bad_row": chosen} if chosen else {}


# What changes


@require_http_methods(["GET", "HEAD", "POST"])
def add_change(request: HttpRequest, pk: int) -> HttpResponse:
    """The form for another record of this correction, or for another go at one that is in it (`replaces`)."""
    correction = _pages.correction_or_404(request, pk)
    asked = request.POST if request.method == "POST" else request.GET
    replaces = _change_at(correction, asked["replaces"]) if asked.get("replaces") else None
    entry, row, action = _subject(request, asked, replaces)
    proposal = propose.start(request, entry, row, action, correction=correction, replaces=replaces)
    try:
        propose.demand_offered(request, proposal)
        if request.method != "POST":
            return propose.show(request, proposal)
        _added(request, proposal)
    except CorrectionError as error:
        if not correction.is_editable:
            return refusal_page(request, error)
        return propose.refused(request, proposal, error)
    return HttpResponseRedirect(draft.address(correction) + "#records")


def _subject(request: HttpRequest, asked: Mapping[str, str], replaces: Change | None) -> tuple[Entry, Any, str]:
    """Which record, and what is to happen to it. 404 for what the account may not see."""
    if replaces is not None:
        label, pk, action = replaces.target_model, replaces.target_pk, replaces.action
    else:
        label, pk, action = asked.get("model", ""), asked.get("pk", ""), asked.get("action", Action.UPDATE)
    entry = registry.get(label) if label else None
    if entry is None:
        raise Http404
    if action == Action.CREATE:
        return entry, None, action
    row = records.record(request.user, rights_for(request), entry, pk)
    if row is None:
        raise Http404
    return entry, row, action


def _added(request: HttpRequest, proposal: propose.Proposal) -> None:
    assert proposal.correction is not None  # noqa: S101 - add_change opened the form with it
    arguments = propose.wanted(request, proposal)
    # Another go at a record is its removal and its addition, both or neither.
    with transaction.atomic():
        if proposal.replaces is not None:
            services.remove_change(actor=request.user, change=proposal.replaces)
        services.add_change(actor=request.user, correction=proposal.correction, **arguments)
    draft.have_checked(request, proposal.correction)


@require_POST
def remove_change(request: HttpRequest, pk: int) -> HttpResponse:
    correction = _pages.correction_or_404(request, pk)
    try:
        services.remove_change(actor=request.user, change=_change_at(correction, request.POST.get("position", "")))
    except CorrectionError as error:
        return draft.again(request, correction, refusal_of(error, verb="records"))
    draft.have_checked(request, correction)
    return HttpResponseRedirect(draft.address(correction) + "#records")


def _change_at(correction: Correction, position: str) -> Change:
    is_number = position.isascii() and position.isdigit() and len(position) < 10
    change = correction.changes.filter(position=int(position)).first() if is_number else None
    if change is None:
        raise Http404
    change.correction = correction
    return change


# Evidence


@require_POST
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Attaches one file or several; those that are refused are named, the others stay."""
    correction = _pages.correction_or_404(request, pk)
    kind, note = request.POST.get("kind", ""), request.POST.get("note", "")
    files = request.FILES.getlist("files")
    refusals = []
    try:
        if not files:
            raise InvalidInput(_("Choose a file, drop it here, or paste a screenshot."), code="file_is_required")
        for file in files:
            refusals += _attached(request, correction, file, kind, note, is_alone=len(files) == 1)
    except CorrectionError as error:
        refusals.append(refusal_of(error, verb="attach"))
    if len(refusals) < len(files):
        draft.have_checked(request, correction)
    if refusals:
        return draft.again(request, correction, _together(refusals))
    return HttpResponseRedirect(draft.address(correction) + "#evidence")


def _attached(
    request: HttpRequest, correction: Correction, file: Any, kind: str, note: str, *, is_alone: bool
) -> list[Refusal]:
    try:
        services.attach_evidence(actor=request.user, correction=correction, file=file, kind=kind, note=note)
    except CorrectionError as error:
        refusal = refusal_of(error, verb="attach")
        named = refusal.sentence if is_alone else f"{file.name}: {refusal.sentence}"
        return [Refusal(named, refusal.code, refusal.status, refusal.field, refusal.verb)]
    return []


def _together(refusals: list[Refusal]) -> Refusal:
    """Several refusals as one; the first gives code and status."""
    if len(refusals) == 1:
        return refusals[0]
    first = refusals[0]
    count = ngettext("%(count)s file was refused.", "%(count)s files were refused.", len(refusals))
    sentences = [count % {"count": len(refusals)}, *(refusal.sentence for refusal in refusals)]
    return Refusal(" ".join(sentences), first.code, first.status, first.field, first.verb)


@require_POST
def remove_evidence(request: HttpRequest, pk: int) -> HttpResponse:
    correction = _pages.correction_or_404(request, pk)
    text = request.POST.get("evidence", "")
    is_number = text.isascii() and text.isdigit() and len(text) < 19
    item = correction.evidence.select_related("correction").filter(pk=int(text)).first() if is_number else None
    if item is None:
        raise Http404
    try:
        services.remove_evidence(actor=request.user, evidence=item)
    except CorrectionError as error:
        return draft.again(request, correction, refusal_of(error, verb="attach"))
    draft.have_checked(request, correction)
    return HttpResponseRedirect(draft.address(correction) + "#evidence")
