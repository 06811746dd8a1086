"""Taking an applied correction back: a new correction with its own maker, evidence and checkers (I-05).

It restores only the fields that the original wrote, and only where they still hold what it wrote; fields that moved
on are listed (before, ours, now) and left alone.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.choices import Action, AuditKind, ContributionKind, State
from corrections.engine import rows
from corrections.errors import Conflict, IllegalState
from corrections.models import Change, Correction
from corrections.permissions import may_propose
from corrections.services import _changes, _door, _restored, batch_again
from corrections.services._rows import demand_may_propose
from corrections.services.draft import clean_texts, demand_maker

# A revert is under way in any of these.
UNFINISHED = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.APPLYING, State.FAILED)


class NothingToRestore(Conflict):
    code = "nothing_to_restore"
    message = _("Nothing can be restored: every value has moved on since (%(fields)s).")


class RevertAlreadyOpen(Conflict):
    code = "revert_already_open"
    message = _("A revert of this correction is already open.")


def revert(*, actor: Any, correction: Correction, reason: str, note: str) -> Correction:
    """Drafts the correction that takes `correction` back. Raises NothingToRestore when all of it moved on."""
    texts = clean_texts(reason=reason, note=note, ticket="")
    with _door.opened(actor=actor, correction=correction) as act:
        original = act.correction
        demand_maker(act)
        if original.state not in _revertible(act):
            raise IllegalState(code="only_applied_is_reverted", state=original.get_state_display())
        if original.reverted_by.filter(state__in=UNFINISHED).exists():
            raise RevertAlreadyOpen
        if act.batch is not None:
            demand_may_propose(act, act.batch)
            return batch_again.revert_rows(act, texts)
        changes = list(original.changes.order_by("-position"))
        _demand_may_revert(act, changes)
        live = rows.locked_targets(changes)
        plans = [_restored.plan(change, live.get((change.target_model, change.target_pk))) for change in changes]
        _demand_something(plans)
        act.record(AuditKind.REVERT_DRAFTED)
        draft = _draft(act, original, texts, plans)
    return draft


def _revertible(act: _door.Act) -> tuple[State, ...]:
    """Of a batch that was stopped, what was applied can be taken back; it stays stopped."""
    return (State.APPLIED,) if act.batch is None else (State.APPLIED, State.STOPPED)


def _demand_may_revert(act: _door.Act, changes: list[Change]) -> None:
    """Asked before the live rows are compared, and told."""
    for change in changes:
        keys = {change.scope_before, change.scope_after}
        if not may_propose(act.actor, act.rights, rows.entry_of(change.target_model), keys, change.target_pk):
            raise _changes.OutsideYourScope


def _demand_something(plans: list[_restored.Restoration]) -> None:
    if not any(plan.action for plan in plans):
        moved = [item for plan in plans for item in plan.moved_on]
        raise NothingToRestore(fields=", ".join(item.label for item in moved), moved=[item.as_json() for item in moved])


def _draft(
    act: _door.Act, original: Correction, texts: dict[str, str], plans: list[_restored.Restoration]
) -> Correction:
    draft = Correction.objects.create(
        maker=act.actor,
        maker_person_id=act.actor.person_id,
        maker_name=act.actor_name,
        incident_id=original.incident_id,
        reverts=original,
        moved_on=[{"record": plan.change.target_label, **item.as_json()} for plan in plans for item in plan.moved_on],
        summary=original.summary,
        created_at=act.now,
        **texts,
    )
    inner = _door.Act(actor=act.actor, now=act.now, correction=draft)
    inner.__dict__["rights"] = act.rights
    for position, plan in enumerate((plan for plan in plans if plan.action), start=1):
        _add(inner, plan, position)
    _changes.add_scopes(draft)
    inner.contribute(ContributionKind.MADE)
    inner.record(AuditKind.DRAFTED, reverts=str(original.number))
    act.events += inner.events
    return draft


def _add(act: _door.Act, plan: _restored.Restoration, position: int) -> None:
    entry = rows.entry_of(plan.change.target_model)
    change = Change(
        correction=act.correction,
        position=position,
        action=plan.action,
        target_model=entry.key,
        target_pk=plan.change.target_pk,
        old=plan.old,
        new=plan.new,
        before_image=plan.before_image,
    )
    before = None if plan.before_image is None else rows.unsaved(entry, plan.before_image)
    after = {
        Action.UPDATE: lambda: rows.unsaved(entry, {**(plan.before_image or {}), **plan.new}),
        Action.CREATE: lambda: rows.unsaved(entry, plan.new),
        Action.DELETE: lambda: None,
    }[Action(plan.action)]()
    _changes.describe(entry, change, before, after)
    _changes.demand_rights(act, entry, change)
    change.save(force_insert=True)
