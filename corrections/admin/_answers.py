"""What a form says beside the decision itself: answers to warnings, values keyed blindly, the one-time password.

Typed answers come back with a refused form; keyed values and passwords never stand in a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from corrections.admin._refusals import Refusal
from corrections.choices import Acknowledged

TICK, REASON, WORDS, REKEY, CONFIRMED = "ack-", "ack-reason-", "ack-words-", "rekey-", "confirmed"
REASONS = Acknowledged.choices


@dataclass(frozen=True)
class Question:
    """One warning with its answer so far."""

    code: str
    title: str
    text: str
    needs_words: bool = False
    is_ticked: bool = False
    reason: str = ""
    words: str = ""
    problem: str = ""


def given(posted: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Answers by check, as the services take them; a warning that is not ticked is not answered."""
    codes = [name.removeprefix(REASON) for name in posted if name.startswith(REASON)]
    return {
        code: {"reason": posted.get(REASON + code, ""), "words": posted.get(WORDS + code, "")}
        for code in codes
        if TICK + code in posted
    }


def keyed(posted: Mapping[str, str]) -> dict[tuple[int, str], str]:
    """What was keyed, by change and field."""
    found = {}
    for name, text in posted.items():
        change, dash, field = name.removeprefix(REKEY).partition("-")
        if name.startswith(REKEY) and dash and change.isascii() and change.isdigit() and len(change) < 19:
            found[int(change), field] = text
    return found


def confirmed(posted: QueryDict) -> list[int]:
    """Lines of the rows that were ticked as compared with the evidence."""
    given = posted.getlist(CONFIRMED)
    return [int(line) for line in given if line.isascii() and line.isdigit() and len(line) < 10]


def questions(
    warnings: Iterable[Any], posted: Mapping[str, str], worded: Iterable[str] = (), refusal: Refusal | None = None
) -> list[Question]:
    """The warnings as the form shows them; each has a code, a title and a text."""
    return [_question(one.code, one.title, str(one), one.code in worded, posted, refusal) for one in warnings]


def _question(
    code: str, title: str, text: str, needs_words: bool, posted: Mapping[str, str], refusal: Refusal | None
) -> Question:
    return Question(
        code=code,
        title=title,
        text=text,
        needs_words=needs_words,
        is_ticked=TICK + code in posted,
        reason=posted.get(REASON + code, ""),
        words=posted.get(WORDS + code, ""),
        problem=refusal.sentence if refusal is not None and refusal.field == code else "",
    )
