"""Whatever a desk does, nothing is applied with fewer different people than the strictest policy demanded.

People edit, split amounts, submit, sign, return, come and go; roles, delegations, policies and flags change at random.
Beside them stands a model that never asks the engine what is allowed: from the policies as it put them in force
itself, and from the amounts as it saw them, it says how many people each correction took when it was submitted and
when it was last signed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import checks, services
from corrections.choices import DecisionKind, State
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.models import Contribution, Correction, Decision, Delegation, FlagRule, Policy
from tests.corrections.services.desk import Desk
from tests.factories.staff import account, give_roles
from tests.properties import oracle
from tests.properties.oracle import Asked, Piece, Rule, Step
from tests.properties.test_policies_oracle import FLAGS, GAINERS, NOTED, Yes, put, verified_at, verify

__all__ = ["verified_at", "verify"]  # the project's module of one-time passwords, for these tests

pytestmark = pytest.mark.django_db

WALKS, STEPS, STEPS_MAX = 4, 250, 750  # 1,000 on each database; more only where nothing was applied
NAMES = ("mara", "max", "chidi", "carl", "dora", "emil", "fay")
SIGNING = ("checker", "checker", "senior_checker", "president")
MAKERS, MAKING = (*NAMES[:3], *NAMES[:2]), ("draft", "add", "submit")
AMOUNTS = [Decimal(text) for text in ("800", "20000", "30000", "49999.99", "50000", "600000")]
OPEN = (State.SUBMITTED, State.APPROVED)


@dataclass
class Model:
    """Policies in force, what each correction takes at least, and where each was last."""

    rules: dict[str, Rule] = field(default_factory=dict)
    takes: dict[int, dict[str, int]] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    applied: int = 0
    by_many: int = 0


class Walk:
    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.random, self.model = desk, random.Random(seed), Model()
        self.done: Counter[str] = Counter()
        known = {"mara": desk.mara, "max": desk.max, "chidi": desk.chidi, "carl": desk.carl}
        self.people: dict[str, User] = known | {name: account(name) for name in NAMES[4:]}
        for name in ("mara", "max", "chidi"):
            give_roles(self.people[name], "maker")
        for name in NAMES[2:]:
            give_roles(self.people[name], "checker")
        give_roles(self.people["emil"], "senior_checker", "president")
        give_roles(self.people["dora"], "senior_checker")
        give_roles(self.people["fay"], "senior_checker", "president")
        give_roles(desk.eve, "maker", "checker")
        self.people["eve"] = desk.eve
        self.payouts = [
            desk.payout(amount=amount, counterparty_account=self.random.choice(GAINERS)) for amount in AMOUNTS
        ]
        with gate.opened(actor=desk.sam):
            Policy.objects.update(is_active=False)
            FlagRule.objects.update(is_active=False)
            FlagRule.objects.bulk_create(FlagRule(code=code) for code in FLAGS)
        self.put_in_force(Rule("any", 900, (Step("checker"),)))
        for _ in range(3):
            self.policies_change(desk.sam)

    # What changes around the corrections

    def put_in_force(self, rule: Rule) -> None:
        with gate.opened(actor=self.desk.sam):
            put(rule)
        self.model.rules[rule.name] = rule

    def policies_change(self, actor: User) -> None:
        """One comes, or one goes; "any" stays."""
        names = sorted(self.model.rules.keys() - {"any"})
        if len(names) > 4 or (names and self.random.random() < 0.3):
            name = self.random.choice(names)
            with gate.opened(actor=self.desk.sam):
                Policy.objects.filter(name=name).update(is_active=False)
            del self.model.rules[name]
            return
        pick = self.random.choice
        self.put_in_force(
            Rule(
                name=f"rule {Policy.objects.count()}",
                priority=pick([100, 200, 300]),
                steps=tuple(Step(pick(SIGNING), pick([1, 1, 1, 2])) for _ in range(pick([1, 1, 2, 3]))),
                fields=pick([(), ("channel",), ("counterparty_bank", "amount")]),
                at_least=pick([None, Decimal(50_000), Decimal(100_000)]),
                rows=pick([0, 0, 0, 2, 3]),
                flags=pick([(), (), FLAGS[:1], FLAGS]),
                added_by=pick([(), ("maker",), ("target", "beneficiary"), ("day",)]),
                days=pick([1, 7, 30]),
                at_once=pick([True, True, False]),
            )
        )

    def roles_change(self, actor: User) -> None:
        user = self.people[self.random.choice(NAMES)]
        group = Group.objects.get(name=self.random.choice(["maker", *SIGNING]))
        (user.groups.remove if user.groups.filter(pk=group.pk).exists() else user.groups.add)(group)

    def lend(self, actor: User) -> None:
        giver, receiver = (self.people[name] for name in self.random.sample(NAMES, 2))
        today = timezone.localdate()
        with gate.opened(actor=self.desk.sam):
            Delegation.objects.create(
                giver=giver.person, receiver=receiver.person, role=self.random.choice(SIGNING), scope_key="*",
                starts_on=today, ends_on=today, reason="away", created_at=timezone.now(),
            )  # fmt: skip

    def flags_change(self, actor: User) -> None:
        """A rule of a flag counts for what is submitted from now on."""
        with gate.opened(actor=self.desk.sam):
            rule = FlagRule.objects.get(code=self.random.choice(FLAGS))
            FlagRule.objects.filter(pk=rule.pk).update(raises_tier=not rule.raises_tier)

    # What people do with corrections

    def any_correction(self, *states: str) -> Correction:
        recent = Correction.objects.filter(state__in=states).order_by("-pk")[:6]
        return self.random.choice(list(recent) or [Correction()])

    def any_values(self) -> dict[str, Any]:
        wish = {"channel": f"C{self.random.random():.6f}", "counterparty_bank": f"B{self.random.random():.6f}"}
        name = self.random.choice(["channel", "counterparty_bank", "amount"])
        return {name: wish.get(name, self.random.choice(AMOUNTS) + self.random.randrange(100))}

    def any_payout(self) -> Payout:
        return Payout.objects.get(pk=self.random.choice(self.payouts).pk)

    def draft(self, actor: User) -> None:
        note = f"Wrong. {self.random.choice(['', '', *FLAGS])}"
        correction = services.draft(
            actor=actor, target=self.any_payout(), action="update", values=self.any_values(), reason="process_gap",
            note=note,
        )  # fmt: skip
        self.desk.attach(correction, actor=self.random.choice([actor, actor, self.people["max"]]))

    def add(self, actor: User) -> None:
        correction = self.any_correction(State.DRAFT, State.RETURNED)
        services.add_change(actor=actor, correction=correction, target=self.any_payout(), values=self.any_values())

    def submit(self, actor: User) -> None:
        correction = self.any_correction(State.DRAFT, State.RETURNED, State.FAILED)
        services.submit(actor=actor, correction=correction, acknowledged=Yes())
        self.model.takes[correction.pk] = self.people_taken(correction)

    def approve(self, actor: User) -> None:
        correction = self.any_correction(State.SUBMITTED)
        if correction.pk:
            correction = self.random.choice([correction, Correction.objects.filter(state="submitted").latest("pk")])
        stricter = self.people_taken(correction) if correction.pk else {}
        services.approve(
            actor=actor, correction=correction, digest=correction.digest, acknowledged=Yes(), token="000000"
        )
        known = self.model.takes[correction.pk]
        self.model.takes[correction.pk] = {
            role: max(known.get(role, 0), stricter.get(role, 0)) for role in known | stricter
        }

    def send_back(self, actor: User) -> None:
        correction = self.any_correction(*OPEN)
        services.return_for_rework(actor=actor, correction=correction, digest=correction.digest, comment="More.")

    def withdraw(self, actor: User) -> None:
        correction = self.any_correction(*OPEN, State.RETURNED)
        services.withdraw(actor=correction.maker if correction.pk else actor, correction=correction, comment="No.")

    def apply(self, actor: User) -> None:
        services.apply(actor=actor, correction=self.any_correction(State.APPROVED))

    # What must be so

    def people_taken(self, correction: Correction) -> dict[str, int]:
        """How many people of each role the policies in force take, as the oracle has it."""
        rules = oracle.holding(list(self.model.rules.values()), asked(correction), self.past(correction), {})
        assert rules is not None  # "any" is always there
        taken: Counter[str] = Counter()
        for rule in rules:
            own: Counter[str] = Counter()
            for step in rule.steps:
                own[step.role] += step.people
            taken |= own  # of each role the most
        return dict(taken)

    def past(self, correction: Correction) -> list[Asked]:
        others = Correction.objects.exclude(pk=correction.pk).filter(submitted_at__isnull=False)
        return [asked(other) for other in others]

    def step(self) -> None:
        verb = self.random.choices(list(VERBS), weights=[weight for weight, _ in VERBS.values()])[0]
        try:
            VERBS[verb][1](self, self.people[self.random.choice([*(MAKERS if verb in MAKING else NAMES), "eve"])])
            self.done[verb] += 1
        except CorrectionError as refusal:
            self.done[refusal.code] += 1
        self.audit()

    def audit(self) -> None:
        """Whatever was just applied was signed by enough different people who had no other part in it."""
        for correction in Correction.objects.order_by("pk"):
            if correction.state == State.APPLIED and self.model.states.get(correction.pk) != State.APPLIED:
                self.demand_enough_people(correction)
            self.model.states[correction.pk] = correction.state

    def demand_enough_people(self, correction: Correction) -> None:
        signed = Decision.objects.filter(
            correction=correction, revision=correction.revision, kind=DecisionKind.APPROVE, digest=correction.digest
        )
        people = set(signed.values_list("person_id", flat=True))
        instead = {decision.delegation.giver_id for decision in signed if decision.delegation}
        took_part = set(Contribution.objects.filter(correction=correction).values_list("person_id", flat=True))
        assert len(people) == len(signed)
        assert not (people | instead) & (took_part | {correction.maker_person_id})
        assert not people & instead
        takes = self.model.takes[correction.pk]
        by_role = Counter(signed.values_list("role", flat=True))
        assert all(by_role[role] >= number for role, number in takes.items()), (takes, by_role)
        assert len(people) >= sum(takes.values())
        self.model.applied += 1
        self.model.by_many += len(people) > 1


def asked(correction: Correction) -> Asked:
    """A correction as the oracle sees it, from the rows as they stand."""
    raising = set(
        FlagRule.objects.filter(is_active=True, raises_tier=True).values_list("code", flat=True)
        if not correction.demand
        else (code for code, rule in correction.demand["flag_rules"].items() if rule["raises_tier"])
    )
    return Asked(
        order=correction.pk,
        maker=correction.maker.username,
        reason=correction.reason,
        at=correction.submitted_at or timezone.now(),
        pieces=tuple(
            Piece("accounts.payout", "update", tuple(change.new), "money", change.target_pk, change.beneficiary,
                  max(Decimal(change.before_image["amount"]), Decimal(change.new.get("amount", 0))), "CNY")
            for change in correction.changes.all()
        ),
        state=correction.state,
        flags=frozenset(flag for flag in FLAGS if flag in raising and flag in correction.note),
    )  # fmt: skip


VERBS: dict[str, tuple[int, Callable[[Walk, User], None]]] = {
    "draft": (8, Walk.draft),
    "add": (2, Walk.add),
    "submit": (10, Walk.submit),
    "approve": (36, Walk.approve),
    "return": (2, Walk.send_back),
    "withdraw": (1, Walk.withdraw),
    "apply": (6, Walk.apply),
    "policies change": (3, Walk.policies_change),
    "roles change": (3, Walk.roles_change),
    "lend": (1, Walk.lend),
    "flags change": (1, Walk.flags_change),
}


@pytest.mark.parametrize("number", range(WALKS))
def test_no_sequence_of_acts_applies_a_correction_with_fewer_people_than_its_strictest_policy_demands(
    desk: Desk, number: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CORRECTIONS_STEP_UP = __name__
    monkeypatch.setattr(checks, "BUILT_IN_FLAGS", NOTED)
    seed = 100 * number + (connection.vendor == "postgresql")
    print(f"seed {seed}")  # noqa: T201 - shown with a failure
    walk = Walk(desk, seed)
    for step in range(STEPS_MAX):
        walk.step()
        if step >= STEPS and walk.model.applied:
            break
    assert walk.model.applied, walk.done  # it went somewhere
