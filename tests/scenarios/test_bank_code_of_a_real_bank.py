"""A bank changes its code: the orders of a real bank are corrected by two files, and the second is taken back.

Figures are printed (`-s` shows them); the files of the bank are no part of this project.
"""

from __future__ import annotations

import csv
import io
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, Q

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.choices import RowStage, State, Verdict
from corrections.engine import rows
from corrections.files import open_table, write_xlsx
from corrections.models import Correction
from corrections.registry import registry
from corrections.services.batch_export import export_template
from tests.accounts.test_load_pkdd99 import REAL
from tests.concurrency.processes import CHUNK_WRITE, PATIENCE_SECONDS, at_statement, die, ended, say, spawn
from tests.corrections.services.desk import Desk, make_desk, put_policy_in_force
from tests.factories.staff import account

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not REAL.is_dir(), reason=f"the real bank's files are not at {REAL}; name them in PKDD99_DIR"),
]

ORDERS = 6_471
CHUNK_ROWS = 1_000
WRONG, RIGHT_LINE = "PK-00000", 4_000
LATER = "ZZ"


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - begun:.1f} s")


@pytest.fixture
def desk(settings: Any) -> Desk:
    """Of the whole bank: Mona makes and Cleo checks everywhere."""
    settings.CORRECTIONS_POLICY_CURRENCY = "CZK"
    settings.CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX = CHUNK_ROWS
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE = CHUNK_ROWS
    settings.CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL = CHUNK_ROWS
    desk = make_desk()
    desk.mara, desk.chidi = account("Mona", "maker"), account("Cleo", "checker")
    put_policy_in_force(desk, [("checker", 1)])
    with timed("the real bank loaded"):
        call_command("load_pkdd99", str(REAL), stdout=io.StringIO())
    assert Payout.objects.count() == ORDERS
    return desk


def template(maker: User, where: Q) -> list[list[str]]:
    """The model's fields with these records filled in, as downloaded."""
    file = io.BytesIO()
    entry = registry.get(Payout)
    assert entry is not None
    export_template(actor=maker, entry=entry, file=file, format="xlsx", where=where)
    table = open_table(file.getvalue(), "template.xlsx")
    return [list(table.reading.header), *(list(line.cells) for line in table.lines())]


def with_codes(lines: list[list[str]], codes: dict[str, str]) -> list[list[str]]:
    """The same file with the new code of each bank beside the present one, which is compared."""
    now, new = lines[0].index("counterparty_bank:now"), lines[0].index("counterparty_bank")
    return [lines[0], *([*line[:new], codes[line[now]], *line[new + 1 :]] for line in lines[1:])]


def uploaded(desk: Desk, lines: list[list[str]], name: str) -> Correction:
    return services.draft_batch(
        actor=desk.mara,
        model=Payout,
        file=content(lines, name),
        filename=name,
        reason="system_defect",
        note="The clearing house gave the banks other codes.",
        expected_rows=len(lines) - 1,
    )


def content(lines: list[list[str]], name: str) -> bytes:
    if name.endswith(".xlsx"):
        return b"".join(write_xlsx(lines))
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def signed(desk: Desk, draft: Correction) -> Correction:
    desk.attach(draft)
    correction = services.submit(actor=desk.mara, correction=draft)
    desk.approve(correction)
    return Correction.objects.get(pk=correction.pk)


def work() -> None:
    """The command, until no batch is under way: what somebody else still has is waited for."""
    last = time.monotonic() + PATIENCE_SECONDS
    while Correction.objects.filter(state=State.APPLYING).exists():
        assert time.monotonic() < last, "The batch never came to its end."
        call_command("run_worker", "--once", stdout=io.StringIO())
        time.sleep(0.02)


def codes() -> dict[str, int]:
    found = Payout.objects.order_by().values("counterparty_bank").annotate(n=Count("pk"))
    return dict(found.values_list("counterparty_bank", "n"))


def images() -> dict[int, Any]:
    entry: Any = registry.get(Payout)
    return {row.pk: rows.image(entry, row) for row in Payout.objects.all()}


def test_the_code_of_a_bank_is_migrated_by_files_and_taken_back(desk: Desk) -> None:
    at_first = codes()
    _one_bank_by_a_workbook(desk, at_first)
    before = images()
    second = _all_banks_by_a_second_file(desk)
    moved = _three_move_on(desk)
    _taken_back(desk, second, before, moved)


def _one_bank_by_a_workbook(desk: Desk, at_first: dict[str, int]) -> None:
    lines = with_codes(template(desk.mara, Q(counterparty_bank="QR")), {"QR": "QX"})
    assert len(lines) - 1 == at_first["QR"]
    say(f"{at_first['QR']} orders of bank QR")
    with timed("QR becomes QX, from file to applied"):
        assert signed(desk, uploaded(desk, lines, "qr.xlsx")).state == State.APPLIED
    assert codes() == {("QX" if code == "QR" else code): count for code, count in at_first.items()}


def _all_banks_by_a_second_file(desk: Desk) -> Correction:
    lines = with_codes(template(desk.mara, Q()), {code: f"{code}CZ" for code in codes()})
    right = lines[RIGHT_LINE]
    key = lines[0].index("number")
    lines[RIGHT_LINE] = [WRONG if at == key else cell for at, cell in enumerate(right)]
    with timed("all orders uploaded"):
        draft = uploaded(desk, lines, "all.csv")
    bad = draft.row_findings.get(stage=RowStage.STAGING, verdict=Verdict.FAIL)
    assert (bad.position, bad.column, bad.value) == (RIGHT_LINE + 1, "number", WRONG)
    say(f"refused: line {bad.position}, {bad.column} “{bad.value}”: {bad.message}")
    lines[RIGHT_LINE] = right
    draft = services.replace_bad_rows(
        actor=desk.mara, correction=draft, file=content(lines, "all.csv"), filename="all.csv"
    )
    assert (draft.batch.bad_rows, draft.changes.count()) == (0, ORDERS)
    with timed("all orders submitted and signed"):
        correction = signed(desk, draft)
    assert correction.state == State.APPLYING
    _by_two_workers_of_which_one_is_killed()
    assert Correction.objects.get(pk=correction.pk).state == State.APPLIED
    assert all(code.endswith("CZ") for code in codes())
    assert Payout.history.filter(history_correction=correction.pk).count() == ORDERS
    return correction


def _by_two_workers_of_which_one_is_killed() -> None:
    with timed("applied by two workers of which one is killed"):
        lives, dies = spawn(work), spawn(at_statement(2, die, work, of=CHUNK_WRITE))
        assert ended(dies) == -signal.SIGKILL
        assert ended(lives) == 0


def _three_move_on(desk: Desk) -> set[int]:
    chosen = list(Payout.objects.order_by("number")[:ORDERS:2_500])
    for row in chosen:
        draft = desk.draft(row, counterparty_bank=LATER)
        assert signed(desk, draft).state == State.APPLIED
    assert len(chosen) == 3
    return {row.pk for row in chosen}


def _taken_back(desk: Desk, correction: Correction, before: dict[int, Any], moved: set[int]) -> None:
    draft = services.revert(
        actor=desk.mara, correction=correction, reason="operator_error", note="The clearing house took it back."
    )
    listed = {(one["record"], one["now"]) for one in draft.moved_on}
    assert listed == {
        (number, LATER) for number in Payout.objects.filter(pk__in=moved).values_list("number", flat=True)
    }
    assert draft.changes.count() == ORDERS - 3
    with timed("taken back, from submission on"):
        assert signed(desk, draft).state == State.APPLYING
        assert ended(spawn(work)) == 0
    after = images()
    assert {pk for pk in before if before[pk] != after[pk]} == moved
    assert Correction.objects.get(pk=correction.pk).state == State.APPLIED  # three of its values were left alone
    say(f"{len(moved)} listed, {ORDERS - len(moved):,} restored")
