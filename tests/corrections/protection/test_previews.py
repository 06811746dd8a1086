"""Previews are new pictures with a watermark, whatever the file; what can't be drawn is refused by name."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from corrections.errors import CorrectionError, NoPreview
from corrections.protection import fonts
from corrections.protection.previews import Preview, render
from corrections.protection.textpages import cells, paginate
from tests.corrections.protection import samples

WATERMARK = "Chidi 工号1002 2026-11-02 09:30"

FILES = {
    "png": samples.picture("PNG", (400, 300)),
    "jpeg": samples.picture("JPEG", (400, 300)),
    "pdf": samples.pdf(3),
    "txt": samples.TEXT,
    "csv": samples.CSV,
    "eml": samples.mail(),
    "xlsx": samples.workbook(),
}


def show(content: bytes, kind: str, page: int = 1) -> tuple[Preview, Image.Image]:
    preview = render(content, kind, page=page, watermark=WATERMARK)
    image = Image.open(io.BytesIO(preview.png))
    image.load()
    return preview, image


def code_of_refusal(content: bytes, kind: str, page: int = 1) -> str:
    with pytest.raises(NoPreview) as caught:
        render(content, kind, page=page, watermark=WATERMARK)
    assert str(caught.value)
    return caught.value.code


def content_size(image: Image.Image) -> tuple[int, int]:
    """Size of the dark picture in the corner of a white page."""
    box = image.convert("L").point(lambda level: 255 * (level < 100)).getbbox()
    assert box is not None
    return box[2], box[3]


@pytest.mark.parametrize("kind", sorted(FILES))
def test_every_kind_becomes_a_png_without_metadata(kind: str) -> None:
    preview, image = show(FILES[kind], kind)
    assert image.format == "PNG"
    assert image.info == {}
    assert preview.page == 1
    assert preview.pages == (3 if kind == "pdf" else 1)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_watermark_changes_the_picture_all_over_and_says_who(kind: str) -> None:
    _preview, image = show(FILES[kind], kind)
    other = Image.open(io.BytesIO(render(FILES[kind], kind, watermark="Mara 2026-11-02").png))
    assert image.tobytes() != other.tobytes()


@pytest.mark.parametrize("colour", ["white", "black", "navy", "maroon"])
def test_watermark_is_seen_in_every_quarter_of_light_and_dark_pages(colour: str) -> None:
    _preview, image = show(samples.picture("PNG", (800, 800), colour), "png")
    for left in (0, 400):
        for top in (0, 400):
            assert len(image.crop((left, top, left + 400, top + 400)).getcolors(100_000) or []) > 1


def test_picture_stays_readable_under_the_watermark() -> None:
    _preview, image = show(samples.picture("PNG", (400, 300), "navy"), "png")
    colours = sorted(image.getcolors(100_000) or [], reverse=True)
    assert colours[0][1] == (0, 0, 128)


def test_preview_without_watermark_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="watermark"):
        render(FILES["png"], "png", watermark=" ")


def test_picture_is_turned_as_its_camera_says_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90°
    exif[0x010E] = "secret place"
    preview, image = show(samples.picture("JPEG", (400, 300), exif=exif), "jpeg")
    assert content_size(image) == (300, 400)
    assert b"secret place" not in preview.png


def test_large_picture_is_made_smaller(settings: Any) -> None:
    settings.CORRECTIONS_PREVIEW_EDGE_PIXELS_MAX = 100
    for kind, form in (("png", "PNG"), ("jpeg", "JPEG")):
        _preview, image = show(samples.picture(form, (400, 200)), kind)
        assert content_size(image) == (100, 50)
    _preview, page = show(samples.pdf(1, 5000, 1000), "pdf")
    assert page.size == (480, 320)  # no smaller than a watermark needs


def test_picture_of_too_many_pixels_is_refused(settings: Any) -> None:
    settings.CORRECTIONS_PREVIEW_SOURCE_PIXELS_MAX = 1000
    assert code_of_refusal(FILES["png"], "png") == "preview_too_large"


def test_transparent_picture_is_shown_on_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(buffer, "PNG")
    _preview, image = show(buffer.getvalue(), "png")
    assert sorted(image.getcolors(100_000) or [])[-1][1] == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16"])
def test_every_colour_mode_is_shown(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (40, 40)).save(buffer, "PNG")
    assert show(buffer.getvalue(), "png")[1].size == (480, 320)


@pytest.mark.parametrize("page", [1, 2, 3])
def test_pages_of_a_pdf_are_shown_one_by_one(page: int) -> None:
    preview, image = show(FILES["pdf"], "pdf", page)
    assert (preview.page, preview.pages) == (page, 3)
    assert image.size == (600, 800)


@pytest.mark.parametrize(("kind", "page"), [("pdf", 4), ("pdf", 0), ("pdf", -1), ("png", 2), ("txt", 2)])
def test_page_that_is_not_there_is_refused(kind: str, page: int) -> None:
    assert code_of_refusal(FILES[kind], kind, page) == "preview_page_unknown"


def test_pages_beyond_the_limit_are_not_drawn(settings: Any) -> None:
    settings.CORRECTIONS_PREVIEW_PAGES_MAX = 2
    assert show(FILES["pdf"], "pdf", 2)[0].pages == 2
    assert code_of_refusal(FILES["pdf"], "pdf", 3) == "preview_page_unknown"


def test_pdf_pages_are_drawn_in_many_threads_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda n: show(FILES["pdf"], "pdf", n % 3 + 1)[0].page, range(12)))
    assert pages == [n % 3 + 1 for n in range(12)]


@pytest.mark.parametrize("kind", sorted(FILES))
def test_truncated_file_is_refused_or_shown_and_never_an_error(kind: str) -> None:
    for size in range(0, len(FILES[kind]), max(len(FILES[kind]) // 40, 1)):
        with suppress(CorrectionError):
            show(FILES[kind][:size], kind)


@pytest.mark.parametrize("kind", sorted(FILES))
@hypothesis_settings(max_examples=15, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_shown_or_refused_by_name(kind: str, content: bytes) -> None:
    with suppress(CorrectionError):
        render(content, kind, watermark=WATERMARK)


def test_unknown_kind_is_refused() -> None:
    assert code_of_refusal(b"x", "exe") == "preview_kind_unknown"


class TestText:
    def test_csv_is_shown_in_columns(self) -> None:
        (lines,) = paginate("bank,amount\n工商银行,12.50\n".encode(), "csv")
        assert lines == ["bank     │ amount", "工商银行 │ 12.50 "]

    def test_workbook_is_shown_in_columns(self) -> None:
        (lines,) = paginate(samples.workbook([["a", "b"], ["", "x"], ["1"]]), "xlsx")
        assert [line.rstrip() for line in lines] == ["a │ b", "  │ x", "1"]

    def test_workbook_with_a_document_type_is_refused(self) -> None:
        sheet = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet>&a;</worksheet>'
        book = samples.with_part(samples.workbook(), "xl/worksheets/sheet1.xml", sheet, replace=True)
        assert code_of_refusal(book, "xlsx") == "preview_too_large"

    def test_workbook_part_that_unpacks_to_too_much_is_refused(self, settings: Any) -> None:
        settings.CORRECTIONS_PREVIEW_XML_BYTES_MAX = 100
        assert code_of_refusal(FILES["xlsx"], "xlsx") == "preview_too_large"

    def test_mail_shows_sender_date_subject_attachments_and_body(self) -> None:
        (lines,) = paginate(samples.mail(), "eml")
        text = "\n".join(lines)
        for part in ("desk@channel.example", "2026", "退汇通知", "rows.csv", "The channel refused payout 7."):
            assert part in text

    def test_markup_of_a_mail_is_read_not_run(self) -> None:
        message = (
            b"From: a@b.example\nDate: Mon, 02 Nov 2026 09:00:00 +0800\nContent-Type: text/html\n\n"
            b"<style>p{}</style><script>steal()</script><p>Payout <b>7</b></p>"
        )
        (lines,) = paginate(message, "eml")
        assert "Payout 7" in lines
        assert not any("steal" in line or "<" in line for line in lines)

    def test_long_lines_are_broken_and_nothing_is_lost(self) -> None:
        text = "0123456789" * 50 + "张" * 200
        (lines,) = paginate(text.encode(), "txt")
        assert "".join(lines) == text
        assert max(map(cells, lines)) <= 120

    def test_direction_marks_are_made_visible(self) -> None:
        (lines,) = paginate("pay \u202e0001\u202c to".encode(), "txt")
        assert lines == ["pay �0001� to"]

    def test_long_text_has_pages_and_says_where_it_stops(self, settings: Any) -> None:
        settings.CORRECTIONS_PREVIEW_PAGES_MAX = 2
        pages = paginate("\n".join(map(str, range(500))).encode(), "txt")
        assert [len(page) for page in pages] == [60, 60]
        assert pages[0][0] == "0"
        assert "not shown" in pages[1][-1]

    def test_text_of_nearly_a_page_says_nothing_of_a_rest(self, settings: Any) -> None:
        settings.CORRECTIONS_PREVIEW_PAGES_MAX = 1
        assert paginate("\n".join(map(str, range(60))).encode(), "txt")[0][-1] == "59"


def test_pillows_own_font_stands_in_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "CANDIDATES", (("/nowhere/at/all.ttf", "None"),))
    fonts.load.cache_clear()
    try:
        assert show(b"plain latin text", "txt")[1].format == "PNG"
    finally:
        fonts.load.cache_clear()
