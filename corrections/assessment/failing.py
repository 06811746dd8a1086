"""Which single rows of a batch fail a machine check, so that they can stay out while the others go on.

A check gives one verdict on all rows that it is shown. Rows are therefore shown in halves until it is known which of
them it means; rows that a check weighs together (`Check.together`) are never parted: they fail together.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import replace

from corrections.assessment.subject import subject_of
from corrections.checks import Check, Finding, Subject, checks_for
from corrections.choices import Verdict
from corrections.conf import limits
from corrections.engine import rows
from corrections.engine.pages import pages
from corrections.models import Change, Correction

# Position of a row, with the code of the first check that fails it and what that says.
Failing = dict[int, tuple[str, Finding]]
Groups = list[list[Change]]


def failing_rows(
    correction: Correction, changes: Sequence[Change], *, at: dt.datetime, is_locking: bool = False
) -> Failing:
    """Those of these rows that fail a check now; of rows that are gone or moved on nothing is said.

    Rows elsewhere in the batch to which nothing happened yet count where they are weighed together with one of these.
    """
    subject = _subject(correction, changes, at, is_locking=is_locking)
    found: Failing = {}
    for check in _checks(subject, with_external=False, codes=None):
        bad = _narrowed(check, subject, _grouped(check, subject))
        for group, finding in bad:
            if _fails_as_a_whole(check, correction, group, changes, at):
                _add(found, check, group, finding)
    return found


def failing_in_bulk(
    correction: Correction, *, at: dt.datetime, codes: Collection[str], without: Collection[int] = ()
) -> Failing:
    """Every row of a batch that fails one of these checks; those at the positions `without` are not looked at."""
    found: Failing = {}
    apart: dict[tuple[str, Hashable], list[int]] = defaultdict(list)
    for page in pages(correction.changes.defer("before_image", "after_image")):
        subject = _subject(correction, [change for change in page if change.position not in without], at)
        for check in _checks(subject, with_external=True, codes=codes):
            alone = [change for change in subject.changes if check.together(subject.views[change.pk]) is None]
            for group, finding in _narrowed(check, replace(subject, changes=alone), [[change] for change in alone]):
                _add(found, check, group, finding)
            for change in subject.changes:
                if (key := check.together(subject.views[change.pk])) is not None:
                    apart[check.code, key].append(change.pk)
    for code in {code for code, _key in apart}:
        groups = [pks for (of, _key), pks in apart.items() if of == code]
        _look_at_groups(correction, at, code, groups, found)
    return found


def _look_at_groups(
    correction: Correction, at: dt.datetime, code: str, groups: list[list[int]], found: Failing
) -> None:
    for some in packs(groups):
        wanted = [pk for group in some for pk in group]
        subject = _subject(
            correction, list(Change.objects.filter(pk__among=frozenset(wanted)).order_by("position")), at
        )
        for check in _checks(subject, with_external=True, codes={code}):
            for group, finding in _narrowed(check, subject, _grouped(check, subject)):
                _add(found, check, group, finding)


def packs(groups: list[list[int]]) -> Iterator[list[list[int]]]:
    """Whole groups, about BATCH_STAGE_ROWS rows at a time; a larger group by itself."""
    pack: list[list[int]] = []
    size = 0
    most = limits.BATCH_STAGE_ROWS
    for group in groups:
        if pack and size + len(group) > most:
            yield pack
            pack, size = [], 0
        pack.append(group)
        size += len(group)
    if pack:
        yield pack


def _subject(
    correction: Correction, changes: Sequence[Change], at: dt.datetime, *, is_locking: bool = False
) -> Subject:
    """The rows as they stand, without those that are gone or moved on: these are told otherwise."""
    targets = rows.locked_targets(changes) if is_locking else rows.live_targets(changes)
    subject, _refusal = subject_of(correction, changes, targets, at=at)
    return replace(subject, changes=[change for change in changes if change.pk not in subject.stale], stale={})


def _checks(subject: Subject, *, with_external: bool, codes: Collection[str] | None) -> list[Check]:
    wanted = [check for check in checks_for(subject) if with_external or not check.is_external]
    return wanted if codes is None else [check for check in wanted if check.code in codes]


def _grouped(check: Check, subject: Subject) -> Groups:
    """Rows by what the check weighs them together with; the others each by itself."""
    groups: dict[Hashable, list[Change]] = defaultdict(list)
    for change in subject.changes:
        key = check.together(subject.views[change.pk])
        groups[("row", change.pk) if key is None else ("together", key)].append(change)
    return list(groups.values())


def _narrowed(check: Check, subject: Subject, groups: Groups) -> list[tuple[list[Change], Finding]]:
    """The groups that fail. Where only several of them together do, all of those."""
    if not groups:
        return []
    shown = [change for group in groups for change in group]
    finding = check.look(replace(subject, changes=shown))
    if finding.verdict != Verdict.FAIL:
        return []
    if len(groups) == 1:
        return [(shown, finding)]
    middle = len(groups) // 2
    found = _narrowed(check, subject, groups[:middle]) + _narrowed(check, subject, groups[middle:])
    return found or [(shown, finding)]


def _fails_as_a_whole(
    check: Check, correction: Correction, group: list[Change], changes: Sequence[Change], at: dt.datetime
) -> bool:
    """Whether a group still fails with those of its rows that stand elsewhere and are yet to be written."""
    if type(check).together is Check.together:
        return True
    keys = {check.together(_subject(correction, group, at).views[change.pk]) for change in group} - {None}
    if not keys:
        return True
    here = {change.pk for change in changes}
    further = list(group)
    for page in pages(correction.changes.filter(outcome="").defer("before_image", "after_image")):
        subject = _subject(correction, [change for change in page if change.pk not in here], at)
        further += [change for change in subject.changes if check.together(subject.views[change.pk]) in keys]
    return len(further) == len(group) or check.look(_subject(correction, further, at)).verdict == Verdict.FAIL


def _add(found: Failing, check: Check, group: list[Change], finding: Finding) -> None:
    for change in group:
        found.setdefault(change.position, (check.code, finding))
