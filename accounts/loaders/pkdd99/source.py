"""The eight files of the bank as typed rows; what a row means for our tables is in mapping.py.

A row that can't be used is named (file, line, column, problem, remedy) and left out; it never stops the others.
A folder without the files, or with other columns than published, is unusable as a whole.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

LINE_CHARS_MAX = 4_096
FILE_ROWS_MAX = 5_000_000
MONTHS_MAX = 600

Row = dict[str, Any]
Convert = Callable[[str], Any]


class UnusableSourceError(Exception):
    """The folder as a whole can't be loaded; the message says what to do."""


@dataclass(eq=False)
class RowError(Exception):
    """One row that was left out, and why."""

    file: str
    line: int
    column: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}, column {self.column}: {self.problem}. {self.remedy}."


class ValueProblemError(Exception):
    """A value that can't be used: problem and remedy; the column where the reader doesn't know it already."""

    def __init__(self, problem: str, remedy: str, *, column: str = "") -> None:
        super().__init__(problem)
        self.problem, self.remedy, self.column = problem, remedy, column


def key(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueProblemError(f"“{text[:20]}” is not a key", "Write a whole number of at most nine digits")
    return int(text)


def months(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MONTHS_MAX:
        raise ValueProblemError(f"“{text[:20]}” is not a term", f"Write 1 to {MONTHS_MAX} months")
    return int(text)


def money(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,2})?", text) or not Decimal(text):
        raise ValueProblemError(
            f"“{text[:20]}” is not an amount above zero", "Write digits, a point and at most two decimals"
        )
    return Decimal(text)


def day(text: str) -> date:
    """YYMMDD of the twentieth century; a time of day behind it is dropped."""
    found = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{2})( 00:00:00)?", text)
    try:
        if found:
            return date(1900 + int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise ValueProblemError(f"“{text[:20]}” is not a date", "Write YYMMDD")


def birth_number(text: str) -> str:
    if not re.fullmatch(r"[0-9]{6}", text):
        # The value is an identity number: it is not repeated in the message.
        raise ValueProblemError("the birth number is not six digits", "Write YYMMDD, the month plus 50 for women")
    return text


def account_number(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,16}", text):
        raise ValueProblemError("the account number is not 1 to 16 digits", "Write the digits only")
    return text


def name(text: str) -> str:
    if not 1 <= len(text) <= 80 or not text.isascii():
        raise ValueProblemError("the name is empty, longer than 80 characters or not ASCII", "Write it in ASCII")
    return text


def word(text: str) -> str:
    """A code that may be missing (the files write it as nothing or as one space)."""
    if len(text) > 24:
        raise ValueProblemError("the code is longer than 24 characters", "Write the published code")
    return text.strip()


def anything(text: str) -> str:
    return text


def one_of(*known: str) -> Convert:
    def convert(text: str) -> str:
        if text not in known:
            raise ValueProblemError(f"“{text[:20]}” is not known", f"Write one of {', '.join(known)}")
        return text

    return convert


@dataclass(frozen=True)
class SourceFile:
    name: str
    columns: dict[str, Convert]

    @property
    def key_column(self) -> str:
        return next(iter(self.columns))

    def problem(self, line: int, value: ValueProblemError, column: str = "") -> RowError:
        return RowError(self.name, line, value.column or column, value.problem, value.remedy)


_DEMOGRAPHICS = {f"A{n}": anything for n in range(4, 17)}

DISTRICTS = SourceFile("district.asc", {"A1": key, "A2": name, "A3": name, **_DEMOGRAPHICS})
CLIENTS = SourceFile("client.asc", {"client_id": key, "birth_number": birth_number, "district_id": key})
ACCOUNTS = SourceFile("account.asc", {"account_id": key, "district_id": key, "frequency": word, "date": day})
DISPONENTS = SourceFile(
    "disp.asc",
    {"disp_id": key, "client_id": key, "account_id": key, "type": one_of("OWNER", "DISPONENT")},
)
CARDS = SourceFile(
    "card.asc",
    {"card_id": key, "disp_id": key, "type": one_of("classic", "gold", "junior"), "issued": day},
)
LOANS = SourceFile(
    "loan.asc",
    {
        "loan_id": key,
        "account_id": key,
        "date": day,
        "amount": money,
        "duration": months,
        "payments": money,
        "status": one_of("A", "B", "C", "D"),
    },
)
ORDERS = SourceFile(
    "order.asc",
    {
        "order_id": key,
        "account_id": key,
        "bank_to": name,
        "account_to": account_number,
        "amount": money,
        "k_symbol": word,
    },
)
TRANSACTIONS = SourceFile(
    "trans.asc",
    {
        "trans_id": key,
        "account_id": key,
        "date": day,
        "type": one_of("PRIJEM", "VYDAJ", "VYBER"),
        "operation": word,
        "amount": money,
        "balance": anything,
        "k_symbol": word,
        "bank": word,
        "account": anything,
    },
)
FILES = (DISTRICTS, CLIENTS, ACCOUNTS, DISPONENTS, CARDS, LOANS, ORDERS, TRANSACTIONS)


def check_folder(folder: Path) -> None:
    """Raises UnusableSourceError unless all files are there with the published columns."""
    if not folder.is_dir():
        raise UnusableSourceError(f"{folder} is not a folder. Name the folder that holds district.asc and the others.")
    missing = [source.name for source in FILES if not (folder / source.name).is_file()]
    if missing:
        raise UnusableSourceError(f"{folder} lacks {', '.join(missing)}. All eight files are needed.")
    for source in FILES:
        _check_header(folder, source)


def _check_header(folder: Path, source: SourceFile) -> None:
    with (folder / source.name).open(encoding="ascii", errors="replace", newline="") as file:
        found = _split(file.readline(LINE_CHARS_MAX))
    if found != list(source.columns):
        raise UnusableSourceError(
            f"{source.name} doesn't begin with the columns {';'.join(source.columns)}. Use the published files."
        )


def _split(line: str) -> list[str] | None:
    """The cells of one line, or nothing where its quotes don't close. Each line stands for itself, so that one
    stray quote can't swallow the rest of the file."""
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=";", strict=True), None)
    except csv.Error:
        return None


def rows(folder: Path, source: SourceFile, bad: Callable[[RowError], None]) -> Iterator[tuple[int, Row]]:
    """Line number and typed row; rows that can't be used go to `bad`."""
    seen: set[int] = set()
    with (folder / source.name).open(encoding="ascii", errors="replace", newline="") as file:
        file.readline(LINE_CHARS_MAX)
        for line_number, line in enumerate(iter(lambda: file.readline(LINE_CHARS_MAX), ""), start=2):
            if line_number > FILE_ROWS_MAX:
                raise UnusableSourceError(f"{source.name} has more than {FILE_ROWS_MAX:,} rows. Split it.")
            if not line.strip():
                continue
            try:
                yield line_number, _typed(source, line_number, line, seen)
            except RowError as problem:
                bad(problem)


def _typed(source: SourceFile, line_number: int, line: str, seen: set[int]) -> Row:
    cells = _split(line)
    if cells is None or len(cells) != len(source.columns):
        raise RowError(
            source.name,
            line_number,
            source.key_column,
            f"{len(source.columns)} cells expected, {len(cells or ())} found",
            "Separate cells by semicolons and close every quote",
        )
    row: Row = {}
    for (column, convert), text in zip(source.columns.items(), cells, strict=True):
        try:
            row[column] = convert(text)
        except ValueProblemError as value:
            raise source.problem(line_number, value, column) from None
    return _once(source, line_number, row, seen)


def _once(source: SourceFile, line_number: int, row: Row, seen: set[int]) -> Row:
    identifier = row[source.key_column]
    if identifier in seen:
        raise RowError(
            source.name, line_number, source.key_column, f"{identifier} appears twice", "Remove the second row"
        )
    seen.add(identifier)
    return row
