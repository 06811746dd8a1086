"""The order in which the pieces of a statement may stand, but for the balance of parentheses.

The parser takes what no database does (`x NOT IS NULL`, a field that is called IS), each dialect having its freedoms.
What it understood counts only if the statement also reads like this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from corrections.statements import refusals
from corrections.statements.pieces import NAME, NUMBER, TEXT, Piece

# One letter for each piece, so that a whole statement can be held against one pattern.
LETTERS = {
    "UPDATE": "U",
    "SET": "S",
    "WHERE": "W",
    "AND": "&",
    "OR": "|",
    "NOT": "!",
    "IN": "i",
    "BETWEEN": "b",
    "LIKE": "l",
    "IS": "s",
    "NULL": "v",
    "TRUE": "v",
    "FALSE": "v",
    **dict.fromkeys(("<>", "!=", "<", "<=", ">", ">="), "c"),
}
KINDS = {NAME: "n", TEXT: "v", NUMBER: "v"}
CONDITION = r"[!(]*+n(?:[=c]v|!?i\(v(?:,v)*+\)|!?bv&v|!?lv|s!?v)\)*+"
STATEMENT = re.compile(rf"Un(?:\.n)?Sn=v(?:,n=v)*+W{CONDITION}(?:[&|]{CONDITION})*+")


def demand(pieces: Sequence[Piece]) -> None:
    """Raises StatementRefused."""
    letters = "".join(KINDS.get(piece.kind) or LETTERS.get(piece.text, piece.text) for piece in pieces)
    if not STATEMENT.fullmatch(letters):
        raise refusals.StatementRefused
