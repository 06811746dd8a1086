"""The XML of large parts in a stream: checked by a real parser first, then read by patterns, which is faster.

Patterns are exact only where markup has no second form. So a part must be well-formed UTF-8 with one name for the
namespace of spreadsheets, and without document type, comments, CDATA or processing instructions: then “<” begins a
tag and nothing else. Spreadsheets write nothing other; a part that differs is refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from corrections.files.packages import (
    NAMESPACE_END,
    NOT_WELL_FORMED,
    TOKEN_BYTES_MAX,
    Clock,
    Package,
    damaged,
    refuse_document_type,
)
from corrections.files.workbooks import MAIN

ATTRIBUTES = r"""((?:[^>"']++|"[^"]*+"|'[^']*+')*+)"""
TAG = re.compile(rf"<(/?)([^\s/>]+){ATTRIBUTES}>([^<]*)")
ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
ENTITY = re.compile("&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|(lt|gt|amp|quot|apos));")
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class Tag(NamedTuple):
    """`name` is the local one, "" for tags of other namespaces; `text` what stands before the next tag, as written."""

    is_end: bool
    name: str
    attributes: str
    text: str

    @property
    def is_empty(self) -> bool:
        return self.attributes.endswith("/")


def checked(package: Package, part: str, clock: Clock) -> str:
    """The prefix of spreadsheet names in this part, with its colon, or "".

    Raises FileRefused `workbook_damaged`, `workbook_has_entities` or `workbook_too_slow`.
    """
    prefixes: dict[str, str] = {}
    parser = expat.ParserCreate(namespace_separator=NAMESPACE_END)
    parser.StartDoctypeDeclHandler = refuse_document_type
    parser.CommentHandler = parser.StartCdataSectionHandler = parser.ProcessingInstructionHandler = _refuse
    parser.XmlDeclHandler = _refuse_encoding
    parser.StartNamespaceDeclHandler = lambda prefix, uri: _bind(prefixes, prefix or "", uri or "")
    _parse(parser, package.blocks(part), clock)
    found = [prefix for prefix, uri in prefixes.items() if uri in MAIN]
    if len(found) != 1:
        raise damaged()
    return f"{found[0]}:" if found[0] else ""


def texts(package: Package, part: str) -> Iterator[str]:
    """The part as text, block by block."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        for block in package.blocks(part):
            yield decoder.decode(block)
    except UnicodeDecodeError:
        raise damaged() from None


def tags(text: str, prefix: str) -> Iterator[Tag]:
    """The tags of a text that begins with one and ends before one."""
    for end, name, attributes, following in TAG.findall(text):
        yield Tag(bool(end), local(name, prefix), attributes, following)


def local(name: str, prefix: str) -> str:
    if prefix:
        return name.removeprefix(prefix) if name.startswith(prefix) else ""
    return "" if ":" in name else name


def attributes_of(text: str) -> dict[str, str]:
    return {name: plain(one or other) for name, one, other in ATTRIBUTE.findall(text)}


def plain(text: str) -> str:
    """Text as XML means it: line ends are one character, entities are what they stand for."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    return NAMED[name] if name else chr(int(hexadecimal, 16) if hexadecimal else int(decimal))


def _parse(parser: expat.XMLParserType, blocks: Iterator[bytes], clock: Clock) -> None:
    fed = 0
    try:
        for block in blocks:
            parser.Parse(block)
            fed += len(block)
            # What the parser has not told of yet is a tag or an attribute that it keeps whole.
            if fed - parser.CurrentByteIndex > TOKEN_BYTES_MAX:
                raise damaged()
            clock.look()
        parser.Parse(b"", True)
    except NOT_WELL_FORMED:
        raise damaged() from None


def _bind(prefixes: dict[str, str], prefix: str, uri: str) -> None:
    if prefixes.setdefault(prefix, uri) != uri and (uri in MAIN or prefixes[prefix] in MAIN):
        raise damaged()


def _refuse(*_args: object) -> None:
    raise damaged()


def _refuse_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if (encoding or "utf-8").lower() != "utf-8":
        raise damaged()
