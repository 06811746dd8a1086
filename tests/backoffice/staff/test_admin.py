"""The register's pages: what a user administrator may do, and what nobody may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from backoffice.staff.models import Kind, Person, User
from tests.factories.staff import PASSWORD, MachineFactory, UserFactory, account

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "another long passphrase"


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user, "backoffice.staff.backends.ActivePersonBackend")
    return client


@pytest.fixture
def una(roles: None) -> User:
    """Una administers users."""
    return account("Una", "user_admin")


def page(user: User) -> str:
    return reverse("admin:staff_user_change", args=[user.pk])


def fields(user: User, **changes: object) -> dict[str, object]:
    form: dict[str, object] = {
        "language": "",
        "is_active": "on",
        "groups": list(user.groups.values_list("pk", flat=True)),
    }
    return {**form, **changes}


def group(name: str) -> Group:
    return Group.objects.get(name=name)


def role_names(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_no_form_of_an_account_gives_or_takes_a_role(una: User, sam: User) -> None:
    """Roles take two people (test_role_requests.py): whatever is posted here, the account keeps what it holds."""
    mara, machine = account("Mara", "maker"), MachineFactory()
    for administrator in (una, sam):
        for wanted in ([group("checker").pk], []):
            form = fields(mara, groups=wanted, roles=wanted, language="en")
            assert as_user(administrator).post(page(mara), form).status_code == 302
            as_user(administrator).post(page(machine), fields(machine, groups=wanted))
    mara.refresh_from_db()
    assert (mara.language, role_names(mara), role_names(machine)) == ("en", {"maker"}, set())


def test_no_new_account_is_born_with_a_role(una: User, sam: User) -> None:
    person = account("Nora").person
    assert person is not None
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    for administrator in (una, sam):
        form = {"username": f"n{administrator.pk}", "person": person.pk, "groups": [group("maker").pk], **passwords}
        user = added(administrator, **form)
        assert user is not None
        assert role_names(user) == set()


def test_account_page_shows_the_roles_and_leads_to_where_two_change_them(una: User) -> None:
    mara = account("Mara", "maker")
    html = as_user(una).get(page(mara)).content.decode()
    assert f"{reverse('admin:staff_roles')}?account={mara.pk}" in html
    assert 'name="groups"' not in html


def test_user_administrator_cannot_change_an_account_of_his_own(una: User) -> None:
    second = UserFactory(username="una.second", person=una.person)
    for own in (una, second):
        assert as_user(una).post(page(own), fields(own, language="en")).status_code == 403


def test_an_account_gets_the_address_to_which_its_notices_are_mailed(una: User) -> None:
    mara = account("Mara", "maker")
    assert as_user(una).post(page(mara), fields(mara, email="mara@example.com")).status_code == 302
    mara.refresh_from_db()
    assert mara.email == "mara@example.com"
    assert as_user(una).post(page(mara), fields(mara, email="no address")).status_code == 200


def test_user_administrator_cannot_deactivate_or_rename_himself(una: User) -> None:
    address = reverse("admin:staff_person_change", args=[una.person_id])
    assert as_user(una).post(address, {"name": "Someone", "is_active": "on"}).status_code == 403


def test_nobody_makes_a_superuser_or_grants_single_permissions(una: User, sam: User) -> None:
    mara = account("Mara", "maker")
    for administrator in (una, sam):
        form = fields(mara, is_superuser="on", is_staff="on", user_permissions=[1, 2])
        assert as_user(administrator).post(page(mara), form).status_code == 302
        mara.refresh_from_db()
        assert not mara.is_superuser
        assert not mara.user_permissions.exists()


def test_superuser_account_is_out_of_reach_of_user_administrators(una: User, sam: User) -> None:
    assert as_user(una).post(page(sam), fields(sam, is_active="")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[sam.pk])
    assert as_user(una).get(password).status_code == 403
    person = reverse("admin:staff_person_change", args=[sam.person_id])
    assert as_user(una).post(person, {"name": "Sam"}).status_code == 403


def test_machine_gets_no_password(una: User) -> None:
    address = reverse("admin:auth_user_password_change", args=[MachineFactory().pk])
    assert as_user(una).get(address).status_code == 403


def test_page_of_a_machine_offers_no_password(una: User) -> None:
    offer = "../password/"
    assert offer not in as_user(una).get(page(MachineFactory())).content.decode()
    assert offer in as_user(una).get(page(account("Mara"))).content.decode()


def added(una: User, **changes: object) -> User | None:
    form = {"username": "new", "kind": "human", "person": "", "language": "", "password1": "", "password2": ""}
    sent: dict[str, object] = {**form, **changes}
    as_user(una).post(reverse("admin:staff_user_add"), sent)
    return User.objects.filter(username=sent["username"]).first()


def test_human_account_is_added_with_person_and_password(una: User) -> None:
    mara = account("Mara")
    assert added(una, password1=NEW_PASSWORD, password2=NEW_PASSWORD) is None
    assert added(una, person=mara.person_id) is None
    assert added(una, person=mara.person_id, password1="short", password2="short") is None
    user = added(una, person=mara.person_id, password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    assert user is not None
    assert user.is_staff
    assert user.check_password(NEW_PASSWORD)
    assert role_names(user) == set()


def test_machine_account_is_added_without_person_or_password(una: User) -> None:
    assert added(una, kind="machine", person=una.person_id) is None
    user = added(una, kind="machine", password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    assert user is not None
    assert user.kind == Kind.MACHINE
    assert not user.has_usable_password()
    assert not user.is_staff


def test_account_never_moves_to_another_person(una: User) -> None:
    mara, chidi = account("Mara"), account("Chidi")
    form = fields(mara, person=chidi.person_id, username="chidi2", kind="machine")
    as_user(una).post(page(mara), form)
    mara.refresh_from_db()
    assert (mara.person and mara.person.name, mara.username, mara.kind) == ("Mara", "mara", Kind.HUMAN)


def test_employee_number_never_changes(una: User) -> None:
    person = account("Mara").person
    assert person is not None
    address = reverse("admin:staff_person_change", args=[person.pk])
    assert as_user(una).post(address, {"name": "Mara M", "employee_no": "1", "is_active": "on"}).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.employee_no) == ("Mara M", "E-MARA")


@pytest.mark.parametrize("name", ["staff_person", "staff_user", "auth_group"])
def test_i14_nothing_is_deleted_here_even_by_a_superuser(name: str, una: User, sam: User) -> None:
    row = {"staff_person": una.person_id, "staff_user": una.pk, "auth_group": group("maker").pk}[name]
    for user in (una, sam):
        client = as_user(user)
        assert client.post(reverse(f"admin:{name}_delete", args=[row]), {"post": "yes"}).status_code == 403
        form = {"action": "delete_selected", "_selected_action": [row], "post": "yes"}
        client.post(reverse(f"admin:{name}_changelist"), form)
    assert Person.objects.filter(pk=una.person_id).exists()
    assert User.objects.filter(pk=una.pk).exists()
    assert Group.objects.filter(name="maker").exists()


def test_roles_are_shown_and_not_edited(una: User, sam: User) -> None:
    address = reverse("admin:auth_group_change", args=[group("user_admin").pk])
    for user in (una, sam):
        client = as_user(user)
        assert "Una E-UNA (una)" in client.get(address).content.decode()
        assert client.post(address, {"name": "stolen"}).status_code == 403
        assert client.get(reverse("admin:auth_group_add")).status_code == 403


@pytest.mark.parametrize("name", ["maker", "checker", "president", "executor", "policy_admin"])
def test_other_roles_see_nothing_of_the_register(name: str, roles: None) -> None:
    client = as_user(account("Nora", name))
    for model in ("staff_person", "staff_user", "auth_group"):
        assert client.get(reverse(f"admin:{model}_changelist")).status_code == 403


def test_compliance_sees_the_register_and_changes_nothing(ana: User) -> None:
    mara = account("Mara", "maker")
    client = as_user(ana)
    assert client.get(page(mara)).status_code == 200
    assert client.post(page(mara), fields(mara, groups=[])).status_code == 403
    assert client.get(reverse("admin:staff_user_add")).status_code == 403


def test_hidden_fields_answer_no_lookup(una: User) -> None:
    client = as_user(una)
    for lookup in ("password__startswith=md5", "person__accounts__password__startswith=md5", "is_superuser=1"):
        answer = client.get(reverse("admin:staff_user_changelist") + f"?{lookup}")
        assert answer.status_code in (302, 400)


def test_pages_show_no_password_hash(una: User) -> None:
    mara = account("Mara")
    html = as_user(una).get(page(mara)).content.decode()
    assert mara.password.split("$")[-1] not in html
    assert PASSWORD not in html
