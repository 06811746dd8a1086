"""The demo's batches: applied, waiting with a bad row left out, with bad rows to mend, paused, and stopped half way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test.utils import override_settings

from accounts.models import LedgerAccount, Payout, Repayment
from backoffice.demo import papers
from backoffice.demo.stage import DORMANT_SOURCE, Stage
from backoffice.staff.machines import machine
from corrections import services
from corrections.choices import EvidenceKind, OnBadRow, Reason, State
from corrections.files import write_csv
from corrections.gate import recorded_write
from corrections.models import Correction
from corrections.services import batch_run

WORKER = "run_worker"
# As small as these files are, a worker would have nothing to do; for these stories three rows are many.
IN_SMALL_CHUNKS = {
    "CORRECTIONS_BATCH_AT_ONCE_ROWS_MAX": 2,
    "CORRECTIONS_BATCH_CHUNK_ROWS_SQLITE": 2,
    "CORRECTIONS_BATCH_CHUNK_ROWS_POSTGRESQL": 2,
}
RENUMBERED = "The clearing house gave these instalments new references; its list is attached. 清算机构重新编号。"
UNNAMED = "The chart of accounts names the branch in both languages since October. 科目名称补充中文机构名。"


def references(loan: int) -> list[list[str]]:
    """A new channel reference for each instalment of a loan."""
    found = Repayment.objects.filter(loan__number=f"LN-2026-{loan:04d}").order_by("reference")
    return [[row.reference, f"N{row.channel_reference}"] for row in found]


def names(branch: str) -> list[list[str]]:
    """Names in both languages for the internal accounts of a branch."""
    found = LedgerAccount.objects.filter(branch__code=branch, kind="internal").order_by("number")
    return [[row.number, f"{row.name} · {row.branch}"] for row in found]


def second_gateway(*numbers: int) -> list[list[str]]:
    """The second gateway's own reference for each of these payouts."""
    return [[f"PO-2026-{number:06d}", f"SG2026{number:08d}"] for number in numbers]


def brought(stage: Stage, maker: str, model: type[Any], field: str, rows: list[list[str]], note: str) -> Correction:
    """The draft of a CSV file that gives a new value of one field to each of these records."""
    key = "reference" if model is Repayment else "number"
    return services.draft_batch(
        actor=stage.staff[maker],
        model=model,
        file=b"".join(write_csv([[key, field], *rows])),
        filename=f"{stage.ticket}-{field}.csv",
        reason=Reason.RECONCILIATION,
        note=note,
        ticket=stage.ticket,
    )


def proven(stage: Stage, correction: Correction, maker: str, rows: list[list[str]]) -> None:
    lines = [f"{which}  ->  {new}" for which, new in rows]
    paper = papers.notice(f"list-{stage.ticket}", f"List of corrections 订正清单 · {stage.ticket}", lines)
    stage.proven(correction, maker, paper, EvidenceKind.DOCUMENT)


def signed(stage: Stage, correction: Correction, checker: str) -> None:
    """By a checker, and by the controller once the records are of an earlier year."""
    for person in (checker, "lin.na"):
        if correction.state == State.SUBMITTED:
            stage.approved(correction, person, "The list agrees with the file.")


def applied_from_a_file(stage: Stage) -> None:
    rows = references(4)
    correction = brought(stage, "he.jing", Repayment, "channel_reference", rows, RENUMBERED)
    proven(stage, correction, "he.jing", rows)
    stage.submitted(correction, "he.jing")
    signed(stage, correction, "xu.lei")


def waiting_with_a_bad_row_left_out(stage: Stage) -> None:
    """One payout of the file is none of ours, and another one left an account that slept."""
    rows = [*second_gateway(10, 29, 36, 43, 46, 56, 58, 60), ["PO-2026-000520", "SG202600000520"]]
    note = "The second gateway paid these; its own references were never taken over. 第二通道的流水号未更新。"
    correction = brought(stage, "tang.wei", Payout, "channel_reference", rows, note)
    proven(stage, correction, "tang.wei", rows)
    stage.submitted(correction, "tang.wei", DORMANT_SOURCE, on_bad_row=OnBadRow.SKIP)


def draft_with_bad_rows(stage: Stage) -> None:
    """Mistyped, doubled, another branch's: the maker is told line by line what to do."""
    rows = [*second_gateway(23, 24, 27), ["PO-2026-00033", "SG202600000033"], *second_gateway(34, 24, 38)]
    note = "The payouts of Shanghai that the second gateway paid; the file still has mistakes in it."
    correction = brought(stage, "wang.li", Payout, "channel_reference", rows, note)
    services.check_draft(actor=stage.staff["wang.li"], correction=correction)


def named(stage: Stage, branch: str, maker: str, checker: str, on_bad_row: str) -> Correction:
    """Signed, and waiting for workers: other names for the internal accounts of a branch."""
    rows = names(branch)
    correction = brought(stage, maker, LedgerAccount, "name", rows, UNNAMED)
    proven(stage, correction, maker, rows)
    with override_settings(**IN_SMALL_CHUNKS):
        stage.submitted(correction, maker, on_bad_row=on_bad_row)
    signed(stage, correction, checker)
    return correction


def paused_half_way(stage: Stage) -> None:
    """Whoever resumes it sees the demo's worker carry out the rest."""
    correction = named(stage, "SH", "chen.jie", "li.qiang", OnBadRow.FAIL_ALL)
    carry_out_one_chunk(correction)
    comment = "The core closes its day; go on after 18:00."
    services.pause_batch(actor=stage.staff["wu.jun"], correction=correction, comment=comment)


def stopped_half_way(stage: Stage) -> None:
    """The core wrote one of them meanwhile, which stayed out; then it was said that it would write the others too."""
    correction = named(stage, "BJ", "liu.yang", "zhou.yan", OnBadRow.SKIP)
    with recorded_write(source="loan-core"):
        LedgerAccount.objects.filter(number="1301-BJ").update(name="Loans receivable, Beijing branch")
    carry_out_one_chunk(correction)
    comment = "The core renames the others itself tonight."
    services.stop_batch(actor=stage.staff["wu.jun"], correction=correction, comment=comment)


def carry_out_one_chunk(correction: Correction) -> None:
    batch_run.run_next(actor=machine(WORKER), worker="demo", correction=correction)


STORIES: dict[str, Callable[[Stage], None]] = {
    "OPS-1021": applied_from_a_file,
    "OPS-1022": waiting_with_a_bad_row_left_out,
    "OPS-1023": draft_with_bad_rows,
    "OPS-1024": paused_half_way,
    "OPS-1025": stopped_half_way,
}
