"""The help page: what to do in each role and with many records, words, every refusal with its remedy; only texts."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

from backoffice.manual.batches import BATCHES
from backoffice.manual.refusals import Explained, Topic, explained
from backoffice.manual.tasks import TASKS, Task
from backoffice.manual.words import WORDS, Word
from corrections.permissions import Rights


@dataclass(frozen=True)
class Manual:
    mine: tuple[Task, ...]
    others: tuple[Task, ...]
    batches: tuple[tuple[Promise | str, Promise | str], ...]
    words: tuple[Word, ...]
    refusals: tuple[tuple[Promise | str, tuple[Explained, ...]], ...]


def manual(rights: Rights) -> Manual:
    """The whole manual, the reader's own roles first."""
    return Manual(
        mine=tuple(task for task in TASKS if task.role in rights.roles),
        others=tuple(task for task in TASKS if task.role not in rights.roles),
        batches=BATCHES,
        words=WORDS,
        refusals=tuple((topic.label, tuple(item for item in explained() if item.topic == topic)) for topic in Topic),
    )
