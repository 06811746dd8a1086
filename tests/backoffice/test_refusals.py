"""A refusal is no dead end: its page has the header of whoever is signed in, and a stranger's page says nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("path", "status"), [("/admin/staff/person/", 403), ("/admin/nothing/", 404), ("/no", 404)])
def test_the_page_has_the_places_of_the_account(client: Client, mara: User, path: str, status: int) -> None:
    client.force_login(mara)
    answer = client.get(path)
    assert answer.status_code == status
    page = answer.content.decode()
    assert "logout-form" in page
    assert "Register" in page


def test_a_stranger_learns_of_no_places(client: Client) -> None:
    answer = client.get("/no")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "logout-form" not in page
    assert "Register" not in page
