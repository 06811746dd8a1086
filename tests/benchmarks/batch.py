"""A batch beside the bare UPDATE of the same values: what gate, staleness, history, images and outcomes cost.

    DATABASE_URL=postgres://… uv run tests/benchmarks/batch.py
    uv run tests/benchmarks/batch.py --rows 1000,10000 --table 100000 --rounds 1

In one run, on payouts in one table: the floor, an UPDATE … FROM a table of staged values without guards and history;
`bulk_update_with_history` of django-simple-history, on its own table with the same columns; the engine row by row; and
a batch as workers carry it out, chunk after chunk until it is applied. Every way writes rows that none has written
before in that size; they lie as far apart as the table allows, or side by side with --together. While the largest
batch is carried out, single corrections are made by hand in another session.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks._batches import FIRST, Rows, Spread, carried_out, rested, waiting
from tests.benchmarks._beside import EACH, WARM_UP, Beside, measured_beside
from tests.benchmarks._common import machine, peak_growth, prepare, say, scratch_database, table, timed

SIZES, TABLE, ROUNDS = (1_000, 10_000, 100_000, 1_000_000), 1_000_000, 3
# Beyond these they would take hours, and cost the same per row.
RIVAL_ROWS_MAX, SINGLE_ROWS_MAX = 100_000, 1_000
# A larger one is measured once, with corrections by hand beside it.
ROUNDS_ROWS_MAX = 100_000
AFTER = "C"
STAGED = "bench_staged"
BY_HAND = "PO-MORE-"


@dataclass
class Way:
    """Seconds of one way for so many rows, round by round, and by how much the process grew."""

    name: str
    rows: int
    seconds: list[float] = field(default_factory=list)
    grown_mb: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def per_row(self) -> float:
        return self.median / self.rows

    def times(self, other: Way) -> float:
        """Of each round by itself, since what else the machine does changes from round to round."""
        return statistics.median(one / two for one, two in zip(self.seconds, other.seconds, strict=True))


# The world


def build(payouts: int) -> Any:
    """A firm and its payouts; the rival's table has the same ones."""
    from django.db import connection

    from accounts.models import Payout
    from tests.benchmarks import _bulk as bulk
    from tests.benchmarks import _desk_business as business
    from tests.benchmarks.rival.models import RecordedPayout

    bulk.teach_sqlite()
    with connection.schema_editor() as editor:
        for model in (RecordedPayout, RecordedPayout.history.model):
            editor.create_model(model)
    firm = business.found_firm()
    first = business.open_accounts(firm)
    business.pay_out(firm, first, payouts, refused=business.ALL)
    columns = ", ".join(field.column for field in RecordedPayout._meta.concrete_fields)
    bulk.execute(
        f"INSERT INTO {RecordedPayout._meta.db_table} ({columns}) SELECT {columns} FROM {Payout._meta.db_table}"
    )
    list(business.more_payouts(firm, first, WARM_UP + 2 * EACH + 1))  # numbered BY_HAND
    bulk.execute(f"CREATE TABLE {STAGED} (pk bigint PRIMARY KEY, value varchar(16))")
    bulk.settle()
    return firm


# The ways


def floor(rows: Spread, value: str) -> float:
    """The bare UPDATE … FROM of staged values, without guards, history or images."""
    from django.db import transaction

    from corrections.engine import gate
    from tests.benchmarks import _bulk as bulk

    bulk.execute(f"DELETE FROM {STAGED}")
    bulk.execute(f"INSERT INTO {STAGED} SELECT id, '{value}' FROM accounts_payout WHERE {rows.sql}")
    bulk.execute(f"ANALYZE {STAGED}")
    rested("accounts_payout")
    gate.drop()

    def update() -> None:
        with transaction.atomic():
            sql = f"UPDATE accounts_payout SET counterparty_bank = s.value FROM {STAGED} s WHERE id = s.pk"
            if not bulk.is_postgresql():
                sql += f" AND id IN (SELECT pk FROM {STAGED})"
            assert bulk.execute(sql) == rows.count

    try:
        return timed(update)[0]
    finally:
        gate.install()


def rival(rows: Spread, value: str) -> float:
    """django-simple-history's bulk_update_with_history, as its documentation shows it; it takes whole instances."""
    from django.db import transaction
    from simple_history.utils import bulk_update_with_history

    from tests.benchmarks.rival.models import RecordedPayout

    def update() -> None:
        with transaction.atomic():
            found = list(rows.of(RecordedPayout))
            for row in found:
                row.counterparty_bank = value
            bulk_update_with_history(found, RecordedPayout, ["counterparty_bank"], batch_size=500)

    return timed(update)[0]


def one_by_one(actor: Any, rows: Spread, value: str) -> float:
    """The engine's path for an ordinary correction, in one transaction."""
    from corrections.choices import ROW_APPLIED
    from corrections.engine import gate, many
    from corrections.engine.apply import apply_changes, demand_images
    from corrections.models import Change

    correction = waiting(actor, rows, value)
    changes = list(correction.changes.order_by("position"))

    def apply() -> None:
        with gate.opened(actor=actor, correction=correction):
            apply_changes(changes)
            demand_images(changes)
            for change in changes:
                change.outcome = ROW_APPLIED
            Change.objects.bulk_update(changes, ["target_pk", "before_image", "after_image", "outcome"], batch_size=500)

    took, _result = timed(apply)
    with gate.opened(actor=actor, correction=correction):
        many.release_holds(correction, FIRST, FIRST + rows.count - 1)
    return took


def by_workers(actor: Any, rows: Spread, value: str) -> float:
    """What `run_worker` does with a large batch, its end included, but for the machine checks, which are told apart."""
    correction = waiting(actor, rows, value)
    took, (applied, checks) = timed(lambda: carried_out(correction))
    assert applied == rows.count
    say(f"    {rows.count:,} rows looked at once more by machine checks in {checks:.2f} s, told apart")
    return took - checks


# Measuring


Measured = dict[str, Way]  # by name
FLOOR, OURS, SINGLE, RIVAL = "floor: bare UPDATE", "batch by workers", "row by row", "bulk_update_with_history"


def measured(actor: Any, size: int, rounds: int, payouts: Rows, rivals: Rows) -> Measured:
    """The ways take turns, so that what else the machine does meets them alike."""
    works: dict[str, tuple[Callable[[Spread, str], float], Rows]] = {
        FLOOR: (floor, payouts),
        OURS: (lambda *its: by_workers(actor, *its), payouts),
    }
    if size <= SINGLE_ROWS_MAX:
        works[SINGLE] = (lambda *its: one_by_one(actor, *its), payouts)
    if size <= RIVAL_ROWS_MAX:
        works[RIVAL] = (rival, rivals)
    found = {name: Way(name, size) for name in works}
    for number in range(rounds):
        for name, (work, rows) in works.items():
            some = rows.take(size)
            with peak_growth() as grown:
                found[name].seconds.append(work(some, f"{AFTER}{size}{number}"))
            found[name].grown_mb = max(found[name].grown_mb, grown.mb)
    return found


def measured_largest(actor: Any, size: int, payouts: Rows) -> tuple[Measured, Beside]:
    """Once: the floor, and a batch with corrections by hand beside it."""
    least, ours = Way(FLOOR, size), Way(OURS + ", others beside", size)
    least.seconds.append(floor(payouts.take(size), f"{AFTER}{size}F"))
    beside = measured_beside(waiting(actor, payouts.take(size), f"{AFTER}{size}W"), by_hand())
    ours.seconds.append(beside.batch_seconds - beside.check_seconds)
    ours.grown_mb = beside.grown_mb
    return {FLOOR: least, OURS: ours}, beside


def by_hand() -> list[str]:
    """Numbers of payouts that no batch writes, as they were at first."""
    from accounts.models import Payout
    from corrections.gate import recorded_write
    from tests.benchmarks._desk_business import SOURCE

    found = Payout.objects.filter(number__startswith=BY_HAND)
    with recorded_write(source=SOURCE):
        found.update(counterparty_bank="ICBC")
    return list(found.order_by("number").values_list("number", flat=True))


def report(found: Measured) -> str:
    rows = [
        [
            f"{way.rows:>9,} {way.name}",
            f"{way.median:.2f}",
            f"{way.times(found[FLOOR]):.1f}",
            f"{1e6 * way.per_row:.1f}",
            f"{way.grown_mb:.0f}",
        ]
        for way in found.values()
    ]
    return table(["     rows", "median s", "× floor", "µs per row", "MB grown"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(str(size) for size in SIZES), help="sizes of batches, with commas")
    parser.add_argument("--table", type=int, default=TABLE, help="payouts in the table")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--together", action="store_true", help="rows that lie side by side in the table")
    parser.add_argument("--keep", action="store_true", help="leave the scratch database behind")
    parser.add_argument("--reuse", action="store_true", help="measure one that was left behind")
    options = parser.parse_args()
    sizes = sorted(int(part) for part in options.rows.split(","))
    prepare("tests.benchmarks.rival.settings")
    with scratch_database(keep=options.keep, reuse=options.reuse) as is_new:
        if is_new:
            build(options.table)
        run(sizes, options.rounds, is_together=options.together)


def run(sizes: list[int], rounds: int, *, is_together: bool) -> None:
    from accounts.models import Payout
    from backoffice.staff.models import User
    from tests.benchmarks import _bulk as bulk
    from tests.benchmarks.rival.models import RecordedPayout

    bulk.teach_sqlite()
    actor = User.objects.select_related("person").get(username="mara")
    payouts, rivals = (Rows(model, but=BY_HAND, is_together=is_together) for model in (Payout, RecordedPayout))
    say(f"{machine()}: a table of {payouts.count:,} payouts, {rounds} rounds")
    found: dict[int, Measured] = {}
    for size in sizes:
        if size <= ROUNDS_ROWS_MAX:
            found[size] = measured(actor, size, rounds, payouts, rivals)
            say(report(found[size]))
    largest, beside = measured_largest(actor, sizes[-1], payouts)
    say(report(largest))
    found.setdefault(sizes[-1], largest)
    for line in (*beside.lines(), *kept(found, beside, is_postgresql=bulk.is_postgresql())):
        say(line)


# What is promised, of 100,000 rows unless it says otherwise
FLOOR_TIMES_MAX = {True: 5, False: 6}  # on PostgreSQL, on SQLite
RIVAL_TIMES_MIN = 7  # on PostgreSQL
GROWN_MB_MAX, FLAT_TIMES_MAX, BESIDE_TIMES_MAX = 64, 1.5, 3
PROMISED_ROWS, FLAT_FROM_ROWS = 100_000, 10_000


def kept(found: dict[int, Measured], beside: Beside, *, is_postgresql: bool) -> Iterator[str]:
    """Each promise with what was measured; of what was not measured, nothing."""
    promised = found.get(PROMISED_ROWS)
    if promised and RIVAL in promised:
        times, bound = promised[OURS].times(promised[FLOOR]), FLOOR_TIMES_MAX[is_postgresql]
        yield _said(f"{PROMISED_ROWS:,} rows ÷ floor", times, f"at most {bound}", is_met=times <= bound)
        faster = promised[RIVAL].times(promised[OURS])
        bound = f"at least {RIVAL_TIMES_MIN}" if is_postgresql else "no bound on SQLite"
        is_met = faster >= RIVAL_TIMES_MIN or not is_postgresql
        yield _said(f"{PROMISED_ROWS:,} rows, faster than {RIVAL}", faster, bound, is_met=is_met)
    grown = max(ways[OURS].grown_mb for ways in found.values())
    yield _said("most MB that a worker grew by", grown, f"under {GROWN_MB_MAX}", is_met=grown < GROWN_MB_MAX)
    first = found.get(FLAT_FROM_ROWS)
    for size in (size for size in found if first and size > FLAT_FROM_ROWS):
        times = found[size][OURS].per_row / first[OURS].per_row if first else 0
        name = f"cost per row of {size:,} rows ÷ of {FLAT_FROM_ROWS:,}"
        yield _said(name, times, f"at most {FLAT_TIMES_MAX}", is_met=times <= FLAT_TIMES_MAX)
    if beside.ratio is not None:
        is_met = beside.ratio <= BESIDE_TIMES_MAX
        yield _said("a single correction beside ÷ quiet", beside.ratio, f"at most {BESIDE_TIMES_MAX}", is_met=is_met)


def _said(what: str, figure: float, bound: str, *, is_met: bool) -> str:
    return f"  {'kept  ' if is_met else 'MISSED'} {what}: {figure:.2f} ({bound})"


if __name__ == "__main__":
    main()
