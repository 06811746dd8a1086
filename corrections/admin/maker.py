"""The maker's page of a correction that is still edited, and the verbs on it; every write is one POST to one service.

A refusal comes back on the page itself, beside the part that it is about, and keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from corrections import services
from corrections.admin import _pages, propose
from corrections.admin._refusals import Refusal, refusal_of, refusal_page
from corrections.admin._rights import rights_for
from corrections.choices import Action, EvidenceKind, Reason
from corrections.conf import limits
from corrections.errors import CorrectionError, InvalidInput
from corrections.models import Change, Correction
from corrections.registry import Entry, registry
from corrections.selectors import drafts, lists, records
from corrections.selectors.sheet import Sheet

TEXTS = ("reason", "note", "ticket")
ABOUT_EVIDENCE = ("evidence_is_required", "customer_consent_is_required")


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


# The page


def draft_page(
    request: HttpRequest,
    correction: Correction,
    *,
    refusals: tuple[Refusal, ...] = (),
    typed: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A draft or returned correction as its maker sees it; `refusals` stand where the eye is."""
    sheet = Sheet(actor=request.user, rights=rights_for(request), correction=correction)
    texts = {name: getattr(correction, name) for name in TEXTS}
    context = {
        "title": _heading(correction),
        "correction": correction,
        "sheet": sheet,
        "texts": {**texts, **(typed or {})},
        "readiness": drafts.readiness(sheet),
        "returned": drafts.returned_with(sheet),
        "reasons": Reason.choices,
        "kinds": EvidenceKind.choices,
        "refusals": {refusal.verb: refusal for refusal in refusals},
        "refusal_list": refusals,
        "is_evidence_wanted": any(refusal.code in ABOUT_EVIDENCE or refusal.verb == "attach" for refusal in refusals),
        "note_chars_max": limits.NOTE_CHARS_MAX,
        "megabytes_max": limits.EVIDENCE_BYTES_MAX // (1024 * 1024),
        **_finder(request, correction),
    }
    status = refusals[0].status if refusals else 200
    return _pages.render(request, "corrections/draft.html", context, status=status)


def _heading(correction: Correction) -> str:
    if correction.number:
        return _("%(number)s, revision %(revision)s") % {
            "number": correction.number,
            "revision": correction.revision + 1,
        }
    return _("Revert of %(number)s") % {"number": correction.reverts} if correction.reverts else _("New correction")


def _finder(request: HttpRequest, correction: Correction) -> dict[str, Any]:
    """The search for another record: `?model=…&find=…` on the page's own address."""
    if correction.reverts_id is not None:
        return {"models": []}
    rights = rights_for(request)
    models = [(entry.key, capfirst(str(entry.model._meta.verbose_name))) for entry in registry.entries()]
    creatable = [
        (entry.key, capfirst(str(entry.model._meta.verbose_name)))
        for entry in registry.entries()
        if records.may_create(rights, entry)
    ]
    wanted, text = request.GET.get("model", ""), request.GET.get("find", "")
    found: dict[str, Any] = {"models": sorted(models, key=lambda one: one[1]), "creatable": creatable}
    found |= {"find_model": wanted, "find_text": text}
    entry = registry.get(wanted) if wanted else None
    if entry is not None and text:
        found |= {"find_searched": lists.searched(entry), "found": _matches(request, entry, text)}
    return found


def _matches(request: HttpRequest, entry: Entry, text: str) -> list[dict[str, Any]]:
    rights = rights_for(request)
    try:
        rows = lists.find(request.user, rights, entry, text)
    except CorrectionError:
        return []
    return [
        {
            "model": entry.key,
            "pk": row.pk,
            "label": entry.config.label(row),
            "actions": records.actions_on(request.user, rights, entry, row),
        }
        for row in rows
    ]


def _here(correction: Correction, **query: str) -> str:
    url = reverse("admin:corrections_correction_change", args=[correction.pk])
    return f"{url}?{urlencode(query)}" if query else url


def _again(
    request: HttpRequest, correction: Correction, *refusals: Refusal, typed: Mapping[str, str] | None = None
) -> HttpResponse:
    """The page with its refusals; a page of their own once the correction can't be edited any more."""
    correction.refresh_from_db()
    if not correction.is_editable:
        first = refusals[0]
        return _pages.render(
            request, "corrections/refusal.html", {"title": _("Not possible"), "refusal": first}, status=first.status
        )
    return draft_page(request, correction, refusals=refusals, typed=typed)


# Why


@require_POST
def amend(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves the texts; with `then=find` goes on to the search for another record."""
    correction = _pages.correction_or_404(request, pk)
    typed = _typed(request)
    try:
        services.amend(actor=request.user, correction=correction, **typed)
    except CorrectionError as error:
        return _again(request, correction, refusal_of(error, verb="amend"), typed=typed)
    if request.POST.get("then") == "find":
        query = {"model": request.POST.get("model", "")[:100], "find": request.POST.get("find", "")[:200]}
        return HttpResponseRedirect(_here(correction, **query) + "#records")
    return HttpResponseRedirect(_here(correction, saved="1"))


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in TEXTS}


@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves what was typed last, if it differs, and hands the correction to the checkers."""
    correction = _pages.correction_or_404(request, pk)
    typed = _typed(request) if "note" in request.POST else {}
    try:
        if any(getattr(correction, name) != text.strip() for name, text in typed.items()):
            services.amend(actor=request.user, correction=correction, **typed)
        services.submit(actor=request.user, correction=correction)
    except CorrectionError as error:
        verb = "amend" if error.details.get("field") in TEXTS else "submit"
        return _again(request, correction, refusal_of(error, verb=verb), typed=typed)
    messages.success(request, _("%(number)s is submitted and waits for decision.") % {"number": correction.number})
    return HttpResponseRedirect(_here(correction))


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
    return HttpResponseRedirect(_here(correction) + "#records")


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


@require_POST
def remove_change(request: HttpRequest, pk: int) -> HttpResponse:
    correction = _pages.correction_or_404(request, pk)
    try:
        services.remove_change(actor=request.user, change=_change_at(correction, request.POST.get("position", "")))
    except CorrectionError as error:
        return _again(request, correction, refusal_of(error, verb="records"))
    return HttpResponseRedirect(_here(correction) + "#records")


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
    if refusals:
        return _again(request, correction, _together(refusals))
    return HttpResponseRedirect(_here(correction) + "#evidence")


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
        return _again(request, correction, refusal_of(error, verb="attach"))
    return HttpResponseRedirect(_here(correction) + "#evidence")
