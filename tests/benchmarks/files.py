"""What reading and writing a file of rows costs, beside libraries that look at less; no database.

    uv run python -m tests.benchmarks.files
    uv run python -m tests.benchmarks.files --rows 1000000

Six columns of text. The floor of CSV is the csv module over the decoded text; that of XLSX is python-calamine, which
tells neither hidden rows, nor formulas, nor formats. Seconds are of this process alone; memory is that of a process
of its own: what it grew by while the file was opened and all its lines were read.
"""

from __future__ import annotations

import argparse
import csv
import io
import multiprocessing
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import process_time

from tests.benchmarks._common import machine, prepare, say, table

ROWS = 100_000
COLUMNS = ("id", "number", "amount", "status", "counterparty_bank", "beneficiary_name")
KILOBYTES_PER_MB = 1024


def rows(count: int) -> Iterator[Sequence[str]]:
    yield COLUMNS
    for n in range(count):
        yield str(n), f"P{n:010d}", f"{n * 1.37:.2f}", "failed", f"{n % 1000:04d}", f"张三 Wang {n}"


def seconds(work: Callable[[], object]) -> float:
    begun = process_time()
    work()
    return process_time() - begun


def read(path: Path) -> int:
    from corrections.files import open_table

    return sum(1 for _line in open_table(path.read_bytes(), path.name).lines())


def floor_csv(path: Path) -> int:
    return sum(1 for _row in csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def floor_xlsx(path: Path) -> int:
    import python_calamine

    return len(python_calamine.load_workbook(str(path)).get_sheet_by_index(0).to_python())


def shared_strings(path: Path, count: int) -> None:
    """As Excel writes a workbook: texts in a part of their own."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    for place, row in enumerate(rows(count)):
        sheet.write_row(place, 0, row)
    book.close()


def grown_mb(path: Path) -> float:
    with multiprocessing.get_context("spawn").Pool(1, initializer=prepare) as pool:
        return pool.apply(_grown, (path,))


def _grown(path: Path) -> float:
    import corrections.files  # noqa: F401  what is imported is no memory of the file

    content = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert content
    read(path)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / KILOBYTES_PER_MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    count = parser.parse_args().rows
    folder = prepare()
    from corrections.files import write_csv, write_xlsx

    say(f"{machine()}; {count:,} rows of {len(COLUMNS)} columns")
    lines = []
    for name, make, floor in (
        ("ours.csv", write_csv, floor_csv),
        ("ours.xlsx", write_xlsx, floor_xlsx),
        ("excel.xlsx", None, floor_xlsx),
    ):
        path = folder / name
        if make is None:
            shared_strings(path, count)
            written = ""
        else:
            written = f"{seconds(lambda path=path, make=make: path.write_bytes(b''.join(make(rows(count))))):.2f}"
        reading = seconds(lambda path=path: read(path))
        floor_seconds = seconds(lambda path=path, floor=floor: floor(path))
        lines.append([name, written, f"{reading:.2f}", f"{floor_seconds:.2f}", f"{grown_mb(path):.0f}"])
    say(table(["file", "write s", "open and read s", "floor s", "grown MB"], lines))


if __name__ == "__main__":
    main()
