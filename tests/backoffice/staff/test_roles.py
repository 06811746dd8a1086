"""Groups carry exactly the rights of their role, drift is seen and put right, members are left alone."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Branch, BranchGroupObjectPermission
from backoffice.staff.models import User
from backoffice.staff.roles import bootstrap
from corrections.models import Policy
from corrections.roles import ROLES
from tests.factories.staff import account

pytestmark = pytest.mark.django_db


def make_branch(name: str) -> Branch:
    return Branch.objects.create(code=name.upper()[:8], name=name)


@pytest.fixture
def shanghai(db: None) -> Branch:
    return make_branch("Shanghai")


def rights(group: str) -> set[str]:
    rows = Permission.objects.filter(group__name=group).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


def function(role: str) -> Permission:
    return Permission.objects.get(content_type__app_label="corrections", codename=f"as_{role}")


def test_every_role_has_its_function_and_the_right_to_use_it_everywhere(roles: None) -> None:
    for role in ROLES:
        assert {f"corrections.as_{role}", f"corrections.as_{role}_everywhere"} <= rights(role)


def test_scope_group_holds_its_function_on_its_scope_only(shanghai: Branch, roles: None) -> None:
    assert rights("checker: Shanghai") == {"corrections.as_checker"}
    rows = BranchGroupObjectPermission.objects.filter(group__name="checker: Shanghai")
    assert [(row.content_object, row.permission.codename) for row in rows] == [(shanghai, "as_checker")]


def test_user_administrator_has_no_business_right(shanghai: Branch, roles: None) -> None:
    business = {right for right in rights("user_admin") if right.split(".")[0] in {"accounts", "corrections"}}
    assert business == {"corrections.as_user_admin", "corrections.as_user_admin_everywhere"}
    assert not Group.objects.filter(name__startswith="user_admin:").exists()


def test_second_run_finds_nothing_to_do(shanghai: Branch, roles: None) -> None:
    assert bootstrap() == []


def test_drift_is_reported_and_put_right(shanghai: Branch, roles: None) -> None:
    maker, checker = Group.objects.get(name="maker: Shanghai"), Group.objects.get(name="checker")
    maker.permissions.clear()
    checker.permissions.add(function("president"))
    row = BranchGroupObjectPermission.objects.get(group=maker)
    BranchGroupObjectPermission.objects.filter(pk=row.pk).update(group=checker)
    differences = bootstrap(change=False)
    assert 'group "maker: Shanghai" lacked corrections.as_maker' in differences
    assert 'group "checker" held corrections.as_president, which is not its own' in differences
    assert len(differences) == 4
    assert bootstrap() == differences
    assert bootstrap(change=False) == []


def test_business_right_in_an_unknown_group_is_taken_away(roles: None) -> None:
    Group.objects.create(name="friends").permissions.add(function("checker"))
    assert bootstrap() == ['group "friends" held corrections.as_checker, which is not its own']


def test_business_right_of_an_account_alone_is_taken_away(mara: User) -> None:
    mara.user_permissions.add(function("checker"))
    assert bootstrap() == ['account "mara" held corrections.as_checker without a group']
    assert not mara.user_permissions.exists()
    assert [group.name for group in mara.groups.all()] == ["maker"]


def test_members_stay_when_a_scope_gets_a_new_name(shanghai: Branch, roles: None) -> None:
    chidi = account("Chidi", "checker", scope=shanghai)
    Branch.objects.filter(pk=shanghai.pk).update(name="Shanghai Pudong")
    bootstrap()
    assert [group.name for group in chidi.groups.all()] == ["checker: Shanghai Pudong"]
    assert bootstrap() == []


def test_queries_do_not_grow_with_the_scopes(roles: None) -> None:
    make_branch("Shanghai")
    with CaptureQueriesContext(connection) as few:
        bootstrap()
    for number in range(10):
        make_branch(f"{number} Branch")
    with CaptureQueriesContext(connection) as many:
        bootstrap()
    assert len(many) == len(few)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("bootstrap_roles", *arguments, stdout=out)
    return out.getvalue()


def test_command_checks_without_writing() -> None:
    with pytest.raises(CommandError, match="differences"):
        run("--check")
    assert not Group.objects.exists()
    run()
    assert "as they should be (0 put right)" in run("--check")


def test_command_installs_the_shipped_policy_once() -> None:
    assert "approval policy was installed" in run()
    assert "approval policy" not in run()
    shipped = Policy.objects.count()
    run()
    assert Policy.objects.count() == shipped > 1
