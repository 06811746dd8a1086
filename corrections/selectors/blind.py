"""New values that a reader may not see yet, because they are keyed blindly; the one place that says which.

They are hidden from everybody who contributed nothing, as long as somebody has still to key them: until every step
that keys is signed in this revision, and before the submission, when nobody knows yet who will sign. Once keyed as
the maker keyed them they are shown, to later steps as well: nobody keys them any more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property

from corrections.assessment.keyed import Keyed, fields_to_key
from corrections.choices import DecisionKind, State
from corrections.models import Change, Correction, Decision
from corrections.policies import Demand, in_force
from corrections.registry import Entry
from corrections.selectors import display

HIDDEN = "▒▒▒▒"  # stands where a value is hidden
# States from which somebody may still come to key what was asked for.
HIDING = (State.DRAFT, State.RETURNED, State.SUBMITTED, State.FAILED)
TEXT_CHARS_MIN = 3  # a shorter value stands in too many texts to be told from them
TAIL = re.compile(r"[0-9]{3,}")


@dataclass(frozen=True)
class Blind:
    """The hidden fields of one correction for one reader, and how texts look without them."""

    keyed: Sequence[Keyed] = ()

    def hides(self, change: Change, name: str) -> bool:
        return any(hidden.pk == change.pk and field == name for hidden, _entry, field in self.keyed)

    def hides_field(self, entry: Entry, name: str) -> bool:
        """Whether such a field is hidden in any change: of an earlier revision, where a change has no key."""
        return any(entry.key == own.key and field == name for _change, own, field in self.keyed)

    def clean(self, text: str) -> str:
        """The text without any of the hidden values."""
        return self._pattern.sub(HIDDEN, text) if self.keyed and text else text

    def is_told_by(self, amount: Decimal | str | None) -> bool:
        """Whether an amount is a hidden value."""
        return amount is not None and any(_is_equal(value, amount) for value in self._stored())

    def _stored(self) -> Iterator[str]:
        for change, entry, name in self.keyed:
            if not entry.is_secret(name):
                yield str(change.new[entry.columns(name)[0]])

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        texts = {text for one in self.keyed for text in _texts(*one) if len(text) >= TEXT_CHARS_MIN}
        longest_first = sorted(map(re.escape, texts), key=len, reverse=True)
        return re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(longest_first) or '(?!)'})(?![0-9A-Za-z])", re.IGNORECASE)


def _texts(change: Change, entry: Entry, name: str) -> Iterator[str]:
    """Every way in which a text may say the value: as it is shown, as it is stored, and the end of a masked one."""
    shown = display.shown(entry, name, change.new)
    yield shown
    if entry.is_secret(name):
        yield from TAIL.findall(shown)
        return
    stored = str(change.new[entry.columns(name)[0]])
    yield stored
    try:
        yield f"{Decimal(stored).normalize():f}"
    except InvalidOperation:
        return


def _is_equal(text: str, amount: Decimal | str) -> bool:
    try:
        return abs(Decimal(text)) == abs(Decimal(amount))
    except InvalidOperation:
        return False


def blind(
    correction: Correction,
    changes: Sequence[Change],
    *,
    demand: Demand,
    decisions: Iterable[Decision],
    has_contributed: bool,
) -> Blind:
    """What is hidden from one reader; `decisions` are those of the present revision."""
    names = hidden_names(correction, demand=demand, decisions=decisions, has_contributed=has_contributed)
    return blind_of(names, changes)


def blind_of(names: Collection[str], changes: Sequence[Change]) -> Blind:
    """What is hidden of these changes, where fields of these names are."""
    return Blind(tuple(fields_to_key(names, changes))) if names else Blind()


def hidden_names(
    correction: Correction, *, demand: Demand, decisions: Iterable[Decision], has_contributed: bool
) -> frozenset[str]:
    """Names of the fields whose new values one reader may not see yet, as policies write them."""
    if has_contributed or correction.state not in HIDING:
        return frozenset()
    names: Collection[str] = demand.rekey_fields if _is_to_be_keyed(demand, decisions) else ()
    if correction.is_editable:  # the policies of the next submission hold
        names = {*names, *(name for ruled in in_force() for name in ruled.policy.rekey_fields)}
    return frozenset(names)


def hides(names: Collection[str], entry: Entry, name: str) -> bool:
    """Whether such names hide a field of a model."""
    return name in names or f"{entry.key}.{name}" in names


def hidden_from_all(correction: Correction, change: Change) -> frozenset[str]:
    """Fields of one change that a list hides, which knows neither its readers nor the signatures so far."""
    if correction.state not in HIDING or not correction.demand:
        return frozenset()
    demand = Demand.from_json(correction.demand)
    names = demand.rekey_fields if any(step.is_rekeying for step in demand.steps) else ()
    return frozenset(name for _change, _entry, name in fields_to_key(names, [change]))


def _is_to_be_keyed(demand: Demand, decisions: Iterable[Decision]) -> bool:
    """Whether a step that keys has still to be signed."""
    signed = [decision.step for decision in decisions if decision.kind == DecisionKind.APPROVE]
    steps = enumerate(demand.steps, start=1)
    return any(step.is_rekeying and signed.count(position) < step.people for position, step in steps)
