"""Who could sign, asked of everybody at once: the same as asking each; and whether there are enough of them."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from backoffice.staff.models import Person, User
from corrections import services
from corrections.choices import AuditKind, State, StepScope
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.models import AuditEvent, Correction, Delegation
from corrections.permissions import rights_of, rights_of_holders, scope_key
from corrections.policies import Demand, StepDemand
from corrections.roles import DECIDING_ROLES
from corrections.selectors.signers import Signer, StepSigners, is_enough, signers, signers_of
from corrections.services import _door
from corrections.services._signer import capacity, is_independent
from corrections.services.decide import demand_independent, open_step
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import MachineFactory, account, give_roles

pytestmark = pytest.mark.django_db


def names(found: list[StepSigners]) -> list[list[str]]:
    return [[str(one) for one in step.signers] for step in found]


def lend(desk: Desk, giver: User, receiver: User, role: str = "checker", scope: Any = None) -> None:
    today = timezone.localdate()
    services.delegate(
        actor=giver, receiver=receiver.person, role=role, scope=scope, starts_on=today, ends_on=today, reason="Leave."
    )


# Who


def test_checkers_of_the_branch_are_named_and_nobody_else(desk: Desk) -> None:
    account("Wanda", "checker")
    correction = desk.submitted()
    assert names(signers_of(correction)) == [["Carl E-CARL", "Chidi E-CHIDI", "Wanda E-WANDA"]]


def test_contributors_deciders_handlers_and_people_out_of_force_are_left_out(desk: Desk, two_step_policy: None) -> None:
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    give_roles(desk.max, "checker", scope=desk.shanghai)
    gone = account("Gone", "checker", scope=desk.shanghai)
    Person.objects.filter(pk=gone.person_id).update(is_active=False)
    account("Closed", "checker", scope=desk.shanghai, is_active=False)
    desk.sam.groups.add(Group.objects.get(name="checker"))
    handler = account("Hans", "checker", scope=desk.shanghai)
    correction = desk.draft()
    desk.attach(correction, actor=desk.max)
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction, actor=desk.carl)
    correction.refresh_from_db()
    [step] = signers_of(correction, barred={handler.person_id})
    assert (step.position, step.missing, [str(one) for one in step.signers]) == (2, 1, ["Chidi E-CHIDI"])


def test_a_delegate_is_named_with_whom_he_stands_in_for(desk: Desk) -> None:
    dora = account("Dora")
    lend(desk, desk.chidi, dora, scope=desk.shanghai)
    lend(desk, desk.chidi, desk.carl, scope=desk.shanghai)  # who signs by his own right anyway
    correction = desk.submitted()
    assert names(signers_of(correction)) == [["Carl E-CARL", "Chidi E-CHIDI", "Dora E-DORA for Chidi E-CHIDI"]]


def test_names_stop_at_the_limit_and_count_the_others(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_SIGNERS_SHOWN_MAX = 2
    account("Wanda", "checker")
    [step] = signers_of(desk.submitted())
    assert step.names == "Carl E-CARL, Chidi E-CHIDI and 1 more"


def test_it_costs_the_same_however_many_people_there_are(desk: Desk) -> None:
    demand = Demand(steps=(StepDemand("checker"), StepDemand("president", scope="company")))
    key = scope_key(desk.shanghai)
    counts = []
    for number in range(2):
        for each in range(4):
            one = account(f"C{number}{each}", "checker", scope=desk.shanghai)
            lend(desk, one, account(f"D{number}{each}"), scope=desk.shanghai)
        with CaptureQueriesContext(connection) as captured:
            signers(demand, {key})
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 2


# The same as asking each


@pytest.mark.parametrize("seed", range(6))
def test_reverse_question_agrees_with_the_rights_of_each(seed: int, desk: Desk) -> None:
    rng = random.Random(seed)
    people = _random_people(desk, rng)
    roles = rng.sample(DECIDING_ROLES, 3)
    found = {user.pk: rights for user, rights in rights_of_holders(roles)}
    for user in people:
        own = rights_of(user)
        mine = {role for role in roles if role in own.roles} | {loan.role for loan in own.lent if loan.role in roles}
        if not mine or user.is_superuser or own.person_id is None:
            assert user.pk not in found
            continue
        other = found[user.pk]
        for role in roles:
            assert (role in other.roles, role in other.everywhere) == (role in own.roles, role in own.everywhere)
            assert other.scopes.get(role, frozenset()) == own.scopes.get(role, frozenset())
        assert other.lent == tuple(loan for loan in own.lent if loan.role in roles)


@pytest.mark.parametrize("seed", range(8))
def test_whoever_is_named_may_sign_and_nobody_else(seed: int, desk: Desk) -> None:
    rng = random.Random(seed)
    put_policy_in_force(desk, [("checker", 1)], step={"scope": rng.choice(StepScope.values)})
    people = _random_people(desk, rng)
    correction = desk.submitted()
    if rng.random() < 0.5:
        with gate.opened(actor=desk.sam):
            Correction.objects.filter(pk=correction.pk).update(escalated_role="senior_checker")
        correction.refresh_from_db()
    assign_perm("corrections.decide_correction", rng.choice(people), correction)
    [step] = signers_of(correction)
    named = {one.person_id for one in step.signers}
    able = {user.person_id for user in User.objects.all() if _may_sign(user, correction)}
    assert named == able


def _may_sign(user: User, correction: Correction) -> bool:
    try:
        with _door.opened(actor=user, correction=correction) as act:
            act.demand_person()
            demand_independent(act)
            capacity(act, open_step(act))
            assert is_independent(act, user.person_id or 0)
    except CorrectionError:
        return False
    return True


def _random_people(desk: Desk, rng: random.Random) -> list[User]:
    """Accounts with random roles, right grants and loans; some out of force, some of one person, one a machine."""
    scopes = (desk.shanghai, desk.beijing, None)
    people = [account(f"P{number}") for number in range(7)]
    people.append(account("Twin", person=people[0].person, username="twin"))
    for user in people:
        for _ in range(rng.randrange(3)):
            give_roles(user, rng.choice(DECIDING_ROLES), scope=None)
        for _ in range(rng.randrange(3)):
            give_roles(user, rng.choice(["checker", "senior_checker"]), scope=rng.choice(scopes))
    for user in rng.sample(people, 3):  # around the groups
        assign_perm("accounts.as_checker", user, rng.choice(scopes[:2]))
        user.user_permissions.add(Permission.objects.get(codename="as_checker", content_type__app_label="corrections"))
    _random_loans(desk, rng, people)
    User.objects.filter(pk=rng.choice(people).pk).update(is_active=False)
    Person.objects.filter(pk=rng.choice(people).person_id).update(is_active=False)
    User.objects.filter(pk=rng.choice(people).pk).update(is_superuser=True)
    MachineFactory()
    return list(User.objects.filter(pk__in=[user.pk for user in people]).select_related("person"))


def _random_loans(desk: Desk, rng: random.Random, people: list[User]) -> None:
    today = timezone.localdate()
    keys = [scope_key(desk.shanghai), scope_key(desk.beijing), "*"]
    with gate.opened(actor=desk.sam):
        for _ in range(8):
            giver, receiver = rng.sample(people[:7], 2)
            first = today + dt.timedelta(days=rng.choice([-1, 0, 1]))
            Delegation.objects.create(
                giver=giver.person,
                receiver=receiver.person,
                role=rng.choice(["checker", "senior_checker", "president"]),
                scope_key=rng.choice(keys),
                starts_on=first,
                ends_on=first + dt.timedelta(days=rng.choice([0, 1])),
                reason="r",
                created_at=timezone.now(),
                ended_at=rng.choice([None, None, timezone.now()]),
            )


# Enough of them


def step(missing: int, *people: int | tuple[int, int]) -> StepSigners:
    found = [Signer(one, str(one)) if isinstance(one, int) else Signer(one[0], "", one[1], "") for one in people]
    return StepSigners(1, StepDemand("checker", people=missing), missing, tuple(found))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], True),
        ([step(1)], False),
        ([step(1, 1)], True),
        ([step(2, 1)], False),
        ([step(2, 1, 2)], True),
        ([step(1, 1), step(1, 1)], False),  # one person signs once over all steps
        ([step(1, 1, 2), step(1, 1)], True),
        ([step(1, 1, 2), step(1, 1, 2), step(1, 1, 2)], False),
        ([step(1, 1, 2, 3), step(1, 1), step(1, 1, 2)], True),
        ([step(1, (2, 1)), step(1, 1)], False),  # who is stood in for doesn't sign as well
        ([step(1, (2, 1), (3, 1), (4, 1)), step(1, (2, 1), (3, 1), (4, 1))], False),
        ([step(1, (2, 1), (3, 4)), step(1, 1, (5, 4))], True),
        ([step(2, 1, 2, (3, 1)), step(1, 3)], True),
        ([step(0)], True),
    ],
)
def test_different_people_must_fill_all_steps(steps: list[StepSigners], expected: bool) -> None:
    assert is_enough(steps) is expected


@pytest.mark.parametrize("seed", range(40))
def test_enough_agrees_with_trying_every_way(seed: int) -> None:
    rng = random.Random(seed)
    ids = range(1, rng.choice([3, 5]) + 1)
    steps = []
    for _ in range(rng.randrange(1, 4)):
        pool: list[int | tuple[int, int]] = [*ids, *itertools.permutations(ids, 2)]
        steps.append(step(rng.randrange(1, 3), *rng.sample(pool, rng.randrange(0, 4))))
    places = [one.signers for one in steps for _again in range(one.missing)]
    ways = itertools.product(*places)
    by_hand = any(sum(len(one.people) for one in way) == len(frozenset().union(*_people(way))) for way in ways)
    assert is_enough(steps) is by_hand


def _people(way: tuple[Signer, ...]) -> list[frozenset[int]]:
    return [one.people for one in way]


# Submission with too few


def test_with_too_few_people_it_is_accepted_waits_loudly_and_is_never_applied(desk: Desk) -> None:
    """I-09"""
    put_policy_in_force(desk, [("checker", 1), ("president", 1)])
    correction = desk.submitted()
    assert correction.state == State.SUBMITTED
    [event] = AuditEvent.objects.filter(correction=correction, kind=AuditKind.NOBODY_TO_SIGN)
    assert event.detail["steps"] == ["1 × checker: 2", "1 × president: 0"]
    desk.approve(correction)
    for user in User.objects.all():
        with pytest.raises(CorrectionError):
            desk.approve(correction, actor=user)
        with pytest.raises(CorrectionError):
            services.apply(actor=user, correction=correction)
    correction.refresh_from_db()
    assert correction.state == State.SUBMITTED


def test_one_checker_beside_the_maker_is_too_few_for_two(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 2)])
    desk.carl.groups.clear()
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    assert AuditEvent.objects.filter(correction=desk.submitted(), kind=AuditKind.NOBODY_TO_SIGN).count() == 1


def test_with_enough_people_nobody_is_alerted(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 2)])
    assert not AuditEvent.objects.filter(correction=desk.submitted(), kind=AuditKind.NOBODY_TO_SIGN).exists()
