"""How long `load_pkdd99` takes, beside the least that any loader of these files could do in the same run.

    uv run python -m tests.benchmarks.load_pkdd99 ../shared/data/berka

The floor: splitting the files by the csv module, and inserting the very same rows with `executemany` into tables
without index, constraint, trigger or history. Works on a database of its own (see _common), and removes it afterwards.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from tests.benchmarks._common import machine, prepare, scratch_database, timed


def split_files(folder: Path) -> int:
    count = 0
    for path in sorted(folder.glob("*.asc")):
        with path.open(encoding="ascii", newline="") as file:
            count += sum(1 for _row in csv.reader(file, delimiter=";"))
    return count


def load(folder: Path) -> int:
    from accounts.loaders.pkdd99 import Load

    run = Load(folder, say=lambda line: None, bad=lambda problem: None)
    run.run()
    return run.added


def _tables() -> list[str]:
    from accounts import models

    names = "Branch Customer LedgerAccount AccountHolder BankCard LoanApplication Loan Payout JournalEntry Posting"
    return [getattr(models, name)._meta.db_table for name in names.split()]


def copies() -> list[tuple[str, list[Any]]]:
    """An empty, bare copy of each table, and the rows to put into it."""
    from django.db import connection

    found = []
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE 1 = 0")
            cursor.execute(f"SELECT * FROM {table}")
            found.append((table, cursor.fetchall()))
    return found


def insert_bare(rows_of: list[tuple[str, list[Any]]]) -> int:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in rows_of:
            if rows:
                places = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO bare_{table} VALUES ({places})", rows)
    return sum(len(rows) for _table, rows in rows_of)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    prepare()
    with scratch_database():
        _measure(folder)


def _measure(folder: Path) -> None:
    split_seconds, lines = timed(lambda: split_files(folder))
    load_seconds, added = timed(lambda: load(folder))
    again_seconds, _none = timed(lambda: load(folder))
    rows = copies()
    bare_seconds, inserted = timed(lambda: insert_bare(rows))
    floor = split_seconds + bare_seconds
    print(machine())
    for label, seconds, what in (
        ("split the files", split_seconds, f"{lines:,} lines"),
        ("bare insert", bare_seconds, f"{inserted:,} rows"),
        (
            "load_pkdd99",
            load_seconds,
            f"{added:,} records, sealed, checked, with history: {load_seconds / floor:.1f}x the floor",
        ),
        ("second run", again_seconds, "nothing to add"),
    ):
        print(f"  {label:<16} {seconds:7.2f} s  {what}")


if __name__ == "__main__":
    main()
