"""Every text of ours is there in Chinese, and the compiled catalogues say what the readable ones say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("backoffice", "corrections", "accounts")
CATALOGUES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("locale/zh_Hans/LC_MESSAGES/*.po"))

# The same in both languages.
SAME = {"SHA-256", "%(n)s KB"}
# DESIGN.md, Words: one word, one meaning.
GLOSSARY = {
    "correction": "订正单",
    "change": "修改明细",
    "maker": "经办",
    "checker": "复核",
    "senior checker": "授权",
    "compliance": "合规稽核",
    "person": "人员",
    "incident": "事件",
    "evidence": "证明材料",
    "check": "系统校验",
    "approval policy": "审批规则",
    "step": "环节",
    "decision": "审批意见",
    "digest": "内容校验码",
    "before-image": "修改前快照",
    "after-image": "修改后快照",
    "Approve": "同意",
    "Return": "退回补正",
    "Reject": "否决",
    "Apply": "执行",
    "applied": "已生效",
    "Take back": "恢复原值",
    "Withdraw": "撤回申请",
    "expired": "逾期失效",
    "Hold": "暂挂",
}
SYNONYMS = re.compile("更正|修正|纠正|证据|策略|驳回|审核|撤销|挂起|回滚|哈希|校验和|审计|制单|历史记录")
CHINESE = re.compile("[\u4e00-\u9fff]")
NARROW = re.compile("[\u4e00-\u9fff][,;:?!(]|[,;:?!)][\u4e00-\u9fff]")
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+0-9.]*[sdXf]")


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


def said(entry: polib.POEntry) -> str:
    return str(entry.msgstr_plural.get(0, "")) if entry.msgid_plural else str(entry.msgstr)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_translations_are_chinese_and_fill_in_the_same(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    english = [e.msgid for e in catalogue if is_english(said(e)) and e.msgid not in SAME]
    filled = [e.msgid for e in catalogue if placeholders(e.msgid_plural or e.msgid) != placeholders(said(e))]
    assert (english, filled) == ([], [])


def is_english(text: str) -> bool:
    return not CHINESE.search(text) and bool(re.search("[A-Za-z]{2}", PLACEHOLDER.sub("", text)))


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_translations_use_the_desks_words_and_punctuation(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    assert [said(e) for e in catalogue if SYNONYMS.search(said(e))] == []
    assert [said(e) for e in catalogue if NARROW.search(PLACEHOLDER.sub("", said(e)))] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_catalogue_says_nothing_of_when_and_where_it_was_made(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"Creation-Date|Revision-Date|Last-Translator|^#[:|~]", text, re.MULTILINE)


def test_one_text_has_one_translation_and_the_glossary_holds() -> None:
    said_as: dict[tuple[str, str], set[str]] = {}
    for path in CATALOGUES:
        for entry in polib.pofile(str(path)):
            said_as.setdefault((entry.msgctxt or "", entry.msgid), set()).add(said(entry))
    assert {key: words for key, words in said_as.items() if len(words) > 1} == {}
    assert {msgid: said_as[("", msgid)] for msgid in GLOSSARY} == {msgid: {word} for msgid, word in GLOSSARY.items()}


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
