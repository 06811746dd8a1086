"""The font of previews: one with Chinese characters where the system has it; nothing is bundled or downloaded."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# File and face; a collection keeps one face per language, and its monospaced faces after them.
CANDIDATES = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "Noto Sans Mono CJK SC"),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", "Noto Sans Mono CJK SC"),
    ("/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc", "Noto Sans Mono CJK SC"),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", "WenQuanYi Zen Hei Mono"),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", "WenQuanYi Micro Hei Mono"),
    ("/System/Library/Fonts/PingFang.ttc", "PingFang SC"),
    ("/System/Library/Fonts/STHeiti Light.ttc", "Heiti SC"),
    ("C:/Windows/Fonts/msyh.ttc", "Microsoft YaHei"),
    ("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", "DejaVu Sans Mono"),
)
FACES_MAX = 16


@lru_cache(maxsize=32)
def load(pixels: int) -> Font:
    """The first font that is there, else Pillow's own, which knows Latin letters only."""
    for path, face in CANDIDATES:
        if Path(path).is_file():
            return ImageFont.truetype(path, pixels, index=_index(path, face))
    return ImageFont.load_default(pixels)


@lru_cache(maxsize=8)
def _index(path: str, face: str) -> int:
    for index in range(FACES_MAX):
        try:
            if ImageFont.truetype(path, 12, index=index).getname()[0] == face:
                return index
        except OSError:
            break
    return 0
