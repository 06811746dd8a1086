"""Random policies, people, amounts, histories and flags: the engine and the oracle of plain Python say the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from accounts.models import LedgerAccount, Payout
from backoffice.staff.models import User
from corrections import checks, services
from corrections.checks import Finding, Flag, Subject, warned
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import Correction, CorrectionStep, Delegation, ExchangeRate, FlagRule, Policy, PolicyStep
from tests.corrections.services.desk import Desk
from tests.factories.staff import account
from tests.properties import oracle
from tests.properties.oracle import Asked, Loan, Piece, Rule, Step

pytestmark = pytest.mark.django_db

PAYOUT, LEDGER = "accounts.payout", "accounts.ledgeraccount"
NOW = dt.datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
TICK, HOUR, DAY = dt.timedelta(microseconds=1), dt.timedelta(hours=1), dt.timedelta(days=1)
AMOUNTS = [Decimal(text) for text in ("0.01", "99.99", "100", "6944.44", "6944.45", "25000", "49999.99", "50000")]
BOUNDS = [Decimal(100), Decimal(50_000), Decimal(100_000)]
GAINERS = ("6222020000001187", "6217000000000009001")
FLAGS = ("flag_a", "flag_b")
ROLES = oracle.LOW_TO_HIGH
CODE = "000000"


def verify(user: Any, token: Any) -> bool:
    """Stands for the project's module of one-time passwords."""
    return bool(token == CODE)


def verified_at(user: Any) -> None:
    return None


class Noted(Flag):
    """Raised by a word in the note."""

    def look(self, subject: Subject, rule: FlagRule, past: Any) -> Finding | None:
        return warned("noted") if self.code in subject.correction.note else None


NOTED = tuple(type(code, (Noted,), {"code": code, "title": code}) for code in FLAGS)


class Yes(dict[str, str]):
    """Answers every warning."""

    def get(self, key: str, default: Any = None) -> Any:
        return "looked_into"


@dataclass
class World:
    """The desk beside what the oracle knows of it."""

    desk: Desk
    data: st.DataObject
    clock: Any
    users: dict[str, User] = field(default_factory=dict)
    people: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    loans: list[Loan] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    rates: dict[str, list[tuple[dt.date, Decimal]]] = field(default_factory=dict)
    payouts: list[Payout] = field(default_factory=list)

    def draw(self, *values: Any) -> Any:
        return self.data.draw(st.sampled_from(values))

    def some(self, values: Any, most: int = 9) -> tuple[Any, ...]:
        """A few of them, often none."""
        return tuple(self.data.draw(st.just([]) | st.lists(st.sampled_from(values), unique=True, max_size=most)))

    # What is there

    def rules_and_rates(self) -> None:
        self.rules = [self.any_rule(number) for number in range(self.draw(1, 2, 3, 4))]
        if self.draw(True, True, True, True, False):
            self.rules.append(Rule("z any", 900, self.any_steps()))
        with gate.opened(actor=self.desk.sam):
            Policy.objects.update(is_active=False)
            FlagRule.objects.update(is_active=False)
            for rule in self.rules:
                put(rule)
            for code in FLAGS:
                FlagRule.objects.create(code=code, raises_tier=self.draw(True, True, False))
            for day, rate in self.some([(dt.date(2026, 3, 1), "7.3"), (dt.date(2026, 11, 20), "0.5")]):
                ExchangeRate.objects.create(currency="USD", valid_from=day, rate=rate)
        for row in ExchangeRate.objects.all():
            self.rates.setdefault(row.currency, []).append((row.valid_from, row.rate))

    def any_rule(self, number: int) -> Rule:
        low, high = self.draw(None, *BOUNDS), self.draw(None, None, *BOUNDS)
        if low is not None and high is not None and low >= high:
            high = None
        return Rule(
            name=f"rule {number}",
            priority=self.draw(10, 20, 20, 30),
            steps=self.any_steps(),
            kinds=self.some([PAYOUT, LEDGER], 1),
            fields=self.some(["channel", f"{PAYOUT}.amount", f"{LEDGER}.channel", "name"]),
            actions=self.some(["update", "create"], 1),
            reasons=self.some(["system_defect", "process_gap"], 1),
            impacts=self.some(["money", "ledger", "equity"], 1),
            currencies=self.some(["CNY", "USD"], 1),
            at_least=low,
            below=high,
            rows=self.draw(0, 0, 0, 1, 2, 3, 4),
            flags=self.some(FLAGS),
            added_by=self.some(["maker", "beneficiary", "target", "day"]),
            days=self.draw(0, 1, 7, 30),
            evidence=self.draw(1, 1, 2),
            at_once=self.draw(True, True, False),
            executor_apart=self.draw(False, False, True),
            cool_off=self.draw(0, 0, 2),
        )

    def any_steps(self) -> tuple[Step, ...]:
        return tuple(
            Step(self.draw(*ROLES), self.draw(1, 1, 2), self.draw("target", "target", "company", "other"),
                 self.draw(*oracle.PROOFS))
            for _ in range(self.draw(1, 1, 2, 3))
        )  # fmt: skip

    def people_and_loans(self) -> None:
        places = {str(self.desk.shanghai): key(self.desk.shanghai), str(self.desk.beijing): key(self.desk.beijing)}
        for name, user in self.users.items():
            self.people[name] = {}
            for role in self.data.draw(st.lists(st.sampled_from(ROLES), unique=True, min_size=2)):
                where = self.draw("", "", "", *places)
                user.groups.add(Group.objects.get(name=f"{role}: {where}" if where else role))
                self.people[name].setdefault(role, set()).add(places.get(where, oracle.EVERYWHERE))
        for _ in range(self.draw(0, 0, 1, 2)):
            giver, receiver = self.data.draw(st.permutations(sorted(self.users)))[:2]
            self.lend(
                Loan(giver, receiver, self.draw(*ROLES), self.draw("*", *places.values()), self.draw(True, False))
            )

    def lend(self, loan: Loan) -> None:
        today = NOW.date()
        ends = today + DAY if loan.is_today else today - 2 * DAY
        with gate.opened(actor=self.desk.sam):
            Delegation.objects.create(
                giver=self.users[loan.giver].person, receiver=self.users[loan.receiver].person, role=loan.role,
                scope_key=loan.where, starts_on=today - 9 * DAY, ends_on=ends, reason="away", created_at=NOW,
            )  # fmt: skip
        self.loans.append(loan)

    def any_payout(self, **fields: Any) -> Payout:
        currency = self.draw("CNY", "CNY", "USD")
        branch = self.draw(self.desk.shanghai, self.desk.shanghai, self.desk.beijing)
        return self.desk.payout(
            branch, amount=self.draw(*AMOUNTS), currency=currency, counterparty_account=self.draw(*GAINERS), **fields
        )

    # What happened before

    def past(self) -> list[tuple[Correction, Asked]]:
        """Earlier and later corrections of others and of the same, at the edges of every window."""
        found = []
        with gate.opened(actor=self.desk.sam):
            put(Rule("before", 1, (Step("checker"),)))
        for name in self.some(["failure_code", "channel_reference", "counterparty_bank"]):
            payout = self.draw(*self.payouts)
            ago = self.draw(TICK, HOUR, 10 * HOUR, 10 * HOUR + TICK, DAY, DAY + TICK, 7 * DAY,
                            7 * DAY + TICK, 30 * DAY, 30 * DAY + TICK, 0 * DAY, -HOUR)  # fmt: skip
            maker = self.draw(self.desk.mara, self.desk.max)
            self.clock.return_value = NOW - ago
            correction = self.made(maker, "system_defect", "", 1, [(payout, {name: "XX"})])
            services.submit(actor=maker, correction=correction, acknowledged=Yes())
            state = self.draw("submitted", "applied", "withdrawn", "returned")
            self.bring_to(correction, state)
            pieces = (piece_of(payout, {name: "XX"}),)
            found.append((correction, Asked(correction.pk, maker.username, "", NOW - ago, pieces, state)))
        with gate.opened(actor=self.desk.sam):
            Policy.objects.filter(name="before").update(is_active=False)
        return found

    def bring_to(self, correction: Correction, state: str) -> None:
        how = {"actor": self.users["head"], "correction": correction, "digest": correction.digest}
        if state == "applied":
            services.approve(**how, acknowledged=Yes())
        elif state == "returned":
            services.return_for_rework(**how, comment="More.")
        elif state == "withdrawn":
            services.withdraw(actor=correction.maker, correction=correction, comment="No.")

    def made(self, maker: User, reason: str, flags: str, evidence: int, wishes: list[Any]) -> Correction:
        (first, values), *others = wishes
        first.refresh_from_db()
        correction = services.draft(
            actor=maker, target=first, action="update", values=values, reason=reason, note=f"Wrong. {flags}"
        )
        for target, values in others:
            target.refresh_from_db()
            services.add_change(actor=maker, correction=correction, target=target, values=values)
        for _ in range(evidence):
            self.desk.attach(correction, actor=maker)
        return correction

    # What is asked now

    def ask(self) -> tuple[Correction, Asked]:
        maker = self.draw(self.desk.mara, self.desk.max)
        wishes: list[Any] = []
        for payout in self.data.draw(st.lists(st.sampled_from(self.payouts), unique=True, max_size=2)):
            wishes.append((payout, self.draw({"channel": "B"}, {"amount": self.draw(*AMOUNTS) + 1}, {"channel": "C"})))
        if not wishes or self.draw(False, False, True):
            wishes.append((self.desk.accounts[self.desk.shanghai.pk], {"name": "Clearing"}))
        reason, evidence = self.draw("system_defect", "process_gap", "operator_error"), self.draw(1, 2, 2)
        flags = self.some(FLAGS)
        correction = self.made(maker, reason, " ".join(flags), evidence, wishes)
        raising = frozenset(rule.code for rule in FlagRule.objects.filter(is_active=True, raises_tier=True))
        pieces = tuple(piece_of(row, values) for row, values in wishes)
        asked = Asked(correction.pk, maker.username, reason, NOW, pieces, flags=raising & set(flags), evidence=evidence)
        return correction, asked


def key(branch: Any) -> str:
    return f"accounts.branch:{branch.pk}"


def piece_of(row: Payout | LedgerAccount, values: dict[str, Any]) -> Piece:
    if isinstance(row, LedgerAccount):
        return Piece(LEDGER, "update", tuple(values), "ledger", f"ledger {row.pk}", f"ledger {row.pk}")
    amount = max(row.amount, values.get("amount", row.amount))
    whom = row.counterparty_account.reveal()
    return Piece(PAYOUT, "update", tuple(values), "money", f"payout {row.pk}", whom, amount, row.currency)


def put(rule: Rule) -> None:
    policy = Policy.objects.create(
        name=rule.name, priority=rule.priority, record_kinds=rule.kinds, field_names=rule.fields,
        actions=rule.actions, reasons=rule.reasons, impact_classes=rule.impacts, currencies=rule.currencies,
        amount_from=rule.at_least, amount_below=rule.below, rows_from=rule.rows, flags=rule.flags,
        cumulate=rule.added_by, cumulate_days=rule.days, evidence_min=rule.evidence, cool_off_hours=rule.cool_off,
        is_applied_with_approval=rule.at_once, executor_is_separate=rule.executor_apart,
    )  # fmt: skip
    for position, step in enumerate(rule.steps, start=1):
        PolicyStep.objects.create(
            policy=policy, position=position, role=step.role, people=step.people, scope=step.scope, token=step.token
        )


@contextmanager
def outcome(of: list[str]) -> Iterator[None]:
    """Keeps the code of the refusal, or "" where there was none; nothing that was written remains."""
    try:
        with transaction.atomic():
            yield
            of.append("")
            transaction.set_rollback(True)
    except CorrectionError as refusal:
        of.append(refusal.code)


@pytest.fixture
def crowd(desk: Desk) -> dict[str, User]:
    """Four people without a role; `head` checks everywhere, for what happened before."""
    desk.mara.groups.add(Group.objects.get(name="maker"))
    desk.max.groups.add(Group.objects.get(name="maker"))
    with recorded_write(source="loan-core"):
        LedgerAccount.objects.update(last_activity_on="2026-11-01")
    free = {name: account(name) for name in ("p1", "p2", "p3", "p4")}
    return free | {"mara": desk.mara, "max": desk.max, "head": account("head", "checker")}


# Not shrunk: each example is a whole desk.
@settings(max_examples=30, phases=[Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_engine_and_the_oracle_agree_on_policies_tier_steps_and_signers(
    desk: Desk, crowd: dict[str, User], settings: Any, data: st.DataObject
) -> None:
    settings.CORRECTIONS_STEP_UP = __name__
    with (
        transaction.atomic(),
        patch("django.utils.timezone.now") as clock,
        patch.object(checks, "BUILT_IN_FLAGS", NOTED),
    ):
        clock.return_value = NOW
        compare(World(desk, data, clock, users=crowd))
        transaction.set_rollback(True)


def compare(world: World) -> None:
    world.rules_and_rates()
    world.people_and_loans()
    world.people["head"].setdefault("checker", set()).add(oracle.EVERYWHERE)
    world.payouts = [world.any_payout() for _ in range(2)]
    is_first = world.draw(True, False)  # drafted before the others, so that its key is the lower one
    asked = world.ask() if is_first else None
    past = world.past()
    correction, wanted = asked or world.ask()
    world.clock.return_value = NOW
    rules = oracle.holding(world.rules, wanted, [old for _correction, old in past], world.rates)
    refusal = ""
    try:
        services.submit(actor=correction.maker, correction=correction, acknowledged=Yes())
    except CorrectionError as error:
        refusal = error.code
    if rules is None:
        assert refusal == "no_policy_matches"
    elif wanted.evidence < max(rule.evidence for rule in rules):
        assert refusal == "evidence_is_required"
    else:
        assert refusal == ""
        compare_signing(world, correction, wanted, oracle.tier(rules))
    event(refusal or "submitted")


def compare_signing(world: World, correction: Correction, asked: Asked, tier: oracle.Tier) -> None:
    held = {str(name).rpartition(" v")[0] for _pk, name in correction.demand["policies"]}
    assert held == tier.names
    kept = CorrectionStep.objects.filter(correction=correction, revision=1).order_by("position")
    assert tuple(Step(s.role, s.people, s.scope, s.token) for s in kept) == tier.steps
    scopes = {scope for change in correction.changes.all() for scope in (change.scope_before, change.scope_after)}
    signed: set[str] = set()
    for step in tier.steps:
        for _ in range(step.people):
            free = signers(world, correction, step, scopes, {asked.maker} | signed)
            if not free:
                assert correction.state == "submitted"
                event("waits for somebody")
                return
            name = world.draw(*sorted(free))
            assert correction.state == "submitted"
            sign(world.users[name], correction)
            signed |= free[name]
    assert correction.state == tier.ending
    event(f"{tier.ending} after {len(tier.steps)} steps")


def signers(world: World, correction: Correction, step: Step, scopes: set[str], out: set[str]) -> dict[str, set[str]]:
    """Who may sign, as both say, and whose signature it is."""
    said, found = {}, set()
    for name, user in sorted(world.users.items()):
        if whose := oracle.signature(name, step, scopes, out, world.people, world.loans):
            said[name] = whose
        codes: list[str] = []
        with outcome(codes):
            sign(user, Correction.objects.get(pk=correction.pk))
        if codes == [""]:
            found.add(name)
        else:
            assert codes[0] in {"step_is_not_yours", "maker_cannot_decide", "person_has_decided_already"}
    assert found == set(said)
    return said


def sign(user: User, correction: Correction) -> None:
    services.approve(actor=user, correction=correction, digest=correction.digest, acknowledged=Yes(), token=CODE)
