"""Queue, register, correction and record pages take at most 15 queries, and no more for many rows than for few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backoffice.staff.models import User
from corrections import services
from corrections.choices import EvidenceKind
from corrections.gate import recorded_write
from corrections.models import Correction
from tests.corrections.services.desk import Desk
from tests.factories.staff import give_roles

pytestmark = pytest.mark.django_db
QUERIES_MAX = 14  # under 15
DRAFT_QUERIES_MAX = 20  # the machine looks at the draft anew each time, and says who could sign it
FEW, MANY = 10, 60  # the second is more than one page

Count = Callable[..., int]


@pytest.fixture
def count(client: Client) -> Count:
    """Queries of a page, that of the session and the account included; what Django caches for good is cached."""

    def queries(user: User, address: str, most: int = QUERIES_MAX) -> int:
        client.force_login(user)
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        assert len(captured) <= most, "\n".join(query["sql"][:120] for query in captured)
        return len(captured)

    return queries


def page_of(correction: Correction, **query: Any) -> str:
    address = reverse("admin:corrections_correction_change", args=[correction.pk])
    return f"{address}?{'&'.join(f'{name}={value}' for name, value in query.items())}"


def grown(count: Count, user: User, address: str, grow: Callable[[int], None]) -> tuple[int, int]:
    """Queries with few rows and with many."""
    grow(FEW)
    few = count(user, address)
    grow(MANY - FEW)
    return few, count(user, address)


def test_the_queue_and_the_register(desk: Desk, count: Count) -> None:
    def grow(rows: int) -> None:
        for _ in range(rows):
            desk.submitted()

    queue, register = reverse("admin:corrections_queue"), reverse("admin:corrections_correction_changelist")
    few, many = grown(count, desk.chidi, queue, grow)
    assert many == few
    assert count(desk.chidi, register) <= QUERIES_MAX
    assert count(desk.ana, register) <= QUERIES_MAX


def test_a_correction_of_many_rows_with_much_evidence_for_its_checker(desk: Desk, count: Count) -> None:
    short, long = desk.submitted(), desk.draft()
    for _ in range(MANY - 1):
        services.add_change(actor=desk.mara, correction=long, target=desk.payout(), values={"counterparty_bank": "CMB"})
    for _ in range(FEW):
        desk.attach(long)
    drafted = count(desk.mara, page_of(long), DRAFT_QUERIES_MAX)
    services.submit(actor=desk.mara, correction=long)
    assert count(desk.chidi, page_of(long)) == count(desk.chidi, page_of(short))
    draft = desk.draft()
    desk.attach(draft)
    assert drafted == count(desk.mara, page_of(draft), DRAFT_QUERIES_MAX)
    assert count(desk.ana, page_of(long, print=1)) <= QUERIES_MAX


def test_a_correction_that_came_back_and_has_company(desk: Desk, count: Count) -> None:
    payout = desk.payout()
    desk.applied(payout)
    payout.refresh_from_db()
    correction = desk.submitted(payout, counterparty_bank="ABC")
    for _ in range(FEW):
        desk.submitted()
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Why?")
    assert count(desk.mara, page_of(correction), DRAFT_QUERIES_MAX) <= DRAFT_QUERIES_MAX
    desk.attach(correction, kind=EvidenceKind.SCREENSHOT)
    services.submit(actor=desk.mara, correction=correction)
    for user in (desk.chidi, desk.carl, desk.mara, desk.ana, desk.sam):
        assert count(user, page_of(correction)) <= QUERIES_MAX


def test_a_correction_that_moves_a_record_to_another_branch(desk: Desk, count: Count) -> None:
    for role, user in (("maker", desk.mara), ("checker", desk.chidi)):
        give_roles(user, role, scope=desk.beijing)
    correction = desk.submitted(desk.payout(), branch=desk.beijing)
    with_its_name = QUERIES_MAX + 1
    assert count(desk.chidi, page_of(correction), with_its_name) <= with_its_name


def test_a_correction_that_was_taken_back(desk: Desk, count: Count) -> None:
    correction = desk.applied()
    desk.approve(desk.reverted(correction))
    for user in (desk.chidi, desk.mara, desk.ana):
        assert count(user, page_of(correction)) <= QUERIES_MAX


def test_a_record_its_list_and_its_history(desk: Desk, count: Count) -> None:
    payout = desk.payout()

    def grow(rows: int) -> None:
        for _ in range(rows):
            desk.payout()
            with recorded_write(source="loan-core"):
                type(payout).objects.filter(pk=payout.pk).update(amount=payout.amount)

    def correct(rows: int) -> None:
        for number in range(rows // 10):
            payout.refresh_from_db()
            desk.applied(payout, counterparty_bank=f"B{payout.history.count()}{number}")

    names = ("changelist", "change", "history")
    addresses = [reverse(f"admin:accounts_payout_{name}", args=[payout.pk] * (name != "changelist")) for name in names]
    grow(FEW)
    correct(FEW)
    few = [count(desk.mara, address) for address in addresses]
    grow(MANY - FEW)
    correct(MANY - FEW)
    assert [count(desk.mara, address) for address in addresses] == few


def test_the_start_page(desk: Desk, count: Count) -> None:
    def grow(rows: int) -> None:
        for _ in range(rows):
            desk.submitted()

    few, many = grown(count, desk.chidi, reverse("admin:index"), grow)
    assert many <= few
    for user in (desk.mara, desk.ana, desk.sam):
        assert count(user, reverse("admin:index")) <= QUERIES_MAX
