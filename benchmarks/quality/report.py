"""What the measurements of quality share: flags, shares with their intervals, and what each leaves behind.

Under the folder of RESULTS.md each of them has a section there, quality/figures/NAME.json and quality/grids/NAME.png.
"""

from __future__ import annotations

import argparse
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from benchmarks.results import RESULTS, write_section

TILE = 128  # pixels of a picture on a sheet
COLOURS = 256  # of a sheet: flat drawings survive it, and take a third of the space


def parser_for(name: str, description: str | None) -> argparse.ArgumentParser:
    """The flags that every measurement takes; `description` is the docstring of its module."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks quality {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=RESULTS.parent, help="folder of RESULTS.md")
    parser.add_argument("--family", default="pocket", help="the studio's name of the family")
    return parser


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


def successes(values: Sequence[bool]) -> tuple[int, int]:
    """How many are true, of how many."""
    return sum(values), len(values)


def publish(
    name: str,
    section: str,
    figures: Mapping[str, Any],
    out: Path,
    grid: Image.Image | None = None,
    colours: int | None = COLOURS,
) -> None:
    """Write the section of RESULTS.md, the figures and the grid of one measurement, and print the section.

    The grid is saved in so many colours, without dithering; None keeps all that it has.
    """
    write_json(figures_file(out, name), figures)
    write_section(name, section, out / "RESULTS.md")
    if grid:
        file = out / "quality" / "grids" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        few = grid.quantize(colours, dither=Image.Dither.NONE) if colours else grid
        few.save(file, optimize=True)
    print(section)


def figures_file(out: Path, name: str) -> Path:
    return out / "quality" / "figures" / f"{name}.json"


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def made_by(name: str, picture: str | None = "the sheet") -> str:
    """The last sentence of a section: which command makes what."""
    what = ["this section", f"quality/figures/{name}.json", *([picture] if picture else [])]
    return f"`python -m benchmarks quality {name}` makes {', '.join(what[:-1])} and {what[-1]}."


def captioned_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 5) -> Image.Image:
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
