"""The maker's form for one record: what is there, what is asked for instead, and why. One POST is one draft.

The same form adds a record to a correction that is still edited (see maker.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from corrections import services
from corrections.admin import _controls, _pages, _seen
from corrections.admin._controls import Form, Reader
from corrections.admin._refusals import Refusal, refusal_of
from corrections.admin._rights import rights_for
from corrections.choices import Action, Reason
from corrections.conf import limits
from corrections.errors import CorrectionError, InvalidInput, NotAllowed
from corrections.models import Change, Correction, Incident
from corrections.registry import Entry
from corrections.selectors import display, mentions, records
from corrections.selectors.sheet import Sheet

TEXTS = ("reason", "note", "ticket", "incident")


@dataclass
class Proposal:
    """One record's form, empty or as it came back."""

    entry: Entry
    action: str
    row: Model | None
    form: Form
    texts: Mapping[str, str]
    correction: Correction | None = None
    replaces: Change | None = None
    refusal: Refusal | None = None


@require_http_methods(["GET", "HEAD", "POST"])
def on_record(request: HttpRequest, entry: Entry, row: Model) -> HttpResponse:
    """Propose to update or delete this record."""
    asked = request.POST if request.method == "POST" else request.GET
    action = asked.get("action") or _first_action(entry)
    return _answer(request, entry, row, action)


@require_http_methods(["GET", "HEAD", "POST"])
def new_record(request: HttpRequest, entry: Entry) -> HttpResponse:
    """Propose a record that is missing."""
    return _answer(request, entry, None, Action.CREATE)


def _first_action(entry: Entry) -> str:
    return next((str(action) for action in (Action.UPDATE, Action.DELETE) if action in entry.actions), Action.UPDATE)


def _answer(request: HttpRequest, entry: Entry, row: Model | None, action: str) -> HttpResponse:
    proposal = start(request, entry, row, action)
    try:
        demand_offered(request, proposal)
        if request.method != "POST":
            return show(request, proposal)
        correction = _drafted(request, proposal)
    except CorrectionError as error:
        return refused(request, proposal, error)
    return HttpResponseRedirect(reverse("admin:corrections_correction_change", args=[correction.pk]))


def start(
    request: HttpRequest,
    entry: Entry,
    row: Model | None,
    action: str,
    *,
    correction: Correction | None = None,
    replaces: Change | None = None,
) -> Proposal:
    """The form as it is opened, with the texts that came with the request."""
    given = None if replaces is None else _without_hidden(request, correction, entry, replaces)
    known = action if action in Action.values else Action.UPDATE
    form = _controls.build(reader(request, correction, replaces), entry, known, row, given=given)
    texts = {name: request.POST.get(name, "") for name in TEXTS}
    return Proposal(entry, action, row, form, texts, correction, replaces)


def _without_hidden(
    request: HttpRequest, correction: Correction | None, entry: Entry, replaces: Change
) -> dict[str, Any]:
    """The new values of an earlier go, but for those that are keyed blindly and hidden from this account."""
    if correction is None:
        return dict(replaces.new)
    sheet = Sheet(actor=request.user, rights=rights_for(request), correction=correction)
    hidden = {column for name in entry.fields if sheet.blind.hides(replaces, name) for column in entry.columns(name)}
    return {column: value for column, value in replaces.new.items() if column not in hidden}


def reader(request: HttpRequest, correction: Correction | None, replaces: Change | None = None) -> Reader:
    created = correction.changes.filter(action=Action.CREATE).order_by("position") if correction else ()
    own = tuple(change for change in created if replaces is None or change.pk != replaces.pk)
    return Reader(request.user, rights_for(request), own)


def demand_offered(request: HttpRequest, proposal: Proposal) -> None:
    """Refuses early what the service would refuse anyway, before anybody types."""
    rights, entry, row = rights_for(request), proposal.entry, proposal.row
    if proposal.action not in entry.actions or (row is None) != (proposal.action == Action.CREATE):
        raise InvalidInput(_("Records of this kind don't allow this action."), code="action_not_allowed")
    if row is None and not records.may_create(rights, entry):
        raise NotAllowed(code="record_is_outside_your_scope")
    if row is not None and proposal.action not in records.actions_on(request.user, rights, entry, row):
        raise NotAllowed(code="record_is_outside_your_scope")


def wanted(request: HttpRequest, proposal: Proposal) -> dict[str, Any]:
    """Arguments about the record for `draft` and `add_change`. Raises InvalidInput."""
    created_by = reader(request, proposal.correction, proposal.replaces)
    values = _controls.read(created_by, proposal.form, request.POST)
    target = None
    if proposal.row is not None:
        target = _seen.target(proposal.entry, proposal.row, request.POST.get("seen", ""))
    model = proposal.entry.model if target is None else None
    return {"target": target, "model": model, "action": proposal.action, "values": values}


def _drafted(request: HttpRequest, proposal: Proposal) -> Correction:
    correction = services.draft(
        actor=request.user,
        **wanted(request, proposal),
        reason=proposal.texts["reason"],
        note=proposal.texts["note"],
        ticket=proposal.texts["ticket"],
        incident=_incident(proposal.texts["incident"]),
    )
    # What machines say of it is kept; what keeps them from looking stands on the next page.
    with suppress(CorrectionError):
        services.check_draft(actor=request.user, correction=correction)
    return correction


def _incident(text: str) -> Incident | None:
    if not text:
        return None
    is_key = text.isascii() and text.isdigit() and len(text) < 19
    found = Incident.objects.filter(pk=int(text)).first() if is_key else None
    if found is None:
        raise InvalidInput(_("Choose an incident from the list."), code="incident_not_found", field="incident")
    return found


def refused(request: HttpRequest, proposal: Proposal, error: CorrectionError) -> HttpResponse:
    """The form again with the refusal where the eye is; everything typed but secrets is still there."""
    refusal = refusal_of(error)
    if refusal.field and not any(control.problem for control in proposal.form.controls):
        proposal.form.blame(refusal.field, str(refusal))
    proposal.refusal = refusal
    return show(request, proposal)


def show(request: HttpRequest, proposal: Proposal) -> HttpResponse:
    entry, row = proposal.entry, proposal.row
    kind = str(entry.model._meta.verbose_name)
    label = entry.config.label(row) if row is not None else ""
    context = {
        "title": _heading(proposal.action) % {"what": f"{kind} {label}".strip()},
        "opts": entry.model._meta,
        "entry": entry,
        "kind": capfirst(kind),
        "label": label,
        "proposal": proposal,
        "form": proposal.form,
        "row": row,
        "refusal": proposal.refusal,
        "correction": proposal.correction,
        "whole": _whole(proposal),
        "seen": _seen.token(entry, row) if row is not None else "",
        "reasons": Reason.choices,
        "incidents": Incident.objects.order_by("-pk")[: limits.PAGE_ROWS] if proposal.correction is None else (),
        "open_corrections": _open_on(request, entry, row),
        "note_chars_max": limits.NOTE_CHARS_MAX,
    }
    status = proposal.refusal.status if proposal.refusal else 200
    return _pages.render(request, "corrections/propose.html", context, status=status)


def _whole(proposal: Proposal) -> list[tuple[str, str]]:
    """The row that would be deleted."""
    entry, row = proposal.entry, proposal.row
    if row is None or proposal.action != Action.DELETE:
        return []
    return [(entry.verbose_name(name), display.of_row(entry, row, name)) for name in entry.display_fields()]


def _open_on(request: HttpRequest, entry: Entry, row: Model | None) -> list[mentions.Mention]:
    if row is None:
        return []
    found = mentions.of_record(request.user, rights_for(request), entry.key, row.pk)
    return [one for one in found if one.is_open]


def _heading(action: str) -> str:
    return {
        Action.CREATE: _("Propose a missing record: %(what)s"),
        Action.DELETE: _("Propose to delete: %(what)s"),
    }.get(Action(action) if action in Action.values else Action.UPDATE, _("Propose a correction: %(what)s"))
