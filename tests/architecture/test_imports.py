"""Imports point downwards: the contracts of pyproject.toml hold, and they cover every room of the engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from importlinter.application import use_cases
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[2]


def test_import_contracts_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_room_of_the_engine_stands_in_a_contract() -> None:
    options = use_cases.read_user_options(str(ROOT / "pyproject.toml"))
    layers = " ".join(" ".join(contract.get("layers", ())) for contract in options.contracts_options)
    wiring = {"__init__", "apps", "migrations"}
    rooms = {path.stem for path in (ROOT / "corrections").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert rooms - wiring - set(re.findall(r"\w+", layers)) == set()
