"""Two people, or two processes, at the same moment: exactly one wins, and nothing happens twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection, connections

from corrections import services
from corrections.choices import State
from corrections.errors import CorrectionError
from corrections.models import Correction, EvidenceFile
from tests.corrections.services.desk import Desk, evidence_file

# SQLite lets one writer in at a time, so fewer rounds show as much.
ROUNDS = 200 if connection.vendor == "postgresql" else 20


def at_once(*calls: Callable[[], Any]) -> list[str]:
    """Runs the calls in threads that start together; gives "done" or the code of the refusal for each."""
    gate = threading.Barrier(len(calls))
    results = [""] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            call()
            results[index] = "done"
        except CorrectionError as refusal:
            results[index] = refusal.code
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def fresh(correction: Correction) -> Correction:
    return Correction.objects.get(pk=correction.pk)


def test_two_approvers_at_once_apply_once(desk: Desk) -> None:
    payout = desk.payout(amount=Decimal("1.00"))  # what the rounds add up to must stay in the lowest tier
    for round_number in range(ROUNDS):
        payout.refresh_from_db()
        rows = payout.history.count()
        correction = desk.submitted(payout, counterparty_bank=f"BANK{round_number}")
        results = at_once(
            partial(desk.approve, fresh(correction), actor=desk.chidi),
            partial(desk.approve, fresh(correction), actor=desk.carl),
        )
        assert sorted(results) == ["done", "illegal_state"], f"round {round_number}"
        assert payout.history.count() == rows + 1
        assert correction.decisions.count() == 1
        assert fresh(correction).state == State.APPLIED


def test_one_person_twice_at_once_decides_once(desk: Desk, two_steps: None) -> None:
    for _ in range(ROUNDS // 10):
        correction = desk.submitted()
        results = at_once(*[partial(desk.approve, fresh(correction)) for _ in range(4)])
        assert results.count("done") == 1
        assert set(results) == {"done", "person_has_decided_already"}
        assert fresh(correction).state == State.SUBMITTED


def test_approve_and_withdraw_at_once_end_in_one_of_both(desk: Desk) -> None:
    for _ in range(ROUNDS // 10):
        payout = desk.payout()
        correction = desk.submitted(payout)
        results = at_once(
            partial(desk.approve, fresh(correction)),
            partial(services.withdraw, actor=desk.mara, correction=fresh(correction), comment=""),
        )
        assert sorted(results) == ["done", "illegal_state"]
        payout.refresh_from_db()
        is_applied = fresh(correction).state == State.APPLIED
        assert payout.counterparty_bank == ("CMB" if is_applied else "ICBC")


def test_two_submissions_of_the_same_field_at_once_hold_it_once(desk: Desk) -> None:
    for _ in range(ROUNDS // 10):
        payout = desk.payout()
        drafts = [desk.draft(payout) for _ in range(2)]
        for draft in drafts:
            desk.attach(draft)
        results = at_once(*[partial(services.submit, actor=desk.mara, correction=draft) for draft in drafts])
        assert sorted(results) == ["done", "field_held_by_open_correction"]


def test_numbers_given_at_once_have_no_gap(desk: Desk) -> None:
    drafts = [desk.draft() for _ in range(8)]
    for draft in drafts:
        desk.attach(draft)
    assert at_once(*[partial(services.submit, actor=desk.mara, correction=draft) for draft in drafts]) == ["done"] * 8
    numbers = sorted(Correction.objects.values_list("number", flat=True))
    assert [int(number.rsplit("-", 1)[1]) for number in numbers] == list(range(1, 9))


def test_the_same_file_at_once_supports_one_correction(desk: Desk) -> None:
    drafts = [desk.draft() for _ in range(2)]
    results = at_once(
        *[
            partial(
                services.attach_evidence,
                actor=desk.mara,
                correction=draft,
                file=evidence_file("one and the same"),
                kind="letter",
            )
            for draft in drafts
        ]
    )
    assert sorted(results) == ["done", "evidence_used_on_another_correction"]
    assert EvidenceFile.objects.count() == 1


def test_apply_of_two_corrections_that_cross_does_not_deadlock(desk: Desk) -> None:
    for _ in range(ROUNDS // 10):
        one, two = desk.payout(), desk.payout()
        first = desk.draft(one, channel="B")
        services.add_change(actor=desk.mara, correction=first, target=two, values={"channel": "B"})
        second = desk.draft(two, counterparty_bank="CMB")
        services.add_change(actor=desk.mara, correction=second, target=one, values={"counterparty_bank": "CMB"})
        for draft in (first, second):
            desk.attach(draft)
            services.submit(actor=desk.mara, correction=draft)
        results = at_once(
            partial(desk.approve, fresh(first), actor=desk.chidi),
            partial(desk.approve, fresh(second), actor=desk.carl),
        )
        assert results == ["done", "done"]


def test_submissions_that_cross_do_not_deadlock(desk: Desk) -> None:
    """Rows are locked in one order, whatever order they were added in."""
    for _ in range(ROUNDS // 10):
        one, two = desk.payout(), desk.payout()
        first = desk.draft(one, channel="B")
        services.add_change(actor=desk.mara, correction=first, target=two, values={"channel": "B"})
        second = desk.draft(two, counterparty_bank="CMB")
        services.add_change(actor=desk.mara, correction=second, target=one, values={"counterparty_bank": "CMB"})
        for draft in (first, second):
            desk.attach(draft)
        results = at_once(
            partial(services.submit, actor=desk.mara, correction=fresh(first)),
            partial(services.submit, actor=desk.max, correction=fresh(second)),
        )
        assert results == ["done", "done"]
