"""Bad rows that are corrected and brought back, and the templates and results that people fill in."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Payout
from corrections import services, staging
from corrections.errors import CorrectionError
from corrections.files import open_table, write_csv, write_xlsx
from corrections.models import Batch, Correction
from corrections.registry import registry
from tests.corrections.services.desk import Desk
from tests.corrections.services.files import batch, csv_of, findings

pytestmark = pytest.mark.django_db


def corrected(desk: Desk, correction: Correction, content: bytes, **more: Any) -> Correction:
    given = {"actor": desk.mara, "correction": correction, "file": content, "filename": "payouts.csv"}
    return services.replace_bad_rows(**{**given, **more})


def a_batch_with_a_bad_row(desk: Desk) -> tuple[Correction, list[Payout]]:
    payouts = [desk.payout(), desk.payout(), desk.payout()]
    first, _second, third = payouts
    rows = [f"{first.number},CMB", "FK-NOWHERE,CMB", f"{third.number},BOC"]
    return batch(desk, csv_of("number,counterparty_bank", *rows)), payouts


def test_corrected_lines_replace_the_bad_ones(desk: Desk) -> None:
    correction, payouts = a_batch_with_a_bad_row(desk)
    content = csv_of("number,counterparty_bank,(line)", f"{payouts[1].number},CMB,3")
    corrected(desk, correction, content)
    assert [(c.position, c.target_pk) for c in correction.changes.order_by("position")] == [
        (position, str(payout.pk)) for position, payout in enumerate(payouts, start=2)
    ]
    assert not correction.row_findings.exists()
    kept = Batch.objects.get(correction=correction)
    assert (kept.rows, kept.bad_rows) == (3, 0)
    _entry, table = staging.file_of(correction)
    assert [line.cells for line in table.lines()] == [
        (payouts[0].number, "CMB", "2"),
        (payouts[1].number, "CMB", "3"),
        (payouts[2].number, "BOC", "4"),
    ]


@pytest.mark.parametrize(("write", "name"), [(write_csv, "results.csv"), (write_xlsx, "results.xlsx")])
def test_the_downloaded_results_are_filled_in_and_brought_back(desk: Desk, write: Any, name: str) -> None:
    correction, payouts = a_batch_with_a_bad_row(desk)
    rows = list(staging.results(correction))
    assert rows[0] == ["number", "counterparty_bank", "(line)", "(verdict)", "(problem)"]
    assert [row[2:4] for row in rows[1:]] == [["2", "good row"], ["3", "bad row"], ["4", "good row"]]
    assert rows[2][4].startswith("[number] There is no such record")
    rows[2][0] = payouts[1].number
    corrected(desk, correction, b"".join(write(rows)), filename=name)
    assert correction.changes.count() == 3
    assert [row[3] for row in staging.results(correction)][1:] == ["good row"] * 3


def test_lines_are_known_by_their_place_where_no_column_names_them(desk: Desk) -> None:
    correction, payouts = a_batch_with_a_bad_row(desk)
    rows = [f"{payouts[0].number},CMB", f"{payouts[1].number},CMB", f"{payouts[2].number},BOC"]
    corrected(desk, correction, csv_of("number,counterparty_bank", *rows))
    assert correction.changes.count() == 3


@pytest.mark.parametrize(
    ("header", "rows", "code"),
    [
        ("number,counterparty_bank,(line)", ["{0},BOC,2", "{1},CMB,3"], "line_is_not_bad"),
        ("number,counterparty_bank,(line)", ["{1},CMB,9"], "line_is_not_in_the_file"),
        ("number,counterparty_bank,(line)", ["{1},CMB,3", "{1},BOC,3"], "line_given_twice"),
        ("number,counterparty_bank,(line)", ["{0},CMB,2"], "no_bad_line_replaced"),
        ("number,channel,(line)", ["{1},CMB,3"], "columns_differ_from_the_file"),
    ],
)
def test_only_bad_lines_are_replaced(desk: Desk, header: str, rows: list[str], code: str) -> None:
    correction, payouts = a_batch_with_a_bad_row(desk)
    content = csv_of(header, *[row.format(*[p.number for p in payouts]) for row in rows])
    with pytest.raises(CorrectionError) as refusal:
        corrected(desk, correction, content)
    assert refusal.value.code == code
    assert correction.changes.count() == 2
    assert findings(correction) == [(3, "target_not_found", "number")]


def test_a_replaced_line_knows_what_the_others_ask_for(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    content = csv_of("number,channel_reference", f"{first.number},R1", "FK-NOWHERE,R2", "FK-NOT,R3")
    correction = batch(desk, content)
    rows = [f"{second.number},R1,3", f"{first.number},R9,4"]
    corrected(desk, correction, csv_of("number,channel_reference,(line)", *rows))
    assert findings(correction) == [(3, "value_taken_within_file", ""), (4, "target_twice_in_file", "")]
    assert correction.changes.count() == 1


@pytest.mark.usefixtures("customer_fields_allowed")
def test_a_protected_number_leaves_in_no_download_and_stays_when_it_comes_back_empty(desk: Desk) -> None:
    first, second = desk.payout(), desk.payout()
    content = csv_of(
        "number,counterparty_account,amount",
        f"{first.number},6222020000009999,1",
        f"{second.number},6222020000008888,many",
    )
    correction = batch(desk, content)
    rows = list(staging.results(correction))
    assert "62220200" not in str(rows)
    rows[2][2] = "2"
    corrected(desk, correction, b"".join(write_csv(rows)))
    change = correction.changes.get(position=3)
    assert change.new["counterparty_account_masked"] == "****8888"
    assert change.new["amount"] == "2.00"


def test_a_batch_is_corrected_only_while_it_can_be_edited(desk: Desk) -> None:
    correction, payouts = a_batch_with_a_bad_row(desk)
    services.withdraw(actor=desk.mara, correction=correction, comment="Wrong.")
    with pytest.raises(CorrectionError) as refusal:
        corrected(desk, correction, csv_of("number,counterparty_bank,(line)", f"{payouts[1].number},CMB,3"))
    assert refusal.value.code == "correction_is_not_editable"
    with pytest.raises(CorrectionError) as refusal:
        services.replace_bad_rows(
            actor=desk.mara, correction=desk.draft(), file=b"number,channel\n1,B\n", filename="x.csv"
        )
    assert refusal.value.code == "batch_has_no_file"


# Templates


def test_a_template_filled_with_records_reads_back_as_nothing_to_change(desk: Desk) -> None:
    entry = registry.get(Payout)
    assert entry is not None
    payouts = [desk.payout(), desk.payout(failure_code="51", amount="12.30")]
    rows = list(staging.template_rows(entry, Payout.objects.order_by("pk")))
    header = rows[0]
    assert header[0] == "number"
    assert "counterparty_account" in header
    assert "counterparty_account:now" not in header
    assert "6222" not in str(rows)
    with pytest.raises(CorrectionError) as refusal:
        batch(desk, b"".join(write_csv(rows)))
    assert refusal.value.code == "no_good_row"
    rows[1][header.index("amount")] = "900.00"
    correction = batch(desk, b"".join(write_xlsx(rows)), filename="payouts.xlsx")
    assert [(c.target_pk, c.new) for c in correction.changes.all()] == [(str(payouts[0].pk), {"amount": "900.00"})]
    assert open_table(b"".join(write_csv(staging.template_rows(entry))), "t.csv").reading.header == tuple(header)
