"""Submission: machines check, the fields are held (I-03), the number is given, and the digest fixes the content."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections import checks
from corrections.choices import (
    EDITABLE,
    Action,
    AuditKind,
    ContributionKind,
    EvidenceKind,
    Owner,
    State,
    Verdict,
)
from corrections.conf import limits
from corrections.engine import rows
from corrections.errors import Conflict, CorrectionError, IllegalState, InvalidInput, NotAllowed
from corrections.integrity.canonical import digest
from corrections.models import (
    Change,
    CheckResult,
    Correction,
    Evidence,
    FieldHold,
    Policy,
    RegisterNumber,
    Revision,
)
from corrections.money import Money, total
from corrections.permissions import may_propose
from corrections.policies import match, steps_of
from corrections.services import _content, _door
from corrections.services._changes import CustomerMustDeclare
from corrections.services.draft import demand_maker

NUMBER_PREFIX = "DZ"


class EvidenceMissing(InvalidInput):
    """I-09: no evidence, no approval; so none is even asked for."""

    code = "evidence_is_required"
    message = _("Attach at least %(count)s piece(s) of evidence before you submit.")


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

    `acknowledged` and `on_bad_row` matter to corrections with acknowledged warnings and to batches.
    """
    if on_bad_row not in ("fail_all", "skip"):
        raise InvalidInput(_("Choose what happens to bad rows."), code="on_bad_row_unknown", field="on_bad_row")
    with _door.opened(actor=actor, correction=correction) as act:
        _demand_submittable(act)
        if act.correction.state != State.DRAFT:
            act.correction.revision += 1
        changes = _changes_of(act)
        policy = match()
        evidence = _demand_evidence(act.correction, policy)
        _demand_consent(act.correction, changes, evidence, policy)
        results = _run_checks(act, changes)
        _hold_fields(act.correction, changes)
        _commit(act, changes, evidence, results, policy)
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


def _changes_of(act: _door.Act) -> list[Change]:
    changes = act.changes
    if not changes:
        raise InvalidInput(_("There is nothing to change: add a record first."), code="correction_is_empty")
    for change in changes:
        entry = rows.entry_of(change.target_model)
        pk = None if change.action == Action.CREATE else change.target_pk
        if not may_propose(act.actor, act.rights, entry, {change.scope_before, change.scope_after}, pk):
            raise NotAllowed(code="record_is_outside_your_scope")
    return changes


def _demand_evidence(correction: Correction, policy: Policy) -> list[Evidence]:
    evidence = _content.live_evidence(correction)
    if len(evidence) < policy.evidence_min:
        raise EvidenceMissing(count=policy.evidence_min)
    return evidence


def _demand_consent(correction: Correction, changes: list[Change], evidence: list[Evidence], policy: Policy) -> None:
    """What the customer declared is typed by staff only if the policy allows it, and then with consent.

    A revert types nothing: it restores what stood there before.
    """
    if correction.reverts_id is not None:
        return
    for change in changes:
        entry = rows.entry_of(change.target_model)
        for name in rows.fields_of(entry, change.new):
            spec = entry.fields.get(name)
            if spec is None or spec.owner != Owner.CUSTOMER or not _is_typed(change, entry, name):
                continue
            if not policy.staff_may_type_customer_fields:
                raise CustomerMustDeclare(field=name, label=entry.verbose_name(name))
            if not any(item.kind == EvidenceKind.CUSTOMER_CONSENT for item in evidence):
                raise ConsentMissing(field=name, label=entry.verbose_name(name))


def _is_typed(change: Change, entry: Any, name: str) -> bool:
    """In a create, a customer's field that stays empty was not typed."""
    return change.action == Action.UPDATE or any(change.new.get(column) for column in entry.columns(name))


def _run_checks(act: _door.Act, changes: list[Change]) -> list[CheckResult]:
    """Runs the checks on locked rows and stores the verdicts. Raises CheckFailed, or ValueChanged when stale."""
    subject, stale = _subject(act.correction, changes)
    if stale is not None:
        raise stale
    findings = checks.run(subject)
    for code, finding in findings:
        if finding.verdict == Verdict.FAIL:
            raise CheckFailed(code="machine_check_failed", check=code, problem=str(finding.message))
    return [_result(act, code, finding) for code, finding in findings]


def _result(act: _door.Act, code: str, finding: checks.Finding) -> CheckResult:
    """The verdict with its sentence in every language: the checker may read another one than the maker."""
    message, said = checks.in_every_language(finding.message)
    return CheckResult(
        correction=act.correction,
        revision=act.correction.revision,
        moment=_content.AT_SUBMISSION,
        check_code=code,
        verdict=finding.verdict,
        message=message,
        looked_at={**finding.looked_at, "said": said} if said else finding.looked_at,
        at=act.now,
    )


def _subject(correction: Correction, changes: list[Change]) -> tuple[checks.Subject, CorrectionError | None]:
    """The live rows, locked, with fresh before-images; and the refusal if one is stale or gone."""
    live: dict[int, Any] = {}
    stale: dict[int, str] = {}
    refusal: CorrectionError | None = None
    targets = rows.locked_targets(change for change in changes if change.action != Action.CREATE)
    for change in changes:
        if change.action == Action.CREATE:
            continue
        entry = rows.entry_of(change.target_model)
        row = live[change.pk] = targets.get((change.target_model, change.target_pk))
        try:
            change.before_image = rows.demand_unchanged(entry, change, row)
        except CorrectionError as error:
            refusal = refusal or error
            stale[change.pk] = str(error)
    return checks.Subject(correction, changes, live, stale), refusal


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


def _commit(
    act: _door.Act,
    changes: list[Change],
    evidence: list[Evidence],
    results: list[CheckResult],
    policy: Policy,
) -> None:
    correction = act.correction
    correction.policy = policy
    correction.number = correction.number or _next_number(act.now)
    CheckResult.objects.bulk_create(results)
    Change.objects.bulk_update(changes, ["before_image"])
    content = _content.content_of(correction, changes=changes, evidence=evidence, verdicts=results)
    signed = digest(content)
    Revision.objects.create(
        correction=correction,
        number=correction.revision,
        digest=signed,
        content=content,
        submitted_by_name=act.actor_name,
        submitted_at=act.now,
    )
    act.contribute(ContributionKind.EDITED)
    first = steps_of(policy)[0]
    act.move(
        State.SUBMITTED,
        number=correction.number,
        revision=correction.revision,
        digest=signed,
        policy=policy,
        step=first.position,
        step_role=first.role,
        amounts=_amounts(changes),
        submitted_at=act.now,
        decided_at=None,
        outcome_code="",
        outcome_note="",
        expires_at=act.now + dt.timedelta(days=limits.SUBMITTED_DAYS_MAX),
    )
    act.record(AuditKind.SUBMITTED, digest=signed)


def _amounts(changes: list[Change]) -> dict[str, str]:
    stakes = [Money.of(change.amount, change.currency) for change in changes]
    return {currency: f"{amount:f}" for currency, amount in total(stakes).items()}


def _next_number(now: dt.datetime) -> str:
    """The next number of the desk's year, without gaps: the counter's row is locked until the commit."""
    year = timezone.localtime(now).year
    RegisterNumber.objects.get_or_create(year=year)
    counter = RegisterNumber.objects.select_for_update().get(year=year)
    counter.last += 1
    counter.save(update_fields=["last"])
    return f"{NUMBER_PREFIX}-{year}-{counter.last:06d}"
