"""How well an outfit is carried over by its picture alone.

Tops and bottoms in colours that nobody wears together in training are shown as a picture, worn by a mannequin or laid
flat; prompts tell who and where, and never a garment. The judge reads what is worn in the drawing. Without an outfit
it reads what the family dresses its people in of its own: that is chance.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

import studio
from benchmarks.quality.held_out import OUTFITS_SEED, REFERENCE_SCALES, garments_right, held_out_outfits
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, percent, publish, successes
from benchmarks.results import table
from pocketworld.captions import caption
from pocketworld.judge import Judge, Reading
from pocketworld.render import outfit, render
from pocketworld.training.outfits import SILENT
from pocketworld.world import Spec

OUTFITS, SEEDS, SHOWN = 60, 2, 10
# Fields of OutfitUse, or None for no outfit at all.
WAYS: dict[str, dict[str, Any] | None] = {
    "no outfit": None,
    "whole picture": {"block_scales": 1.0, "inside_garment": False},
    "the reference's dict": {"block_scales": REFERENCE_SCALES, "inside_garment": False},
    "whole picture, inside the garment": {"block_scales": 1.0, "inside_garment": True},
    "the reference's dict, inside the garment": {"block_scales": REFERENCE_SCALES, "inside_garment": True},
    "the family's usual way": {},
}
GOALS = {"whole picture": "80%, 60%", "the reference's dict": "50%, any"}  # of colours and of kinds


@dataclass
class Outcome:
    """What is right of every garment asked for, over all pictures of one way, and of those by kind of reference."""

    colour: list[bool] = field(default_factory=list)
    kind: list[bool] = field(default_factory=list)
    by_reference: dict[str, tuple[list[bool], list[bool]]] = field(
        default_factory=lambda: {"worn": ([], []), "flat": ([], [])}
    )

    def count(self, spec: Spec, reading: Mapping[str, Reading], worn: bool) -> None:
        """Add what the judge read of one picture."""
        right = garments_right(spec, reading)
        colour = [value for name, value in right.items() if name.endswith("_colour")]
        kind = [value for name, value in right.items() if not name.endswith("_colour")]
        self.colour += colour
        self.kind += kind
        for into, values in zip(self.by_reference["worn" if worn else "flat"], (colour, kind), strict=True):
            into += values


def main(flags: Sequence[str]) -> None:
    parser = parser_for("outfits", __doc__)
    parser.add_argument("--outfits", type=int, default=OUTFITS, metavar="N", help="held-out outfits to draw")
    given = parser.parse_args(flags)
    score_outfits(given.out, given.family, given.outfits)


def score_outfits(out: Path, family: str = "pocket", count: int = OUTFITS, seeds: int = SEEDS) -> dict[str, Outcome]:
    """Draw and read every held-out outfit in every way; writes a section of RESULTS.md, JSON and a sheet."""
    judge, specs = Judge.load(), held_out_outfits(count)
    outcomes = {"renders of the same": Outcome(), **{way: Outcome() for way in WAYS}}
    rows: list[tuple[str, Image.Image]] = []
    with tempfile.TemporaryDirectory() as folder, studio.open(Path(folder) / "library", family) as desk:
        for number, spec in enumerate(specs):
            shown = _try(desk, spec, number, judge, outcomes, seeds)
            rows += shown if number < SHOWN else []
            print(
                f"{number + 1} of {count}:",
                ", ".join(f"{way} {_line(one)}" for way, one in outcomes.items()),
                flush=True,
            )
    figures = {"outfits": count, "seeds": seeds, "goals": GOALS} | {
        way: {
            "colour": successes(one.colour),
            "kind": successes(one.kind),
            "by reference": {kind: [successes(part) for part in parts] for kind, parts in one.by_reference.items()},
        }
        for way, one in outcomes.items()
    }
    sheet = captioned_sheet([picture for _, picture in rows], [text for text, _ in rows], columns=1 + len(WAYS))
    publish("outfits", as_markdown(outcomes, count, seeds), figures, out, sheet)
    return outcomes


def prompt(spec: Spec) -> str:
    """Who and where, in words of training's own captions; the garments are never named."""
    return caption(spec, random.Random(spec.jitter), SILENT)


def _try(
    desk: studio.Studio, spec: Spec, number: int, judge: Judge, outcomes: Mapping[str, Outcome], seeds: int
) -> list[tuple[str, Image.Image]]:
    """All ways of one outfit; returns a row of the sheet, the reference first."""
    worn = number % 2 == 0
    picture = outfit(spec, worn=worn)
    kept = desk.library.add_outfit(f"{number}", picture)
    outcomes["renders of the same"].count(spec, judge.read([render(spec, truth=False).image])[0], worn)
    shown = [(_named(spec), picture)]
    for way, settings in WAYS.items():
        worn_as = None if settings is None else [studio.OutfitUse(kept.slug, **settings)]
        drawn = desk.start(
            studio.DrawRequest(prompt=prompt(spec), outfit=worn_as, count=seeds, seed=OUTFITS_SEED + 100 * number)
        ).result()
        for reading in judge.read([one.image for one in drawn]):
            outcomes[way].count(spec, reading, worn)
        shown.append((prompt(spec) if settings is None else way, drawn[0].image))
    return shown


def _named(spec: Spec) -> str:
    return " and ".join(
        f"{getattr(spec, f'{part}_colour')} {getattr(spec, part)}" for part in ("top", "bottom") if getattr(spec, part)
    )


def _line(outcome: Outcome) -> str:
    return f"{percent(*successes(outcome.colour))} {percent(*successes(outcome.kind))}"


def as_markdown(outcomes: Mapping[str, Outcome], count: int, seeds: int) -> str:
    """The section for RESULTS.md."""
    rows = []
    for way, one in outcomes.items():
        by_reference = [" / ".join(percent(*successes(part)) for part in parts) for parts in one.by_reference.values()]
        rows.append(
            [way, percent(*successes(one.colour)), percent(*successes(one.kind)), *by_reference, GOALS.get(way, "")]
        )
    return "\n\n".join(
        (
            "### An outfit by its picture alone",
            f"{count} outfits, each a top and a bottom in colours that training never has together (no dress is among "
            "them), as a picture: half of them worn by a mannequin, half laid flat. "
            f"{seeds} seeds each of a full figure whose prompt names no garment. Read by the judge: the colours of top and "
            "bottom, and their kinds.",
            table(
                [
                    "way",
                    "colours right",
                    "kinds right",
                    "worn: colours / kinds",
                    "flat: colours / kinds",
                    "goal: colours, kinds",
                ],
                rows,
            ),
            "Inside the garment, the adapter acts where the picture without it has clothing, as the studio's masks find "
            "it. What the family puts on without any outfit is chance; beside it stands what the judge reads from the "
            "renderer's own pictures. 95% intervals in brackets.",
            "![The outfit's picture, then one drawing of each way](quality/grids/outfits.png)",
            made_by("outfits"),
        )
    )
