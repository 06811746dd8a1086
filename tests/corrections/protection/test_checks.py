"""Start-up refuses missing keys, evidence under the web root, and models that can't hold a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from corrections.protection import checks
from corrections.protection.fields import SecretField


def test_project_as_shipped_passes() -> None:
    assert [*checks.check_keys(), *checks.check_evidence_root(), *checks.check_secret_fields()] == []


@pytest.mark.parametrize("setting", ["FIELD_KEYS", "INDEX_KEY"])
@pytest.mark.parametrize("value", ["", "nonsense"])
def test_missing_or_unusable_key_is_an_error(settings: Any, setting: str, value: str) -> None:
    setattr(settings, setting, value)
    (found,) = checks.check_keys()
    assert found.id == "corrections.E010"
    assert setting in found.msg


def test_start_up_runs_these_checks(settings: Any) -> None:
    settings.INDEX_KEY = ""
    assert "corrections.E010" in {message.id for message in run_checks()}


def test_evidence_without_a_store_is_an_error(settings: Any) -> None:
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "evidence"}
    assert [message.id for message in checks.check_evidence_root()] == ["corrections.E011"]


@pytest.mark.parametrize(("inside", "count"), [("static/evidence", 1), ("static", 1), ("evidence", 0)])
def test_evidence_under_the_web_root_is_an_error(settings: Any, tmp_path: Path, inside: str, count: int) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.EVIDENCE_ROOT = tmp_path / inside
    assert len(checks.check_evidence_root()) == count


@isolate_apps("tests.sandbox")
def test_secret_needs_a_ref_on_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(models.Model):
        card = SecretField(kind="card", owner="card_owner")

        class Meta:
            app_label = "sandbox"

        def __str__(self) -> str:
            return str(self.card)

    monkeypatch.setattr(checks.apps, "get_models", lambda: [Bare])
    assert [message.id for message in checks.check_secret_fields()] == ["corrections.E013"]


def test_unknown_kind_of_secret_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="Unknown kind"):
        SecretField(kind="password", owner="owner")
