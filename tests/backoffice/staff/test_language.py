"""The chosen language wins over the browser's."""

from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.models import User
from tests.factories.staff import account

pytestmark = pytest.mark.django_db
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}


def signed_in(client: Client) -> Client:
    client.force_login(account("Mara"), "backoffice.staff.backends.ActivePersonBackend")
    return client


def language(client: Client) -> str:
    return client.get("/admin/", headers=CHINESE)["Content-Language"]


def test_browser_decides_until_the_user_chooses(client: Client) -> None:
    signed_in(client)
    assert language(client) == "zh-hans"
    assert client.post("/language/", {"language": "en"}).status_code == 302
    assert language(client) == "en"


def test_choice_is_kept_on_the_account(client: Client) -> None:
    signed_in(client).post("/language/", {"language": "en"})
    elsewhere = Client()
    elsewhere.force_login(User.objects.get(username="mara"), "backoffice.staff.backends.ActivePersonBackend")
    assert language(elsewhere) == "en"


def test_choice_can_be_given_back_to_the_browser(client: Client) -> None:
    signed_in(client).post("/language/", {"language": "en"})
    client.post("/language/", {"language": ""})
    assert language(client) == "zh-hans"


def test_anonymous_choice_lasts_by_cookie(client: Client) -> None:
    client.post("/language/", {"language": "en"})
    assert client.get("/admin/login/", headers=CHINESE)["Content-Language"] == "en"


def test_unknown_language_changes_nothing(client: Client) -> None:
    signed_in(client).post("/language/", {"language": "xx"})
    assert language(client) == "zh-hans"


def test_get_and_foreign_way_back_are_refused(client: Client) -> None:
    assert client.get("/language/").status_code == 405
    answer = client.post("/language/", {"language": "en", "next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"
    assert client.post("/language/", {"language": "en", "next": "/login/"})["Location"] == "/login/"
