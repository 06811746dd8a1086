"""Secrets come from the environment, a named file or the demo's folder, in this order, and from nowhere else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from backoffice import keys
from backoffice.checks import secrets_are_not_the_demos


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in keys.MAKERS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


def test_missing_secret_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SEAL_KEY_FILE.*manage\.py demo"):
        keys.secret("SEAL_KEY", tmp_path)


def test_environment_wins_over_file_and_file_over_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "SEAL_KEY").write_text("from folder\n")
    assert keys.secret("SEAL_KEY", tmp_path) == "from folder"
    (tmp_path / "mounted").write_text("from file\n")
    monkeypatch.setenv("SEAL_KEY_FILE", str(tmp_path / "mounted"))
    assert keys.secret("SEAL_KEY", tmp_path) == "from file"
    monkeypatch.setenv("SEAL_KEY", "from environment")
    assert keys.secret("SEAL_KEY", tmp_path) == "from environment"


def test_unreadable_file_is_refused_and_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "SEAL_KEY").write_text("from folder\n")
    monkeypatch.setenv("SEAL_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="SEAL_KEY_FILE names a file that cannot be read"):
        keys.secret("SEAL_KEY", tmp_path)


def test_demo_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert keys.make_demo_keys(folder) == list(keys.MAKERS)
    first = {name: keys.secret(name, folder) for name in keys.MAKERS}
    assert keys.make_demo_keys(folder) == []
    assert {name: keys.secret(name, folder) for name in keys.MAKERS} == first
    assert len(set(first.values())) == len(first)
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in first} == {0o600}


def test_a_process_with_its_own_secret_key_is_no_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not keys.is_demo(tmp_path)
    keys.make_demo_keys(tmp_path)
    assert keys.is_demo(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "own")
    assert not keys.is_demo(tmp_path)


def test_forgotten_secret_refuses_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.make_demo_keys(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "own")
    monkeypatch.setattr(keys.demo_secrets, "__defaults__", (tmp_path,))
    assert [error.msg.split()[0] for error in secrets_are_not_the_demos()] == ["FIELD_KEYS", "INDEX_KEY", "SEAL_KEY"]
    for name in keys.MAKERS:
        monkeypatch.setenv(name, "own")
    assert secrets_are_not_the_demos() == []
