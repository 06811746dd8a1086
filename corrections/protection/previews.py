"""Evidence shown as a picture: re-encoded, watermarked PNG pages, so that no byte of a file reaches a browser as is.

The files are hostile until shown otherwise. Whatever a decoder raises becomes NoPreview; sizes are bounded before
anything is decoded. The watermark says who is looking and when, so that a photo of the screen names its source.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pypdfium2
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageDraw, ImageOps

from corrections.conf import limits
from corrections.errors import CorrectionError, NoPreview
from corrections.protection import fonts, textpages

WATERMARK_DEGREES = 25
WATERMARK_COLOUR = (120, 0, 0, 56)
WATERMARK_EDGE_COLOUR = (255, 255, 255, 48)  # seen where the page is dark
PAGE_PIXELS_MIN = (480, 320)  # room for a whole watermark beside a small picture
PDF_SCALE_MAX = 2.0  # 144 dpi
TEXT_PIXELS = 18
TEXT_MARGIN_PIXELS = 24

# PDFium is not safe for threads.
_pdfium = threading.Lock()


@dataclass(frozen=True)
class Preview:
    """One page of a file as a PNG, and how many pages can be asked for."""

    png: bytes
    page: int
    pages: int


def render(content: bytes, kind: str, *, page: int = 1, watermark: str) -> Preview:
    """Page `page` of a file of a kind that sniffing found. Raises NoPreview, whatever the file holds."""
    if not watermark.strip():
        raise ValueError("A preview without a watermark would not say who looked.")
    draw = _RENDERERS.get(kind)
    if draw is None:
        raise NoPreview(code="preview_kind_unknown")
    try:
        image, pages = draw(content, page)
        return Preview(_encoded(_watermarked(image, watermark)), page, pages)
    except CorrectionError:
        raise
    except Exception as error:
        # Decoders of foreign files raise nearly anything; here that always means the same thing.
        raise NoPreview(_("This file is damaged and can't be shown. Download it instead.")) from error


def _picture(content: bytes, page: int) -> tuple[Image.Image, int]:
    _refuse_page(page, 1)
    with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as image:
        _refuse_pixels(*image.size)
        edge = limits.PREVIEW_EDGE_PIXELS_MAX
        image.draft("RGB", (edge, edge))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((edge, edge))
        return _on_white(upright), 1


def _pdf(content: bytes, page: int) -> tuple[Image.Image, int]:
    with _pdfium:
        document = pypdfium2.PdfDocument(content)
        try:
            document.init_forms()  # else filled-in form fields would look empty
            pages = min(len(document), limits.PREVIEW_PAGES_MAX)
            _refuse_page(page, pages)
            sheet = document[page - 1]
            bitmap = sheet.render(scale=_pdf_scale(*sheet.get_size()))
            return _on_white(bitmap.to_pil()), pages
        finally:
            document.close()


def _pdf_scale(width: float, height: float) -> float:
    edge = max(width, height)
    if not math.isfinite(edge) or min(width, height) <= 0:
        raise NoPreview
    return min(PDF_SCALE_MAX, limits.PREVIEW_EDGE_PIXELS_MAX / edge)


def _text(kind: str) -> Callable[[bytes, int], tuple[Image.Image, int]]:
    def draw(content: bytes, page: int) -> tuple[Image.Image, int]:
        pages = textpages.paginate(content, kind)
        _refuse_page(page, len(pages))
        return _typeset(pages[page - 1]), len(pages)

    return draw


def _typeset(lines: list[str]) -> Image.Image:
    font = fonts.load(TEXT_PIXELS)
    line_pixels = TEXT_PIXELS * 3 // 2
    # A cell is half an em in a monospaced CJK font; others are measured.
    width = max([math.ceil(font.getlength(line)) for line in lines] + [limits.PREVIEW_LINE_CELLS * TEXT_PIXELS // 2])
    size = (min(width, limits.PREVIEW_EDGE_PIXELS_MAX), line_pixels * max(len(lines), 1))
    image = Image.new("RGB", (size[0] + 2 * TEXT_MARGIN_PIXELS, size[1] + 2 * TEXT_MARGIN_PIXELS), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((TEXT_MARGIN_PIXELS, TEXT_MARGIN_PIXELS + number * line_pixels), line, fill="black", font=font)
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """A new picture with the same pixels and none of the metadata."""
    picture = image.convert("RGBA")
    canvas = Image.new("RGB", picture.size, "white")
    canvas.paste(picture, mask=picture.getchannel("A"))
    return canvas


def _watermarked(image: Image.Image, text: str) -> Image.Image:
    page = (max(image.width, PAGE_PIXELS_MIN[0]), max(image.height, PAGE_PIXELS_MIN[1]))
    sheet = Image.new("RGB", page, "white")
    sheet.paste(image)
    stamp = _stamp(text[: limits.PREVIEW_WATERMARK_CHARS_MAX], max(14, sheet.width // 50))
    for number, top in enumerate(range(-stamp.height // 2, sheet.height, stamp.height)):
        for left in range(-stamp.width // 2 * (number % 2), sheet.width, stamp.width):
            sheet.paste(stamp, (left, top), stamp)
    return sheet


def _stamp(text: str, pixels: int) -> Image.Image:
    font = fonts.load(pixels)
    size = (math.ceil(font.getlength(text)) + 4 * pixels, 5 * pixels)
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(layer).text(
        (2 * pixels, 2 * pixels),
        text,
        fill=WATERMARK_COLOUR,
        font=font,
        stroke_width=1,
        stroke_fill=WATERMARK_EDGE_COLOUR,
    )
    return layer.rotate(WATERMARK_DEGREES, expand=True, resample=Image.Resampling.BICUBIC)


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _refuse_page(page: int, pages: int) -> None:
    if not 1 <= page <= pages:
        raise NoPreview(_("This file has no such page to show."), code="preview_page_unknown")


def _refuse_pixels(width: int, height: int) -> None:
    if width * height > limits.PREVIEW_SOURCE_PIXELS_MAX:
        raise NoPreview(_("This image has too many pixels to be shown. Download it instead."), code="preview_too_large")


_RENDERERS: dict[str, Callable[[bytes, int], tuple[Image.Image, int]]] = {
    "png": _picture,
    "jpeg": _picture,
    "pdf": _pdf,
    **{kind: _text(kind) for kind in ("txt", "eml", "csv", "xlsx")},
}
