"""Pages of records: read-only, masked, within one's scope; no other admin writes around the gate."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from guardian.shortcuts import assign_perm
from taggit.models import Tag

from accounts.models import Customer, Payout
from backoffice.staff.models import User
from corrections.admin.records import CorrectableAdmin, register_records
from corrections.gate import recorded_write
from corrections.registry import registry
from corrections.selectors import records
from tests.corrections.admin.pages import browser, text_of, url
from tests.corrections.services.desk import Desk
from tests.factories.accounts import (
    AccountHolderFactory,
    BankCardFactory,
    CustomerFactory,
    LedgerAccountFactory,
    LoanApplicationFactory,
    LoanFactory,
)
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
QUERIES_MAX = 15
PAYOUT = "accounts.payout"


def test_every_registered_model_has_read_only_pages() -> None:
    register_records(admin.site)
    for entry in registry.entries():
        page = admin.site._registry[entry.model]
        assert isinstance(page, CorrectableAdmin)
        assert not any((page.inlines, page.list_editable, page.save_as, page.actions))
        for verb in ("add", "delete"):
            with pytest.raises(NoReverseMatch):
                reverse(f"admin:{entry.key.replace('.', '_')}_{verb}", args=[1] if verb == "delete" else [])


def test_a_third_partys_own_admin_of_a_registered_model_gives_way() -> None:
    site = admin.AdminSite(name="other")
    site.register(Tag)
    register_records(site)
    assert isinstance(site._registry[Tag], CorrectableAdmin)


def test_a_projects_own_admin_that_subclasses_ours_stays() -> None:
    class OwnAdmin(CorrectableAdmin):
        pass

    site = admin.AdminSite(name="other")
    site.register(Payout, OwnAdmin)
    register_records(site)
    assert type(site._registry[Payout]) is OwnAdmin


def test_a_model_that_is_not_registered_can_have_no_such_page() -> None:
    with pytest.raises(TypeError, match="not registered"):
        CorrectableAdmin(User, admin.site)


def test_nobody_has_the_right_to_write_there(desk: Desk, rf: object) -> None:
    page = admin.site._registry[Payout]
    request = type("Request", (), {"user": desk.sam, "GET": {}})()
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    assert page.get_actions(request) == {}


def test_a_record_shows_every_field_and_no_secret(desk: Desk) -> None:
    payout = desk.payout()
    answer = browser(desk.mara).get(url(PAYOUT, "change", payout.pk))
    text = text_of(answer)
    assert answer.status_code == 200
    assert "****1187" in text
    assert "800.00" in text
    for hidden in ("6222020000001187", payout.counterparty_account_cipher, payout.counterparty_account_index):  # type: ignore[attr-defined]
        assert hidden not in text


@pytest.mark.parametrize("page", ["change", "history", "propose"])
def test_a_record_of_another_branch_is_not_there(desk: Desk, page: str) -> None:
    payout = desk.payout(desk.beijing)
    assert browser(desk.mara).get(url(PAYOUT, page, payout.pk)).status_code == 404
    assert browser(desk.bo).get(url(PAYOUT, page, payout.pk)).status_code == 200


def test_djangos_model_permissions_open_nothing(desk: Desk) -> None:
    payout = desk.payout(desk.beijing)
    desk.mara.user_permissions.add(*Permission.objects.filter(content_type__model="payout"))
    assert browser(desk.mara).get(url(PAYOUT, "change", payout.pk)).status_code == 404


def test_people_without_a_business_role_see_no_records(desk: Desk) -> None:
    payout = desk.payout()
    ursula = account("Ursula", "user_admin")
    for address in (url(PAYOUT, "changelist"), url(PAYOUT, "change", payout.pk), url(PAYOUT, "propose", payout.pk)):
        assert browser(ursula).get(address).status_code == 403


def test_a_single_record_can_be_granted(desk: Desk) -> None:
    payout = desk.payout(desk.beijing)
    assign_perm("accounts.correct_payout", desk.mara, payout)
    answer = browser(desk.mara).get(url(PAYOUT, "change", payout.pk))
    assert answer.status_code == 200
    assert "Propose a correction" in text_of(answer)


def test_only_a_maker_of_its_scope_is_offered_to_propose(desk: Desk) -> None:
    payout = desk.payout()
    for user, is_offered in ((desk.mara, True), (desk.chidi, False), (desk.ana, False), (desk.sam, False)):
        text = text_of(browser(user).get(url(PAYOUT, "change", payout.pk)))
        assert ("Propose a correction" in text) is is_offered


def test_an_open_correction_is_announced_with_its_number(desk: Desk) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    text = text_of(browser(desk.mara).get(url(PAYOUT, "change", payout.pk)))
    assert "A correction is already open on this record" in text
    assert str(correction.number) in text
    assert reverse("admin:corrections_correction_change", args=[correction.pk]) in text


def test_somebody_elses_draft_is_not_told_outside_its_scope(desk: Desk) -> None:
    payout = desk.payout()
    desk.draft(payout)
    page = records.record_page(desk.mara, _rights(desk.mara), _entry(PAYOUT), payout)
    assert [one.state for one in page.corrections] == ["draft"]
    assert page.open_corrections == ()


def test_what_hangs_on_it_is_listed(desk: Desk) -> None:
    customer = CustomerFactory(branch=desk.shanghai)
    BankCardFactory(customer=customer)
    text = text_of(browser(desk.mara).get(url("accounts.customer", "change", customer.pk)))
    assert "What hangs on it" in text
    assert "ICBC ****1111" in text


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_record_page_answers_reading_only(desk: Desk, method: str) -> None:
    payout = desk.payout()
    client = browser(desk.mara)
    assert getattr(client, method)(url(PAYOUT, "change", payout.pk)).status_code == 405
    assert getattr(client, method)(url(PAYOUT, "changelist")).status_code == 405


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999", "abc", "-1", "1.5", "1 OR 1=1", "%00"])
def test_a_key_that_is_none_is_not_there(desk: Desk, pk: str) -> None:
    address = url(PAYOUT, "change", "KEY").replace("KEY", pk)
    for one in (address, address.replace("change", "history"), address.replace("change", "propose")):
        assert browser(desk.mara).get(one).status_code == 404


def test_a_record_page_takes_few_queries_whatever_hangs_on_it(desk: Desk) -> None:
    customer = _busy_customer(desk)
    address = url("accounts.customer", "change", customer.pk)
    for user in (desk.mara, desk.chidi, desk.ana, desk.sam):
        client = browser(user)
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert len(queries) <= QUERIES_MAX


def _busy_customer(desk: Desk) -> Customer:
    """Something of every kind, open and applied corrections, and history."""
    customer: Customer = CustomerFactory(branch=desk.shanghai)
    for _ in range(3):
        BankCardFactory(customer=customer, number="")
        held = LedgerAccountFactory(customer=customer)
        AccountHolderFactory(account=held)
        LoanFactory(application=LoanApplicationFactory(customer=customer), account=held)
    for status in ("dormant", "frozen", "active"):
        with recorded_write(source="loan-core"):
            customer.status = status
            Customer.objects.filter(pk=customer.pk).update(status="closed" if status == "dormant" else "active")
    desk.submitted(Customer.objects.get(pk=customer.pk), status="closed")  # type: ignore[arg-type]
    return customer


def _rights(user: User) -> object:
    from corrections.permissions import rights_of

    return rights_of(user)


def _entry(label: str) -> object:
    return registry.get(label)
