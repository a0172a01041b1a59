"""Pictures in rows and columns with the names of both, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, EMPTY = (250, 246, 239), (40, 34, 52), (232, 226, 214)
LEAST = 256  # pixels: smaller pictures are shown larger, or their names would not fit
MOST = 8192  # of a whole grid: its pictures are made smaller, down to what fits


class HasImage(Protocol):
    """A picture of the library, or any other thing with an image."""

    @property
    def image(self) -> Image.Image: ...


def grid(
    rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[HasImage | None]], size: tuple[int, int]
) -> Image.Image:
    """A row of pictures for each name; None is an empty place. `size` is a cell's, in pixels, where all of them fit."""
    times: float = max(1, -(-LEAST // min(size)))
    times = min(times, MOST / (len(columns) * size[0]), MOST / (len(rows) * size[1]))
    width, height = max(16, int(size[0] * times)), max(16, int(size[1] * times))
    text, gap = max(14, height // 16), max(4, height // 64)
    font = ImageFont.load_default(size=text)
    left = round(max((font.getlength(_cut(name, font, 0.6 * width)) for name in rows), default=0)) + 2 * gap
    top = text + 3 * gap
    sheet = Image.new("RGB", (left + len(columns) * (width + gap) + gap, top + len(rows) * (height + gap) + gap), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(columns):
        pen.text((left + column * (width + gap) + gap, gap), _cut(name, font, width), INK, font)
    for row, name in enumerate(rows):
        y = top + row * (height + gap)
        pen.text((gap, y + height // 2), _cut(name, font, 0.6 * width), INK, font, anchor="lm")
        for column, picture in enumerate(cells[row]):
            x = left + column * (width + gap) + gap
            if picture is None:
                pen.rectangle((x, y, x + width - 1, y + height - 1), EMPTY)
                continue
            image = picture.image  # opened one by one: a large set would not fit into memory at once
            whole = times == int(times) and times > 1 and image.size == size
            how = Image.Resampling.NEAREST if whole else Image.Resampling.LANCZOS
            sheet.paste(image.resize((width, height), how), (x, y))
    return sheet


def _cut(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The name as far as it fits."""
    if font.getlength(name) <= width:
        return name
    while name and font.getlength(name + "...") > width:
        name = name[:-1]
    return name.rstrip() + "..."
