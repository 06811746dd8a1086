"""Made-up evidence: a notice as pdf, a receipt as text, a screenshot as png; no two have the same content."""

from __future__ import annotations

import io
from collections.abc import Sequence

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw

from corrections.protection import fonts

PAGE = (1240, 1754)  # A4 at 150 dots per inch
SCREEN = (1100, 620)
INK, PALE, LINE = "#1f2933", "#52606d", "#c3ccd6"


def notice(name: str, title: str, lines: Sequence[str]) -> ContentFile[bytes]:
    """A letter-like page as pdf."""
    page = Image.new("RGB", PAGE, "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((90, 100, 1150, 106), fill="#17395c")
    draw.text((90, 130), "DEMO LENDING COMPANY", font=fonts.load(26), fill=PALE)
    draw.text((90, 200), title, font=fonts.load(42), fill=INK)
    _write(draw, lines, (90, 310), 28, 46)
    draw.text((90, 1640), "Made up for a demonstration.", font=fonts.load(22), fill=PALE)
    return ContentFile(_saved(page, "PDF"), name=f"{name}.pdf")


def screenshot(name: str, title: str, lines: Sequence[str]) -> ContentFile[bytes]:
    """A window of some other system as png."""
    screen = Image.new("RGB", SCREEN, "#f4f6f9")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, SCREEN[0], 54), fill="#17395c")
    draw.text((24, 14), title, font=fonts.load(22), fill="white")
    draw.rectangle((24, 84, SCREEN[0] - 24, SCREEN[1] - 24), fill="white", outline=LINE)
    _write(draw, lines, (48, 112), 22, 38)
    return ContentFile(_saved(screen, "PNG"), name=f"{name}.png")


def receipt(name: str, lines: Sequence[str]) -> ContentFile[bytes]:
    """What a channel's interface answered, as text."""
    return ContentFile(("\r\n".join(lines) + "\r\n").encode(), name=f"{name}.txt")


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[str], start: tuple[int, int], pixels: int, step: int) -> None:
    for number, line in enumerate(lines):
        draw.text((start[0], start[1] + number * step), line, font=fonts.load(pixels), fill=INK)


def _saved(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
