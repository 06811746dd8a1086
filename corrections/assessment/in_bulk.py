"""The assessment of a batch: page by page through the same checks, flags and questions, put together into one.

Equal to `assess` over all changes at once, but for memory: sums are added, the worst verdict of each check counts, what
policies can tell apart is united. Rows that a check weighs together (`Check.together`) and that stand on different
pages are looked at once more, together.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from corrections.assessment import earlier
from corrections.assessment.assess import (
    Assessment,
    Raised,
    _handlers,
    _moved,
    _put_stakes,
    _raised,
    _rules,
    _targets,
    _thresholds,
    atoms_of,
)
from corrections.assessment.rates import rates_for
from corrections.assessment.subject import subject_of
from corrections.checks import Check, Finding, Flag, Subject, checks_for, flags_for
from corrections.checks.asking import ask, batched
from corrections.choices import Verdict
from corrections.conf import limits
from corrections.engine.pages import pages
from corrections.errors import CorrectionError
from corrections.models import Change, Correction, FlagRule
from corrections.policies import Atom, Case, Ruled, in_force

T = TypeVar("T")
GRAVITY = {Verdict.PASS: 0, Verdict.WARN: 1, Verdict.FAIL: 2}

# What is told of single rows: the change, the code of what said it, and what it said.
Tell = Callable[[Change, str, Finding], None]
Keep = Callable[[Sequence[Change]], None]


@dataclass(frozen=True)
class InBulk(Assessment):
    """What machines found of a batch. Its `subject` holds no rows; `amounts` are the sums at stake by currency."""

    amounts: dict[str, Decimal] = field(default_factory=dict)
    stale_rows: int = 0
    stale: tuple[int, ...] = ()  # positions of the rows that are gone or moved on


def assess_in_bulk(
    correction: Correction,
    *,
    at: dt.datetime,
    is_locking: bool,
    checker_person_id: int | None = None,
    with_external: bool = False,
    skips_stale: bool = False,
    keep: Keep | None = None,
    tell: Tell | None = None,
) -> InBulk:
    """Assesses a batch as it stands. `keep` is given each page with what is at stake in its rows, to store it.

    With `skips_stale` a row that is gone or moved on is no refusal: it stays out, and is told. `tell` hears of each
    row that a check does not pass, up to BATCH_CHECK_FINDINGS_MAX of each check.
    """
    steps = look_in_bulk(
        correction,
        at=at,
        is_locking=is_locking,
        checker_person_id=checker_person_id,
        with_external=with_external,
        skips_stale=skips_stale,
        keep=keep,
        tell=tell,
    )
    return drained(steps)


def look_in_bulk(
    correction: Correction,
    *,
    at: dt.datetime,
    is_locking: bool,
    checker_person_id: int | None = None,
    with_external: bool = False,
    skips_stale: bool = False,
    keep: Keep | None = None,
    tell: Tell | None = None,
    without: Collection[int] = (),
) -> Generator[int, None, InBulk]:
    """The same step by step: after each page it gives how many rows were looked at. `without` leaves out positions."""
    whole = _Whole(correction, at, checker_person_id, is_locking, with_external, skips_stale, tell)
    looked = 0
    for page in pages(correction.changes.defer("before_image", "after_image")):
        rows = [change for change in page if change.position not in without] if without else page
        if rows:
            whole.look(rows)
        if rows and keep is not None:
            keep(rows)
        looked += len(page)
        yield looked
    whole.look_together()
    return whole.result()


def drained(steps: Generator[Any, None, T]) -> T:
    """What a look that goes step by step comes to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found


@dataclass(slots=True)
class _Group:
    """Changes that one check weighs together, and whether they must be looked at again as a whole."""

    page: int
    is_open: bool = False
    changes: list[int] = field(default_factory=list)


@dataclass
class _Whole:
    """What is known so far, page after page."""

    correction: Correction
    at: dt.datetime
    checker_person_id: int | None
    is_locking: bool
    with_external: bool
    skips_stale: bool
    tell: Tell | None

    def __post_init__(self) -> None:
        self.policies: Sequence[Ruled] = in_force()
        self.checks: list[Check] = []
        self.flags: list[Flag] = []
        self.rules: dict[str, FlagRule] = {}
        self.rates: dict[str, Decimal] = {}
        self.amount = Decimal(0)
        self.amounts: dict[str, Decimal] = defaultdict(Decimal)
        self.atoms: set[Atom] = set()
        self.currencies: set[str] = set()
        self.beneficiaries: set[str] = set()
        self.earlier: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        self.rows = 0
        self.earlier_rows: dict[tuple[str, int], int] = defaultdict(int)
        self.findings: dict[str, Finding] = {}
        self.raised: dict[str, Raised] = {}
        self.barred: frozenset[int] = frozenset()
        self.refusal: CorrectionError | None = None
        self.stale_rows = 0
        self.stale: list[int] = []
        self.told: dict[str, int] = defaultdict(int)
        self.page = 0
        self.groups: dict[tuple[str, Hashable], _Group] = {}

    # One page

    def look(self, page: list[Change]) -> None:
        subject = self._subject(page)
        self._begin(subject)
        self._weigh(page, subject)
        self.barred |= _handlers(subject, barring=True)
        self.atoms.update(atom for change in page for atom in atoms_of(change, subject))
        past = self._ask(subject)
        own = [flag for flag in self.flags if not flag.is_of_whole]
        for raised in _raised(subject, own, self.rules, past):
            self._raise(raised)
        if self.refusal is None:
            self._check(subject)

    def _subject(self, page: Sequence[Change]) -> Subject:
        """The rows of a page; those that moved on are left out where the batch may go on without them."""
        targets = _targets(page, is_locking=self.is_locking)
        subject, refusal = subject_of(
            self.correction, page, targets, at=self.at, checker_person_id=self.checker_person_id
        )
        subject = replace(subject, thresholds=_thresholds(self.policies))
        self.stale += [change.position for change in page if change.pk in subject.stale]
        if refusal is not None and not self.skips_stale:
            self.refusal = self.refusal or refusal
        if refusal is None or not self.skips_stale:
            return subject
        for change in page:
            if change.pk in subject.stale:
                self.stale_rows += 1
                self._say(change, "value_changed_since_request", Finding(Verdict.WARN, subject.stale[change.pk]))
        return replace(subject, changes=[change for change in page if change.pk not in subject.stale], stale={})

    def _begin(self, subject: Subject) -> None:
        if not self.checks and subject.changes:
            self.checks = [check for check in checks_for(subject) if self.with_external or not check.is_external]
            self.flags = flags_for(subject)
            self.rules = _rules(self.correction, self.flags)

    def _weigh(self, page: Sequence[Change], subject: Subject) -> None:
        """What is at stake in each row, and in all so far."""
        self.rows += len(page)
        moved = {change.pk: _moved(change, subject) for change in page}
        known = self.correction.demand.get("rates", {}) | {code: f"{rate:f}" for code, rate in self.rates.items()}
        self.rates |= rates_for([money for moneys in moved.values() for money in moneys], self.at, known)
        for change in page:
            _put_stakes(change, subject, moved[change.pk], self.rates)
            self.amount += change.stake or 0
            if change.amount is not None:
                self.currencies.add(change.currency)
                self.amounts[change.currency] += change.amount

    def _ask(self, subject: Subject) -> dict[str, Any]:
        """Of the past, what hangs on these rows. The same beneficiary is asked about once, whatever page it is on."""
        windows = {window for window in earlier.windows(self.policies) if window[0] in earlier.BY_ROW}
        new = [change for change in subject.changes if change.beneficiary not in self.beneficiaries]
        self.beneficiaries.update(change.beneficiary for change in new)
        by_beneficiary = {window for window in windows if window[0] == "beneficiary"}
        asked = earlier.questions(subject, windows - by_beneficiary)
        asked |= earlier.questions(replace(subject, changes=new), by_beneficiary)
        past = ask(self.correction, asked | self._of_flags(subject, is_of_whole=False))
        self._add_earlier(past)
        return past

    def _of_flags(self, subject: Subject, *, is_of_whole: bool) -> dict[str, Any]:
        return {
            f"{flag.code}:{label}": question
            for flag in self.flags
            if flag.is_of_whole == is_of_whole and flag.code in self.rules
            for label, question in flag.questions(subject, self.rules[flag.code]).items()
        }

    def _add_earlier(self, past: dict[str, Any]) -> None:
        for window, amount in earlier.sums(past, earlier.MONEY).items():
            self.earlier[window] += amount
        for window, rows in earlier.sums(past, earlier.ROWS).items():
            self.earlier_rows[window] += int(rows)

    def _raise(self, raised: Raised) -> None:
        """Each flag once: as it was raised first, or where it counted most."""
        before = self.raised.get(raised.flag.code)
        if before is None or _count(raised) > _count(before):
            self.raised[raised.flag.code] = raised

    # Checks

    def _check(self, subject: Subject) -> None:
        self.page += 1
        for check in self.checks:
            if type(check).together is Check.together:
                self._note(check, subject)
            else:
                self._look_at_groups(check, subject)

    def _look_at_groups(self, check: Check, subject: Subject) -> None:
        """What passes here passes, unless it hangs together with other pages; what doesn't is looked at once more,
        with all that it hangs together with."""
        finding = check.look(subject)
        if finding.verdict == Verdict.PASS:
            self.findings.setdefault(check.code, finding)
        for change in subject.changes:
            together = check.together(subject.views[change.pk])
            if together is None and finding.verdict == Verdict.PASS:
                continue  # by itself, and nothing is the matter
            key = (check.code, together or f"row {change.pk}")
            group = self.groups.setdefault(key, _Group(self.page))
            group.is_open |= group.page != self.page or finding.verdict != Verdict.PASS
            group.changes.append(change.pk)

    def _note(self, check: Check, subject: Subject) -> None:
        finding = check.look(subject)
        worst = self.findings.get(check.code)
        if worst is None or GRAVITY[finding.verdict] > GRAVITY[worst.verdict]:
            self.findings[check.code] = finding
        if finding.verdict != Verdict.PASS and self.tell is not None:
            self._narrow(check, subject, finding)

    def _narrow(self, check: Check, subject: Subject, finding: Finding) -> None:
        """Halves the rows until it is known which of them the check means; what only a group shows is told of it."""
        if self.told[check.code] >= limits.BATCH_CHECK_FINDINGS_MAX:
            return
        if len(subject.changes) == 1:
            self._say(subject.changes[0], check.code, finding)
            return
        middle = len(subject.changes) // 2
        halves = [_part(subject, subject.changes[:middle]), _part(subject, subject.changes[middle:])]
        found = [(half, check.look(half)) for half in halves]
        bad = [(half, one) for half, one in found if one.verdict != Verdict.PASS]
        if not bad:
            for change in subject.changes[: limits.BATCH_CHECK_FINDINGS_MAX]:
                self._say(change, check.code, finding)
        for half, one in bad:
            self._narrow(check, half, one)

    def _say(self, change: Change, code: str, finding: Finding) -> None:
        self.told[code] += 1
        if self.tell is not None and self.told[code] <= limits.BATCH_CHECK_FINDINGS_MAX:
            self.tell(change, code, finding)

    def look_together(self) -> None:
        """Whole groups of rows that hang together, wherever they stand."""
        for check in self.checks:
            groups = [
                group.changes for (code, _key), group in self.groups.items() if code == check.code and group.is_open
            ]
            for pks in _packs(groups):
                changes = [
                    change
                    for some in batched(pks, limits.BATCH_STAGE_ROWS)
                    for change in Change.objects.filter(pk__in=some).order_by("position")
                ]
                targets = _targets(changes, is_locking=self.is_locking)
                subject, _refusal = subject_of(
                    self.correction, changes, targets, at=self.at, checker_person_id=self.checker_person_id
                )
                self._note(check, subject)

    # The end

    def result(self) -> InBulk:
        subject = Subject(
            self.correction,
            [],
            {},
            at=self.at,
            checker_person_id=self.checker_person_id,
            amount=self.amount,
            thresholds=_thresholds(self.policies),
        )
        windows = {window for window in earlier.windows(self.policies) if window[0] not in earlier.BY_ROW}
        asked = earlier.questions(subject, windows) | self._of_flags(subject, is_of_whole=True)
        past = ask(self.correction, asked)
        self._add_earlier(past)
        for raised in _raised(subject, [flag for flag in self.flags if flag.is_of_whole], self.rules, past):
            self._raise(raised)
        raised_in_order = [self.raised[flag.code] for flag in self.flags if flag.code in self.raised]
        found = [(check, self.findings[check.code]) for check in self.checks if check.code in self.findings]
        return InBulk(
            subject=subject,
            refusal=self.refusal,
            findings=[] if self.refusal else found,
            flags=raised_in_order,
            case=Case(
                atoms=frozenset(self.atoms),
                reason=self.correction.reason,
                amount=self.amount,
                currencies=frozenset(self.currencies),
                earlier=dict(self.earlier),
                rows=self.rows,
                earlier_rows=dict(self.earlier_rows),
                flags=frozenset(one.flag.code for one in raised_in_order if one.rule.raises_tier),
            ),
            policies=self.policies,
            rates=self.rates,
            barred=self.barred,
            rules=self.rules,
            targets={},
            amounts=dict(self.amounts),
            stale_rows=self.stale_rows,
            stale=tuple(self.stale),
        )


def _part(subject: Subject, changes: Sequence[Change]) -> Subject:
    return replace(subject, changes=list(changes))


def _count(raised: Raised) -> int:
    count = raised.finding.looked_at.get("count", 0)
    return count if isinstance(count, int) else 0


def _packs(groups: list[list[int]]) -> Iterator[list[int]]:
    """Whole groups together, about BATCH_STAGE_ROWS rows at a time; a larger group by itself."""
    pack: list[int] = []
    for group in groups:
        if pack and len(pack) + len(group) > limits.BATCH_STAGE_ROWS:
            yield pack
            pack = []
        pack = [*pack, *group]
    if pack:
        yield pack
