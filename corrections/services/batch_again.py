"""New batches out of old ones: what takes a batch back (I-05), and what tries its failed rows once more.

Both are drafts with a maker, evidence and checkers of their own; rows keep their places, so that they can be found in
the file that the first batch came from. Applied rows are never touched again by a retry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections import checks
from corrections.choices import (
    ROW_APPLIED,
    Action,
    AuditKind,
    BatchSource,
    ContributionKind,
    RowStage,
    State,
    Verdict,
)
from corrections.conf import limits
from corrections.engine import rows
from corrections.engine.in_sets import insert_changes
from corrections.engine.pages import pages
from corrections.engine.proposals import describe
from corrections.errors import Conflict, IllegalState
from corrections.models import Batch, Change, Correction, RowFinding
from corrections.permissions import may_propose
from corrections.registry import Entry
from corrections.services import _changes, _door, _restored, draft
from corrections.services._rows import demand_may_propose

# Where nothing more of a batch is carried out.
ENDED = (State.APPLIED, State.REVERTED, State.STOPPED, State.FAILED)
UNFINISHED = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.APPLYING)
PLACES_MAX = 5  # that a refusal names


class NothingToRetry(Conflict):
    code = "nothing_to_retry"
    message = _("No row of this batch waits to be tried again.")


class RetryAlreadyOpen(Conflict):
    code = "retry_already_open"
    message = _("A retry of this batch is already open: %(other)s.")


@dataclass
class Rows:
    """What becomes of the rows of another batch in a new one."""

    entry: Entry
    correction: Correction
    staged: int = 0
    unchanged: int = 0
    moved: list[dict[str, str]] = field(default_factory=list)
    moved_on: int = 0
    findings: list[RowFinding] = field(default_factory=list)
    bad: int = 0

    def find(self, change: Change, verdict: Verdict, code: str, message: Any, **more: Any) -> None:
        """Tells of a row; of more than BATCH_FINDINGS_MAX only how many they are."""
        if len(self.findings) < limits.BATCH_FINDINGS_MAX:
            text, said = checks.in_every_language(message)
            self.findings.append(
                RowFinding(
                    correction=self.correction,
                    position=change.position,
                    stage=RowStage.STAGING,
                    verdict=verdict,
                    code=code,
                    message=text,
                    said=said,
                    **more,
                )
            )


Plan = Callable[[Rows, Change, models.Model | None], Change | None]


def revert_rows(act: _door.Act, texts: dict[str, str]) -> Correction:
    """The draft that takes back what a batch applied, row by row and field by field where it still stands.

    Raises NothingToRestore when all of it moved on; `moved_on` of the draft lists the first values that did.
    """
    from corrections.services.revert import NothingToRestore

    original = act.correction
    new = _begun(act, texts, reverts=original)
    found = _staged(act, new, original.changes.filter(outcome=ROW_APPLIED), _restored_row)
    if not found.staged:
        moved = found.moved
        named = ", ".join(f"{one['record']} {one['label']}" for one in moved[:PLACES_MAX])
        raise NothingToRestore(fields=named, moved=moved)
    new.correction.moved_on = found.moved
    new.correction.save(update_fields=["moved_on"])
    act.record(AuditKind.REVERT_DRAFTED)
    _finish(act, new, found, BatchSource.REVERT, reverts=str(original.number))
    return new.correction


def retry_failed(*, actor: Any, correction: Correction, reason: str, note: str) -> Correction:
    """Drafts a batch of the rows that were not applied, each with the value that stands there now as the old one."""
    texts = draft.clean_texts(reason=reason, note=note, ticket="")
    with _door.opened(actor=actor, correction=correction) as act:
        draft.demand_maker(act)
        _demand_to_retry(act)
        new = _begun(act, texts)
        found = _staged(act, new, act.correction.changes.exclude(outcome=ROW_APPLIED), _tried_again)
        if not found.staged:
            raise NothingToRetry
        _finish(act, new, found, BatchSource.RETRY, retries=act.correction)
    return new.correction


def _demand_to_retry(act: _door.Act) -> None:
    batch = act.batch
    if batch is None or act.correction.state not in ENDED:
        raise IllegalState(code="only_an_ended_batch_is_retried", state=act.correction.get_state_display())
    demand_may_propose(act, batch)
    if not act.correction.changes.exclude(outcome=ROW_APPLIED).exists():
        raise NothingToRetry
    other = act.correction.retried_by.filter(correction__state__in=UNFINISHED).select_related("correction").first()
    if other is not None:
        raise RetryAlreadyOpen(other=str(other.correction))


# The new draft


def _begun(act: _door.Act, texts: dict[str, str], **links: Any) -> _door.Act:
    original = act.correction
    made = Correction.objects.create(
        maker=act.actor,
        maker_person_id=act.actor.person_id,
        maker_name=act.actor_name,
        incident_id=original.incident_id,
        summary=original.summary,
        created_at=act.now,
        **links,
        **texts,
    )
    inner = _door.Act(actor=act.actor, now=act.now, correction=made)
    inner.__dict__["rights"] = act.rights
    return inner


def _staged(act: _door.Act, new: _door.Act, source: models.QuerySet[Change], plan: Plan) -> Rows:
    """Makes the changes of the new draft, page by page."""
    assert act.batch is not None  # noqa: S101 - the caller asked
    found = Rows(rows.entry_of(act.batch.target_model), new.correction)
    insert_changes(_planned(new, found, source, plan))
    RowFinding.objects.bulk_create(found.findings, batch_size=limits.BATCH_STAGE_ROWS)
    return found


def _planned(new: _door.Act, found: Rows, source: models.QuerySet[Change], plan: Plan) -> Iterator[Change]:
    for page in pages(source):
        live = rows.live_targets(page)
        yield from _allowed(new, found, _of_page(found, page, live, plan))


def _of_page(found: Rows, page: Sequence[Change], live: rows.Live, plan: Plan) -> Iterator[Change]:
    for change in page:
        made = plan(found, change, live.get((change.target_model, change.target_pk)))
        if made is not None:
            found.staged += 1
            yield made


def _allowed(new: _door.Act, found: Rows, changes: Iterable[Change]) -> Iterator[Change]:
    """Records may have gone to another branch since: rights are needed on where they are now."""
    held: set[tuple[str, str]] = set()
    for change in changes:
        pair = change.scope_before, change.scope_after
        if pair not in held:
            if may_propose(new.actor, new.rights, found.entry, set(pair), None):
                held.add(pair)
            else:
                _changes.demand_rights(new, found.entry, change)
        yield change


def _finish(act: _door.Act, new: _door.Act, found: Rows, source: BatchSource, **links: Any) -> None:
    retries = links.pop("retries", None)
    batch = Batch.objects.create(
        correction=new.correction,
        target_model=found.entry.key,
        source=source,
        retries=retries,
        rows=found.staged + found.bad + found.unchanged,  # what only moved on is told apart
        bad_rows=found.bad,
        unchanged_rows=found.unchanged,
        reading={"moved_on": found.moved_on},
    )
    _changes.add_scopes(new.correction)
    new.contribute(ContributionKind.MADE)
    counts: dict[str, Any] = {"rows": batch.rows, "bad_rows": batch.bad_rows, "unchanged_rows": batch.unchanged_rows}
    new.record(AuditKind.DRAFTED, **counts, **(links if retries is None else {"retries": str(retries.number)}))
    act.events += new.events


# One row


def _restored_row(found: Rows, change: Change, row: models.Model | None) -> Change | None:
    plan = _restored.plan(change, row)
    for one in plan.moved_on:
        _moved_on(found, change, one)
    if not plan.action:
        found.unchanged += not plan.moved_on
        return None
    return _update(found, change, row, plan.old, plan.new)


def _moved_on(found: Rows, change: Change, one: rows.Moved) -> None:
    """Listed with before, ours and now, and never overwritten: each needs a decision of its own."""
    found.moved_on += 1
    if len(found.moved) < limits.BATCH_MOVED_ON_MAX:
        found.moved.append({"record": change.target_label, **one.as_json()})
    text = _("%(label)s moved on: before “%(before)s”, written by us “%(ours)s”, now “%(now)s”")
    said = checks.say(text, label=one.label, before=one.before, ours=one.ours, now=one.now)
    found.find(change, Verdict.WARN, "moved_on", said, column=one.label[:100], value=one.now[:200])


def _tried_again(found: Rows, change: Change, row: models.Model | None) -> Change | None:
    """The same new values, compared with what stands there now; the maker looks at what moved."""
    if row is None:
        found.bad += 1
        found.find(change, Verdict.FAIL, rows.RecordNotFound.code, rows.RecordNotFound.message)
        return None
    live = rows.image(found.entry, row)
    new = {column: value for column, value in change.new.items() if live[column] != value}
    if not new:
        found.unchanged += 1
        return None
    return _update(found, change, row, {column: live[column] for column in new}, new)


def _update(found: Rows, change: Change, row: models.Model | None, old: rows.Image, new: rows.Image) -> Change | None:
    if row is None:
        return None
    made = Change(
        correction=found.correction,
        position=change.position,
        action=Action.UPDATE,
        target_pk=change.target_pk,
        old=old,
        new=new,
    )
    after = rows.unsaved(found.entry, {**rows.image(found.entry, row), **new})
    describe(found.entry, made, row, after)
    return made
