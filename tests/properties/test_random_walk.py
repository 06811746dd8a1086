"""A desk in which everybody does everything at random, beside a small model that knows only the rules.

The model never asks the engine what is allowed. It watches what became of each correction and says what the business
data, the history and the signatures must be.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.choices import EDITABLE, MOVES, OPEN, AuditKind, DecisionKind, State
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import give_roles

pytestmark = pytest.mark.django_db

STEPS_MIN, STEPS_MAX = 150, 1000
BANKS = ("ICBC", "CMB", "ABC", "BOC")
CHANNELS = ("A", "B", "C")
SUBMITTABLE = (*EDITABLE, State.FAILED)
Row = dict[str, str]


@dataclass
class Model:
    """What must be so: the rows, how often each was written, and who had part in each correction."""

    rows: dict[int, Row] = field(default_factory=dict)
    written: Counter[int] = field(default_factory=Counter)
    parts: dict[int, set[int]] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    wishes: dict[int, dict[int, Row]] = field(default_factory=dict)

    def took_part(self, correction: Correction, actor: User) -> None:
        self.parts.setdefault(correction.pk, set()).add(actor.person_id)

    def write(self, pk: int, values: Row) -> None:
        self.rows[pk].update(values)
        self.written[pk] += 1


class Walk:
    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.random, self.model = desk, random.Random(seed), Model()
        everybody = [desk.mara, desk.max, desk.chidi, desk.carl, desk.ana, desk.eve, desk.bo, desk.sam]
        self.makers = [desk.mara] * 14 + [desk.max] * 7 + everybody
        self.checkers = [desk.chidi] * 10 + [desk.carl] * 10 + [desk.eve] * 4 + everybody
        self.done: Counter[str] = Counter()
        for _ in range(3):
            payout = desk.payout()
            self.model.rows[payout.pk] = {"counterparty_bank": payout.counterparty_bank, "channel": payout.channel}
            self.model.written[payout.pk] = 1

    @property
    def applied(self) -> int:
        ends = Counter(self.model.states.values())
        return ends[State.APPLIED] + ends[State.REVERTED]

    def any_correction(self, *states: str) -> Correction:
        """Mostly one in a state where the verb has a chance."""
        recent = list(Correction.objects.order_by("-pk")[:8])
        fitting = [correction for correction in recent if correction.state in states]
        found = fitting if fitting and self.random.random() < 0.85 else recent
        return self.random.choice(found) if found else Correction()

    def any_values(self) -> Row:
        values = {"counterparty_bank": self.random.choice(BANKS), "channel": self.random.choice(CHANNELS)}
        kept = self.random.sample(sorted(values), self.random.choice([1, 1, 2]))
        return {name: values[name] for name in kept}

    def any_payout(self) -> Payout:
        return Payout.objects.get(pk=self.random.choice(sorted(self.model.rows)))

    def step(self) -> None:
        verb = self.random.choices(list(VERBS), weights=[weight for weight, _ in VERBS.values()])[0]
        try:
            VERBS[verb][1](self, self.random.choice(self.makers if verb in MAKING else self.checkers))
            self.done[verb] += 1
        except CorrectionError as refusal:
            self.done[refusal.code] += 1
        self.audit()

    # The verbs: each does one thing as somebody, and tells the model who had part in it.
    def draft(self, actor: User) -> None:
        correction = self.desk.draft(self.any_payout(), actor=actor, **self.any_values())
        self.model.took_part(correction, actor)
        if self.random.random() < 0.7:
            self.desk.attach(correction, actor=actor)

    def add(self, actor: User) -> None:
        correction = self.any_correction(*EDITABLE)
        services.add_change(
            actor=actor, correction=correction, target=self.any_payout(), values=dict(self.any_values())
        )
        self.model.took_part(correction, actor)

    def remove(self, actor: User) -> None:
        correction = self.any_correction(*EDITABLE)
        change = correction.changes.last() if correction.pk else None
        services.remove_change(actor=actor, change=change)
        self.model.took_part(correction, actor)

    def amend(self, actor: User) -> None:
        correction = self.any_correction(*EDITABLE)
        services.amend(actor=actor, correction=correction, note=f"Note {self.random.random()}")
        self.model.took_part(correction, actor)

    def attach(self, actor: User) -> None:
        correction = self.any_correction(*EDITABLE)
        self.desk.attach(correction, actor=actor)
        self.model.took_part(correction, actor)

    def detach(self, actor: User) -> None:
        correction = self.any_correction(*EDITABLE)
        services.remove_evidence(actor=actor, evidence=correction.evidence.last() if correction.pk else None)
        self.model.took_part(correction, actor)

    def submit(self, actor: User) -> None:
        correction = self.any_correction(*SUBMITTABLE)
        services.submit(actor=actor, correction=correction)
        self.model.took_part(correction, actor)

    def revert(self, actor: User) -> None:
        back = services.revert(
            actor=actor,
            correction=self.any_correction(State.APPLIED),
            reason="operator_error",
            note="It was right before.",
        )
        self.model.took_part(back, actor)

    def approve(self, actor: User) -> None:
        correction = self.any_correction(State.SUBMITTED)
        digest = correction.digest if self.random.random() < 0.95 else "0" * 64
        services.approve(actor=actor, correction=correction, digest=digest)

    def other_system(self, actor: User) -> None:
        payout, values = self.any_payout(), self.any_values()
        with recorded_write(source="loan-core"):
            Payout.objects.filter(pk=payout.pk).update(**values)
        self.model.write(payout.pk, values)

    def audit(self) -> None:
        """Everything that must hold after every step."""
        for correction in Correction.objects.order_by("pk"):
            self.follow(correction)
        found = {
            row["pk"]: {"counterparty_bank": row["counterparty_bank"], "channel": row["channel"]}
            for row in Payout.objects.values("pk", "counterparty_bank", "channel")
        }
        assert found == self.model.rows
        assert {pk: Payout.history.filter(id=pk).count() for pk in found} == dict(self.model.written)

    def follow(self, correction: Correction) -> None:
        """Where it went since the last step, and what that must mean."""
        before = self.model.states.get(correction.pk, State.DRAFT)
        if correction.state != before:
            assert is_reachable(before, correction.state), f"{before} > {correction.state}"
            if correction.state == State.APPLIED:
                self.demand_properly_applied(correction)
                for change in correction.changes.all():
                    self.model.write(int(change.target_pk), dict(change.new))
            self.model.states[correction.pk] = correction.state
        applied = AuditEvent.objects.filter(correction=correction, kind=AuditKind.APPLIED).count()
        assert applied == int(correction.state in (State.APPLIED, State.REVERTED))

    def demand_properly_applied(self, correction: Correction) -> None:
        assert correction.evidence.filter(removed_at__isnull=True).exists()
        assert not correction.is_held
        signed = correction.decisions.filter(
            revision=correction.revision, kind=DecisionKind.APPROVE, digest=correction.digest
        )
        signers = [decision.person_id for decision in signed]
        assert len(signers) == len(set(signers)) == correction.policy.steps.count()
        assert not set(signers) & self.model.parts[correction.pk]
        for change in correction.changes.all():
            row = self.model.rows[int(change.target_pk)]
            assert {name: row[name] for name in change.old} == change.old  # only onto what the maker saw
            assert {name: change.after_image[name] for name in change.new} == change.new


def is_reachable(before: str, after: str) -> bool:
    """By one legal move or, within one act, by approval and then apply or failure."""
    targets = MOVES.get(before, ())
    return after in targets or (State.APPROVED in targets and after in MOVES[State.APPROVED])


def on_any(verb: Callable[..., Any], *states: str, **more: Any) -> Callable[[Walk, User], None]:
    def act(walk: Walk, actor: User) -> None:
        correction = walk.any_correction(*states)
        wanted = {"digest": correction.digest} if "digest" in more else {}
        verb(actor=actor, correction=correction, **{**more, **wanted})

    return act


VERBS: dict[str, tuple[int, Callable[[Walk, User], None]]] = {
    "draft": (10, Walk.draft),
    "add": (2, Walk.add),
    "remove": (1, Walk.remove),
    "amend": (1, Walk.amend),
    "attach": (4, Walk.attach),
    "detach": (1, Walk.detach),
    "submit": (14, Walk.submit),
    "approve": (20, Walk.approve),
    "revert": (6, Walk.revert),
    "other_system": (2, Walk.other_system),
    "return": (3, on_any(services.return_for_rework, State.SUBMITTED, State.APPROVED, digest="", comment="More.")),
    "reject": (1, on_any(services.reject, State.SUBMITTED, digest="", comment="No.")),
    "withdraw": (1, on_any(services.withdraw, *EDITABLE, State.SUBMITTED, State.FAILED)),
    "hold": (2, on_any(services.hold, *OPEN, comment="Looks odd.")),
    "release": (8, on_any(services.release, *OPEN, comment="Explained.")),
    "apply": (8, on_any(services.apply, State.APPROVED)),
    "rework": (3, on_any(services.rework, State.FAILED)),
}

MAKING = {"draft", "add", "remove", "amend", "attach", "detach", "submit", "revert", "withdraw", "rework"}


@pytest.fixture
def busy_desk(desk: Desk) -> Desk:
    """Everybody may do nearly everything, so that only the rules about persons and states stand between."""
    for user in (desk.max, desk.chidi, desk.carl):
        give_roles(user, "maker", scope=desk.shanghai)
    for user in (desk.mara, desk.max):
        give_roles(user, "checker", scope=desk.shanghai)
    for user in (desk.mara, desk.chidi, desk.carl):
        give_roles(user, "executor", "compliance")
    give_roles(desk.sam, "maker", "checker", "executor")
    return desk


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("at_once", [True, False], ids=["applied with approval", "applied by an executor"])
def test_whatever_people_do_only_what_was_properly_signed_reaches_the_data(
    busy_desk: Desk, steps: int, at_once: bool
) -> None:
    put_policy_in_force(busy_desk, [("checker", 1)] * steps, is_applied_with_approval=at_once)
    walk = Walk(busy_desk, 10 * steps + at_once + 100 * (connection.vendor == "postgresql"))
    for number in range(STEPS_MAX):
        walk.step()
        if number >= STEPS_MIN and walk.applied:
            break
    assert walk.applied, walk.done  # it went somewhere
