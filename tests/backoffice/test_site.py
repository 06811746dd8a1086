"""The shell: who enters, what the header offers whom, and that no page carries what its policy forbids."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from backoffice.staff.models import Person, User
from corrections.models import Correction
from tests.backoffice.conftest import Staff, signed_in
from tests.factories.staff import PASSWORD, account, superuser

pytestmark = pytest.mark.django_db

PAGES = (
    "/admin/",
    "/admin/help/",
    "/admin/password_change/",
    "/admin/corrections/queue/",
    "/admin/corrections/correction/",
    "/admin/corrections/incident/",
    "/admin/accounts/payout/",
    "/admin/staff/person/",
    "/admin/staff/user/",
    "/admin/staff/user/add/",
    "/admin/auth/group/",
    "/admin/there-is-no-such-page/",
)


class Forbidden(HTMLParser):
    """Collects what a policy without `unsafe` refuses: inline scripts, styles and handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in named):
            self.found.append(f"<{tag}>")
        self.found += [f"<{tag} {name}>" for name in named if name == "style" or name.startswith("on")]
        if (named.get("href") or "").startswith("javascript:"):
            self.found.append(f"<{tag} href=javascript:>")


def forbidden_in(html: str) -> list[str]:
    parser = Forbidden()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize(
    ("username", "language"),
    [("wang.li", "en"), ("li.qiang", "zh-CN"), ("song.yu", "en"), ("hu.bing", "zh-CN"), ("sam", "en")],
)
def test_no_page_has_inline_script_or_style(username: str, language: str, told: Staff) -> None:
    client = signed_in(told[username])
    corrections = [f"/admin/corrections/correction/{row.pk}/change/" for row in Correction.objects.all()]
    for url in (*PAGES, *corrections):
        answer = client.get(url, headers={"accept-language": language})
        assert answer.status_code in {200, 403, 404}, (url, answer.status_code)
        assert "unsafe" not in answer["Content-Security-Policy"], url
        assert forbidden_in(answer.content.decode()) == [], url


def test_pages_that_stand_alone_have_none_either(client: Client) -> None:
    for template in ("500.html", "403_csrf.html"):
        assert forbidden_in(render_to_string(template)) == []
    assert forbidden_in(client.get("/admin/login/").content.decode()) == []


def test_parser_would_find_them() -> None:
    page = '<style></style><script>1</script><p style="x" onclick="y"><a href="javascript:z"><script src="/a.js">'
    assert len(forbidden_in(page)) == 5


def places(user: User) -> list[str]:
    return [place.label for place in signed_in(user).get("/admin/").context["navigation"].places]


def test_header_offers_each_role_its_places(told: Staff) -> None:
    assert places(told["wang.li"]) == ["Start", "Inbox", "Register", "Incidents"]
    assert places(told["li.qiang"]) == ["Start", "Queue", "Inbox", "Register", "Incidents", "Delegations"]
    watching = ["Reports", "Risk flags", "Events", "Policies", "Role requests", "Sign-ins"]
    decides = ["Start", "Queue", "Inbox", "Register"]
    assert places(told["song.yu"]) == [*decides, "Incidents", "Delegations", *watching]
    assert places(told["hu.bing"]) == ["Start", "Inbox", "People", "Accounts", "Roles", "Role requests", "Sign-ins"]
    assert places(told["ma.chao"]) == [*decides, "Delegations", "Policies"]


def test_every_link_of_the_header_opens(told: Staff) -> None:
    for username, user in told.items():
        client = signed_in(user)
        offered = client.get("/admin/").context["navigation"]
        for link in (*offered.places, *offered.records, offered.help):
            assert client.get(link.url).status_code == 200, (username, link)


def test_root_leads_to_the_start_page(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


def test_language_is_switched_by_a_post_and_no_link(told: Staff) -> None:
    page = signed_in(told["wang.li"]).get("/admin/help/").content.decode()
    form = re.search(r'<form class="desk-languages" method="post".*?</form>', page, re.DOTALL)
    assert form
    assert "csrfmiddlewaretoken" in form[0]
    assert 'value="/admin/help/"' in form[0]


def refusal_at_sign_in(username: str, password: str) -> str:
    answer = Client().post("/admin/login/", {"username": username, "password": password})
    assert answer.status_code == 200
    return " ".join(answer.context["form"].non_field_errors())


def test_deactivated_person_is_told_so_and_nobody_else_learns_of_it() -> None:
    mara = account("Mara")
    Person.objects.filter(pk=mara.person_id).update(is_active=False)
    assert "deactivated" in refusal_at_sign_in("mara", PASSWORD)
    assert "deactivated" not in refusal_at_sign_in("mara", "wrong")
    assert refusal_at_sign_in("mara", "wrong") == refusal_at_sign_in("nobody", "wrong")


def test_sign_in_page_speaks_the_browsers_language(client: Client) -> None:
    assert "用户名" in client.get("/admin/login/", headers={"accept-language": "zh-CN"}).content.decode()
    assert "User name" in client.get("/admin/login/", headers={"accept-language": "en"}).content.decode()


def test_superuser_is_told_that_he_decides_nothing(roles: None) -> None:
    assert "decides nothing" in signed_in(superuser("Sue")).get("/admin/").content.decode()


def test_app_list_stands_in_three_groups(told: Staff) -> None:
    from django.contrib import admin

    request = RequestFactory().get("/admin/")
    request.user = told["song.yu"]
    groups = {group["app_label"]: group["models"] for group in admin.site.get_app_list(request)}
    assert next(iter(groups)) == "records"
    assert {model["object_name"] for model in groups["people"]} == {"Person", "User", "Group"}
