"""The type of evidence is found in its content; what is not a known type, or lies about it, is refused."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrections.errors import InvalidInput
from corrections.protection.sniffing import TYPES, decode_text, sniff
from tests.corrections.protection import samples

CONTENT_TYPES = "[Content_Types].xml"


def code_of_refusal(content: bytes, filename: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        sniff(content, filename)
    assert str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "filename", "kind"),
    [
        (samples.pdf(), "receipt.pdf", "pdf"),
        (samples.pdf(), "RECEIPT.PDF", "pdf"),
        (samples.pdf(), "receipt", "pdf"),
        (samples.picture("PNG"), "screen.png", "png"),
        (samples.picture("JPEG"), "screen.jpg", "jpeg"),
        (samples.picture("JPEG"), "screen.jpeg", "jpeg"),
        (samples.TEXT, "note.txt", "txt"),
        (samples.TEXT, "note", "txt"),
        (samples.TEXT.decode().encode("gb18030"), "note.txt", "txt"),
        (samples.TEXT.decode().encode("utf-8-sig"), "note.txt", "txt"),
        (b"BM is how a bitmap starts, and BMW too", "note.txt", "txt"),
        ("A new emoji \U0001fae8 and a page break\f".encode(), "note.txt", "txt"),
        (b"<html><script>alert(1)</script></html>", "page.txt", "txt"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "drawing.txt", "txt"),
        (samples.CSV, "rows.csv", "csv"),
        (samples.CSV, "rows.txt", "txt"),
        (b"a;b;c\n1;2;3\n", "rows.csv", "csv"),
        (b'a\tb\n"x\ny"\t2\n', "rows.csv", "csv"),
        (samples.CSV.decode().encode("gb18030"), "rows.csv", "csv"),
        (samples.mail(), "mail.eml", "eml"),
        (samples.mail(), "mail", "eml"),
        (samples.mail(), "mail.txt", "txt"),
        (samples.workbook(), "rows.xlsx", "xlsx"),
    ],
)
def test_type_is_found_in_the_content(content: bytes, filename: str, kind: str) -> None:
    assert sniff(content, filename) == TYPES[kind]


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (samples.pdf(), "receipt.png"),
        (samples.picture("PNG"), "screen.jpg"),
        (samples.picture("JPEG"), "screen.txt"),
        (samples.workbook(), "rows.csv"),
        (samples.TEXT, "note.pdf"),
        (samples.TEXT, "note.xlsx"),
        (samples.TEXT, "note.eml"),
        (b"From: someone, with no date\n\nHello", "mail.eml"),
        (b"one\ntwo\n", "rows.csv"),
        (b"a,b\n1,2,3\n", "rows.csv"),
        (b"<html></html>", "page.png"),
    ],
)
def test_name_that_contradicts_the_content_is_refused(content: bytes, filename: str) -> None:
    assert code_of_refusal(content, filename) == "evidence_name_contradicts_content"


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (b"<html></html>", "page.html"),
        (b"<svg/>", "drawing.svg"),
        (b"alert(1)", "script.js"),
        (samples.TEXT, "note.txt.exe"),
        (samples.picture("GIF"), "moving.gif"),
        (samples.picture("GIF"), "moving.png"),
        (samples.picture("BMP"), "moving"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "tool.txt"),
        (b"\x7fELF\x02\x01\x01\x00", "tool"),
        (b"text with a \x00 in it", "note.txt"),
        (b"text with an escape \x1b[2J", "note.txt"),
        ("text".encode("utf-16"), "note.txt"),
        (b"\xff\xfe\xfd\xfc\x80\x80", "note.txt"),
        (b"\x89PNG\r\n\x1a\n" + b"not a picture at all", "screen.png"),
        (b"\xff\xd8\xff\xe0 not a picture", "screen.jpg"),
        (b"PK\x03\x04 not an archive", "rows.xlsx"),
        (samples.with_part(samples.workbook(), CONTENT_TYPES, b"<Types/>", replace=True), "rows.xlsx"),
        (samples.with_part(samples.workbook(), "xl/vbaProject.bin", b"macro"), "rows.xlsx"),
        (samples.with_part(samples.workbook(), "XL/VBAPROJECT.BIN", b"macro"), "rows.xlsx"),
        (samples.with_part(samples.workbook(), "xl/activeX/activeX1.xml", b"<x/>"), "rows.xlsx"),
        (samples.with_part(samples.workbook(), "xl/macrosheets/sheet1.xml", b"<x/>"), "rows.xlsx"),
    ],
)
def test_other_types_are_refused(content: bytes, filename: str) -> None:
    assert code_of_refusal(content, filename) == "evidence_type_not_allowed"


@pytest.mark.parametrize("content", [b"", b" \r\n\t "])
def test_empty_file_is_refused(content: bytes) -> None:
    assert code_of_refusal(content, "note.txt") == "evidence_is_empty"


def test_file_up_to_the_limit_is_accepted_and_larger_refused(settings: Any) -> None:
    settings.CORRECTIONS_EVIDENCE_BYTES_MAX = 10
    assert sniff(b"0123456789", "note.txt").kind == "txt"
    assert code_of_refusal(b"0123456789a", "note.txt") == "evidence_too_large"


def test_workbook_that_unpacks_to_too_much_is_refused(settings: Any) -> None:
    bomb = samples.with_part(samples.workbook(), "xl/media/zeros.bin", bytes(3_000_000))
    assert len(bomb) < 20_000
    assert sniff(bomb, "rows.xlsx").kind == "xlsx"
    settings.CORRECTIONS_EVIDENCE_XLSX_BYTES_MAX = 2_000_000
    assert code_of_refusal(bomb, "rows.xlsx") == "evidence_too_large"


def test_workbook_of_too_many_parts_is_refused(settings: Any) -> None:
    settings.CORRECTIONS_EVIDENCE_XLSX_PARTS_MAX = 3
    assert code_of_refusal(samples.workbook(), "rows.xlsx") == "evidence_too_large"


def test_picture_that_unpacks_to_too_much_is_refused() -> None:
    header, body = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), zlib.compress(b"\x00")
    bomb = b"\x89PNG\r\n\x1a\n"
    for name, part in ((b"IHDR", header), (b"IDAT", body)):
        bomb += struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
    with pytest.raises(InvalidInput, match="too many pixels"):
        sniff(bomb, "screen.png")


@pytest.mark.parametrize(("kind", "name"), [("PNG", "screen.png"), ("JPEG", "screen.jpg")])
def test_torn_picture_is_refused_because_nobody_could_look_at_it(kind: str, name: str) -> None:
    whole = samples.picture(kind)
    assert sniff(whole, name)
    assert code_of_refusal(whole[: len(whole) * 2 // 3], name) == "evidence_type_not_allowed"


@pytest.mark.parametrize("filename", ["", " ", "../note.txt", "a\\note.txt", "note\u202etxt.pdf", "no\nte.txt"])
def test_name_that_hides_something_is_refused(filename: str) -> None:
    assert code_of_refusal(samples.TEXT, filename) == "evidence_name_not_allowed"


def test_text_is_read_in_both_encodings() -> None:
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        assert decode_text("客户,张三".encode(encoding)) == "客户,张三"


@given(content=st.binary(max_size=300), suffix=st.sampled_from(["", ".txt", ".csv", ".eml", ".pdf", ".xlsx", ".png"]))
def test_any_bytes_get_a_type_or_a_named_refusal(content: bytes, suffix: str) -> None:
    with suppress(InvalidInput):
        assert sniff(content, f"file{suffix}").kind in TYPES
