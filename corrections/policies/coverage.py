"""What a set of policies leaves open: cases that none matches, versions that never match, and those that overlap.

Pure. Instead of trying every correction, everything that the policies can tell apart is tried once: kinds of record,
actions, fields and impacts that the same policies speak of, reasons and currencies likewise, amounts at each
boundary, one cent below it, and added up with earlier ones, and rows at each count from which a policy holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from typing import Any

from corrections.choices import Impact, Reason
from corrections.conf import limits
from corrections.policies.case import Atom, Case
from corrections.policies.demand import Demand
from corrections.policies.match import Ruled, fits, speaks_of

CENT = Decimal("0.01")
BUSINESS_IMPACTS = tuple(impact for impact in Impact.values if impact != Impact.CONTROL)


@dataclass(frozen=True)
class Kind:
    """One registered kind of record: fields by action, and what its corrections may do harm to."""

    model: str
    fields: Mapping[str, tuple[str, ...]]
    impacts: tuple[str, ...]
    is_control: bool = False

    def atoms(self) -> Iterator[Atom]:
        for action, names in self.fields.items():
            for name, impact in product(names, self.impacts):
                yield Atom(self.model, action, name, impact, self.is_control)


@dataclass(frozen=True)
class FlagState:
    """A risk flag as policies can hear of it: known to a machine, and by its rule raised or only reported."""

    code: str
    is_known: bool
    raises_tier: bool


@dataclass(frozen=True)
class Gap:
    """Corrections that nobody could approve. Empty reasons and currencies mean all of them."""

    model: str
    action: str
    fields: tuple[str, ...]
    impacts: tuple[str, ...]
    reasons: tuple[str, ...]
    currencies: tuple[str, ...]
    amount_from: Decimal
    amount_below: Decimal | None
    rows_below: int | None = None  # None: however many they are


@dataclass(frozen=True)
class Overlap:
    """Two policies that both fit something: the winner holds there. `is_milder`: it asks for less than the other."""

    winner: Ruled
    loser: Ruled
    is_milder: bool
    is_by_name: bool  # of the same priority, so that only their names decide


@dataclass(frozen=True)
class Coverage:
    gaps: tuple[Gap, ...] = ()
    shadowed: tuple[Ruled, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    unknown_flags: tuple[tuple[Ruled, str], ...] = ()  # named, but no machine raises them
    silent_flags: tuple[tuple[Ruled, str], ...] = ()  # named, but only reported or out of force
    unheard_flags: tuple[str, ...] = ()  # raising, but no policy names them
    is_capped: bool = False

    @property
    def is_clean(self) -> bool:
        """Nothing falls through, nothing is in vain, and no order is by name alone."""
        lists = (self.gaps, self.shadowed, self.unknown_flags, self.silent_flags, self.unheard_flags)
        return not any(lists) and not self.is_capped and not any(overlap.is_by_name for overlap in self.overlaps)


@dataclass
class _Class:
    """Atoms of which the same policies speak, and one of them for all."""

    atoms: list[Atom] = field(default_factory=list)


def coverage(
    policies: Sequence[Ruled], kinds: Iterable[Kind], flags: Iterable[FlagState], currencies: Iterable[str]
) -> Coverage:
    """The whole report on policies in the order in which they are matched."""
    plain = [ruled for ruled in policies if not ruled.policy.flags]
    search = _Search(policies, kinds, currencies)
    search.look(plain)
    heard = {state.code: state for state in flags}
    for code in sorted({code for ruled in policies for code in ruled.policy.flags}):
        search.look([ruled for ruled in policies if code in ruled.policy.flags], is_base=False)
    unknown, silent = _in_vain(policies, heard)
    named = {code for ruled in policies for code in ruled.policy.flags}
    return Coverage(
        gaps=tuple(search.gaps()),
        shadowed=() if search.is_capped else tuple(r for r in policies if id(r) not in search.winners),
        overlaps=tuple(search.overlaps.values()),
        unknown_flags=tuple(unknown),
        silent_flags=tuple(silent),
        unheard_flags=tuple(sorted(s.code for s in heard.values() if s.raises_tier and s.code not in named)),
        is_capped=search.is_capped,
    )


def _in_vain(
    policies: Sequence[Ruled], heard: Mapping[str, FlagState]
) -> tuple[list[tuple[Ruled, str]], list[tuple[Ruled, str]]]:
    named = [(ruled, code) for ruled in policies for code in ruled.policy.flags]
    unknown = [(ruled, code) for ruled, code in named if code not in heard or not heard[code].is_known]
    silent = [pair for pair in named if pair not in unknown and not heard[pair[1]].raises_tier]
    return unknown, silent


Hole = tuple[Atom, str, str, Decimal, int]
Band = tuple[Decimal, Decimal | None]


class _Search:
    """Goes through what policies can tell apart, and remembers who wins, who loses to whom, and what nobody takes."""

    def __init__(self, policies: Sequence[Ruled], kinds: Iterable[Kind], currencies: Iterable[str]) -> None:
        self.classes = _classes(policies, kinds)
        self.reasons = _alike(Reason.values, lambda value: tuple(_takes(r.policy.reasons, value) for r in policies))
        named = {currency for ruled in policies for currency in ruled.policy.currencies}
        known = ["", *sorted({*currencies, *named})]
        self.currencies = _alike(known, lambda value: tuple(_takes(r.policy.currencies, value) for r in policies))
        self.boundaries = sorted({bound for ruled in policies for bound in _bounds_of(ruled)})
        self.windows = _windows([ruled for ruled in policies if any(True for _bound in _bounds_of(ruled))])
        # One row, or as many as a policy asks for: between two such counts nothing is told apart.
        self.rows = sorted({1, *(max(1, ruled.policy.rows_from) for ruled in policies)})
        self.row_windows = _windows([ruled for ruled in policies if ruled.policy.rows_from])
        self.winners: set[int] = set()
        self.overlaps: dict[tuple[int, int], Overlap] = {}
        self.is_capped = False
        self._holes: dict[Hole, _Class] = {}
        self._left = limits.COVERAGE_CASES_MAX

    def look(self, policies: Sequence[Ruled], *, is_base: bool = True) -> None:
        """Matches every case against these policies; what none takes is a hole where a policy must hold."""
        for group, reason, currency in product(self.classes, self.reasons, self.currencies):
            speaking = [ruled for ruled in policies if speaks_of(ruled.policy, group.atoms[0])]
            for case in self._cases(group.atoms[0], reason, currency, with_earlier=bool(speaking)):
                self._left -= 1
                if self._left < 0:
                    self.is_capped = True
                    return
                fitting = [ruled for ruled in speaking if fits(ruled.policy, group.atoms[0], case)]
                if fitting:
                    self._note(fitting)
                elif is_base:
                    self._holes.setdefault((group.atoms[0], reason, currency, case.amount, case.rows), group)

    def _cases(self, atom: Atom, reason: str, currency: str, *, with_earlier: bool) -> Iterator[Case]:
        """By money, and by rows."""
        for case in self._by_money(atom, reason, currency, with_earlier=with_earlier):
            for rows in self.rows:
                reached = [0, *(other - rows for other in self.rows if other > rows)]
                windows = self.row_windows if with_earlier else []
                for counts in product(reached, repeat=len(windows)):
                    yield replace(case, rows=rows, earlier_rows=dict(zip(windows, counts, strict=True)))

    def _by_money(self, atom: Atom, reason: str, currency: str, *, with_earlier: bool) -> Iterator[Case]:
        """Without a currency no money is at stake; what earlier corrections add up to may be anything still."""
        amounts = self._amounts() if currency else [Decimal(0)]
        currencies = frozenset([currency]) if currency else frozenset()
        for amount in amounts:
            reached = [Decimal(0), *(other - amount for other in self._amounts() if other > amount)]
            windows = self.windows if with_earlier else []
            for sums in product(reached, repeat=len(windows)):
                earlier = dict(zip(windows, sums, strict=True))
                yield Case(frozenset([atom]), reason, amount, currencies, earlier)

    def _amounts(self) -> list[Decimal]:
        near = {value for bound in self.boundaries for value in (bound - CENT, bound) if value > 0}
        return sorted({Decimal(0), *near})

    def _note(self, fitting: Sequence[Ruled]) -> None:
        winner = fitting[0]
        self.winners.add(id(winner))
        for loser in fitting[1:]:
            key = id(winner), id(loser)
            if key not in self.overlaps:
                demand, other = Demand.of(winner), Demand.of(loser)
                if demand != other:
                    is_by_name = winner.policy.priority == loser.policy.priority
                    self.overlaps[key] = Overlap(winner, loser, not demand.covers(other), is_by_name)

    def gaps(self) -> list[Gap]:
        """The holes, put together into as few lines as say the same."""
        bands: dict[tuple[Atom, Band, int | None], set[tuple[str, str]]] = defaultdict(set)
        by_case: dict[tuple[Atom, str, str, int | None], list[Decimal]] = defaultdict(list)
        for (atom, reason, currency, amount), below in self._rows_below().items():
            by_case[atom, reason, currency, below].append(amount)
        groups = {atom: group for (atom, *_rest), group in self._holes.items()}
        for (atom, reason, currency, below), amounts in by_case.items():
            for band in self._runs(amounts):
                bands[atom, band, below].add((reason, currency))
        lines = [
            gap
            for (atom, band, below), cases in bands.items()
            for gap in _lines(groups[atom], self._all(cases), band, below)
        ]
        return sorted(set(lines), key=_order)[: limits.COVERAGE_LINES_MAX]

    def _rows_below(self) -> dict[tuple[Atom, str, str, Decimal], int | None]:
        """Below which count of rows each is a hole; None for any. Policies ask for many rows and never for few, so
        that a hole of some rows is one of fewer rows as well."""
        most: dict[tuple[Atom, str, str, Decimal], int] = {}
        for atom, reason, currency, amount, rows in self._holes:
            case = atom, reason, currency, amount
            most[case] = max(rows, most.get(case, 0))
        following = dict(zip(self.rows, [*self.rows[1:], None], strict=True))
        return {hole: following[rows] for hole, rows in most.items()}

    def _runs(self, amounts: Iterable[Decimal]) -> Iterator[Band]:
        """Bands of amounts between boundaries that are holes from end to end."""
        starts = [Decimal(0), *(bound for bound in self.boundaries if bound > 0)]
        is_open = [any(_is_in(amount, starts, place) for amount in amounts) for place in range(len(starts))]
        low: Decimal | None = None
        for place, start in enumerate(starts):
            if is_open[place] and low is None:
                low = start
            if not is_open[place] and low is not None:
                yield low, start
                low = None
        if low is not None:
            yield low, None

    def _all(self, cases: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Every reason and currency that is meant; none where all of them are."""
        reasons = sorted({one for reason, _c in cases for one in self.reasons[reason]})
        currencies = sorted({one for _r, currency in cases for one in self.currencies[currency]})
        every = {one for alike in self.currencies.values() for one in alike}
        is_every_reason = set(reasons) == set(Reason.values)
        return () if is_every_reason else tuple(reasons), () if set(currencies) == every else tuple(currencies)


def _is_in(amount: Decimal, starts: Sequence[Decimal], place: int) -> bool:
    return amount >= starts[place] and (place + 1 == len(starts) or amount < starts[place + 1])


def _lines(
    group: _Class, alike: tuple[tuple[str, ...], tuple[str, ...]], band: Band, rows_below: int | None
) -> Iterator[Gap]:
    """One line for each kind of record and action."""
    reasons, currencies = alike
    fields: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    impacts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for atom in group.atoms:
        fields[atom.model, atom.action][atom.field] = None
        impacts[atom.model, atom.action].add(atom.impact)
    for (model, action), names in fields.items():
        found = tuple(sorted(impacts[model, action]))
        yield Gap(model, action, tuple(names), found, reasons, currencies, *band, rows_below)


def _order(gap: Gap) -> tuple[Any, ...]:
    return gap.model, gap.action, gap.amount_from, gap.fields, gap.reasons, gap.currencies, gap.rows_below or 0


def _classes(policies: Sequence[Ruled], kinds: Iterable[Kind]) -> list[_Class]:
    found: dict[tuple[bool, ...], _Class] = defaultdict(_Class)
    for kind in kinds:
        for atom in kind.atoms():
            found[tuple(speaks_of(ruled.policy, atom) for ruled in policies)].atoms.append(atom)
    return list(found.values())


def _windows(policies: Sequence[Ruled]) -> list[tuple[str, int]]:
    """Ways of adding up; of those that always stand together one is enough, since the largest sum counts."""
    found: dict[tuple[bool, ...], tuple[str, int]] = {}
    for way in sorted({(by, ruled.policy.cumulate_days) for ruled in policies for by in ruled.policy.cumulate}):
        used = tuple(way[0] in r.policy.cumulate and way[1] == r.policy.cumulate_days for r in policies)
        found.setdefault(used, way)
    return list(found.values())


def _alike(values: Iterable[str], key: Callable[[str], tuple[bool, ...]]) -> dict[str, list[str]]:
    """Values that every policy treats alike, under one of them."""
    groups: dict[tuple[bool, tuple[bool, ...]], list[str]] = defaultdict(list)
    for value in values:
        # Without a currency no money is at stake, so that stands apart.
        groups[value == "", key(value)].append(value)
    return {group[0]: group for group in groups.values()}


def _takes(allowed: Sequence[str], value: str) -> bool:
    return not allowed or value in allowed


def _bounds_of(ruled: Ruled) -> Iterator[Decimal]:
    for bound in (ruled.policy.amount_from, ruled.policy.amount_below):
        if bound is not None:
            yield bound
