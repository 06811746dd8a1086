"""The pages on which sampled rows of a batch are confirmed: ticks for whoever signs, and what was ticked on record."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.staff.models import User
from corrections import services
from corrections.models import Batch, Correction, Decision
from tests.corrections.admin.pages import browser, text_of, verb_url
from tests.corrections.reports.reading import lines
from tests.corrections.services.batches import draft_rows, payouts, submitted_rows
from tests.corrections.services.desk import Desk, put_policy_in_force

pytestmark = pytest.mark.django_db

SAID = "I compared this row with the evidence"


@pytest.fixture
def sampled(desk: Desk) -> Correction:
    put_policy_in_force(desk, [("checker", 2)], sample_rows=3)
    return submitted_rows(desk, payouts(desk, 25))


def drawn(correction: Correction) -> list[int]:
    positions: list[int] = Batch.objects.get(correction=correction).sample["positions"]
    return positions


def page_of(user: User, correction: Correction, **query: Any) -> str:
    return text_of(browser(user).get(verb_url("change", correction), query))


def approve(user: User, correction: Correction, **data: Any) -> Any:
    client = browser(user)
    client.get(verb_url("change", correction))
    return client.post(verb_url("approve", correction), {"digest": correction.digest, **data})


def ticks(page: str) -> list[int]:
    return [place for place in range(1, 100) if f'name="confirmed" value="{place}"' in page]


def test_whoever_signs_finds_a_tick_of_its_own_beside_each_sampled_row(desk: Desk, sampled: Correction) -> None:
    page = page_of(desk.chidi, sampled)
    assert ticks(page) == drawn(sampled)
    assert page.count(f"> {SAID}</label>") == 20
    assert f'aria-label="line {drawn(sampled)[0]}: {SAID}"' in page
    assert "Compare 3 rows with the evidence, one by one" in page
    assert 'data-confirming="3"' in page
    assert "Compare the rows drawn at random with the evidence, and tick them." in page


def test_who_does_not_sign_finds_none(desk: Desk, sampled: Correction) -> None:
    for user in (desk.mara, desk.ana):
        page = page_of(user, sampled)
        assert SAID not in page
        assert "Compare 3 rows" not in page


def test_without_such_a_policy_there_is_no_tick(desk: Desk) -> None:
    page = page_of(desk.chidi, submitted_rows(desk, payouts(desk, 3)))
    assert SAID not in page
    assert 'data-confirming="0"' in page


def test_missing_ticks_are_refused_and_those_that_were_set_stay(desk: Desk, sampled: Correction) -> None:
    one, two, three, *_others = drawn(sampled)
    answer = approve(desk.chidi, sampled, confirmed=[one, two])
    page = text_of(answer)
    assert answer.status_code == 400
    assert "(sampled_rows_are_not_confirmed)" in page
    for place, is_set in ((one, True), (two, True), (three, False)):
        assert (f'value="{place}" form="approve" data-confirm checked' in page) == is_set
    assert not Decision.objects.exists()


@pytest.mark.parametrize("lines", [["x", "-1", "1e3", "９", " "], ["999999999"]], ids=["no number", "not drawn"])
def test_other_ticks_than_those_of_the_page_sign_nothing(desk: Desk, sampled: Correction, lines: list[str]) -> None:
    answer = approve(desk.chidi, sampled, confirmed=lines)
    assert answer.status_code == 400
    assert not Decision.objects.exists()


def test_what_was_confirmed_stands_wherever_the_signature_does(desk: Desk, sampled: Correction) -> None:
    mine, theirs = drawn(sampled)[:3], drawn(sampled)[3:6]
    assert approve(desk.chidi, sampled, confirmed=mine).status_code == 302
    assert ticks(page_of(desk.carl, sampled)) == drawn(sampled)
    assert "data-confirm checked" not in page_of(desk.carl, sampled)
    assert approve(desk.carl, sampled, confirmed=theirs).status_code == 302
    for query in ({}, {"print": "1"}):
        page = page_of(desk.ana, sampled, **query)
        for places in (mine, theirs):
            assert f"compared with the evidence, lines: {', '.join(map(str, places))}" in page
    found = lines(desk.ana, written_by="corrections")[0]
    assert found["step_1_confirmed"] == ", ".join(map(str, mine))
    assert found["step_2_confirmed"] == ", ".join(map(str, theirs))


def test_the_maker_is_told_before_the_submission(desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)], sample_rows=3)
    draft = draft_rows(desk, payouts(desk, 5))
    services.check_draft(actor=desk.mara, correction=draft)
    assert "each approver compares 3 rows, drawn at random, with the evidence one by one" in page_of(desk.mara, draft)
    small = draft_rows(desk, payouts(desk, 1))
    services.check_draft(actor=desk.mara, correction=small)
    assert "each approver compares 1 row, drawn at random, with the evidence" in page_of(desk.mara, small)
