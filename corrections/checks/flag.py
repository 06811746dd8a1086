"""What a risk flag is: a named suspicion that may raise the tier and never lowers it; it writes nothing.

A flag says what to ask of the past (`questions`), and from the answers whether it is raised (`look`). How it is
treated is a row of FlagRule: in force or not, reported only or raising, hidden from the maker or not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from django.db.models import Subquery
from django.utils.functional import Promise

from corrections.checks.asking import Answers
from corrections.checks.base import Finding, Subject
from corrections.models import FlagRule


class Flag(ABC):
    """One suspicion. The numbers of its rule (`window_days`, `threshold`) mean what its docstring says."""

    code: ClassVar[str]
    title: ClassVar[str | Promise]
    # Knows the correction, its sum, its moment and its people, and no single row.
    is_of_whole: ClassVar[bool] = False

    def questions(self, subject: Subject, rule: FlagRule) -> Mapping[str, Subquery]:
        """What it must know of the past (checks/asking.py), by labels of its own."""
        return {}

    @abstractmethod
    def look(self, subject: Subject, rule: FlagRule, past: Answers) -> Finding | None:
        """A warning where the flag is raised, with its evidence in `looked_at`; None where it is not."""
