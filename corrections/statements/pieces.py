"""The text of a statement as pieces of a small language, and all that can be refused before anything is parsed.

Costs time in proportion to the text and never recurses: whoever pastes ten thousand parentheses gets an answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from corrections.conf import limits
from corrections.statements import refusals

WORD, NAME, TEXT, NUMBER, SIGN, STRANGE = "word", "name", "text", "number", "sign", "strange"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The whole language; every other word is a name.
WORDS = _words("UPDATE SET WHERE AND OR NOT IN BETWEEN IS NULL LIKE TRUE FALSE")
QUERIES = _words("SELECT WITH EXISTS VALUES TABLE UNION INTERSECT EXCEPT")
# What else means something to a database. Whoever has a field of such a name puts it in double quotes.
FORBIDDEN = _words(
    """
    ALL ALTER ANALYZE ANY ARRAY AS ATTACH BEGIN CALL CASE CAST COLLATE COMMIT COPY CREATE CROSS CURRENT
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEFAULT DELETE DESCRIBE DISTINCT DO DROP ELSE END
    ESCAPE EXECUTE EXPLAIN FETCH FOR FROM FULL GLOB GRANT GROUP HAVING IGNORE ILIKE INNER INSERT INTERVAL INTO
    ISNULL JOIN LATERAL LEFT LIMIT LOCALTIMESTAMP MATCH MERGE NATURAL NOTNULL OFFSET ON ONLY ORDER OUTER
    OVERLAPS PRAGMA QUALIFY REGEXP REPLACE RETURNING REVOKE RIGHT RLIKE ROLLBACK ROW SESSION_USER SIMILAR SOME
    SYMMETRIC THEN TRUNCATE USING VACUUM WHEN WINDOW XOR
    """
)
PIECE = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<comment>--|/\*|\*/|\#)
  | (?P<text>'(?:[^']|'')*+')
  | (?P<quoted>"[^"]*+")
  | (?P<number>-?[0-9]+(?:\.[0-9]+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign><>|!=|<=|>=|[=<>(),.;])
    """,
    re.VERBOSE | re.ASCII,
)
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories of what can't be seen, or breaks a line
TABLE = 1  # the place of the table's name; a dot may follow, as in `accounts.payout`


@dataclass(frozen=True)
class Piece:
    """One word, name, value or sign. `at` counts characters from 1; `text` of a quoted piece is without its quotes."""

    kind: str
    text: str
    at: int
    end: int

    def is_(self, *texts: str) -> bool:
        return self.kind in (WORD, SIGN) and self.text in texts

    @property
    def bare_name(self) -> str:
        """The name in capitals, if it stands there without quotes."""
        return self.text.upper() if self.kind == NAME and self.end - self.at == len(self.text) else ""


def cut(text: str) -> list[Piece]:
    """The pieces of one UPDATE with a WHERE, without a closing semicolon. Raises StatementRefused."""
    if len(text) > limits.STATEMENT_CHARS_MAX:
        raise too_long()
    found = _pieces(text)
    if found and found[-1].is_(";"):
        found.pop()
    _demand_one_update(found)
    _demand_known_words(found)
    _demand_plain_values(found)
    _demand_bounds(found)
    return found


def too_long() -> refusals.StatementTooLong:
    return refusals.StatementTooLong(
        characters=limits.STATEMENT_CHARS_MAX,
        conditions=limits.STATEMENT_CONDITIONS_MAX,
        values=limits.STATEMENT_VALUES_MAX,
    )


def _pieces(text: str) -> list[Piece]:
    found: list[Piece] = []
    place = 0
    while place < len(text):
        match = PIECE.match(text, place)
        if match is None:
            found.append(_strange(text[place], place + 1))
        elif match.lastgroup == "comment":
            raise refusals.StatementHasComment(at=place + 1)
        elif match.lastgroup != "space":
            found.append(_piece(match))
        place = place + 1 if match is None else match.end()
    return found


def _strange(char: str, at: int) -> Piece:
    if char in "'\"":
        raise refusals.StatementNotClosed(at=at)
    return Piece(STRANGE, char, at, at + 1)


def _piece(match: re.Match[str]) -> Piece:
    kind, text, at, end = str(match.lastgroup), match.group(), match.start() + 1, match.end() + 1
    if kind == "word":
        upper = text.upper()
        return Piece(WORD, upper, at, end) if upper in WORDS else Piece(NAME, text.lower(), at, end)
    if kind == "quoted":
        if not PLAIN_NAME.fullmatch(text[1:-1]):
            raise refusals.StatementNameNotPlain(at=at)
        return Piece(NAME, text[1:-1], at, end)
    if kind == TEXT:
        _demand_plain_text(text, at)
        return Piece(TEXT, text[1:-1].replace("''", "'"), at, end)
    return Piece(kind, text, at, end)


def _demand_plain_text(text: str, at: int) -> None:
    """Nothing that is read in two ways: some take \\' for a quote within the value, and the rule is shown to people."""
    for place, char in enumerate(text, start=at):
        if char == "\\":
            raise refusals.StatementHasBackslash(at=place)
        if unicodedata.category(char) in HIDDEN:
            raise refusals.StatementHasHiddenCharacter(at=place)


def _demand_one_update(found: Sequence[Piece]) -> None:
    if not found:
        raise refusals.StatementIsEmpty
    if not found[0].is_("UPDATE"):
        raise refusals.StatementIsNoUpdate
    for piece in found[1:]:
        if piece.is_(";", "UPDATE"):
            raise refusals.StatementIsMoreThanOne(at=piece.at)


def _demand_known_words(found: Sequence[Piece]) -> None:
    for piece in found:
        if piece.bare_name in QUERIES:
            raise refusals.StatementHasSubquery(at=piece.at)
        if piece.bare_name in FORBIDDEN:
            raise refusals.StatementHasForbiddenWord(word=piece.bare_name, at=piece.at)
    for piece in found:
        if piece.kind == STRANGE:
            raise refusals.StatementHasStrangeSign(at=piece.at)


def _demand_plain_values(found: Sequence[Piece]) -> None:
    """Nothing hangs on a value: 1e5, 0x1F, E'…', DATE '…' and two values in a row are read differently by many."""
    for piece, after in pairwise(found):
        is_touching = piece.end == after.at
        if piece.kind == NAME and after.is_("("):
            raise refusals.StatementHasFunction(at=piece.at)
        if is_touching and _is_odd_number(piece, after):
            raise refusals.StatementNumberNotPlain(at=piece.at)
        if after.kind == TEXT and (piece.kind == NAME or (is_touching and piece.kind == WORD)):
            raise refusals.StatementValueHasPrefix(at=after.at)
        if {piece.kind, after.kind} <= {TEXT, NUMBER}:
            raise refusals.StatementRefused

    for place, piece in enumerate(found):
        if piece.is_(".") and place != TABLE + 1:
            raise refusals.StatementNameHasSchema(at=piece.at)


def _is_odd_number(piece: Piece, after: Piece) -> bool:
    if piece.kind == NUMBER:
        return after.kind in (WORD, NAME, NUMBER) or after.is_(".")
    return piece.is_(".") and after.kind == NUMBER


def _demand_bounds(found: Sequence[Piece]) -> None:
    """Depth and counts are known before the parser, which recurses, sees anything."""
    depth = 0
    for piece, after in zip(found, [*found[1:], None], strict=True):
        depth += piece.is_("(") - piece.is_(")")
        is_repeated = piece.is_("NOT") and after is not None and after.is_("NOT")
        if depth > limits.STATEMENT_DEPTH_MAX or is_repeated:
            raise refusals.StatementTooDeep(max=limits.STATEMENT_DEPTH_MAX)
    words = Counter(piece.text for piece in found if piece.kind in (WORD, SIGN))
    conditions = words["AND"] + words["OR"] - words["BETWEEN"] + 1
    if conditions > limits.STATEMENT_CONDITIONS_MAX or len(found) > limits.STATEMENT_PIECES_MAX:
        raise too_long()
    if words[","] >= limits.STATEMENT_VALUES_MAX:
        raise too_long()
    if not words["WHERE"]:
        raise refusals.StatementHasNoWhere
    if words["WHERE"] > 1 or words["SET"] != 1:
        raise refusals.StatementRefused
