"""What a machine can check before a human looks: verdicts and risk flags over the changes of a correction."""

from __future__ import annotations

from corrections.checks.base import (
    Check,
    Finding,
    Subject,
    failed,
    for_the_reader,
    in_every_language,
    passed,
    say,
    verdict,
    warned,
)
from corrections.checks.built_in import BUILT_IN
from corrections.checks.flags import BUILT_IN_FLAGS, Flag
from corrections.registry import registry

__all__ = [
    "BUILT_IN",
    "BUILT_IN_FLAGS",
    "Check",
    "Finding",
    "Flag",
    "Subject",
    "checks_for",
    "failed",
    "flags_for",
    "for_the_reader",
    "in_every_language",
    "passed",
    "run",
    "say",
    "title_of",
    "verdict",
    "warned",
]


def checks_for(subject: Subject) -> list[Check]:
    """The built-in checks and those registered for the models concerned, in a fixed order."""
    found: dict[str, type[Check]] = {check.code: check for check in BUILT_IN}
    for model in sorted({change.target_model for change in subject.changes}):
        entry = registry.get(model)
        found.update({check.code: check for check in (entry.config.checks if entry else ())})
    return [check() for check in found.values()]


def flags_for(subject: Subject) -> list[Flag]:
    """The built-in flags and those registered for the models concerned, in a fixed order."""
    found: dict[str, type[Flag]] = {flag.code: flag for flag in BUILT_IN_FLAGS}
    for model in sorted({change.target_model for change in subject.changes}):
        entry = registry.get(model)
        found.update({flag.code: flag for flag in (entry.config.flags if entry else ())})
    return [flag() for flag in found.values()]


def run(subject: Subject) -> list[tuple[str, Finding]]:
    """The finding of each check, by its code."""
    return [(check.code, check.look(subject)) for check in checks_for(subject)]


def title_of(code: str) -> str:
    """What people call a check or flag of this code, in the reader's language; the code of one that is gone."""
    named: list[type[Check] | type[Flag]] = [*BUILT_IN, *BUILT_IN_FLAGS]
    for entry in registry.entries():
        named += [*entry.config.checks, *entry.config.flags]
    return next((str(one.title) for one in named if one.code == code), code)
