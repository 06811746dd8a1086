"""Every text of ours is there in Chinese, and the compiled catalogues say what the readable ones say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("backoffice", "corrections", "accounts")
CATALOGUES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("locale/zh_Hans/LC_MESSAGES/*.po"))


def entries(catalogue: polib.POFile | polib.MOFile) -> dict[tuple[str, str], object]:
    return {
        (entry.msgctxt or "", entry.msgid): entry.msgstr_plural or entry.msgstr
        for entry in catalogue
        if not entry.obsolete
    }


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_compiled_catalogue_is_up_to_date(path: Path) -> None:
    compiled = polib.mofile(str(path.with_suffix(".mo")))
    assert entries(compiled) == entries(polib.pofile(str(path)))


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_catalogue_is_complete(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    assert [entry.msgid for entry in catalogue.fuzzy_entries() + catalogue.untranslated_entries()] == []


def test_every_text_of_the_source_is_in_a_catalogue(tmp_path: Path) -> None:
    if not shutil.which("xgettext"):
        assert os.environ.get("CI") != "true", "gettext is needed"
        pytest.skip("gettext is not installed")
    known = {key for path in CATALOGUES for key in entries(polib.pofile(str(path)))}
    assert sorted(_texts_of_the_source(tmp_path) - known) == []


def _texts_of_the_source(folder: Path) -> set[tuple[str, str]]:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (folder / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "zh_Hans"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)  # noqa: S603
    return set(entries(polib.pofile(str(folder / "locale/zh_Hans/LC_MESSAGES/django.po"))))
