"""What a machine check is: a class that looks at a `Subject` and gives a `Finding`; it writes nothing."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import Promise, lazy
from django.utils.translation import get_language, override

from corrections.choices import Verdict
from corrections.models import Change, Correction
from corrections.registry import ChangeView

MESSAGE_CHARS_MAX = 500
NAMED_MAX = 5  # records in a sentence; more tell nobody more


@dataclass(frozen=True)
class Subject:
    """What checks and flags look at.

    `live` are the rows by change id (None when gone), with the registered `reads` loaded; `views` the rows before and
    after each change, as instances that are not saved; `stale` says what moved since the maker looked.
    """

    correction: Correction
    changes: Sequence[Change]
    live: Mapping[int, models.Model | None]
    stale: Mapping[int, str] = field(default_factory=dict)
    views: Mapping[int, ChangeView] = field(default_factory=dict)
    at: dt.datetime = field(default_factory=timezone.now)  # of the submission; of this moment for a draft
    checker_person_id: int | None = None  # whoever is about to sign
    amount: Decimal = Decimal(0)  # at stake in all, in the policy currency
    thresholds: tuple[Decimal, ...] = ()  # amounts from which a policy in force asks for something else

    def of(self, model: type[models.Model], *actions: str) -> Iterator[tuple[Change, ChangeView]]:
        """Changes of one model with their rows before and after; of these actions only, where any are named."""
        for change, view, row in self._pairs:
            if isinstance(row, model) and (not actions or change.action in actions):
                yield change, view

    @cached_property
    def _pairs(self) -> list[tuple[Change, ChangeView, models.Model]]:
        """Every change with its view and the row that it is about: each check asks for them."""
        found = ((change, self.views.get(change.pk)) for change in self.changes)
        return [(change, view, view.row) for change, view in found if view is not None]


def _filled(text: str | Promise, values: Mapping[str, Any]) -> str:
    return str(text) % values


# ``say(_("not there any more: %(what)s"), what=label)``: a sentence that still knows all its languages.
_say = lazy(_filled, str)


def say(text: str | Promise, **values: Any) -> str | Promise:
    return _say(text, values)


@dataclass(frozen=True)
class Finding:
    verdict: Verdict
    message: str | Promise = ""  # a lazy one is stored in every language of the site
    looked_at: Mapping[str, Any] = field(default_factory=dict)  # plain JSON; never a secret


class Check(ABC):
    """One thing that a machine can know. A fail blocks; a warning is passed by a person, with a reason.

    `code` is stable (policies and acknowledgements name it), `title` is what people call it.
    """

    code: ClassVar[str]
    title: ClassVar[str | Promise]
    # Asked at submission only: of another system, or of what the held fields keep from changing afterwards.
    is_external: ClassVar[bool] = False

    @abstractmethod
    def look(self, subject: Subject) -> Finding:
        """The verdict on all changes together. Reads as little as it can, and writes nothing."""

    def together(self, view: ChangeView) -> Hashable:
        """What this row is weighed together with: rows of one key are never looked at apart. None: by itself.

        A batch is looked at page by page; rows that hang together may stand far from each other.
        """
        return None


def passed(message: str | Promise, **looked_at: Any) -> Finding:
    return Finding(Verdict.PASS, message, looked_at)


def warned(message: str | Promise, **looked_at: Any) -> Finding:
    return Finding(Verdict.WARN, message, looked_at)


def failed(message: str | Promise, **looked_at: Any) -> Finding:
    return Finding(Verdict.FAIL, message, looked_at)


def verdict(problems: Sequence[str], text: str | Promise, fine: str | Promise) -> Finding:
    """Failed with the first problems named in ``%(what)s``, or passed."""
    if problems:
        return failed(say(text, what=", ".join(problems[:NAMED_MAX])))
    return passed(fine)


def in_every_language(message: str | Promise) -> tuple[str, dict[str, str]]:
    """The sentence in the site's first language, and in those of the others where it reads differently."""
    with override(settings.LANGUAGE_CODE):
        first = str(message)[:MESSAGE_CHARS_MAX]
    others = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            others[language] = str(message)[:MESSAGE_CHARS_MAX]
    return first, {language: text for language, text in others.items() if text != first}


def for_the_reader(message: str, looked_at: Mapping[str, Any]) -> str:
    """A stored sentence in the reader's language, where it was stored in it."""
    return str((looked_at.get("said") or {}).get(get_language(), message))
