"""Pictures as one labelled picture: rows and columns with their names, as people show what they compare."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, EMPTY = (250, 246, 239), (40, 34, 52), (232, 226, 214)
LEAST = 256  # pixels: smaller pictures are shown larger, or their names would not fit


def grid(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Image.Image | None]],
         size: tuple[int, int]) -> Image.Image:
    """A row of pictures for each name; None is an empty place. `size` is a cell's, in pixels, at least."""
    times = max(1, -(-LEAST // min(size)))
    width, height = size[0] * times, size[1] * times
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
        for column, image in enumerate(cells[row]):
            x = left + column * (width + gap) + gap
            if image is None:
                pen.rectangle((x, y, x + width - 1, y + height - 1), EMPTY)
            else:
                how = Image.Resampling.NEAREST if times > 1 and image.size == size else Image.Resampling.LANCZOS
                sheet.paste(image.convert("RGB").resize((width, height), how), (x, y))
    return sheet


def _cut(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The name as far as it fits."""
    if font.getlength(name) <= width:
        return name
    while name and font.getlength(name + "...") > width:
        name = name[:-1]
    return name.rstrip() + "..."
