"""Web processes killed anywhere in the upload, the submission and the last signature of a batch: nothing is half done,
and the same act can be done again.

BATCH_KILL_SEED, BATCH_KILL_ROUNDS and BATCH_KILL_WEB_ROWS choose other rounds (tests/concurrency/test_batch_kill.py).
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from accounts.models import Payout
from corrections import services
from corrections.choices import State
from corrections.models import Batch, Correction
from tests.concurrency.large_batch import ROUNDS, SEED
from tests.concurrency.processes import at_statement, die, ended, say, spawn, statements_of
from tests.concurrency.test_races import fresh
from tests.corrections.services.batches import banks, payouts
from tests.corrections.services.desk import Desk, put_policy_in_force

ROWS = int(os.environ.get("BATCH_KILL_WEB_ROWS", "400"))
WEB_ROUNDS = max(2, ROUNDS // 5)  # each kills all three acts
DEATHS = 2  # of each act in a round
WITHIN_SECONDS_MAX = 0.02


@pytest.fixture(autouse=True)
def several_chunks(settings: Any, desk: Desk) -> None:
    put_policy_in_force(desk, [("checker", 1)])
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = ROWS // 4
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = ROWS // 4
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = ROWS // 4


def uploaded(desk: Desk, targets: list[Payout]) -> Correction:
    lines = ["number,counterparty_bank", *(f"{row.number},CMB" for row in targets), ""]
    return services.draft_batch(
        actor=desk.mara,
        model=Payout,
        file="\r\n".join(lines).encode(),
        filename="payouts.csv",
        reason="system_defect",
        note="The mapping wrote the wrong bank code.",
        expected_rows=len(targets),
    )


def submitted(desk: Desk, correction: Correction) -> Correction:
    return services.submit(actor=desk.mara, correction=correction)


def everything() -> dict[str, int]:
    """Rows of every table that an act of the desk writes, history and jobs included, and every state."""
    found = {model.__name__: model.objects.count() for model in apps.get_app_config("corrections").get_models()}
    found["moved"] = Payout.objects.exclude(counterparty_bank="ICBC").count()
    found["history"] = Payout.history.count()
    states = Correction.objects.values_list("pk", "number", "state")
    return found | {f"{pk} {number} {state}": 1 for pk, number, state in states}


def done_in_spite(act: Callable[[], Any], chance: random.Random, statements: int) -> int:
    """Kills the act at several places, finds nothing of it each time, and then does it. Gives how often it was killed.

    One that was killed after its commit is done; the caller looks whether wholly.
    """
    for deaths in range(DEATHS):
        place, after = chance.randint(1, statements), chance.choice((0.0, chance.uniform(0.001, WITHIN_SECONDS_MAX)))
        before = everything()
        code = ended(spawn(at_statement(place, die, act, after=after)))
        assert code in (0, -signal.SIGKILL), f"seed {SEED}, to be killed at statement {place}, {after:.4f} s later"
        if code == 0 or everything() != before:
            return deaths
    act()
    return DEATHS


def latest(state: str) -> Correction:
    return Correction.objects.filter(state=state).latest("pk")


def test_a_web_process_that_is_killed_in_any_act_leaves_nothing_half_done(desk: Desk) -> None:
    say(f"seed {SEED}, {WEB_ROUNDS} rounds, {ROWS} rows")
    lengths, deaths = statements_of_each_act(desk), 0
    for place in range(WEB_ROUNDS):
        chance = random.Random(f"{SEED}:web:{place}")
        targets = payouts(desk, ROWS)
        deaths += done_in_spite(partial(uploaded, desk, targets), chance, lengths[0])
        draft = latest(State.DRAFT)
        assert draft.changes.count() == Batch.objects.get(correction=draft).rows == ROWS
        desk.attach(draft)
        deaths += done_in_spite(partial(submitted, desk, draft), chance, lengths[1])
        correction = latest(State.SUBMITTED)
        assert correction.number
        deaths += done_in_spite(partial(desk.approve, correction), chance, lengths[2])
        assert fresh(correction).state == State.APPLYING
        assert correction.chunks.count() == 4
        assert ended(spawn(partial(call_command, "run_worker", "--once"))) == 0
        assert fresh(correction).state == State.APPLIED
        assert banks(targets) == ["CMB"] * ROWS
        assert Payout.history.filter(history_correction=correction.pk).count() == ROWS
    say(f"{deaths} web processes killed before their commit")
    assert deaths >= WEB_ROUNDS


def statements_of_each_act(desk: Desk) -> list[int]:
    targets = payouts(desk, ROWS)
    lengths = [statements_of(partial(uploaded, desk, targets))]
    desk.attach(latest(State.DRAFT))
    lengths.append(statements_of(partial(submitted, desk, latest(State.DRAFT))))
    return [*lengths, statements_of(partial(desk.approve, latest(State.SUBMITTED)))]
