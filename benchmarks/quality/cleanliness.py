"""How clean drawings are beside the world's own pictures: flat colours and sharp outlines, as a drawn world has.

The measure is the share of a picture's pixels that are within 8 of 255, in every channel, of one of the picture's own
24 colours (Pillow's median cut). Renders have flat colours and few pixels between them; softness, haze and smudges are
what lies between. It is measured at 256 px; a smaller picture is enlarged first, as a viewer would.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

import studio
from benchmarks.quality.held_out import held_out_specs
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, publish
from benchmarks.results import table
from pocketworld.captions import PLACES, full_caption
from pocketworld.render import render

SIDE = 256
OWN_COLOURS = 24
NEAR = 8  # of 255, in each channel
TARGETS = {"base": 0.90, "LoRA": 0.85}  # of what renders have


def flat_share(picture: Image.Image) -> float:
    """The share, 0 to 1, of pixels that are nearly one of the picture's own few colours."""
    picture = picture.convert("RGB")
    if min(picture.size) < SIDE:
        scale = SIDE / min(picture.size)
        picture = picture.resize(
            (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC
        )
    few = picture.quantize(OWN_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    apart = np.abs(np.asarray(picture, np.int16) - np.asarray(few, np.int16)).max(-1)
    return float((apart <= NEAR).mean())


def main(flags: Sequence[str]) -> None:
    parser = parser_for("cleanliness", __doc__)
    parser.add_argument("--prompts", type=int, default=40, help="held-out prompts that the base draws")
    parser.add_argument("--seeds", type=int, default=4, help="pictures of the sample's character in each place")
    score_cleanliness(parser.parse_args(flags))


def score_cleanliness(options: argparse.Namespace) -> dict:
    """Draw through the studio's door and measure; writes a section of RESULTS.md, JSON and a sheet."""
    specs = held_out_specs(options.prompts)
    with (
        TemporaryDirectory() as folder,
        studio.open(str(Path(folder) / "library"), family=options.family, sample=True) as desk,
    ):
        base = [_draw(desk, full_caption(spec), seed)[0] for seed, spec in enumerate(specs)]
        taught = _taught(desk, options.seeds)
    renders = [render(spec, SIDE, truth=False).image for spec in specs]
    figures = {
        name: mean(flat_share(picture) for picture in pictures)
        for name, pictures in (("renders", renders), ("base", base), ("LoRA", taught))
    }
    shown = [*base[:10], *taught[:10]]
    sheet = captioned_sheet(shown, [f"{flat_share(picture):.2f}" for picture in shown])
    publish("cleanliness", as_markdown(figures, len(base), len(taught)), figures, options.out, sheet)
    return figures


def _taught(desk: studio.Studio, seeds: int) -> list[Image.Image]:
    """The sample library's character in every place, with its LoRA."""
    lora = desk.library.loras()[0]
    who = f"a cartoon of {lora.trigger}"
    return [
        picture
        for number, wordings in enumerate(PLACES.values())
        for picture in _draw(desk, f"{who}, {wordings[0]}", 100 * number, lora.slug, seeds)
    ]


def _draw(desk: studio.Studio, prompt: str, seed: int, lora: str | None = None, count: int = 1) -> list[Image.Image]:
    request = studio.DrawRequest(prompt=prompt, seed=seed, lora=lora, count=count)
    return [picture.image for picture in desk.start(request).result()]


def as_markdown(figures: dict[str, float], base: int, taught: int) -> str:
    """The section for RESULTS.md."""
    rows = [("renders of the same prompts", f"{100 * figures['renders']:.1f}%", "", "")]
    for name, what in (
        ("base", f"{base} held-out prompts, base"),
        ("LoRA", f"{taught} of the sample's character, LoRA"),
    ):
        part = figures[name] / figures["renders"]
        rows.append((what, f"{100 * figures[name]:.1f}%", f"{100 * part:.0f}%", f"{100 * TARGETS[name]:.0f}%"))
    return f"""## How clean drawings are

The share of pixels within {NEAR} of 255 of one of the picture's own {OWN_COLOURS} colours (median cut), at {SIDE} px: a
drawn world has flat colours, and what lies between is softness, haze and smudges.

{table(["pictures", "flat", "of the renders'", "wanted"], rows)}

![Ten of the base, ten with the LoRA](quality/grids/cleanliness.png)

{made_by("cleanliness")}
"""
