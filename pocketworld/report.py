"""What measuring leaves behind: shares with their intervals, JSON, sheets of captioned pictures."""

import json
import math
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

TILE = 128  # pixels of a picture on a sheet


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson 1927): (low, high), both from 0 to 1; (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    share = right / of
    centre = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def percent(right: int, of: int) -> str:
    """ "87.5% [82, 91]" : the share with its 95% interval; a dash of nothing."""
    if of == 0:
        return "-"
    low, high = wilson(right, of)
    return f"{100 * right / of:.1f}% [{100 * low:.0f}, {100 * high:.0f}]"


def write_json(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def captioned_sheet(pictures: list[Image.Image], captions: list[str], columns: int = 5) -> Image.Image:
    """Pictures row by row, each over its caption in small print."""
    lines = [textwrap.wrap(caption, width=27)[:6] for caption in captions]
    print_height = 4 + 10 * max(map(len, lines), default=0)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (TILE + 8), rows * (TILE + print_height + 8)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=9)
    for index, (picture, text) in enumerate(zip(pictures, lines, strict=True)):
        x, y = index % columns * (TILE + 8) + 4, index // columns * (TILE + print_height + 8) + 4
        sheet.paste(picture.resize((TILE, TILE), Image.Resampling.LANCZOS), (x, y))
        pen.multiline_text((x, y + TILE + 2), "\n".join(text), fill="black", font=font, spacing=1)
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """As a PNG of 256 colours, which flat drawings survive and which takes a third of the space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
