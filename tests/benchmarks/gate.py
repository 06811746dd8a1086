"""What the gate and its history cost: one UPDATE of many rows, bare and guarded, in the same run.

    uv run python -m tests.benchmarks.gate [ROWS_CHANGED [ROWS]]

Works on a database of its own (see _common), and removes it afterwards.
"""

from __future__ import annotations

import sys

from tests.benchmarks._common import machine, prepare, scratch_database, timed

CHANGED_DEFAULT, ROWS_DEFAULT, ROUNDS = 100_000, 1_000_000, 3

COLUMNS = "(id, code, address, price, weight, is_lost, details)"
FILL = {
    "sqlite": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
        f"INSERT INTO sandbox_parcel {COLUMNS} "
        "SELECT i, 'P' || i, i || ' Old Road', i, i, 0, '{\"size\": \"M\"}' FROM n"
    ),
    "postgresql": (
        f"INSERT INTO sandbox_parcel {COLUMNS} "
        "SELECT i, 'P' || i, i || ' Old Road', i, i, false, '{\"size\": \"M\"}' FROM generate_series(1, %s) i"
    ),
}
UPDATE = "UPDATE sandbox_parcel SET address = address || '!', weight = weight + 1 WHERE id > %s AND id <= %s"


def update(first: int, changed: int) -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UPDATE, [first, first + changed])
        assert cursor.rowcount == changed


def fill(rows: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(FILL[connection.vendor], [rows])
        cursor.execute("ANALYZE")


def guarded_update(first: int, changed: int) -> None:
    from corrections.engine.gate import recorded_write

    with recorded_write(source="benchmark", reason="measured"):
        update(first, changed)


def measure(changed: int, rows: int) -> dict[str, list[float]]:
    """Seconds per round; bare and guarded take turns on ranges that neither has touched, so both meet cold rows."""
    from corrections.engine.gate import drop, install

    drop()
    fill(rows)
    found: dict[str, list[float]] = {"bare": [], "guarded": []}
    for number in range(ROUNDS):
        drop()
        found["bare"].append(timed(lambda n=number: update(2 * n * changed, changed))[0])
        install()
        found["guarded"].append(timed(lambda n=number: guarded_update((2 * n + 1) * changed, changed))[0])
    return found


def main() -> None:
    changed, rows = [*(int(part) for part in sys.argv[1:]), CHANGED_DEFAULT, ROWS_DEFAULT][:2]
    rows = max(rows, 2 * ROUNDS * changed)
    prepare()
    with scratch_database():
        found = measure(changed, rows)
        where = machine()
    floor = min(found["bare"])
    print(f"{where}: UPDATE of {changed:,} of {rows:,} rows, best of {ROUNDS}")
    for name, seconds in found.items():
        best = min(seconds)
        print(f"  {name:8} {best:6.2f} s  {best / floor:4.1f}×  {1e6 * best / changed:5.1f} µs per row")


if __name__ == "__main__":
    main()
