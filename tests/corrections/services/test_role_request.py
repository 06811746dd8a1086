"""Giving a role takes two user administrators, taking one away takes one, and neither is for oneself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, transaction
from django.utils import timezone

from backoffice.staff.models import Person, User
from corrections import services
from corrections.choices import AuditKind
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.models import AuditEvent, RoleRequest
from corrections.permissions import rights_of
from corrections.services.decide import MakerCannotDecide
from tests.corrections.services.desk import Desk
from tests.factories.staff import MachineFactory, UserFactory, account, give_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def una(roles: None) -> User:
    """Una administers users."""
    return account("Una", "user_admin")


@pytest.fixture
def udo(roles: None) -> User:
    """Udo, too."""
    return account("Udo", "user_admin")


@pytest.fixture
def nora(roles: None) -> User:
    return account("Nora")


def group(name: str) -> Group:
    return Group.objects.get(name=name)


def ask(actor: User, user: User, name: str = "checker", reason: str = "New in the team.") -> RoleRequest:
    return services.ask_role(actor=actor, account=user, group=group(name), reason=reason)


def refused(code: str, call: Callable[[], Any]) -> None:
    with pytest.raises(CorrectionError) as caught:
        call()
    assert caught.value.code == code


def test_role_is_held_only_once_a_second_person_gave_it(una: User, udo: User, nora: User) -> None:
    request = ask(una, nora)
    assert rights_of(nora).roles == frozenset()
    given = services.give_role(actor=udo, request=request)
    assert (given.state, given.decided_by_name) == ("given", "Udo E-UDO")
    assert rights_of(nora).roles == {"checker"}
    kinds = AuditEvent.objects.filter(subject=f"account:{nora.pk}").order_by("id").values_list("kind", "actor_name")
    assert list(kinds) == [(AuditKind.ROLE_ASKED, "Una E-UNA"), (AuditKind.ROLE_GIVEN, "Udo E-UDO")]


def test_who_asked_does_not_give_by_any_account(una: User, nora: User) -> None:
    request = ask(una, nora)
    second = account("Una2", "user_admin", person=una.person, username="una2")
    for actor in (una, second):
        refused("role_takes_a_second_person", lambda a=actor: services.give_role(actor=a, request=request))
    assert not nora.groups.exists()


def test_the_database_too_holds_that_a_role_takes_a_second_person(una: User, nora: User) -> None:
    request = ask(una, nora)
    with pytest.raises(DatabaseError), transaction.atomic(), gate.opened(actor=una):
        RoleRequest.objects.filter(pk=request.pk).update(
            state="given", decided_by=una, decided_by_person_id=una.person_id, decided_at=timezone.now()
        )


def test_nobody_asks_gives_or_takes_for_his_own_person(una: User, udo: User) -> None:
    second = UserFactory(username="una.second", person=una.person)
    for own in (una, second):
        refused("own_roles_are_not_yours_to_change", lambda o=own: ask(una, o))
        request = ask(udo, own)
        refused("own_roles_are_not_yours_to_change", lambda r=request: services.give_role(actor=una, request=r))
        refused("own_roles_are_not_yours_to_change", lambda r=request: services.refuse_role(actor=una, request=r))
    refused(
        "own_roles_are_not_yours_to_change",
        lambda: services.take_role(actor=una, account=una, group=group("user_admin"), reason="Tired."),
    )


def test_only_user_administrators_in_force_do_any_of_it(una: User, nora: User, sam: User, chidi: User) -> None:
    request = ask(una, nora)
    sam.groups.add(group("user_admin"))
    gone = account("Gone", "user_admin")
    Person.objects.filter(pk=gone.person_id).update(is_active=False)
    for actor in (sam, chidi, nora, gone, MachineFactory()):
        for call in (
            lambda a=actor: ask(a, chidi, "executor"),
            lambda a=actor: services.give_role(actor=a, request=request),
            lambda a=actor: services.refuse_role(actor=a, request=request),
            lambda a=actor: services.take_role(actor=a, account=chidi, group=group("checker"), reason="r"),
        ):
            with pytest.raises(CorrectionError):
                call()
    assert not nora.groups.exists()
    assert rights_of(chidi).roles == {"checker"}


def test_request_is_decided_once(una: User, udo: User, nora: User) -> None:
    request = ask(una, nora)
    services.refuse_role(actor=una, request=request)  # one's own request is taken back by a refusal
    for verb in (services.give_role, services.refuse_role):
        refused("role_request_is_decided", lambda v=verb: v(actor=udo, request=request))
    assert not nora.groups.exists()
    assert AuditEvent.objects.filter(kind=AuditKind.ROLE_REFUSED).count() == 1


def test_role_is_asked_for_once_and_not_when_it_is_held(una: User, udo: User, nora: User) -> None:
    request = ask(una, nora)
    refused("role_was_asked_for_already", lambda: ask(udo, nora))
    services.give_role(actor=udo, request=request)
    refused("role_is_held_already", lambda: ask(una, nora))


def test_superusers_machines_and_people_out_of_force_get_no_such_role(una: User, udo: User, sam: User) -> None:
    machine, closed = MachineFactory(), account("Closed", is_active=False)
    gone = account("Gone")
    Person.objects.filter(pk=gone.person_id).update(is_active=False)
    for user in (sam, machine, closed, gone):
        refused("account_cannot_hold_this_role", lambda u=user: ask(una, u))
    services.give_role(actor=udo, request=ask(una, machine, "maker"))
    assert rights_of(machine).roles == {"maker"}


def test_account_is_looked_at_again_when_the_role_is_given(una: User, udo: User, nora: User) -> None:
    request = ask(una, nora)
    User.objects.filter(pk=nora.pk).update(is_superuser=True)
    refused("account_cannot_hold_this_role", lambda: services.give_role(actor=udo, request=request))


def test_only_groups_that_are_roles_are_given(una: User, nora: User) -> None:
    Group.objects.create(name="friends of Una")
    refused("role_is_not_known", lambda: ask(una, nora, "friends of Una"))
    for nothing in (None, nora):
        refused(
            "role_is_not_known",
            lambda n=nothing: services.ask_role(actor=una, account=nora, group=n, reason="r"),
        )
    refused("why_is_required", lambda: ask(una, nora, reason=" "))


def test_role_is_taken_away_at_once_by_one_person(una: User, chidi: User) -> None:
    services.take_role(actor=una, account=chidi, group=group("checker"), reason="Moved to another team.")
    assert rights_of(chidi).roles == frozenset()
    [event] = AuditEvent.objects.filter(kind=AuditKind.ROLE_TAKEN)
    assert (event.actor_name, event.detail["role"], event.detail["reason"]) == (
        "Una E-UNA",
        "checker",
        "Moved to another team.",
    )
    refused(
        "role_is_not_held",
        lambda: services.take_role(actor=una, account=chidi, group=group("checker"), reason="Again."),
    )


def test_i01_maker_who_becomes_checker_later_still_decides_nothing_of_his_own(desk: Desk) -> None:
    una, udo = account("Una", "user_admin"), account("Udo", "user_admin")
    correction, other = desk.submitted(), desk.draft(actor=desk.max)
    desk.attach(other, actor=desk.max)
    services.submit(actor=desk.max, correction=other)
    services.give_role(actor=udo, request=ask(una, desk.mara, "checker: Shanghai"))
    services.take_role(actor=una, account=desk.mara, group=group("maker: Shanghai"), reason="Checks from now on.")
    with pytest.raises(MakerCannotDecide):
        desk.approve(correction, actor=desk.mara)
    desk.approve(other, actor=desk.mara)


# The first user administrators


def test_first_two_user_administrators_come_from_the_command_line_and_no_third(roles: None) -> None:
    machine = MachineFactory()
    una, udo, uli = (account(name) for name in ("Una", "Udo", "Uli"))
    from corrections.services.role_request import appoint_user_admin

    for user in (una, udo, una):
        appoint_user_admin(actor=machine, account=user)
    refused("user_admins_are_enough", lambda: appoint_user_admin(actor=machine, account=uli))
    refused("user_admin_role_is_required", lambda: appoint_user_admin(actor=una, account=uli))
    assert AuditEvent.objects.filter(kind=AuditKind.ROLE_GIVEN).count() == 2
    Person.objects.filter(pk=udo.person_id).update(is_active=False)
    appoint_user_admin(actor=machine, account=uli)
    assert rights_of(uli).roles == {"user_admin"}


def test_nobody_who_signs_nothing_becomes_first_user_administrator(roles: None, sam: User) -> None:
    from corrections.services.role_request import appoint_user_admin

    for user in (sam, MachineFactory()):
        refused("account_cannot_hold_this_role", lambda u=user: appoint_user_admin(actor=MachineFactory(), account=u))


def test_maker_and_checker_in_one_person_are_allowed_but_shown(roles: None) -> None:
    from backoffice.staff.role_requests import clashes

    nora = account("Nora", "maker")
    give_roles(nora, "executor")
    assert clashes(group("checker"), nora.groups.all()) == ("maker",)
    assert clashes(group("user_admin"), nora.groups.all()) == ()
