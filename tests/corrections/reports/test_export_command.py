"""`manage.py export_history`: a file appears whole or not at all, and a refusal exits non-zero."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from corrections.choices import AuditKind
from corrections.models import AuditEvent
from tests.corrections.reports.reading import csv_lines, xlsx_cells
from tests.corrections.services.desk import Desk

pytestmark = pytest.mark.django_db


def export(*arguments: str, username: str = "ana", **options: Any) -> None:
    call_command("export_history", "--as", username, *arguments, **options)


def test_a_file_is_made_for_its_owner_only_and_said_on_the_error_stream(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payout = desk.payout()
    correction = desk.applied(payout)
    target = tmp_path / "history.csv"
    export(
        *("--from", "2026-01-01", "--to", "2099-12-31", "--branch", "Shanghai", "--model", "accounts.payout"),
        *("--record", payout.number, "--maker", "Mara", "--checker", "E-CHIDI"),
        *("--reason", "system_defect", "--state", "applied", "--format", "csv", "--output", str(target)),
    )
    [line] = csv_lines(target.read_bytes())
    assert line["correction"] == correction.number
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    said = capsys.readouterr()
    event = AuditEvent.objects.get(kind=AuditKind.EXPORTED)
    assert event.detail["sha256"] in said.err
    assert said.out == ""
    assert os.listdir(tmp_path) == ["history.csv"]


def test_a_workbook_speaks_the_language_asked_for(desk: Desk, tmp_path: Path) -> None:
    desk.applied()
    export("--format", "xlsx", "--language", "en", "--output", str(tmp_path / "history.xlsx"))
    assert xlsx_cells((tmp_path / "history.xlsx").read_bytes())[0][:2] == ["when", "kind of record"]


def test_standard_output_carries_the_report_and_nothing_else(
    desk: Desk, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    desk.applied()
    export("--model", "accounts.payout", "--output", "-")
    assert csv_lines(capfdbinary.readouterr().out)


def test_an_existing_file_stays_unless_force_is_given(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "history.csv"
    target.write_text("mine")
    with pytest.raises(CommandError, match="--force"):
        export("--output", str(target))
    assert target.read_text() == "mine"
    assert not AuditEvent.objects.filter(kind=AuditKind.EXPORTED).exists()
    export("--output", str(target), "--force")
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_file_that_came_meanwhile_is_not_overwritten(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "history.csv"
    monkeypatch.setattr(os, "fsync", lambda handle: target.write_text("theirs"))
    with pytest.raises(CommandError, match="exists already"):
        export("--output", str(target))
    assert target.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["history.csv"]


@pytest.mark.parametrize(
    ("arguments", "username", "code"),
    [
        ((), "mara", "history_report_needs_compliance"),
        ((), "sam", "history_report_needs_compliance"),
        ((), "nobody", "no account"),
        (("--branch", "Atlantis"), "ana", "filter_cannot_be_used"),
        (("--from", "yesterday"), "ana", "filter_cannot_be_used"),
        (("--maker", "Nobody"), "ana", "filter_cannot_be_used"),
    ],
)
def test_a_refusal_leaves_no_file(
    desk: Desk, tmp_path: Path, arguments: tuple[str, ...], username: str, code: str
) -> None:
    with pytest.raises(CommandError, match=code):
        export(*arguments, "--output", str(tmp_path / "history.csv"), username=username)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("output", ["", "no/such/folder/history.csv"])
def test_a_place_that_cannot_be_written_is_said(desk: Desk, tmp_path: Path, output: str) -> None:
    with pytest.raises(CommandError):
        export("--output", str(tmp_path / output))


def test_help_has_an_example() -> None:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, str(root / "manage.py"), "export_history", "--help"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert "Example: manage.py export_history --as ana --from 2026-01-01" in found.stdout
