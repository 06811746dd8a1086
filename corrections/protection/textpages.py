"""Files that consist of text, as pages of lines that fit a picture; nothing here draws.

What can't be seen is made visible: direction marks and other format characters, by which a text can read
differently from what it says, become a replacement character.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from itertools import islice
from unicodedata import category, east_asian_width

from django.utils.translation import gettext as _

from corrections.conf import limits
from corrections.protection.sheets import first_sheet
from corrections.protection.sniffing import decode_text, separator

MAIL_HEADERS = ("From", "To", "Cc", "Date", "Subject", "Message-ID")
TAB = "    "


def paginate(content: bytes, kind: str) -> list[list[str]]:
    """At least one page. A long file ends with a line saying that the rest isn't shown."""
    per_page = limits.PREVIEW_PAGE_LINES
    lines_max = limits.PREVIEW_PAGES_MAX * per_page
    lines = list(islice(_fitted(_LINES[kind](content)), lines_max + 1))
    if len(lines) > lines_max:
        lines[lines_max - 1 :] = [_("… The rest is not shown here. Download the file to see all of it.")]
    return [lines[start : start + per_page] for start in range(0, len(lines), per_page)] or [[""]]


def cells(text: str) -> int:
    """Width in half-em cells: a Chinese character takes two."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _plain(content: bytes) -> Iterable[str]:
    return decode_text(content).splitlines()


def _csv(content: bytes) -> Iterable[str]:
    text = decode_text(content)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator(text) or ",")
    return _table(list(islice(rows, limits.PREVIEW_PAGES_MAX * limits.PREVIEW_PAGE_LINES + 1)))


def _xlsx(content: bytes) -> Iterable[str]:
    return _table(first_sheet(content))


def _mail(content: bytes) -> Iterable[str]:
    message = message_from_bytes(content, policy=policy.default)
    for name in MAIL_HEADERS:
        for value in message.get_all(name, []):
            yield f"{name}: {value}"
    for attachment in message.iter_attachments():
        yield _("Attachment: %(name)s") % {"name": attachment.get_filename() or attachment.get_content_type()}
    yield ""
    yield from _body(message).splitlines()


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content())
    return _TextOfMarkup.of(text) if part.get_content_subtype() == "html" else text


class _TextOfMarkup(HTMLParser):
    """The readable text of an HTML mail; styles and scripts are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._skipping = 0

    @classmethod
    def of(cls, markup: str) -> str:
        parser = cls()
        parser.feed(markup)
        parser.close()
        return "".join(parser._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipping += tag in {"script", "style"}
        if tag in {"br", "p", "div", "tr", "li", "h1", "h2", "h3"}:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._skipping -= tag in {"script", "style"} and self._skipping > 0

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._parts.append(data)


def _table(rows: list[list[str]]) -> Iterator[str]:
    shown = [[_one_line(cell) for cell in row[: limits.PREVIEW_COLUMNS_MAX]] for row in rows]
    columns = max((len(row) for row in shown), default=0)
    widths = [
        min(max(cells(row[column]) for row in shown if column < len(row)), limits.PREVIEW_COLUMN_CELLS_MAX)
        for column in range(columns)
    ]
    for row in shown:
        yield " │ ".join(cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=False))


def _one_line(cell: str) -> str:
    return " ".join(cell.split())


def _fitted(lines: Iterable[str]) -> Iterator[str]:
    """Each line broken where it would leave the page; nothing of it is lost."""
    line_cells = limits.PREVIEW_LINE_CELLS
    for line in lines:
        if line.isascii() and line.isprintable():  # nearly all lines, and fast
            yield from [line[at : at + line_cells] for at in range(0, len(line), line_cells)] or [""]
            continue
        piece, width = "", 0
        for letter in _visible(line):
            if width + cells(letter) > line_cells:
                yield piece
                piece, width = "", 0
            piece, width = piece + letter, width + cells(letter)
        yield piece


def _visible(line: str) -> str:
    expanded = line.replace("\t", TAB)
    return "".join("�" if category(letter) in {"Cc", "Cf", "Co", "Cs"} else letter for letter in expanded)


_LINES = {"txt": _plain, "csv": _csv, "xlsx": _xlsx, "eml": _mail}
