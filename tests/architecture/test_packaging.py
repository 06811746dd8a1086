"""What is installed is pinned once, everywhere the same, and names no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)", re.MULTILINE)


def pins() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(pin.split("==") for pin in project["tool"]["uv"]["constraint-dependencies"])


def requirements() -> str:
    return (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_production_installs_the_pinned_versions() -> None:
    found = dict(REQUIREMENT.findall(requirements()))
    assert found["django"]
    assert {name: version for name, version in found.items() if pins()[name] != version} == {}


def test_every_production_package_has_hashes_and_no_host() -> None:
    text = requirements()
    blocks = re.split(r"\n(?=[A-Za-z])", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    direct = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {re.split(r"[\[<>=]", line)[0] for line in direct}
    assert names - set(pins()) == set()
