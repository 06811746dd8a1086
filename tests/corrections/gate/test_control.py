"""The rules that the database holds over the engine's own tables by itself, tried with SQL-near writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from backoffice.staff.models import Person, User
from corrections.choices import MOVES, PAIRS, State
from corrections.engine.gate import drop, install, opened, recorded_write
from corrections.engine.gate.control import APPEND_ONLY, CONTROLS
from corrections.models import (
    AuditEvent,
    Batch,
    CalendarDay,
    Change,
    CheckResult,
    Chunk,
    ClockMark,
    Contribution,
    Correction,
    CorrectionScope,
    CorrectionStep,
    DataKey,
    Decision,
    Delegation,
    Evidence,
    EvidenceFile,
    ExchangeRate,
    FieldHold,
    FlagRule,
    Incident,
    Notice,
    Policy,
    PolicyStep,
    RegisterNumber,
    Rekeying,
    Revision,
    RoleRequest,
    RowFinding,
)

pytestmark = pytest.mark.django_db

DIGEST = "d" * 64
OTHER_DIGEST = "e" * 64


def refused(because: str = ""):
    return pytest.raises(IntegrityError, match=rf"^gate_closed: \w+ .*{because}")


@pytest.fixture
def chidi(db: None) -> User:
    person = Person.objects.create(employee_no="E200", name="Chidi")
    return User.objects.create(username="chidi", person=person)


class Desk:
    """Writes control tables the way the services do, one row at a time, each try in a transaction of its own."""

    def __init__(self, clerk: User, chidi: User) -> None:
        self.clerk, self.chidi = clerk, chidi
        with self.engine():
            self.policy = Policy.objects.create(name="four eyes")
            self.step = PolicyStep.objects.create(policy=self.policy, position=1, role="checker")

    def engine(self) -> Any:
        return opened(actor=self.clerk)

    def do(self, write: Callable[[], Any]) -> Any:
        with transaction.atomic(), self.engine():
            return write()

    def draft(self, **values: Any) -> Correction:
        return self.do(
            lambda: Correction.objects.create(
                maker=self.clerk,
                maker_person=self.clerk.person,
                maker_name="Mara",
                reason="system_defect",
                note="wrong bank code",
                created_at=timezone.now(),
                **values,
            )
        )

    def change(self, correction: Correction, **values: Any) -> Change:
        given = {"position": 1, "action": "update", "target_model": "sandbox.parcel", "target_pk": "7"}
        return self.do(lambda: Change.objects.create(correction=correction, **{**given, "new": {"a": 1}, **values}))

    def evidence(self, correction: Correction) -> Evidence:
        return self.do(lambda: Evidence.objects.create(correction=correction, file=self._file(), **self._brought()))

    def _file(self) -> EvidenceFile:
        return EvidenceFile.objects.create(
            sha256=uuid4().hex * 2, size=1, mime="text/plain", kind="txt", key_id=uuid4(), stored_at=timezone.now()
        )

    def _brought(self) -> dict[str, Any]:
        return {
            "kind": "letter",
            "filename": "a.txt",
            "brought_by": self.clerk,
            "brought_by_person": self.clerk.person,
            "brought_by_name": "Mara",
            "brought_at": timezone.now(),
            "revision": 1,
        }

    def contribute(self, correction: Correction, person: Person, kind: str = "made") -> Contribution:
        return self.do(
            lambda: Contribution.objects.create(correction=correction, person=person, kind=kind, at=timezone.now())
        )

    def decide(self, correction: Correction, user: User | None = None, **values: Any) -> Decision:
        user = user or self.chidi
        given = {"revision": 1, "step": 1, "role": "checker", "kind": "approve", "digest": DIGEST}
        return self.do(
            lambda: Decision.objects.create(
                correction=correction,
                user=user,
                person=user.person,
                person_name="x",
                decided_at=timezone.now(),
                **{**given, **values},
            )
        )

    def set(self, row: models.Model, **values: Any) -> None:
        """An UPDATE past every Python rule."""
        self.do(lambda: type(row)._base_manager.filter(pk=row.pk).update(**values))

    def submit(self, correction: Correction, **values: Any) -> None:
        given = {"number": f"DZ-{correction.pk}", "digest": DIGEST, "policy": self.policy}
        self.do(lambda: self._pin(correction, values.get("revision", 1)))
        self.set(correction, **{"state": "submitted", **given, **values})

    def _pin(self, correction: Correction, revision: int) -> None:
        """The steps of the policy, as a submission pins them."""
        if correction.steps.filter(revision=revision).exists():
            return
        for step in self.policy.steps.all():
            pinned = {"position": step.position, "role": step.role, "people": step.people}
            CorrectionStep.objects.create(
                correction=correction, revision=revision, scope="target", token="none", is_rekeying=False, **pinned
            )

    def ready(self) -> Correction:
        """A draft with a change, evidence and its maker's contribution."""
        correction = self.draft()
        self.change(correction)
        self.evidence(correction)
        self.contribute(correction, self.clerk.person)
        return correction

    def submitted(self) -> Correction:
        correction = self.ready()
        self.submit(correction)
        return correction

    def approved(self) -> Correction:
        correction = self.submitted()
        self.decide(correction)
        self.set(correction, state="approved")
        return correction

    def planned(self) -> Correction:
        """An approved correction of one chunk."""
        correction = self.approved()
        self.do(lambda: Chunk.objects.create(correction=correction, number=1, first=1, last=1))
        return correction

    def finish(self, correction: Correction) -> None:
        self.set(correction.changes.get(), before_image={"a": 0}, after_image={"a": 1})
        for chunk in correction.chunks.filter(done_at=None):
            self.set(chunk, done_at=timezone.now())

    def applied(self) -> Correction:
        correction = self.approved()
        for change in correction.changes.all():
            self.set(change, before_image={"a": 0}, after_image={"a": 1})
        self.set(correction, state="applied")
        return correction


@pytest.fixture
def desk(clerk: User, chidi: User) -> Desk:
    return Desk(clerk, chidi)


def bring_to(desk: Desk, state: str) -> Correction:
    """A correction in that state, by legal moves."""
    if state == State.DRAFT:
        return desk.ready()
    if state == State.APPLIED:
        return desk.applied()
    if state == State.REVERTED:
        correction = desk.applied()
        apply_revert_of(desk, correction)
        desk.set(correction, state="reverted")
        return correction
    if state in (State.APPROVED, State.APPLYING, State.FAILED, State.STOPPED):
        correction = desk.planned()
        moves = {"failed": ["failed"], "applying": ["applying"], "stopped": ["applying", "stopped"]}
        for move in moves.get(state, []):
            desk.set(correction, state=move)
        return correction
    correction = desk.submitted()
    if state != State.SUBMITTED:
        desk.set(correction, state=state)
    return correction


def apply_revert_of(desk: Desk, correction: Correction) -> None:
    revert = desk.draft(reverts=correction)
    desk.change(revert, before_image={"a": 1})
    desk.evidence(revert)
    desk.submit(revert)
    desk.decide(revert)
    desk.set(revert, state="approved")
    desk.set(revert.changes.get(), after_image={"a": 0})
    desk.set(revert, state="applied")


# One row of every control table


def one_of_each(desk: Desk) -> dict[str, models.Model]:
    correction, planned, batch = desk.submitted(), desk.planned(), desk.ready()
    now = timezone.now()
    person = {"person": desk.chidi.person, "person_name": "Chidi"}
    days = {"starts_on": now.date(), "ends_on": now.date()}

    def build() -> dict[str, models.Model]:
        return {
            "Correction": correction,
            "Change": correction.changes.get(),
            "Batch": Batch.objects.create(correction=batch, target_model="sandbox.parcel", source="file"),
            "Chunk": planned.chunks.get(),
            "RowFinding": RowFinding.objects.create(
                correction=correction, position=2, stage="check", verdict="warn", code="x", message="x"
            ),
            "Evidence": correction.evidence.get(),
            "EvidenceFile": correction.evidence.get().file,
            "Decision": desk.decide(correction),
            "Contribution": correction.contributions.get(),
            "Policy": desk.policy,
            "PolicyStep": desk.step,
            "Revision": Revision.objects.create(
                correction=correction, number=1, digest=DIGEST, content={}, submitted_by_name="Mara", submitted_at=now
            ),
            "CheckResult": CheckResult.objects.create(
                correction=correction, revision=1, moment="x", check_code="x", verdict="pass", at=now
            ),
            "AuditEvent": AuditEvent.objects.create(at=now, kind="drafted", actor=desk.clerk, actor_name="Mara"),
            "FieldHold": FieldHold.objects.create(correction=correction, target_model="x", target_pk="1", field="a"),
            "CorrectionScope": CorrectionScope.objects.create(correction=correction, key=""),
            "Incident": Incident.objects.create(title="x", opened_by=desk.clerk, opened_by_name="Mara", opened_at=now),
            "RegisterNumber": RegisterNumber.objects.create(year=2026),
            "CorrectionStep": correction.steps.get(),
            "Rekeying": Rekeying.objects.create(
                correction=correction,
                revision=1,
                change=correction.changes.get(),
                field="a",
                agrees=True,
                at=now,
                **person,
            ),
            "Delegation": Delegation.objects.create(
                giver=desk.clerk.person, receiver=desk.chidi.person, role="checker", reason="x", created_at=now, **days
            ),
            "FlagRule": FlagRule.objects.create(code="x"),
            "ExchangeRate": ExchangeRate.objects.create(currency="XTS", rate=1, valid_from=now.date()),
            "CalendarDay": CalendarDay.objects.create(day=now.date()),
            "Notice": Notice.objects.create(person=desk.clerk.person, kind="applied", key="x", at=now),
            "ClockMark": ClockMark.objects.create(name="x"),
            "RoleRequest": RoleRequest.objects.create(
                account=desk.chidi,
                group=Group.objects.create(name="x"),
                reason="x",
                asked_by=desk.clerk,
                asked_by_person_id=desk.clerk.person_id,
                asked_by_name="Mara",
                asked_at=now,
            ),
            "DataKey": DataKey.objects.create(owner=uuid4(), wrapped="x", created_at=now),
        }

    return desk.do(build)


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def writes(row: models.Model) -> Iterator[Callable[[], Any]]:
    manager = type(row)._base_manager
    touched = next(f for f in row._meta.concrete_fields if not f.primary_key)
    yield lambda: manager.filter(pk=row.pk).update(**{touched.attname: getattr(row, touched.attname)})
    yield lambda: manager.filter(pk=row.pk)._raw_delete("default")


def test_every_control_table_has_its_guard() -> None:
    models_ = {model.__name__ for model in apps.get_app_config("corrections").get_models()}
    # A history table is guarded with the model that it records.
    assert set(CONTROLS) == {name for name in models_ if not name.startswith("Historical")}


def test_i07_append_only_tables_refuse_update_and_delete_from_the_engine_too(desk: Desk) -> None:
    rows = one_of_each(desk)
    for name, (_, never, _) in CONTROLS.items():
        for event, write in zip(APPEND_ONLY, writes(rows[name]), strict=True):
            if event in never:
                with refused(f"takes no {event}"):
                    desk.do(write)
    assert {name for name, (_, never, _) in CONTROLS.items() if never == APPEND_ONLY} >= {
        "Decision",
        "Revision",
        "CheckResult",
        "AuditEvent",
        "Contribution",
    }


def test_i14_control_records_are_never_deleted(desk: Desk) -> None:
    for name, row in one_of_each(desk).items():
        if name in ("FieldHold", "CorrectionScope", "CalendarDay"):
            continue  # working rows of an open correction, and days that are as their weekday says again
        with refused():
            desk.do(lambda row=row: type(row)._base_manager.filter(pk=row.pk)._raw_delete("default"))


@pytest.mark.parametrize("context", ["none", "recorded_write"])
def test_control_tables_are_written_by_the_engine_only(desk: Desk, context: str) -> None:
    for name, row in one_of_each(desk).items():
        if name == "DataKey":
            continue
        for write in writes(row):
            with refused(), transaction.atomic():
                if context == "none":
                    write()
                else:
                    with recorded_write(source="loan-core", actor=desk.clerk):
                        write()


def test_every_control_table_refuses_an_insert_outside_the_engine(desk: Desk) -> None:
    for name, row in one_of_each(desk).items():
        if name == "DataKey":
            continue
        fields = [field.attname for field in row._meta.concrete_fields if not field.primary_key]
        copy = type(row)(**{name: getattr(row, name) for name in fields})
        with refused("takes no INSERT"), transaction.atomic(), recorded_write(source="loan-core"):
            type(row)._base_manager.bulk_create([copy])


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no TRUNCATE")
def test_i07_truncate_is_refused_on_every_control_table(desk: Desk) -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    for name in CONTROLS:
        with refused("is never truncated"):
            desk.do(lambda name=name: run(f"TRUNCATE {apps.get_model('corrections', name)._meta.db_table} CASCADE"))


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="a statement of SQLite's own")
def test_i07_replace_is_refused_on_append_only_tables(desk: Desk) -> None:
    desk.decide(desk.submitted())
    with refused("takes no DELETE"):
        desk.do(lambda: run("REPLACE INTO corrections_decision SELECT * FROM corrections_decision"))


# Batches


def test_a_batch_is_applied_in_chunks_only_where_there_are_chunks(desk: Desk) -> None:
    correction = desk.approved()
    with refused("only where there are chunks"):
        desk.set(correction, state="applying")


def test_i08_it_is_applied_when_every_chunk_is_done(desk: Desk) -> None:
    correction = bring_to(desk, "applying")
    desk.set(correction.changes.get(), before_image={"a": 0}, after_image={"a": 1})
    with refused("when every chunk is done"):
        desk.set(correction, state="applied")
    desk.finish(correction)
    desk.set(correction, state="applied")


def test_i08_a_chunk_is_done_once_and_keeps_its_rows(desk: Desk) -> None:
    correction = bring_to(desk, "applying")
    chunk = correction.chunks.get()
    with refused("keeps its rows"):
        desk.set(chunk, last=9)
    desk.set(chunk, done_at=timezone.now(), applied_rows=1)
    with refused("is done once"):
        desk.set(chunk, applied_rows=2)


def test_a_chunk_is_planned_and_done_only_while_its_batch_is_carried_out(desk: Desk) -> None:
    correction = desk.submitted()
    with refused("planned when its correction is approved"):
        desk.do(lambda: Chunk.objects.create(correction=correction, number=1, first=1, last=1))
    with refused("while its correction is being applied"):
        desk.set(desk.planned().chunks.get(), done_at=timezone.now())


def test_i10_what_became_of_a_row_is_said_once_and_only_when_it_is_carried_out(desk: Desk) -> None:
    with refused("carried out once"):
        desk.set(desk.submitted().changes.get(), outcome="applied")
    change = desk.approved().changes.get()
    desk.set(change, outcome="applied")
    with refused("carried out once"):
        desk.set(change, outcome="value_changed_since_request")


def test_i10_a_batch_is_what_it_was_when_it_was_signed(desk: Desk) -> None:
    correction = desk.ready()
    batch = desk.do(lambda: Batch.objects.create(correction=correction, target_model="sandbox.parcel", source="file"))
    desk.submit(correction)
    drawn = {"sample": {"seed": "7", "positions": [1]}}
    for values in ({"filename": "other.csv"}, {"rows": 9}, {"on_bad_row": "skip"}, {"root": DIGEST}, drawn):
        with refused("I-10"):
            desk.set(batch, **values)
    desk.set(batch, paused_at=timezone.now())


def test_i10_rows_are_drawn_anew_only_with_the_next_revision(desk: Desk) -> None:
    correction = desk.ready()
    batch = desk.do(lambda: Batch.objects.create(correction=correction, target_model="sandbox.parcel", source="file"))
    desk.submit(correction)
    again = {"sample": {"seed": "8", "positions": [1]}}
    desk.do(lambda: _written_down(desk, correction, 1))
    with refused("rows that were drawn"):
        desk.set(batch, **again)
    desk.do(lambda: _written_down(desk, correction, 2))
    desk.set(batch, **again)
    with refused("I-10"):
        desk.set(batch, rows=9)
    desk.do(lambda: desk._pin(correction, 2))
    desk.set(correction, revision=2, digest=OTHER_DIGEST)
    with refused("rows that were drawn"):
        desk.set(batch, sample={"seed": "9", "positions": [1]})


def _written_down(desk: Desk, correction: Correction, number: int) -> None:
    Revision.objects.create(
        correction=correction, number=number, digest=DIGEST, content={}, submitted_by_name="x",
        submitted_at=timezone.now(),
    )  # fmt: skip


# Correction: states


def test_i11_a_correction_starts_as_a_draft(desk: Desk) -> None:
    for state in State.values:
        if state == State.DRAFT:
            continue
        with refused("I-11"):
            desk.draft(state=state, number="DZ-1", digest=DIGEST, policy=desk.policy)


@pytest.mark.parametrize("state", State.values)
def test_i11_only_legal_moves_pass(desk: Desk, state: str) -> None:
    correction = bring_to(desk, state)
    for target in State.values:
        if target != state and (state, target) not in PAIRS:
            with refused("I-11"):
                desk.set(correction, state=target)
    correction = Correction.objects.get(pk=correction.pk)
    assert correction.state == state


@pytest.mark.parametrize(("state", "target"), PAIRS)
def test_i11_every_legal_move_is_possible(desk: Desk, state: str, target: str) -> None:
    correction = bring_to(desk, state)
    if target == State.SUBMITTED:
        revision = {} if state == State.DRAFT else {"revision": 2, "digest": OTHER_DIGEST}
        desk.submit(correction, **revision)
    else:
        if target == State.APPROVED:
            desk.decide(correction)
        if target == State.APPLIED and state == State.APPLYING:
            desk.finish(correction)
        elif target == State.APPLIED:
            correction = desk.approved()
            desk.set(correction.changes.get(), before_image={"a": 0}, after_image={"a": 1})
        if target == State.REVERTED:
            apply_revert_of(desk, correction)
        desk.set(correction, state=target)
    assert Correction.objects.get(pk=correction.pk).state == target
    assert target in MOVES[State(state)]


def test_i11_an_applied_correction_accepts_only_the_move_to_reverted(desk: Desk) -> None:
    correction = desk.applied()
    for values in ({"outcome_note": "x"}, {"is_held": True}, {"applied_at": timezone.now()}, {"note": "other"}):
        with refused():
            desk.set(correction, **values)
    apply_revert_of(desk, correction)
    with refused("I-11"):
        desk.set(correction, state="reverted", outcome_note="smuggled")
    desk.set(correction, state="reverted")


@pytest.mark.parametrize("state", ["rejected", "withdrawn", "expired", "reverted", "stopped"])
def test_i11_a_closed_correction_changes_no_more(desk: Desk, state: str) -> None:
    correction = bring_to(desk, state)
    with refused("I-11"):
        desk.set(correction, outcome_note="x")


def test_i05_only_an_applied_correction_makes_another_reverted(desk: Desk) -> None:
    with refused("I-05"):
        desk.set(desk.applied(), state="reverted")


# Correction: content


def test_i01_maker_and_origin_never_change(desk: Desk, chidi: User) -> None:
    correction = desk.draft()
    for values in (
        {"maker": chidi},
        {"maker_person": chidi.person},
        {"maker_name": "Chidi"},
        {"created_at": timezone.now()},
        {"reverts": desk.applied()},
    ):
        with refused("I-01"):
            desk.set(correction, **values)


@pytest.mark.parametrize("state", ["submitted", "approved", "failed"])
def test_i10_texts_and_signed_content_stand_still_outside_editing(desk: Desk, state: str) -> None:
    correction = bring_to(desk, state)
    for values in (
        {"note": "other"},
        {"reason": "operator_error"},
        {"ticket": "T-1"},
        {"digest": OTHER_DIGEST},
        {"revision": 2},
        {"amounts": {"CNY": "1"}},
        {"policy": None},
        {"number": "DZ-2"},
    ):
        with pytest.raises(IntegrityError):
            desk.set(correction, **values)


def test_texts_can_be_edited_in_a_draft_and_after_a_return(desk: Desk) -> None:
    correction = desk.ready()
    desk.set(correction, note="clearer")
    desk.submit(correction)
    desk.set(correction, state="returned")
    desk.set(correction, note="clearest", reason="operator_error")


def test_a_number_once_given_stays(desk: Desk) -> None:
    correction = bring_to(desk, "returned")
    with refused("keeps its number"):
        desk.submit(correction, number="DZ-other", revision=2)


# Approval


def test_i09_no_approval_without_evidence(desk: Desk) -> None:
    correction = desk.draft()
    desk.change(correction)
    desk.submit(correction)
    desk.decide(correction)
    with refused("without evidence"):
        desk.set(correction, state="approved")


def test_i09_removed_evidence_is_none(desk: Desk) -> None:
    correction = desk.ready()
    desk.set(correction.evidence.get(), removed_at=timezone.now(), removed_by_name="Mara")
    desk.submit(correction)
    desk.decide(correction)
    with refused("without evidence"):
        desk.set(correction, state="approved")


def test_i09_as_much_evidence_as_the_policy_demands(desk: Desk) -> None:
    with desk.engine():
        desk.policy = Policy.objects.create(name="two papers", evidence_min=2)
        PolicyStep.objects.create(policy=desk.policy, position=1, role="checker")
    correction = desk.submitted()
    desk.decide(correction)
    with refused("without evidence"):
        desk.set(correction, state="approved")


def test_i09_no_approval_without_a_policy_that_demands_a_signature(desk: Desk) -> None:
    with desk.engine():
        desk.policy = Policy.objects.create(name="nobody signs")
    correction = desk.submitted()
    desk.decide(correction)
    with refused("without a policy"):
        desk.set(correction, state="approved")


def test_i10_no_approval_without_a_signature(desk: Desk) -> None:
    with refused("I-10"):
        desk.set(desk.submitted(), state="approved")


def test_i10_a_return_is_no_signature(desk: Desk) -> None:
    correction = desk.submitted()
    desk.decide(correction, kind="return")
    with refused("I-10"):
        desk.set(correction, state="approved")


def test_i10_a_signature_of_an_earlier_revision_is_void(desk: Desk) -> None:
    correction = desk.submitted()
    desk.decide(correction)
    desk.set(correction, state="returned")
    desk.submit(correction, revision=2)
    with refused("I-10"):
        desk.set(correction, state="approved")


def test_i10_each_step_needs_its_people(desk: Desk, clerk: User) -> None:
    with desk.engine():
        desk.policy = Policy.objects.create(name="large sums")
        PolicyStep.objects.create(policy=desk.policy, position=1, role="checker")
        PolicyStep.objects.create(policy=desk.policy, position=2, role="president")
    correction = desk.submitted()
    desk.decide(correction)
    with refused("I-10"):
        desk.set(correction, state="approved")
    sena = User.objects.create(username="sena", person=Person.objects.create(employee_no="E300", name="Sena"))
    desk.decide(correction, sena, step=2, role="president")
    desk.set(correction, state="approved")


# Decisions


@pytest.mark.parametrize("kind", ["made", "edited", "evidence"])
@pytest.mark.parametrize("decision", ["approve", "return", "reject"])
def test_i01_who_contributed_never_decides(desk: Desk, chidi: User, kind: str, decision: str) -> None:
    correction = desk.submitted()
    desk.contribute(correction, chidi.person, kind)
    with refused("I-01"):
        desk.decide(correction, chidi, kind=decision)


def test_i01_a_second_account_of_the_same_person_does_not_help(desk: Desk, clerk: User) -> None:
    second = User.objects.create(username="mara2", person=clerk.person)
    with refused("I-01"):
        desk.decide(desk.submitted(), second)


def test_i01_the_maker_never_decides_even_where_no_part_was_noted(desk: Desk, clerk: User) -> None:
    correction = desk.submitted()
    drop()
    Contribution.objects.filter(correction=correction).delete()
    install()
    with refused("I-01"):
        desk.decide(correction, clerk)


def test_i02_one_decision_per_person_and_revision(desk: Desk) -> None:
    correction = desk.submitted()
    desk.decide(correction)
    with pytest.raises(IntegrityError):
        desk.decide(correction, step=2)


@pytest.mark.parametrize("values", [{"digest": OTHER_DIGEST}, {"revision": 2}, {"revision": 0}])
def test_i10_a_decision_is_bound_to_what_is_submitted_now(desk: Desk, values: dict[str, Any]) -> None:
    with refused("I-10"):
        desk.decide(desk.submitted(), **values)


@pytest.mark.parametrize("state", [state for state in State.values if state != "submitted"])
def test_i10_nothing_but_a_submitted_correction_is_approved_or_rejected(desk: Desk, chidi: User, state: str) -> None:
    correction = bring_to(desk, state)
    sena = User.objects.create(username="sena", person=Person.objects.create(employee_no="E300", name="Sena"))
    digest = Correction.objects.get(pk=correction.pk).digest
    for kind in ("approve", "reject"):
        with refused("I-10"):
            desk.decide(correction, sena, kind=kind, digest=digest)
    if state == State.APPROVED:
        desk.decide(correction, sena, kind="return")


def test_nobody_decides_or_applies_while_a_hold_stands(desk: Desk) -> None:
    correction = desk.submitted()
    desk.set(correction, is_held=True)
    with refused("on hold"):
        desk.decide(correction)
    desk.set(correction, is_held=False)
    desk.decide(correction)
    desk.set(correction, is_held=True)
    with refused("on hold"):
        desk.set(correction, state="approved")
    desk.set(correction, is_held=False)
    desk.set(correction, state="approved")
    desk.set(correction.changes.get(), before_image={"a": 0}, after_image={"a": 1})
    desk.set(correction, is_held=True)
    with refused("on hold"):
        desk.set(correction, state="applied")


# Apply


@pytest.mark.parametrize(
    ("action", "images"),
    [
        ("update", {"before_image": {"a": 0}}),
        ("update", {"after_image": {"a": 1}}),
        ("update", {"before_image": {}, "after_image": {"a": 1}}),
        ("create", {"before_image": {"a": 0}}),
        ("delete", {"after_image": {"a": 1}}),
    ],
)
def test_i09_no_apply_without_the_images_of_every_row(desk: Desk, action: str, images: dict[str, Any]) -> None:
    correction = desk.draft()
    desk.change(correction, action=action)
    desk.evidence(correction)
    desk.submit(correction)
    desk.decide(correction)
    desk.set(correction, state="approved")
    desk.set(correction.changes.get(), **images)
    with refused("I-09"):
        desk.set(correction, state="applied")


@pytest.mark.parametrize(
    ("action", "images"), [("create", {"after_image": {"a": 1}}), ("delete", {"before_image": {"a": 0}})]
)
def test_a_create_has_no_before_image_and_a_delete_no_after_image(
    desk: Desk, action: str, images: dict[str, Any]
) -> None:
    correction = desk.draft()
    change = desk.change(correction, action=action, target_pk="" if action == "create" else "7")
    desk.evidence(correction)
    desk.submit(correction)
    desk.decide(correction)
    desk.set(correction, state="approved")
    if action == "create":
        with refused("I-09"):  # a row that was created has a key
            desk.set(change, **images)
            desk.set(correction, state="applied")
        images = {**images, "target_pk": "8"}
    desk.set(change, **images)
    desk.set(correction, state="applied")


def test_i09_a_correction_without_changes_is_not_applied(desk: Desk) -> None:
    correction = desk.draft()
    desk.evidence(correction)
    desk.submit(correction)
    desk.decide(correction)
    desk.set(correction, state="approved")
    with refused("no change to apply"):
        desk.set(correction, state="applied")


# Changes


@pytest.mark.parametrize("state", [state for state in State.values if state not in ("draft", "returned")])
def test_i10_changes_stand_still_outside_editing(desk: Desk, state: str) -> None:
    correction = bring_to(desk, state)
    change = correction.changes.get()
    for values in ({"new": {"a": 2}}, {"old": {"a": 9}}, {"action": "delete"}, {"target_pk": "8"}):
        with refused("I-10"):
            desk.set(change, **values)
    # What is at stake is taken anew when a failed correction is submitted again.
    for values in ({"amount": 1}, {"currency": "X"}, {"stake": 1}, {"beneficiary": "x"}) if state != "failed" else ():
        with refused("I-10"):
            desk.set(change, **values)
    with refused("I-10"):
        desk.change(correction, position=2, target_pk="9")
    with refused("I-10"):
        desk.do(change.delete)


def test_changes_can_be_added_and_removed_while_editing(desk: Desk) -> None:
    correction = bring_to(desk, "returned")
    change = desk.change(correction, position=2, target_pk="9")
    desk.do(change.delete)


def test_a_change_stays_with_its_correction(desk: Desk) -> None:
    change = desk.change(desk.draft())
    with refused("stays with its correction"):
        desk.set(change, correction=desk.draft())


def test_i09_images_are_written_by_the_apply_only(desk: Desk) -> None:
    change = bring_to(desk, "submitted").changes.get()
    for values in ({"before_image": {"a": 5}}, {"after_image": {"a": 5}}):
        with refused("I-09"):
            desk.set(change, **values)
    change = desk.applied().changes.get()
    for values in ({"before_image": {"a": 5}}, {"after_image": {"a": 5}}):
        with refused("I-09"):
            desk.set(change, **values)


# Evidence


@pytest.mark.parametrize("state", [state for state in State.values if state not in ("draft", "returned")])
def test_i07_evidence_is_complete_and_immutable_after_submission(desk: Desk, state: str) -> None:
    correction = bring_to(desk, state)
    with refused("I-07"):
        desk.evidence(correction)
    with refused("I-07"):
        desk.set(correction.evidence.get(), removed_at=timezone.now(), removed_by_name="Mara")


def test_i07_evidence_of_a_draft_is_removed_once_and_never_changed(desk: Desk) -> None:
    evidence = desk.evidence(desk.draft())
    for values in ({"filename": "b.txt"}, {"note": "x"}, {"kind": "other"}, {"file": desk.evidence(desk.draft()).file}):
        with refused("I-07"):
            desk.set(evidence, **values)
    desk.set(evidence, removed_at=timezone.now(), removed_by_name="Mara")
    with refused("I-07"):
        desk.set(evidence, removed_at=None)


# Policies, numbers, keys, people


def test_a_policy_version_is_never_edited_but_can_go_out_of_force(desk: Desk) -> None:
    for values in ({"name": "x"}, {"version": 2}, {"evidence_min": 5}, {"is_applied_with_approval": False}):
        with refused("never edits a version"):
            desk.set(desk.policy, **values)
    desk.set(desk.policy, is_active=False)


def test_a_policy_version_in_use_takes_no_further_step(desk: Desk) -> None:
    desk.submitted()
    with refused("adds no step"):
        desk.do(lambda: PolicyStep.objects.create(policy=desk.policy, position=2, role="president"))


def test_register_numbers_have_no_gap(desk: Desk) -> None:
    number = desk.do(lambda: RegisterNumber.objects.create(year=2026))
    desk.set(number, last=1)
    for last in (1, 3, 0):
        with refused("one number after the other"):
            desk.set(number, last=last)


def test_a_destroyed_data_key_never_comes_back(desk: Desk) -> None:
    now = timezone.now()
    key = DataKey.objects.create(owner=uuid4(), wrapped="x", created_at=now)
    DataKey.objects.filter(pk=key.pk).update(wrapped="rewrapped")
    with refused("keeps its owner"):
        desk.set(key, owner=uuid4())
    desk.set(key, wrapped="", destroyed_at=now)
    with refused("never comes back"):
        desk.set(key, wrapped="x", destroyed_at=None)


def test_i14_people_and_accounts_are_never_deleted(desk: Desk) -> None:
    lonely = Person.objects.create(employee_no="E900", name="Sam")
    account = User.objects.create(username="sam", person=lonely)
    for row in (account, lonely):
        with refused("takes no DELETE"):
            desk.do(lambda row=row: type(row)._base_manager.filter(pk=row.pk)._raw_delete("default"))
    lonely.is_active = False
    lonely.save()


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="a statement of SQLite's own")
def test_i14_replace_overwrites_no_person(desk: Desk) -> None:
    columns = "name, name_en, department, is_active, created_at, updated_at"
    for key, number in ((desk.clerk.person.pk, "E777"), (4711, "E100")):
        with refused("takes no REPLACE"):
            run(
                f"REPLACE INTO staff_person (id, employee_no, {columns}) "
                f"SELECT {key}, '{number}', {columns} FROM staff_person LIMIT 1"
            )


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="a temporary table is not seen by SQLite's triggers")
def test_i01_a_temporary_table_hides_no_contribution(desk: Desk, clerk: User) -> None:
    correction = desk.submitted()
    run("CREATE TEMP TABLE corrections_contribution (correction_id bigint, person_id bigint)")
    with refused("I-01"):
        desk.decide(correction, clerk)
    run("DROP TABLE pg_temp.corrections_contribution")
