"""The permission matrix itself: what every visitor must get at every address. An address without a line is an error.

Columns
    out   nobody signed in; an account of a deactivated person; a machine's account
    clrk  an account that may not enter the admin at all
    none  a staff account without any role
    auth  the maker who made what stands in Shanghai
    make  another maker of Shanghai; `make*` is a maker everywhere, `comp*` compliance everywhere
    chck snr pres ctrl exec comp
          checker, senior checker, president, controller, executor, compliance, each of Shanghai
    poli user
          policy administrator, user administrator
    supr  superuser: administers staff, sees business records masked, makes and decides nothing

Subjects
    here there   what stands in Shanghai, in Beijing
    self else boss   one's own person or account, somebody else's, a superuser's

Answers
    in    sent to sign in            ok    shown, nothing written      rec   shown, and that is recorded
    to    sent elsewhere, no effect  done  carried out                 404   as if there were nothing
    400 403 405 409   refused; nothing may have been written

A POST carries what somebody who means it would send.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OUTSIDE = ("nobody", "gone", "machine")
TABLE = Path(__file__).with_name("table.txt")


@dataclass(frozen=True)
class Line:
    """What is expected at one address, for one subject and one method."""

    key: str
    subject: str
    method: str
    answers: dict[str, str]  # by visitor

    def __str__(self) -> str:
        return f"{self.method} {self.key} ({self.subject})"


@cache
def lines() -> tuple[Line, ...]:
    """The table, with braces, subjects and methods written out."""
    text = TABLE.read_text(encoding="utf-8")
    found = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    lists = {words[0]: words[2] for words in found if words[1] == "="}
    header, *rows = [words for words in found if words[1] != "="]
    return tuple(line for words in rows for line in _written_out(header[:-3], words, lists))


def _written_out(names: list[str], words: list[str], lists: dict[str, str]) -> Iterator[Line]:
    *answers, methods, subjects, keys = words
    if len(answers) != len(names):
        raise ValueError(f"{keys} {subjects} {methods}: {len(answers)} answers for {len(names)} columns.")
    expected = dict(zip(names, answers, strict=True))
    expected = dict.fromkeys(OUTSIDE, expected.pop("out")) | expected
    for key, subject, method in itertools.product(_keys(keys, lists), subjects.split(","), methods.split(",")):
        yield Line(key, subject, method, expected)


def _keys(text: str, lists: dict[str, str]) -> list[str]:
    """`a_{b,c}_d` as `a_b_d` and `a_c_d`; a route with its own brackets stays as it is."""
    if text.startswith("/"):
        return [text]
    for name, members in lists.items():
        text = text.replace(name, f"{{{members}}}")
    parts = [part.split(",") for part in re.split(r"[{}]", text)]
    return ["".join(choice) for choice in itertools.product(*parts)]
