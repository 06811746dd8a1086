"""What a statement asks for, as plain data: no name is looked up yet, and no value read."""

from __future__ import annotations

from dataclasses import dataclass

from corrections.statements.pieces import Piece

# Each operator with the one that says the opposite, an unknown outcome (NULL) staying unknown.
OPPOSITES = {
    "=": "<>",
    "<": ">=",
    ">": "<=",
    "IN": "NOT IN",
    "BETWEEN": "NOT BETWEEN",
    "LIKE": "NOT LIKE",
    "IS NULL": "IS NOT NULL",
    "AND": "OR",
}
OPPOSITES |= {opposite: operator for operator, opposite in OPPOSITES.items()}


@dataclass(frozen=True)
class Given:
    """A value as it is written: `text`, `number`, or one of the words TRUE, FALSE and NULL as kind and text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Comparison:
    field: Piece
    operator: str
    given: tuple[Given, ...] = ()


@dataclass(frozen=True)
class Junction:
    """Conditions of which all (AND) or any (OR) must hold."""

    word: str
    parts: tuple[Condition, ...]


Condition = Comparison | Junction


@dataclass(frozen=True)
class Update:
    """What is asked for. `table` is a name, or an app's label and a model's name."""

    table: tuple[Piece, ...]
    settings: tuple[tuple[Piece, Given], ...]
    condition: Condition
