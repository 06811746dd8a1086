"""The maker's page of a correction that is still edited, with the refusals beside the parts that they are about."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from corrections import services
from corrections.admin import _answers, _pages
from corrections.admin._refusals import Refusal
from corrections.admin._rights import may_see_kind, rights_for
from corrections.choices import EvidenceKind, OnBadRow, Reason, RowStage
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import Correction
from corrections.registry import Entry, registry
from corrections.selectors import drafts, lists, records
from corrections.selectors.batch_rows import finding_page
from corrections.selectors.batches import batch_of
from corrections.selectors.sheet import Sheet

TEXTS = ("reason", "note", "ticket")
ROWS_SHOWN = 8  # bad rows of a batch, and good ones, that stand on the draft's own page
ABOUT_EVIDENCE = ("evidence_is_required", "customer_consent_is_required")


def draft_page(
    request: HttpRequest,
    correction: Correction,
    *,
    refusals: tuple[Refusal, ...] = (),
    typed: Mapping[str, str] | None = None,
    sheet: Sheet | None = None,
) -> HttpResponse:
    """A draft or returned correction as its maker sees it; `refusals` stand where the eye is."""
    sheet = sheet or Sheet(actor=request.user, rights=rights_for(request), correction=correction)
    texts = {name: getattr(correction, name) for name in TEXTS}
    ready, returned = drafts.readiness(sheet), drafts.returned_with(sheet)
    worded = [one.code for one in ready.verdicts.warned if one.needs_words]
    refusal = next((one for one in refusals if one.verb == "submit"), None)
    context = {
        "title": _heading(correction),
        "correction": correction,
        "sheet": sheet,
        "texts": {**{name: sheet.blind.clean(text) for name, text in texts.items()}, **(typed or {})},
        "readiness": ready,
        "questions": _answers.questions(ready.verdicts.warned, request.POST, worded, refusal),
        "answer_reasons": _answers.REASONS,
        "returned": returned,
        "returned_comment": sheet.blind.clean(returned.comment) if returned else "",
        "reasons": Reason.choices,
        "kinds": EvidenceKind.choices,
        "refusals": {refusal.verb: refusal for refusal in refusals},
        "refusal_list": refusals,
        "is_evidence_wanted": any(refusal.code in ABOUT_EVIDENCE or refusal.verb == "attach" for refusal in refusals),
        "note_chars_max": limits.NOTE_CHARS_MAX,
        "megabytes_max": limits.EVIDENCE_BYTES_MAX // (1024 * 1024),
        **_of_batch(request, sheet),
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
    if correction.reverts:
        return _("Revert of %(number)s") % {"number": correction.reverts}
    batch = batch_of(correction)
    if batch is not None and batch.retries:
        return _("Retry of %(number)s") % {"number": batch.retries}
    return _("New correction") if batch is None else _("New batch")


def _of_batch(request: HttpRequest, sheet: Sheet) -> dict[str, Any]:
    """What only the page of a batch shows: its first bad rows, and what is to happen to them."""
    if sheet.batch is None:
        return {}
    batch = sheet.batch.batch
    first = finding_page(sheet.correction, stage=RowStage.STAGING, is_bad=True).findings if batch.bad_rows else []
    return {
        "batch": sheet.batch,
        "bad_findings": first[:ROWS_SHOWN],
        "first_rows": sheet.rows[:ROWS_SHOWN],
        "ways_with_bad_rows": OnBadRow.choices,
        "chosen_way": request.POST.get("on_bad_row") or batch.on_bad_row,
        "batch_megabytes_max": limits.BATCH_BYTES_MAX // (1024 * 1024),
    }


def _finder(request: HttpRequest, correction: Correction) -> dict[str, Any]:
    """The search for another record: `?model=…&find=…` on the page's own address."""
    if correction.reverts_id is not None or batch_of(correction) is not None:
        return {"models": []}
    rights = rights_for(request)
    seen = [entry for entry in registry.entries() if may_see_kind(request, entry)]
    models = [(entry.key, capfirst(str(entry.model._meta.verbose_name))) for entry in seen]
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


def address(correction: Correction, **query: str) -> str:
    url = reverse("admin:corrections_correction_change", args=[correction.pk])
    return f"{url}?{urlencode(query)}" if query else url


def again(
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


def have_checked(request: HttpRequest, correction: Correction) -> None:
    """Keeps what machines say of the draft as it stands now. What keeps them from looking stands on the page.

    A large batch is looked at when its maker asks for it: the browser would wait too long.
    """
    batch = batch_of(correction)
    if batch is not None and batch.rows > limits.BATCH_AT_ONCE_ROWS_MAX:
        return
    with suppress(CorrectionError):
        services.check_draft(actor=request.user, correction=correction)
