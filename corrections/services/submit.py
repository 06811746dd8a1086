"""Submission: machines check, the apply is rehearsed, the fields are held (I-03), the number is given, and the digest
fixes the content, pinned to what the policies demand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.assessment import Assessment, InBulk, assess
from corrections.choices import (
    EDITABLE,
    Action,
    AuditKind,
    ContributionKind,
    EvidenceKind,
    OnBadRow,
    Owner,
    State,
    Verdict,
)
from corrections.conf import limits
from corrections.engine import many, rows
from corrections.engine.apply import rehearse
from corrections.errors import Conflict, IllegalState, InvalidInput, NotAllowed
from corrections.integrity.canonical import digest
from corrections.models import (
    Change,
    CheckResult,
    Correction,
    Evidence,
    FieldHold,
    RegisterNumber,
    Revision,
)
from corrections.money import Money, total
from corrections.permissions import may_propose
from corrections.policies import Demand
from corrections.registry import Entry
from corrections.services import _answers, _content, _door, _looks, _pinned, _rows
from corrections.services._changes import CustomerMustDeclare
from corrections.services._nobody import tell_if_nobody
from corrections.services.draft import demand_maker

NUMBER_PREFIX = "DZ"


class EvidenceMissing(InvalidInput):
    """I-09: no evidence, no approval; so none is even asked for."""

    code = "evidence_is_required"
    message = _("Attach at least %(count)s piece(s) of evidence before you submit.")


class EvidenceKindMissing(InvalidInput):
    code = "kind_of_evidence_is_required"
    message = _("This correction needs as evidence: %(kind)s. Attach it before you submit.")


class HandlerCannotCorrect(NotAllowed):
    """查核不返原岗: not back to the same desk."""

    code = "handler_cannot_correct"
    message = _("You booked, reconciled or own this record, so another person must correct it.")


class ConsentMissing(InvalidInput):
    code = "customer_consent_is_required"
    message = _("%(label)s is what the customer declared: attach the customer's consent as evidence.")


class CheckFailed(Conflict):
    code = "machine_check_failed"
    message = _("A machine check failed: %(problem)s")


class FieldHeld(Conflict):
    """I-03"""

    code = "field_held_by_open_correction"
    message = _("%(other)s is already open on the same data. Wait for it, or withdraw it.")


def submit(*, actor: Any, correction: Correction, acknowledged: Any = None, on_bad_row: str = "fail_all") -> Correction:
    """Hands a draft, returned or failed correction to the checkers, as its next revision.

    `acknowledged` answers each warning of a machine, by the check's code: a value of `Acknowledged`, or
    ``{"reason": …, "words": …}``. `on_bad_row` matters to batches.
    """
    return _looks.ended(
        submitting(actor=actor, correction=correction, acknowledged=acknowledged, on_bad_row=on_bad_row)
    )


def submitting(
    *, actor: Any, correction: Correction, acknowledged: Any = None, on_bad_row: str = "fail_all"
) -> _looks.Steps[Correction]:
    """The same step by step, saying how far machines are with a large batch; left alone halfway, nothing happened."""
    if on_bad_row not in ("fail_all", "skip"):
        raise InvalidInput(_("Choose what happens to bad rows."), code="on_bad_row_unknown", field="on_bad_row")
    return (yield from _looks.in_steps(partial(_submit, actor, correction, acknowledged, on_bad_row)))


def _submit(
    actor: Any, correction: Correction, acknowledged: Any, on_bad_row: str, look: _looks.Look | None
) -> Correction:
    with _door.opened(actor=actor, correction=correction) as act:
        _demand_submittable(act)
        if act.correction.state != State.DRAFT:
            act.correction.revision += 1
        act.correction.demand = {}  # of an earlier revision
        changes = _changes_of(act, on_bad_row)
        found = _assessed(act, changes, look)
        demand = found.demand
        _demand_no_handler(act, found)
        evidence = _content.live_evidence(act.correction)
        demand_evidence(evidence, demand)
        demand_consent(act.correction, changes, evidence, found)
        if found.refusal is not None:
            raise found.refusal
        if act.batch is None:
            _keep_before_images(changes, found)
            _hold_fields(act.correction, changes)
            demand_passed(found)
            rehearse(changes, found.targets)
        else:
            _rows.fix(act, act.batch, demand)
            _hold_rows(act.correction)
            demand_passed(found)
            _rows.rehearse(act, act.batch)
        act.correction.acknowledged = _answers.answered(_answers.warnings_of(found), acknowledged, demand.worded_checks)
        _commit(act, changes, evidence, found, demand)
    return act.correction


def _demand_submittable(act: _door.Act) -> None:
    demand_maker(act)
    if act.correction.state not in (*EDITABLE, State.FAILED):
        raise IllegalState(code="correction_is_not_editable", state=act.correction.get_state_display())
    act.demand_not_held()
    if act.correction.revision >= limits.REVISIONS_MAX:
        raise IllegalState(
            _("This correction came back %(max)s times. Start a new one."),
            code="too_many_revisions",
            max=limits.REVISIONS_MAX,
        )


def _demand_no_handler(act: _door.Act, found: Assessment) -> None:
    """Neither whoever submits it nor whoever made or edited it handled the record; a handler may bring evidence."""
    people = {act.actor.person_id, act.correction.maker_person_id}
    if found.barred:
        making = (ContributionKind.MADE, ContributionKind.EDITED)
        people |= set(act.correction.contributions.filter(kind__in=making).values_list("person_id", flat=True))
    if people & found.barred:
        raise HandlerCannotCorrect


def _assessed(act: _door.Act, changes: list[Change], look: _looks.Look | None) -> Assessment:
    if act.batch is not None:
        skips = act.batch.on_bad_row == OnBadRow.SKIP
        taken = _looks.look_of(act, look, _looks.Asked(is_first=True, leaves_out=skips))
        _rows.take_in(act, act.batch, taken)
        return taken.found
    return assess(act.correction, changes, at=act.now, is_locking=True, with_external=True)


def _changes_of(act: _door.Act, on_bad_row: str) -> list[Change]:
    """The changes, each of which may be proposed; of a batch none, which is never held as a list."""
    if act.batch is not None:
        _rows.demand_submittable(act, act.batch, on_bad_row)
        _rows.prepare(act, act.batch, on_bad_row)
        return []
    changes = act.changes
    if not changes:
        raise InvalidInput(_("There is nothing to change: add a record first."), code="correction_is_empty")
    for change in changes:
        entry = rows.entry_of(change.target_model)
        pk = None if change.action == Action.CREATE else change.target_pk
        if not may_propose(act.actor, act.rights, entry, {change.scope_before, change.scope_after}, pk):
            raise NotAllowed(code="record_is_outside_your_scope")
    return changes


def _keep_before_images(changes: list[Change], found: Assessment) -> None:
    """The whole rows as they are now: what people are shown, and sign."""
    for change in changes:
        row = found.subject.live.get(change.pk)
        if row is not None:
            change.before_image = rows.image(rows.entry_of(change.target_model), row)


def demand_evidence(evidence: list[Evidence], demand: Demand) -> None:
    """I-09. Raises EvidenceMissing or EvidenceKindMissing."""
    if len(evidence) < demand.evidence_min:
        raise EvidenceMissing(count=demand.evidence_min)
    kinds = {item.kind for item in evidence}
    for kind in demand.evidence_kinds:
        if kind not in kinds:
            raise EvidenceKindMissing(field="evidence", kind=dict(EvidenceKind.choices).get(kind, kind))


def demand_consent(correction: Correction, changes: list[Change], evidence: list[Evidence], found: Assessment) -> None:
    """What the customer declared is typed by staff only if the policy that holds allows it, and then with consent.

    A revert types nothing: it restores what stood there before.
    """
    if correction.reverts_id is not None:
        return
    allowing = {
        (atom.model, atom.field)
        for atom, ruled in found.match.base.items()
        if ruled.policy.staff_may_type_customer_fields
    }
    for entry, name in _typed(changes, found):
        spec = entry.fields.get(name)
        if spec is None or spec.owner != Owner.CUSTOMER:
            continue
        if (entry.key, name) not in allowing:
            raise CustomerMustDeclare(field=name, label=entry.verbose_name(name))
        if not any(item.kind == EvidenceKind.CUSTOMER_CONSENT for item in evidence):
            raise ConsentMissing(field=name, label=entry.verbose_name(name))


def _typed(changes: list[Change], found: Assessment) -> Iterator[tuple[Entry, str]]:
    """Fields that somebody typed; the rows of a batch only update."""
    if isinstance(found, InBulk):
        yield from ((rows.entry_of(atom.model), atom.field) for atom in sorted(found.case.atoms))
    for change in changes:
        entry = rows.entry_of(change.target_model)
        yield from ((entry, name) for name in rows.fields_of(entry, change.new) if _is_typed(change, entry, name))


def _is_typed(change: Change, entry: Any, name: str) -> bool:
    """In a create, a customer's field that stays empty was not typed."""
    return change.action == Action.UPDATE or any(change.new.get(column) for column in entry.columns(name))


def demand_passed(found: Assessment) -> None:
    """No check failed. Raises CheckFailed, or ValueChanged when a row moved on."""
    if found.refusal is not None:
        raise found.refusal
    for check, finding in found.of(Verdict.FAIL):
        raise CheckFailed(check=check.code, problem=str(finding.message))


def _hold_fields(correction: Correction, changes: list[Change]) -> None:
    """I-03, held by a unique constraint: the second correction on a field is refused."""
    FieldHold.objects.filter(correction=correction).delete()
    wanted = [
        FieldHold(correction=correction, target_model=c.target_model, target_pk=c.target_pk, field=name)
        for c in sorted(changes, key=lambda change: (change.target_model, change.target_pk))
        if c.target_pk
        for name in sorted(_held_fields(c))
    ]
    try:
        with transaction.atomic():
            FieldHold.objects.bulk_create(wanted)
    except IntegrityError:
        raise FieldHeld(other=_holder(correction, wanted)) from None


def _hold_rows(correction: Correction) -> None:
    """I-03 for a batch, by one statement."""
    try:
        with transaction.atomic():
            many.hold_fields(correction)
    except IntegrityError:
        raise FieldHeld(other=_holder_of_rows(correction)) from None


def _holder_of_rows(correction: Correction) -> str:
    """The open correction that was first to hold a record of the batch."""
    ours = correction.changes.values("target_pk")
    held = FieldHold.objects.filter(target_model=correction.batch.target_model, target_pk__in=ours)
    other = held.exclude(correction=correction).select_related("correction").order_by("pk").first()
    return str(_("Another correction")) if other is None else str(other.correction.number)


def _held_fields(change: Change) -> list[str]:
    """A delete, or the return of a deleted row, holds every field of the row."""
    entry = rows.entry_of(change.target_model)
    if change.action == Action.UPDATE:
        return rows.fields_of(entry, change.new)
    return entry.display_fields()


def _holder(correction: Correction, wanted: list[FieldHold]) -> str:
    for hold in wanted:
        other = (
            FieldHold.objects.filter(target_model=hold.target_model, target_pk=hold.target_pk, field=hold.field)
            .exclude(correction=correction)
            .select_related("correction")
            .first()
        )
        if other is not None:
            return str(other.correction.number)
    return str(_("Another correction"))


def _commit(act: _door.Act, changes: list[Change], evidence: list[Evidence], found: Assessment, demand: Demand) -> None:
    correction = act.correction
    counter = _counter(act.now)
    # From here on submissions come one after the other: a later one counts the amounts of every earlier one.
    act.now = timezone.now()
    correction.number = correction.number or _next_number(counter)
    results = _pinned.results(act, found, _content.AT_SUBMISSION)
    Change.objects.bulk_update(changes, ["before_image", "amount", "currency", "stake", "beneficiary"])
    act.contribute(ContributionKind.EDITED)
    signed = pin(act, changes, evidence, found, demand, results)
    act.move(
        State.SUBMITTED,
        **pinned_columns(act),
        number=correction.number,
        revision=correction.revision,
        acknowledged=correction.acknowledged,
        amounts=_amounts(changes, found),
        submitted_at=act.now,
        decided_at=None,
        outcome_code="",
        outcome_note="",
        expires_at=act.now + dt.timedelta(hours=demand.decide_hours or limits.SUBMITTED_DAYS_MAX * 24),
    )
    act.record(AuditKind.SUBMITTED, digest=signed)
    tell_if_nobody(act, found, demand)


def pin(
    act: _door.Act,
    changes: list[Change],
    evidence: list[Evidence],
    found: Assessment,
    demand: Demand,
    results: list[CheckResult],
) -> str:
    """Fixes the content of the revision, with what it was pinned to; gives its digest. The correction is not saved."""
    correction = act.correction
    correction.policy = found.match.leading.policy
    correction.demand = _pinned.as_json(found, demand)
    correction.stake = found.case.amount
    correction.rows = found.case.rows
    CheckResult.objects.bulk_create(results)
    _pinned.put_steps(correction, demand)
    batch = None if act.batch is None else _content.batch_content(act.batch, act.batch.root)
    content = _content.content_of(correction, changes=changes, evidence=evidence, verdicts=results, batch=batch)
    correction.digest = digest(content)
    Revision.objects.create(
        correction=correction,
        number=correction.revision,
        digest=correction.digest,
        content=content,
        submitted_by_name=act.actor_name,
        submitted_at=act.now,
    )
    return str(correction.digest)


def pinned_columns(act: _door.Act) -> dict[str, Any]:
    """The columns of the correction that `pin` set, and the first step, which is open now."""
    correction = act.correction
    first = Demand.from_json(correction.demand).steps[0]
    return {
        "digest": correction.digest,
        "policy": correction.policy,
        "demand": correction.demand,
        "stake": correction.stake,
        "rows": correction.rows,
        "step": 1,
        "step_role": first.role,
        "step_opened_at": act.now,
        "reminded_at": None,
        "escalated_role": "",
    }


def _amounts(changes: list[Change], found: Assessment) -> dict[str, str]:
    stakes = [Money.of(change.amount, change.currency) for change in changes]
    sums = dict(sorted(found.amounts.items())) if isinstance(found, InBulk) else total(stakes)
    return {currency: f"{amount:f}" for currency, amount in sums.items()}


def _counter(now: dt.datetime) -> RegisterNumber:
    """The counter of the desk's year, locked until the commit."""
    year = timezone.localtime(now).year
    RegisterNumber.objects.get_or_create(year=year)
    return RegisterNumber.objects.select_for_update().get(year=year)


def _next_number(counter: RegisterNumber) -> str:
    """The next number of its year, without gaps."""
    counter.last += 1
    counter.save(update_fields=["last"])
    return f"{NUMBER_PREFIX}-{counter.year}-{counter.last:06d}"
