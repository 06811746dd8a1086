"""What the history report costs per line, beside a floor of the same run that says nothing of corrections.

    DATABASE_URL=postgres://… uv run python -m tests.benchmarks.export
    uv run python -m tests.benchmarks.export --payouts 20000 --corrections 10000     (SQLite)

The floor is PostgreSQL's own COPY of the history table's plain columns, on SQLite the csv module over a bare cursor.
The report is measured whole, as the service makes it: query, sight, masks, safe cells, file, digest and event. Memory
is that of a run of its own, traced.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import tracemalloc
from typing import IO, Any

from tests.benchmarks._common import machine, prepare, say, scratch_database, table, timed

PAYOUTS, CORRECTIONS = 100_000, 40_000
PLAIN = (
    "history_id, history_date, history_type, history_source, history_actor, history_correction, id, number, branch_id, "
    "counterparty_bank, counterparty_account_masked, beneficiary_name, amount, currency, channel, status, failure_code"
)
REPORTS = (
    ("CSV, every field of every row", "csv", {"model": "accounts.payout", "written_by": "systems"}),
    ("CSV, corrections with signatures and evidence", "csv", {"written_by": "corrections"}),
    ("XLSX, corrections with signatures and evidence", "xlsx", {"written_by": "corrections"}),
)


def floor(file: IO[bytes]) -> int:
    """Rows of the plain history, written as fast as the database or the standard library can."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY (SELECT {PLAIN} FROM accounts_historicalpayout) TO STDOUT (FORMAT csv)") as copy:
                for block in copy:
                    file.write(block)
            return int(cursor.rowcount)
        cursor.execute(f"SELECT {PLAIN} FROM accounts_historicalpayout")
        with open(file.fileno(), "w", newline="", encoding="utf-8", closefd=False) as text:
            writer, count = csv.writer(text), 0
            while rows := cursor.fetchmany(2_000):
                writer.writerows(rows)
                count += len(rows)
        return count


def report(user: Any, kind: str, texts: dict[str, str], file: IO[bytes]) -> int:
    from corrections.reports.filters import parse
    from corrections.services.export import export_history

    return export_history(actor=user, filters=parse(texts), format=kind, file=file).rows


def peak_mb(user: Any, kind: str, texts: dict[str, str]) -> float:
    tracemalloc.start()
    with tempfile.TemporaryFile() as file:
        report(user, kind, texts, file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1024 / 1024


def measure() -> list[list[str]]:
    from backoffice.staff.models import User

    ana = User.objects.get(username="ana")
    with tempfile.TemporaryFile() as file:
        seconds, count = timed(lambda: floor(file))
    best = count / seconds
    lines = [["floor: plain columns", f"{count:,}", f"{seconds:.2f}", f"{best:,.0f}", "1.0", ""]]
    for label, kind, texts in REPORTS:
        with tempfile.TemporaryFile() as file:
            seconds, count = timed(lambda: report(ana, kind, texts, file))  # noqa: B023 (called at once)
        speed = count / seconds
        memory = f"{peak_mb(ana, kind, texts):.0f}"
        lines.append([label, f"{count:,}", f"{seconds:.2f}", f"{speed:,.0f}", f"{best / speed:.1f}", memory])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payouts", type=int, default=PAYOUTS)
    parser.add_argument("--corrections", type=int, default=CORRECTIONS)
    parser.add_argument("--keep", action="store_true", help="leave the scratch database behind")
    parser.add_argument("--reuse", action="store_true", help="measure a kept one again")
    options = parser.parse_args()
    prepare()
    with scratch_database(keep=options.keep, reuse=options.reuse) as is_new:
        if is_new:
            from tests.benchmarks.desk import build

            build(options.payouts, options.corrections)
        say(machine())
        say(table(["report", "lines", "seconds", "lines/s", "× floor", "peak MB"], measure()))


if __name__ == "__main__":
    main()
