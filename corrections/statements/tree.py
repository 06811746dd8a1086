"""The syntax tree of a statement, held against the list of what may stand in it, as plain data of our own.

The parser sees the pieces' places in the statement instead of names and values, so that it can neither misread nor log
them. It is known to drop what stands twice (`WHERE a WHERE b`): every piece must come back out of the tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.parser import Parser
from sqlglot.tokens import Tokenizer

from corrections.statements import refusals, shape
from corrections.statements.asked import OPPOSITES, Comparison, Condition, Given, Junction, Update
from corrections.statements.pieces import NAME, NUMBER, TEXT, Piece

COMPARES: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
JOINS: dict[type[exp.Expr], str] = {exp.And: "AND", exp.Or: "OR"}
# What each kind of node is written with.
SPELLING: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Update: ("UPDATE", "SET"),
    exp.Where: ("WHERE",),
    exp.Not: ("NOT",),
    exp.Paren: ("(", ")"),
    exp.In: ("IN", "(", ")"),
    exp.Between: ("BETWEEN", "AND"),
    exp.Is: ("IS",),
    exp.Like: ("LIKE",),
    exp.Null: ("NULL",),
    **{kind: (word,) for kind, word in (COMPARES | JOINS).items()},
}


def read(pieces: Sequence[Piece]) -> Update:
    """The tree of a statement. Raises StatementRefused for everything that is not on the list."""
    try:
        root = _parsed(pieces)
        reader = _Reader(pieces)
        _demand_whole(pieces, root)
        found = reader.update(root)
    except (SqlglotError, RecursionError):
        # Neither the parser's own message nor its chain goes on: it would repeat the statement.
        raise refusals.StatementRefused from None
    shape.demand(pieces)  # last: the reasons that the tree gives are better
    return found


def _parsed(pieces: Sequence[Piece]) -> exp.Expr:
    text = " ".join(_anonymous(place, piece) for place, piece in enumerate(pieces))
    parser = Parser(error_level=ErrorLevel.RAISE, error_message_context=0)
    found = parser.parse(Tokenizer().tokenize(text), text)
    if len(found) != 1 or type(found[0]) is not exp.Update:
        raise refusals.StatementRefused
    return found[0]


def _anonymous(place: int, piece: Piece) -> str:
    return {NAME: f'"{place}"', TEXT: f"'{place}'", NUMBER: str(place)}.get(piece.kind, piece.text)


def _demand_whole(pieces: Sequence[Piece], root: exp.Expr) -> None:
    """Everything that was written stands in the tree, and nothing else does."""
    written = Counter(str(place) if piece.kind in (NAME, TEXT, NUMBER) else piece.text for place, piece in _all(pieces))
    if written != Counter(word for node in root.walk() for word in _spelled(node)):
        raise refusals.StatementRefused


def _all(pieces: Sequence[Piece]) -> Iterator[tuple[int, Piece]]:
    for place, piece in enumerate(pieces):
        yield place, Piece(piece.kind, "<>", piece.at, piece.end) if piece.is_("!=") else piece


def _spelled(node: exp.Expr) -> Iterator[str]:
    kind = type(node)
    if kind in (exp.Identifier, exp.Literal):
        # A word of the language that was taken for a name has no quotes, and is no piece that was written.
        yield str(node.this) if kind is exp.Literal or node.args.get("quoted") else "?"
    elif kind is exp.Boolean:
        yield str(node.this).upper()
    elif kind is exp.Table and node.args.get("db"):
        yield "."
    elif kind in (exp.Update, exp.In):
        yield from [","] * (len(node.expressions) - 1)
    elif node.args.get("negate"):
        yield "NOT"
    yield from SPELLING.get(kind, ())


def _only(node: exp.Expr | None, kind: type[exp.Expr], *names: str) -> exp.Expr:
    """The node, if it is exactly of this kind and has nothing but these parts."""
    if type(node) is not kind or any(value for name, value in node.args.items() if name not in names):
        raise refusals.StatementConditionNotAllowed
    return node


@dataclass(frozen=True)
class _Reader:
    pieces: Sequence[Piece]

    def update(self, root: exp.Expr) -> Update:
        if not _only(root, exp.Update, "this", "expressions", "where").expressions:
            raise refusals.StatementRefused
        condition = _only(root.args.get("where"), exp.Where, "this").this
        return Update(
            table=self._table(root.this),
            settings=tuple(self._setting(node) for node in root.expressions),
            condition=self._condition(condition, is_negated=False),
        )

    def _table(self, node: exp.Expr | None) -> tuple[Piece, ...]:
        names = [node.args.get(part) for part in ("db", "this")] if type(node) is exp.Table else []
        if node is None or any(value for name, value in node.args.items() if name not in ("db", "this")):
            raise refusals.StatementTableNotPlain
        return tuple(self._name(name) for name in names if name is not None)

    def _name(self, node: exp.Expr) -> Piece:
        return self.pieces[int(_only(node, exp.Identifier, "this", "quoted").this)]

    def _field(self, node: exp.Expr | None) -> Piece:
        return self._name(_only(node, exp.Column, "this").this)

    def _setting(self, node: exp.Expr) -> tuple[Piece, Given]:
        _only(node, exp.EQ, "this", "expression")
        field = self._field(node.this)
        return field, self._given(field, node.expression)

    def _given(self, field: Piece, node: exp.Expr | None) -> Given:
        if type(node) is exp.Literal:
            piece = self.pieces[int(node.this)]
            return Given(piece.kind, piece.text)
        if node is not None and type(node) in (exp.Null, exp.Boolean):
            word = next(iter(_spelled(node)))
            return Given(word, word)
        raise refusals.StatementValueNotLiteral(at=field.at)

    def _condition(self, node: exp.Expr, *, is_negated: bool) -> Condition:
        """NOT is carried down to the single comparisons: NOT (a OR b) is NOT a AND NOT b, whatever is unknown."""
        kind = type(node)
        if kind is exp.Paren:
            return self._condition(_only(node, kind, "this").this, is_negated=is_negated)
        if kind is exp.Not:
            return self._condition(_only(node, kind, "this").this, is_negated=not is_negated)
        if kind in JOINS:
            return self._junction(_only(node, kind, "this", "expression"), is_negated=is_negated)
        found = self._comparison(node)
        return _opposite(found) if is_negated else found

    def _junction(self, node: exp.Expr, *, is_negated: bool) -> Junction:
        word = OPPOSITES[JOINS[type(node)]] if is_negated else JOINS[type(node)]
        parts: list[Condition] = []
        for side in (node.this, node.expression):
            part = self._condition(side, is_negated=is_negated)
            parts += part.parts if isinstance(part, Junction) and part.word == word else [part]
        return Junction(word, tuple(parts))

    def _comparison(self, node: exp.Expr) -> Comparison:
        """One field on the left, and on the right what is written out."""
        kind = type(node)
        if kind in COMPARES:
            given = [_only(node, kind, "this", "expression").expression]
        elif kind is exp.Like:
            given = [_only(node, kind, "this", "expression", "negate").expression]
        elif kind is exp.In and node.expressions:
            given = _only(node, kind, "this", "expressions").expressions
        elif kind is exp.Between:
            given = [_only(node, kind, "this", "low", "high").args.get(end) for end in ("low", "high")]
        elif kind is exp.Is and type(node.expression) is exp.Null:
            return Comparison(self._field(_only(node, kind, "this", "expression").this), "IS NULL")
        else:
            raise refusals.StatementConditionNotAllowed
        field = self._field(node.this)
        operator = COMPARES.get(kind) or kind.__name__.upper()
        found = Comparison(field, operator, tuple(self._given(field, one) for one in given))
        return _opposite(found) if node.args.get("negate") else found


def _opposite(found: Comparison) -> Comparison:
    return replace(found, operator=OPPOSITES[found.operator])
