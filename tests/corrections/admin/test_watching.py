"""While machines look at a large batch the page says how far they are, and ends with what came of it."""

from __future__ import annotations

import html
from typing import Any

import pytest

from accounts.models import LedgerAccount, Payout
from corrections.admin import _watching
from corrections.choices import State
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction
from tests.corrections.admin.pages import browser, verb_url
from tests.corrections.services.batches import draft_rows, payouts, submitted_rows
from tests.corrections.services.desk import Desk
from tests.factories.accounts import LedgerAccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_numbers(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows are large, machines look at four together, and every step is told at once."""
    for name in ("AT_ONCE_ROWS_MAX", "CHUNK_ROWS_SQLITE", "CHUNK_ROWS_POSTGRESQL"):
        setattr(settings, f"CORRECTIONS_BATCH_{name}", 10)
    settings.CORRECTIONS_BATCH_STAGE_ROWS = 4
    settings.CORRECTIONS_BATCH_WATCH_AFTER_SECONDS = 0
    monkeypatch.setattr(_watching, "EVERY_SECONDS", 0.0)


def drafted(desk: Desk, count: int = 11) -> Correction:
    correction = draft_rows(desk, payouts(desk, count))
    desk.attach(correction)
    return correction


def pieces(answer: Any) -> list[str]:
    assert answer.streaming
    assert answer.status_code == 200
    return [html.unescape(piece.decode()) for piece in answer.streaming_content]


def test_a_submission_says_how_far_it_is_and_goes_on(desk: Desk) -> None:
    correction = drafted(desk)
    answer = browser(desk.mara).post(verb_url("submit", correction))
    head, *steps, end, tail = pieces(answer)
    correction.refresh_from_db()
    assert correction.state == State.SUBMITTED
    assert "<h1>" in head
    assert "8 of 11 rows looked at" in steps[0]
    assert "11 of 11 rows looked at" in steps[1]
    assert '<progress value="8" max="11">' in steps[0]
    assert f"{correction.number} is submitted" in end
    assert f'<meta http-equiv="refresh" content="3; url={verb_url("change", correction)}">' in end
    assert f'href="{verb_url("change", correction)}"' in end
    assert tail.rstrip().endswith("</html>")
    assert "<script>" not in "".join([*steps, end])


def freeze(desk: Desk, payout: Payout) -> None:
    """The account that it is paid from is frozen: a machine check fails."""
    frozen = LedgerAccountFactory(status="frozen", branch=desk.shanghai)
    assert isinstance(frozen, LedgerAccount)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(source_account=frozen)


def test_a_refusal_stands_on_it_with_its_code_and_a_way_back(desk: Desk) -> None:
    targets = payouts(desk, 11, status="to_be_sent")
    freeze(desk, targets[3])
    correction = draft_rows(desk, list(Payout.objects.filter(pk__in=[row.pk for row in targets]).order_by("pk")))
    desk.attach(correction)
    *_steps, end, _tail = pieces(browser(desk.mara).post(verb_url("submit", correction)))
    correction.refresh_from_db()
    assert correction.state == State.DRAFT
    assert "machine_check_failed" in end
    assert "http-equiv" not in end
    assert f'href="{verb_url("change", correction)}"' in end


def test_a_refusal_gives_back_what_was_typed(desk: Desk) -> None:
    targets = payouts(desk, 11, status="to_be_sent")
    correction = submitted_rows(desk, targets)
    freeze(desk, targets[3])
    answers = {"digest": correction.digest, "comment": "Compared with <all> receipts."}
    *_steps, end, _tail = pieces(browser(desk.chidi).post(verb_url("approve", correction), answers))
    assert ">Compared with <all> receipts.</textarea>" in end


def test_whoever_goes_away_halfway_leaves_nothing(desk: Desk) -> None:
    correction, events = drafted(desk), AuditEvent.objects.count()
    answer = browser(desk.mara).post(verb_url("submit", correction))
    lines = iter(answer.streaming_content)
    next(lines), next(lines)
    answer._iterator.close()  # as a server does
    correction.refresh_from_db()
    assert (correction.state, AuditEvent.objects.count()) == (State.DRAFT, events)


def test_an_approval_is_watched_as_well(desk: Desk) -> None:
    correction = submitted_rows(desk, payouts(desk, 11))
    answer = browser(desk.chidi).post(verb_url("approve", correction), {"digest": correction.digest})
    *_steps, end, _tail = pieces(answer)
    correction.refresh_from_db()
    assert correction.state == State.APPLYING
    assert "you approved it" in end


def test_machines_that_look_at_a_draft_are_watched_as_well(desk: Desk) -> None:
    correction = drafted(desk)
    text = "".join(pieces(browser(desk.mara).post(verb_url("check", correction))))
    assert "11 of 11 rows looked at" in text
    assert correction.check_results.filter(moment="draft").exists()


def test_what_is_refused_before_machines_look_is_refused_as_ever(desk: Desk) -> None:
    correction = submitted_rows(desk, payouts(desk, 11))
    answer = browser(desk.chidi).post(verb_url("approve", correction), {"digest": "0" * 64})
    assert (answer.status_code, answer.streaming) == (409, False)


def test_a_small_batch_is_answered_as_ever(desk: Desk) -> None:
    answer = browser(desk.mara).post(verb_url("submit", drafted(desk, 3)))
    assert answer.status_code == 302


def test_a_look_that_is_soon_over_needs_no_page(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_BATCH_WATCH_AFTER_SECONDS = 600
    answer = browser(desk.mara).post(verb_url("submit", drafted(desk)))
    assert answer.status_code == 302
