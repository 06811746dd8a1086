"""The maker's verbs while a correction can still be edited: draft, amend, add and remove changes.

I-01: whoever calls one of them has contributed, and never decides this correction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import EDITABLE, Action, AuditKind, ContributionKind, OnBadRow, Reason
from corrections.conf import limits
from corrections.errors import IllegalState, InvalidInput, NotAllowed
from corrections.models import Change, Correction, Incident
from corrections.permissions import CONTROL, is_maker, may_make
from corrections.services import _changes, _door, _texts

TICKET_CHARS_MAX = 64
SUMMARY_CHARS_MAX = 300


def draft(
    *,
    actor: Any,
    target: models.Model | None = None,
    model: type[models.Model] | None = None,
    action: str = Action.UPDATE,
    values: Mapping[str, Any] | None = None,
    reason: str,
    note: str,
    ticket: str = "",
    incident: Incident | None = None,
) -> Correction:
    """Starts a correction of one row; further rows come with `add_change`.

    `values` are keyed by field name, secrets in plain text. The old values are those on `target` as passed.
    Raises InvalidInput, NotAllowed, and ValueChanged when the live row already differs.
    """
    request = _changes.wish(target=target, model=model, action=action, values={} if values is None else values)
    texts = clean_texts(reason=reason, note=note, ticket=ticket)
    with _door.opened(actor=actor) as act:
        demand_maker(act)
        demand_incident(incident)
        act.correction = Correction.objects.create(
            maker=act.actor,
            maker_person_id=act.actor.person_id,
            maker_name=act.actor_name,
            incident=incident,
            created_at=act.now,
            **texts,
        )
        _add(act, request)
        act.contribute(ContributionKind.MADE)
        act.record(AuditKind.DRAFTED)
    return act.correction


def amend(
    *,
    actor: Any,
    correction: Correction,
    reason: str | None = None,
    note: str | None = None,
    ticket: str | None = None,
    on_bad_row: str | None = None,
) -> Correction:
    """Changes the texts of a draft or returned correction, and of a batch what happens to bad rows.

    None leaves each as it is. What happens to bad rows is fixed when it is submitted.
    """
    with _door.opened(actor=actor, correction=correction) as act:
        demand_editable(act)
        row = act.correction
        texts = clean_texts(
            reason=row.reason if reason is None else reason,
            note=row.note if note is None else note,
            ticket=row.ticket if ticket is None else ticket,
        )
        for name, text in texts.items():
            setattr(row, name, text)
        row.save(update_fields=[*texts])
        if on_bad_row is not None:
            _choose_way(act, on_bad_row)
        act.contribute(ContributionKind.EDITED)
        act.record(AuditKind.AMENDED)
    return act.correction


def _choose_way(act: _door.Act, on_bad_row: str) -> None:
    if act.batch is None or on_bad_row not in OnBadRow.values:
        raise InvalidInput(_("Choose what happens to bad rows."), code="on_bad_row_unknown", field="on_bad_row")
    act.batch.on_bad_row = on_bad_row
    act.batch.save(update_fields=["on_bad_row"])


def add_change(
    *,
    actor: Any,
    correction: Correction,
    target: models.Model | None = None,
    model: type[models.Model] | None = None,
    action: str = Action.UPDATE,
    values: Mapping[str, Any] | None = None,
) -> Change:
    """Adds another row to a draft or returned correction, which is approved and applied as one unit.

    The value of a reference may be a Change of the same correction that creates the referenced row.
    """
    request = _changes.wish(target=target, model=model, action=action, values={} if values is None else values)
    with _door.opened(actor=actor, correction=correction) as act:
        demand_editable(act)
        demand_no_revert(act)
        demand_no_batch(act)
        change = _add(act, request)
        act.contribute(ContributionKind.EDITED)
        act.record(AuditKind.CHANGE_ADDED, subject=change.target_label, position=change.position)
    return change


def remove_change(*, actor: Any, change: Change) -> None:
    """Takes a row out of a draft or returned correction."""
    with _door.opened(actor=actor, correction=_door.owner_of(change, Change)) as act:
        demand_editable(act)
        demand_no_batch(act)
        found = act.correction.changes.filter(pk=change.pk).first()
        if found is None:
            raise InvalidInput(_("This record is not part of the correction any more."), code="change_not_found")
        _demand_unreferenced(act.correction, found)
        found.delete()
        refresh(act)
        act.contribute(ContributionKind.EDITED)
        act.record(AuditKind.CHANGE_REMOVED, subject=found.target_label, position=found.position)


def _demand_unreferenced(correction: Correction, change: Change) -> None:
    for other in correction.changes.exclude(pk=change.pk):
        if {"change": change.position} in other.new.values():
            raise InvalidInput(
                _("Another record of this correction refers to it. Remove that one first."),
                code="change_is_referred_to",
            )


def _add(act: _door.Act, request: _changes.Wish) -> Change:
    change = _changes.build(act, request)
    _demand_alone(act.correction, change)
    same_target = act.correction.changes.filter(target_model=change.target_model, target_pk=change.target_pk)
    if change.target_pk and same_target.exists():
        raise InvalidInput(
            _("This record is already part of the correction. Remove it there first."), code="target_already_in_it"
        )
    change.save(force_insert=True)
    refresh(act)
    return change


def _demand_alone(correction: Correction, change: Change) -> None:
    """The desk's own controls and the business's records are decided, and seen, by different people."""
    others = correction.changes.values_list("scope_before", flat=True)
    if any((other == CONTROL) != (change.scope_before == CONTROL) for other in others):
        raise InvalidInput(
            _("The desk's own controls are corrected apart from business records. Start a correction of their own."),
            code="controls_are_corrected_apart",
        )


def refresh(act: _door.Act) -> None:
    """What the correction says about its changes: scopes and summary."""
    _changes.add_scopes(act.correction)
    labels = list(act.correction.changes.order_by("position").values_list("target_label", flat=True)[:4])
    more = f" … ({act.correction.changes.count()})" if labels[3:] else ""
    act.correction.summary = ", ".join(labels[:3])[: SUMMARY_CHARS_MAX - len(more)] + more
    act.correction.save(update_fields=["summary"])


def clean_texts(*, reason: Any, note: Any, ticket: Any) -> dict[str, str]:
    """The texts of a correction, trimmed. Raises InvalidInput with the field and the remedy."""
    if not isinstance(reason, str) or reason not in Reason.values:
        raise InvalidInput(_("Choose a reason from the list."), code="reason_is_required", field="reason")
    texts = {
        "reason": str(reason),
        "note": _texts.clean(note, field="note", longest=limits.NOTE_CHARS_MAX),
        "ticket": _texts.clean(ticket, field="ticket", longest=TICKET_CHARS_MAX),
    }
    if not texts["note"]:
        raise InvalidInput(_("Write a note: what is wrong, and how you know."), code="note_is_required", field="note")
    return texts


def demand_incident(incident: Any) -> None:
    """An incident that is named is one that was opened."""
    if incident is None:
        return
    pk = incident.pk if isinstance(incident, Incident) else None
    if not isinstance(pk, int) or not Incident.objects.filter(pk=pk).exists():
        raise InvalidInput(_("There is no such incident."), code="incident_not_found", field="incident")


def demand_maker(act: _door.Act) -> None:
    """The actor is a person with the maker's function (on some scope; which one is asked per row)."""
    act.demand_person()
    if not is_maker(act.rights):
        raise NotAllowed(code="maker_role_is_required")


def demand_no_batch(act: _door.Act) -> None:
    """The rows of a batch are those of its file."""
    if act.batch is not None:
        raise InvalidInput(
            _("The rows of a batch come from its file: upload the corrected file instead."), code="batch_keeps_its_rows"
        )


def demand_editable(act: _door.Act) -> None:
    """The correction can be edited, and the actor may: its maker, or a maker of all its scopes."""
    demand_maker(act)
    if act.correction.state not in EDITABLE:
        raise IllegalState(code="correction_is_not_editable", state=act.correction.get_state_display())
    act.demand_not_held()
    is_its_maker = act.correction.maker_person_id == act.actor.person_id
    if not is_its_maker and not may_make(act.rights, act.scope_keys):
        raise NotAllowed(code="correction_is_outside_your_scope")


def demand_no_revert(act: _door.Act) -> None:
    if act.correction.reverts_id is not None:
        raise InvalidInput(
            _("A revert restores what another correction wrote; it takes no further records."),
            code="revert_takes_no_more_changes",
        )
