"""How well the studio finds masks.

On held-out renders the world's truth tells, for every pixel; on 20 pictures that the family drew, masks of their
clothing painted and checked by hand do (painted_masks/). Everything goes through the studio's own door.
"""

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import studio
from benchmarks.quality.found_masks import found_of, union_of
from benchmarks.quality.held_out import held_out_specs
from benchmarks.quality.report import made_by, parser_for, percent, publish
from benchmarks.results import table
from pocketworld.phrases import COLOURS, things
from pocketworld.render import render
from pocketworld.vocabulary import ACCESSORIES, BOTTOMS, OBJECTS, TOPS
from pocketworld.world import Spec
from studio.imaging import masks

PHRASES = ("clothing", "hair", "face", "figure", "top", "bottom", "shoes")
GOALS = {"clothing": 0.85, "hair": 0.75, "face": 0.75, "figure": 0.9}
GOAL_DRAWN, GOAL_ABSENT = 0.75, 0.9
ABSENT = ("an object or accessory that is not there", "another garment", "another colour of the top")
SEED = 2027
DRAWN = Path(__file__).parent / "painted_masks"
TILE = 192


def main(flags: Sequence[str]) -> None:
    parser = parser_for("masks", __doc__)
    parser.add_argument("--prompts", type=int, default=200, metavar="N", help="held-out renders to search")
    given = parser.parse_args(flags)
    score_masks(given.out, given.family, given.prompts)


def score_masks(out: Path, family: str, count: int) -> dict:
    """Search, compare, write a section of RESULTS.md, JSON and a sheet; returns the figures."""
    with tempfile.TemporaryDirectory() as folder, studio.open(Path(folder) / "library", family) as desk:
        shown: list[Image.Image] = []
        rendered = {phrase: [] for phrase in PHRASES}
        absent = {kind: [0, 0] for kind in ABSENT}
        for number, spec in enumerate(held_out_specs(count, SEED)):
            picture = render(spec, desk.family.resolution)
            assert picture.parts is not None, "it is rendered with its truth"
            truth = things(spec, picture.parts)
            asked = [phrase for phrase in PHRASES if phrase in truth]
            for phrase in asked:
                rendered[phrase].append(masks.overlap_of(union_of(desk, picture.image, phrase), as_mask(truth[phrase])))
            for kind, phrase in absent_phrases(spec, truth, random.Random(number)):
                absent[kind][0] += not len(found_of(desk, picture.image, phrase))
                absent[kind][1] += 1
        drawn = []
        for path, mask in by_hand():
            image = Image.open(path).convert("RGB")
            found = union_of(desk, image, "clothing")
            drawn.append(masks.overlap_of(found, mask))
            shown.append(_tile(image, found, mask, drawn[-1]))
    figures = {
        "pictures": count,
        "rendered": {phrase: _summary(values) for phrase, values in rendered.items()},
        "absent": {kind: list(pair) for kind, pair in absent.items()},
        "drawn": _summary(drawn),
        "each_drawn": drawn,
    }
    publish("masks", as_markdown(figures), figures, out, _sheet(shown))
    return figures


def absent_phrases(spec: Spec, truth: dict[str, np.ndarray], rng: random.Random) -> Iterator[tuple[str, str]]:
    """One phrase of each kind of ABSENT that nothing in this picture answers to."""
    foreign = [word for word in (*OBJECTS, *ACCESSORIES[1:]) if word not in truth]
    yield ABSENT[0], rng.choice(foreign)
    if spec.object is None:
        yield ABSENT[1], rng.choice([word for word in (*TOPS, *BOTTOMS) if word not in truth])
        yield ABSENT[2], f"{rng.choice([one for one in COLOURS if one != spec.top_colour])} {spec.top}"


def by_hand() -> Iterator[tuple[Path, Image.Image]]:
    """Pictures that the family drew, and their clothing as it was painted by hand."""
    for mask in sorted(DRAWN.glob("*-clothing.png")):
        yield mask.with_name(mask.name.replace("-clothing", "")), Image.open(mask).convert("L")


def as_mask(inside: np.ndarray) -> Image.Image:
    return Image.fromarray(inside.astype(np.uint8) * 255)


def _summary(values: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "of": len(values),
        "above_half": float(np.mean(np.array(values) > 0.5)),
        "worst_tenth": float(np.quantile(values, 0.1)),
    }


def as_markdown(figures: dict[str, Any]) -> str:
    rows = [_row(phrase, told, GOALS.get(phrase)) for phrase, told in figures["rendered"].items()]
    rows.append(_row("clothing, in drawn pictures", figures["drawn"], GOAL_DRAWN))
    nothing = [[kind, percent(*pair), f"{GOAL_ABSENT:.0%}"] for kind, pair in figures["absent"].items()]
    right, of = (sum(pair[place] for pair in figures["absent"].values()) for place in (0, 1))
    nothing.append(["together", percent(right, of), f"{GOAL_ABSENT:.0%}"])
    return "\n\n".join(
        (
            "### Masks: Pocket's own Grounding DINO and SAM",
            f"One phrase at a time through `studio.open()`, at the family's thresholds, on {figures['pictures']} held-out "
            "renders against the world's truth. Everything found of a phrase counts together; nothing found counts as 0.",
            table(["phrase", "mean IoU", "goal", "worst tenth below", "pictures"], rows),
            "How often a phrase for something that is not there finds nothing:",
            table(["phrase", "finds nothing", "goal"], nothing),
            "![Clothing found in drawn pictures](quality/grids/masks.png)",
            "The sheet: pictures that Pocket drew, what was found tinted, and the mask painted by hand as a white line. "
            "The pictures and their masks are in `benchmarks/quality/painted_masks`.",
            made_by("masks"),
        )
    )


def _row(name: str, told: dict[str, float], goal: float | None) -> list[Any]:
    return [name, f"{told['mean']:.3f}", f"{goal:.2f}" if goal else "", f"{told['worst_tenth']:.2f}", str(told["of"])]


def _tile(image: Image.Image, found: Image.Image, truth: Image.Image, score: float) -> Image.Image:
    large = image.resize((TILE, TILE), Image.Resampling.LANCZOS)
    there, wanted = (np.asarray(mask.resize((TILE, TILE))) >= masks.WHITE for mask in (found, truth))
    edge = wanted ^ np.logical_and.reduce([np.roll(wanted, by, axis) for by in (1, -1) for axis in (0, 1)] + [wanted])
    pixels = np.asarray(large).astype(float)
    pixels[there] = 0.5 * pixels[there] + 0.5 * np.array((214, 48, 72))
    pixels[edge] = 255
    tile = Image.fromarray(pixels.astype(np.uint8))
    ImageDraw.Draw(tile).text((4, 4), f"{score:.2f}", fill="black", stroke_width=2, stroke_fill="white")
    return tile


def _sheet(tiles: list[Image.Image], columns: int = 5) -> Image.Image:
    sheet = Image.new("RGB", (columns * TILE, -(-len(tiles) // columns) * TILE), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * TILE, number // columns * TILE))
    return sheet
