"""What policies, steps and signatures must come to, said a second time in plain Python that knows no database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

LOW_TO_HIGH = ("checker", "controller", "compliance", "senior_checker", "president")
PROOFS = ("none", "recent", "own")
MOVES_MONEY = {"submitted", "approved", "applying", "applied", "reverted", "stopped"}
HOME = "CNY"
DESK = ZoneInfo("Asia/Shanghai")
EVERYWHERE = "*"


class Step(NamedTuple):
    role: str
    people: int = 1
    scope: str = "target"
    token: str = "none"


class Rule(NamedTuple):
    """A policy. What is empty or None says "any"."""

    name: str
    priority: int
    steps: tuple[Step, ...]
    kinds: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    impacts: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    at_least: Decimal | None = None
    below: Decimal | None = None
    rows: int = 0  # at least so many
    flags: tuple[str, ...] = ()
    added_by: tuple[str, ...] = ()
    days: int = 0
    evidence: int = 1
    at_once: bool = True
    executor_apart: bool = False
    cool_off: int = 0


class Piece(NamedTuple):
    kind: str
    action: str
    fields: tuple[str, ...]
    impact: str
    target: str
    gains: str = ""
    amount: Decimal | None = None
    currency: str = ""


class Asked(NamedTuple):
    """A correction as it was, or is being, submitted. `order` tells apart what was submitted at one instant."""

    order: int
    maker: str
    reason: str
    at: dt.datetime
    pieces: tuple[Piece, ...]
    state: str = "submitted"
    flags: frozenset[str] = frozenset()  # the raised ones that may raise the tier
    evidence: int = 1


Rates = Mapping[str, Sequence[tuple[dt.date, Decimal]]]


class Tier(NamedTuple):
    names: set[str]
    steps: tuple[Step, ...]
    ending: str  # applied, or approved and waiting for an executor or the end of a cool-off


def worth(piece: Piece, at: dt.datetime, rates: Rates) -> Decimal:
    """In the one currency of the policies, without a sign; to four places."""
    if piece.amount is None:
        return Decimal(0)
    today = at.astimezone(DESK).date()
    known = [(dt.date.min, Decimal(1))] if piece.currency == HOME else rates[piece.currency]
    _day, rate = max(entry for entry in known if entry[0] <= today)
    return (abs(piece.amount) * rate).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


def added_up(asked: Asked, rule: Rule, past: Iterable[Asked], rates: Rates) -> Decimal:
    """The amount under this rule: its own, and the most that any of the rule's dimensions adds."""
    own = sum((worth(piece, asked.at, rates) for piece in asked.pieces), Decimal(0))
    sums = [
        sum((worth(piece, old.at, rates) for old, piece in found), Decimal(0)) for found in beside(asked, rule, past)
    ]
    return own + max(sums, default=Decimal(0))


def rows_together(asked: Asked, rule: Rule, past: Iterable[Asked]) -> int:
    """Likewise the rows: each piece is one."""
    return len(asked.pieces) + max((len(found) for found in beside(asked, rule, past)), default=0)


def beside(asked: Asked, rule: Rule, past: Iterable[Asked]) -> Iterator[list[tuple[Asked, Piece]]]:
    """What was asked before and counts, for each of the rule's dimensions."""
    before = [old for old in past if old.state in MOVES_MONEY and (old.at, old.order) < (asked.at, asked.order)]
    days = dt.timedelta(days=rule.days)
    tomorrow = asked.at.astimezone(DESK).replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    for dimension in rule.added_by if rule.days else ():
        first = (tomorrow if dimension == "day" else asked.at) - days
        yield [piece_of for old in before if old.at >= first for piece_of in _alike(dimension, asked, old)]


def _alike(dimension: str, asked: Asked, old: Asked) -> Iterator[tuple[Asked, Piece]]:
    targets, gainers = {piece.target for piece in asked.pieces}, {piece.gains for piece in asked.pieces} - {""}
    for piece in old.pieces:
        same = {"day": True, "maker": old.maker == asked.maker, "target": piece.target in targets}
        if same.get(dimension, piece.gains in gainers):
            yield old, piece


def fits(rule: Rule, piece: Piece, name: str, asked: Asked, amount: Decimal, rows: int) -> bool:
    money = {one.currency for one in asked.pieces if one.amount is not None}
    about = ((piece.kind, rule.kinds), (piece.action, rule.actions), (piece.impact, rule.impacts))
    return (
        all(not listed or value in listed for value, listed in (*about, (asked.reason, rule.reasons)))
        and (not rule.fields or name in rule.fields or f"{piece.kind}.{name}" in rule.fields)
        and (not rule.currencies or bool(money & set(rule.currencies)))
        and (rule.at_least is None or amount >= rule.at_least)
        and (rule.below is None or amount < rule.below)
        and rows >= rule.rows
    )


def holding(rules: Sequence[Rule], asked: Asked, past: Sequence[Asked], rates: Rates) -> list[Rule] | None:
    """For every field the first that fits, and for every flag the first of its own; None: nobody may approve it."""
    in_order = sorted(rules, key=lambda rule: (rule.priority, rule.name))
    sizes = {rule.name: (added_up(asked, rule, past, rates), rows_together(asked, rule, past)) for rule in rules}
    found: dict[str, Rule] = {}
    for piece in asked.pieces:
        for name in piece.fields:
            fitting = [rule for rule in in_order if fits(rule, piece, name, asked, *sizes[rule.name])]
            plain = [rule for rule in fitting if not rule.flags]
            if not plain:
                return None
            found[plain[0].name] = plain[0]
            for flag in asked.flags:
                for rule in [rule for rule in fitting if flag in rule.flags][:1]:
                    found[rule.name] = rule
    return list(found.values())


def tier(rules: Sequence[Rule]) -> Tier:
    """All that these rules ask for together: no rule gets less than alone."""
    needed: dict[tuple[str, str, int], Step] = {}
    for rule in rules:
        for key, step in _numbered(rule.steps):
            known = needed.get(key, step)
            token = max(known.token, step.token, key=PROOFS.index)
            needed[key] = Step(step.role, max(known.people, step.people), step.scope, token)
    most = min(rules, key=lambda rule: (-sum(step.people for step in rule.steps), rule.priority, rule.name))
    keys = [key for key, _step in _numbered(most.steps)]
    if set(keys) != set(needed):  # it doesn't name every step itself, so lower people sign first
        keys = sorted(needed, key=lambda key: (LOW_TO_HIGH.index(key[0]), *key[1:]))
    waits = any(rule.executor_apart or rule.cool_off or not rule.at_once for rule in rules)
    return Tier({rule.name for rule in rules}, tuple(needed[key] for key in keys), "approved" if waits else "applied")


def _numbered(steps: Sequence[Step]) -> list[tuple[tuple[str, str, int], Step]]:
    """Steps by role, scope and which of such it is."""
    kinds = [(step.role, step.scope) for step in steps]
    return [((*kinds[place], kinds[:place].count(kinds[place])), step) for place, step in enumerate(steps)]


class Loan(NamedTuple):
    giver: str
    receiver: str
    role: str
    where: str
    is_today: bool


Roles = Mapping[str, set[str]]  # where each is held, or everywhere


def has(roles: Roles, step: Step, scopes: set[str]) -> bool:
    held = roles.get(step.role, set())
    if EVERYWHERE in held:
        return True
    return {"target": scopes <= held, "company": False, "other": bool(held - scopes)}[step.scope]


def as_lent(held: set[str], where: str) -> set[str]:
    """No further than it was lent, and than its giver holds it."""
    return held if where == EVERYWHERE else {where} if EVERYWHERE in held else held & {where}


def signature(
    name: str, step: Step, scopes: set[str], out: set[str], people: Mapping[str, Roles], loans: Sequence[Loan]
) -> set[str]:
    """Whose signature it is, an absent person's too; `out` brought something, signed, or was stood in for."""
    if name in out or has(people[name], step, scopes):
        return {name} - out
    for loan in loans:
        if loan.is_today and (loan.receiver, loan.role) == (name, step.role) and loan.giver not in out:
            held = {step.role: as_lent(people[loan.giver].get(step.role, set()), loan.where)}
            if has(held, step, scopes):
                return {name, loan.giver}
    return set()
