"""`import_corrections` makes a draft of a file, tells every bad row, and is safe to run twice."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from corrections.choices import State
from corrections.models import Correction
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def run(file: Path, **more: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    given = {"username": "mara", "reason": "system_defect", "note": "Wrong bank code.", "model": "accounts.payout"}
    call_command("import_corrections", str(file), stdout=out, stderr=err, **{**given, **more})
    return out.getvalue(), err.getvalue()


def a_file(folder: Path, *rows: str, name: str = "payouts.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(["number,counterparty_bank", *rows, ""]))
    return path


def test_a_file_becomes_a_draft_with_its_evidence(desk: Desk, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.txt"
    receipt.write_text("The channel confirms the bank code.")
    file = a_file(tmp_path, f"{desk.payout().number},CMB", "FK-NOWHERE,CMB")
    out, err = run(file, evidence=[f"{receipt}:channel_receipt"], expect=2)
    correction = Correction.objects.get()
    assert correction.state == State.DRAFT
    assert correction.maker == desk.mara
    assert [(e.filename, e.kind) for e in correction.evidence.all()] == [("receipt.txt", "channel_receipt")]
    assert "2 rows, 1 to be corrected, 0 already so, 1 bad" in out
    assert err.startswith("line 3 [number]: There is no such record")
    assert "(target_not_found)" in err


def test_a_good_file_can_be_submitted_at_once(desk: Desk, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.txt"
    receipt.write_text("The channel confirms the bank code once more.")
    out, _err = run(a_file(tmp_path, f"{desk.payout().number},CMB"), evidence=[str(receipt)], submit=True)
    correction = Correction.objects.get()
    assert correction.state == State.SUBMITTED
    assert f"Submitted as {correction.number}." in out


def test_the_same_file_is_refused_the_second_time(desk: Desk, tmp_path: Path) -> None:
    file = a_file(tmp_path, f"{desk.payout().number},CMB")
    run(file)
    with pytest.raises(CommandError, match="file_already_in_a_batch"):
        run(file)
    assert Correction.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"expect": 7}, "expected_rows_differ"),
        ({"evidence": ["nowhere.pdf"]}, "there is no such file"),
        ({"evidence": ["nowhere.pdf:letters"]}, "no kind of evidence"),
        ({"username": "nobody"}, "no account"),
        ({"username": "chidi"}, "maker_role_is_required"),
        ({"model": "accounts.nothing"}, "model_not_correctable"),
    ],
)
def test_a_refusal_leaves_nothing_behind(desk: Desk, tmp_path: Path, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        run(a_file(tmp_path, f"{desk.payout().number},CMB"), **more)
    assert not Correction.objects.exists()


def test_a_file_that_is_not_there_is_told(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "nowhere.csv")


def test_refused_evidence_leaves_no_draft(desk: Desk, tmp_path: Path) -> None:
    empty = tmp_path / "receipt.txt"
    empty.write_text("")
    with pytest.raises(CommandError, match="evidence_is_empty"):
        run(a_file(tmp_path, f"{desk.payout().number},CMB"), evidence=[str(empty)])
    assert not Correction.objects.exists()
