"""One correction by hand while a batch is carried out in another session, beside the same when all is quiet."""

from __future__ import annotations

import multiprocessing
import secrets
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks._batches import carried_out
from tests.benchmarks._common import peak_growth, say, timed

EACH = 30  # corrections when all is quiet, and as many beside the batch
WARM_UP = 3
PARTS = 10
LAST_STEP = "approve and apply"


@dataclass
class Beside:
    """Seconds of whole corrections and of their last step, quiet and beside; and what the batch took meanwhile."""

    quiet: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    quiet_last: list[float] = field(default_factory=list)
    busy_last: list[float] = field(default_factory=list)
    batch_seconds: float = 0.0
    check_seconds: float = 0.0  # of them, in which machine checks looked at the rows once more
    grown_mb: float = 0.0

    @property
    def ratio(self) -> float | None:
        """None where the batch was over before a single one was."""
        return statistics.median(self.busy) / statistics.median(self.quiet) if self.busy else None

    def lines(self) -> Iterator[str]:
        for name, quiet, busy in (
            ()
            if self.ratio is None
            else (
                ("draft to applied", self.quiet, self.busy),
                (LAST_STEP, self.quiet_last, self.busy_last),
            )
        ):
            both = [1000 * statistics.median(some) for some in (quiet, busy)]
            yield (
                f"  a single correction, {name}: quiet {both[0]:.0f} ms, beside the batch {both[1]:.0f} ms "
                f"(median of {len(busy)}, slowest {1000 * max(busy):.0f} ms): {both[1] / both[0]:.1f} times"
            )


def measured_beside(correction: Any, numbers: list[str]) -> Beside:
    """Carries out the batch in a process of its own, and corrects these payouts by hand before and meanwhile."""
    found, left = Beside(), iter(numbers)
    for _time in range(WARM_UP):
        _by_hand(next(left), [], [])
    for _time in range(EACH):
        _by_hand(next(left), found.quiet, found.quiet_last)
    worker, told = _worker(correction)
    told.recv()  # it is about to begin
    while len(found.busy) < EACH and not told.poll():
        _by_hand(next(left), found.busy, found.busy_last)
        if told.poll():  # the batch is over: this one had it beside only in part
            found.busy.pop(), found.busy_last.pop()
    found.batch_seconds, found.check_seconds, found.grown_mb = told.recv()
    worker.join()
    say(
        f"    the batch took {found.batch_seconds:.1f} s, machine checks {found.check_seconds:.1f} s of them, "
        f"with {len(found.busy)} corrections by hand beside it"
    )
    for line in _pace(correction):
        say(line)
    return found


def _by_hand(number: str, whole: list[float], last: list[float]) -> None:
    from tests.benchmarks.corrections import one_correction

    total, after = 0.0, f"BANK{secrets.token_hex(4)}"  # the same change twice would be warned of, in a kept database
    for name, step in one_correction(number, after):
        took, _result = timed(step)
        total += took
        if name == LAST_STEP:
            last.append(took)
    whole.append(total)


def _worker(correction: Any) -> tuple[Any, Any]:
    """A worker's process, and what it tells: that it begins, then its seconds and the memory it took."""
    from django.db import connections

    connections.close_all()  # no connection is shared between two processes
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(correction, there))
    process.start()
    return process, here


def _work(correction: Any, told: Any) -> None:
    told.send("begun")
    with peak_growth() as grown:
        took, (_rows, checks) = timed(lambda: carried_out(correction))
    told.send((took, checks, grown.mb))


def _pace(correction: Any) -> Iterator[str]:
    """What a chunk took at the beginning and at the end, checks included: nothing may grow with what is done."""
    seconds = list(correction.chunks.order_by("number").values_list("seconds", flat=True))
    if part := len(seconds) // PARTS:
        first, last = statistics.median(seconds[:part]), statistics.median(seconds[-part:])
        yield f"    a chunk of the first tenth took {first:.2f} s, one of the last tenth {last:.2f} s"
