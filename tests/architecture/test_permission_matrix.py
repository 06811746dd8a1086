"""Every address of the site × every kind of visitor × what stands in one's own and in another branch.

What each must get stands in tests/matrix/table.txt. Closed by default: an address without a line there fails.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import reverse
from django.utils import translation

from corrections.admin import _pages
from corrections.admin.decide import VERBS
from corrections.registry import registry
from tests.matrix.addresses import site_addresses
from tests.matrix.asking import Asker
from tests.matrix.table import TABLE, Line, lines
from tests.matrix.world import World, make_world

# Addresses about one object that is no branch's; all others need a line for what stands elsewhere.
OF_NO_BRANCH = re.compile(
    r"staff_|auth_|app_list|/admin/|sandbox_|taggit_|accounts_staffcard_|"
    r"corrections_(inbox|incident|policy|policystep|flagrule|exchangerate|calendarday)_"
)
# Pages of one record, or of one correction, that a list leads to.
LISTED = re.compile(r"((?:accounts|sandbox|taggit|corrections)_(?!incident)[a-z]+)_change")
CARRIED_OUT = {"done", "rec"}


PARTS = 4  # the many questions are shared out, so that several workers ask them


@pytest.fixture(scope="module")
def world(rows_of_module: None, django_db_blocker: Any) -> World:
    with django_db_blocker.unblock(), translation.override("en"):
        return make_world()


@pytest.fixture
def asker(world: World, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asker]:
    """Thousands of refusals are meant: they are not logged, and their pages are not drawn each time."""
    monkeypatch.setattr("backoffice.urls.handler403", _bare(403))
    monkeypatch.setattr("backoffice.urls.handler404", _bare(404))
    monkeypatch.setattr(_pages, "render", _bare_when_refused(_pages.render))
    logging.disable(logging.ERROR)
    yield Asker(world)
    logging.disable(logging.NOTSET)


def _bare(status: int) -> Callable[..., HttpResponse]:
    return lambda request, exception: HttpResponse(status=status)


def _bare_when_refused(render: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def drawn(*args: Any, status: int = 200, **kwargs: Any) -> HttpResponse:
        return render(*args, status=status, **kwargs) if status == 200 else HttpResponse(status=status)

    return drawn


# The table is complete


def test_every_address_has_its_line_and_every_line_its_address() -> None:
    known = {line.key.partition("@")[0] for line in lines()}
    missing = sorted(set(site_addresses()) - known)
    assert not missing, f"Say in {TABLE.name} who may open these, and who may not: {missing}"
    gone = sorted(known - set(site_addresses()))
    assert not gone, f"These lines of {TABLE.name} are about no address: {gone}"


def test_every_address_is_asked_by_get_and_by_post() -> None:
    asked = defaultdict(set)
    for line in lines():
        asked[line.key].add(line.method)
    lacking = sorted(key for key in site_addresses() if asked[key] != {"GET", "POST"})
    assert not lacking, f"Add the lines of the other method to {TABLE.name}: {lacking}"


def test_what_is_about_an_object_is_asked_in_both_branches() -> None:
    subjects = defaultdict(set)
    for line in lines():
        subjects[line.key].add(line.subject)
    about_one = [key for key, route in site_addresses().items() if "<" in route and not OF_NO_BRANCH.match(key)]
    lacking = sorted(key for key in about_one if not {"here", "there"} <= subjects[key])
    assert not lacking, f"Add the lines of the other branch to {TABLE.name}: {lacking}"


def test_no_cell_is_said_twice() -> None:
    seen = [(line.key, line.subject, line.method) for line in lines()]
    assert sorted(seen) == sorted(set(seen))


# The site answers as the table says


@pytest.mark.parametrize("part", range(PARTS))
def test_every_cell_is_answered_as_the_table_says(asker: Asker, part: int) -> None:
    """Also that what is refused writes nothing, and that what is carried out writes something."""
    assert {entry.key for entry in registry.entries()} == set(asker.world.here.records)
    wrong = [
        f"{line} as {visitor}: {answer}, not {expected}"
        for line in lines()[part::PARTS]
        for visitor, expected in line.answers.items()
        if (answer := asker.ask(visitor, line.key, line.subject, line.method)) != expected
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_nothing_is_carried_out_without_the_token_of_our_own_form(asker: Asker) -> None:
    posts = [
        (line, _first(line)) for line in lines() if line.method == "POST" and CARRIED_OUT & set(line.answers.values())
    ]
    assert len(posts) > len(VERBS)
    for line, visitor in posts:
        assert asker.ask(visitor, line.key, line.subject, "POST", with_token=False) == "403", line


def _first(line: Line) -> str:
    return next(visitor for visitor, answer in line.answers.items() if answer in CARRIED_OUT)


def test_other_methods_change_nothing(asker: Asker) -> None:
    keys = ("corrections_correction_approve", "accounts_payout_change", "accounts_payout_propose")
    for key, method in itertools.product(keys, ("PUT", "PATCH", "DELETE")):
        assert asker.ask("make", key, "here", method) in {"403", "404", "405"}, key
        assert asker.ask("chck", key, "here", method) in {"403", "404", "405"}, key


def test_lists_show_exactly_what_may_be_opened(asker: Asker) -> None:
    """A list links to a record where the table lets the record be opened, and else doesn't mention it."""
    wrong = []
    for line in lines():
        if line.method != "GET" or not (match := LISTED.fullmatch(line.key)) or line.subject not in {"here", "there"}:
            continue
        place = asker.world.place(line.subject)
        row = place.corrections["submitted"] if match[1] == "corrections_correction" else _record(asker, line, match[1])
        link = f'"{reverse(f"admin:{line.key}", args=[row.pk])}"'
        for visitor, expected in line.answers.items():
            shown = link in asker.page(visitor, f"{match[1]}_changelist")
            if shown != (expected == "ok"):
                wrong.append(f"{line} as {visitor}: {'shown' if shown else 'missing'} in the list")
    assert not wrong, "\n" + "\n".join(wrong)


def _record(asker: Asker, line: Line, name: str) -> object:
    return asker.world.place(line.subject).records[name.replace("_", ".")]
