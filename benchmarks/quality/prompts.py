"""How well a family draws what it is told.

Draws prompts of combinations that training never saw, with fixed seeds, and lets the judge read the
pictures. The judge is trained on renders alone and has to be right about an attribute on 97% of unseen
renders before it counts. --family may also be a diffusers folder: it can be measured before it is bundled.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.quality.clip_metrics import retrieval
from benchmarks.quality.held_out import CAPTIONS_SEED, held_out_specs
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, percent, publish
from benchmarks.results import table
from pocketworld.assemble import load_family
from pocketworld.captions import full_caption
from pocketworld.judge import NEEDED_ACCURACY, Judge, obeys
from pocketworld.render import render
from pocketworld.world import Spec
from studio.contracts.family import find_family
from studio.engine.models.schedulers import build_scheduler
from studio.library.family_files import families

SCORED = (
    "noun",
    "hair",
    "hair_colour",
    "top",
    "top_colour",
    "bottom",
    "bottom_colour",
    "accessory",
    "expression",
    "pose",
    "framing",
    "scene",
)
COMPARED = ("DDIM", "PNDM", "DPM++ 2M")
BATCH = 10
Tally = dict[str, tuple[int, int]]  # attribute -> (pictures that obey, pictures that could)


def main(flags: Sequence[str]) -> None:
    parser = parser_for("prompts", __doc__)
    parser.add_argument("--prompts", type=int, default=200, help="held-out prompts to draw")
    parser.add_argument("--compared", type=int, default=50, help="of these, drawn by other schedulers as well")
    parser.add_argument("--retrieval", type=int, default=500, help="held-out renders among which CLIP finds the one")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    score_prompts(parser.parse_args(flags))


def score_prompts(options: argparse.Namespace) -> dict:
    """Draw, read, measure; writes a section of RESULTS.md, JSON and a sheet, and returns the figures."""
    judge, pipeline = Judge.load(), load_family(_weights_of(options.family))
    specs, side = held_out_specs(options.prompts), pipeline.vae.config.sample_size
    started = time.perf_counter()
    pictures = draw(pipeline, specs, steps=options.steps, guidance=options.guidance)
    seconds = (time.perf_counter() - started) / len(specs)
    figures = {
        "prompts": len(specs),
        "steps": options.steps,
        "guidance": options.guidance,
        "seconds_per_picture": seconds,
        "scheduler": type(pipeline.scheduler).__name__,
        "drawn": tally(judge, specs, pictures),
        "rendered": tally(judge, specs, [_truth(spec, side) for spec in specs]),
        "judge": {name: judge.accuracy[name] for name in SCORED},
        "psnr_db": autoencoder_psnr(pipeline.vae, [_truth(spec, side) for spec in specs[:100]]),
        "retrieval_of": options.retrieval,
        "retrieval_at_1": retrieval(pipeline, held_out_specs(options.retrieval, CAPTIONS_SEED + 1)),
        "schedulers": compare_schedulers(pipeline, judge, specs[: options.compared], pictures, options),
    }
    sheet = captioned_sheet(pictures[:20], [full_caption(spec) for spec in specs[:20]])
    publish("prompts", as_markdown(figures), figures, options.out, sheet)
    return figures


def _weights_of(family: str) -> Path:
    """The folder of a family that the studio knows by name; a folder is taken as it is."""
    return Path(family) if Path(family).is_dir() else Path(find_family(families(), family).weights)


def draw(pipeline, specs: list[Spec], *, steps: int, guidance: float) -> list[Image.Image]:
    """One picture of each spec's full caption; picture i starts from seed i whatever the batch."""
    pictures: list[Image.Image] = []
    for start in range(0, len(specs), BATCH):
        prompts = [full_caption(spec) for spec in specs[start : start + BATCH]]
        seeds = [torch.Generator().manual_seed(start + i) for i in range(len(prompts))]
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast on a CPU that knows it
            drawn = pipeline(prompts, num_inference_steps=steps, guidance_scale=guidance, generator=seeds)
        pictures += drawn.images
    return pictures


def tally(judge: Judge, specs: list[Spec], pictures: Iterable[Image.Image]) -> Tally:
    """Per attribute in `SCORED`: how many pictures obey, of how many whose prompt asks for it."""
    counts = {name: [0, 0] for name in SCORED}
    for spec, reading in zip(specs, judge.read(pictures), strict=True):
        for name, obeyed in obeys(spec, reading).items():
            if name in counts:
                counts[name][0] += obeyed
                counts[name][1] += 1
    return {name: (right, of) for name, (right, of) in counts.items()}


def together(counts: Tally, accuracy: dict[str, float]) -> tuple[int, int]:
    """All attributes that count, summed."""
    counted = [pair for name, pair in counts.items() if accuracy[name] >= NEEDED_ACCURACY]
    return sum(right for right, _ in counted), sum(of for _, of in counted)


def compare_schedulers(pipeline, judge: Judge, specs: list[Spec], pictures: list, options) -> dict[str, Tally]:
    """The same prompts and seeds under the family's scheduler and the others, as the studio builds them."""
    own = pipeline.scheduler
    results = {type(own).__name__.removesuffix("Scheduler"): tally(judge, specs, pictures[: len(specs)])}
    for name in COMPARED:
        if name not in results:
            pipeline.scheduler = build_scheduler(name, own)
            drawn = draw(pipeline, specs, steps=options.steps, guidance=options.guidance)
            results[name] = tally(judge, specs, drawn)
    pipeline.scheduler = own
    return results


@torch.no_grad()
def autoencoder_psnr(vae, images: list[Image.Image]) -> float:
    """Mean peak signal-to-noise ratio in dB of encoding and decoding the pictures."""
    decibels = []
    for start in range(0, len(images), BATCH):
        pixels = torch.stack([_unit(image) for image in images[start : start + BATCH]])
        decoded = vae.decode(vae.encode(pixels * 2 - 1).latent_dist.mode()).sample / 2 + 0.5
        error = (decoded.clamp(0, 1) - pixels).square().mean((1, 2, 3))
        decibels += (-10 * error.log10()).tolist()
    return sum(decibels) / len(decibels)


def _truth(spec: Spec, side: int) -> Image.Image:
    return render(spec, side, truth=False).image


def _unit(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def as_markdown(figures: dict) -> str:
    """The section for RESULTS.md."""
    judge, drawn, rendered = figures["judge"], figures["drawn"], figures["rendered"]
    counts = [name for name in SCORED if judge[name] >= NEEDED_ACCURACY]
    rows = [
        (
            name.replace("_", " "),
            percent(*drawn[name]),
            percent(*rendered[name]),
            f"{100 * judge[name]:.1f}%",
            "yes" if name in counts else "no: judge below 97%",
        )
        for name in SCORED
    ]
    rows.append(("**all that count**", percent(*together(drawn, judge)), percent(*together(rendered, judge)), "", ""))
    schedulers = [(name, percent(*together(counts, judge))) for name, counts in figures["schedulers"].items()]
    return f"""## The pocket family draws what it is told

{figures["prompts"]} prompts of combinations that training never saw, one picture each, seeds fixed;
{figures["scheduler"]}, {figures["steps"]} steps, guidance {figures["guidance"]:g}, bfloat16,
{figures["seconds_per_picture"]:.2f} s a picture here. In brackets: 95% Wilson intervals. The judge is a
classifier trained on renders alone; beside what it reads from the drawn pictures stands what it reads from
the renderer's own pictures of the same prompts, and its accuracy on 3000 renders that it never saw.

{table(["attribute", "drawn as told", "renders of the same", "judge", "counts"], rows)}

The same seeds and the first prompts under other schedulers, all attributes that count:

{table(["scheduler", "drawn as told"], schedulers)}

Autoencoder: {figures["psnr_db"]:.1f} dB PSNR on held-out renders. CLIP: retrieval@1 among
{figures["retrieval_of"]} held-out renders and captions: {figures["retrieval_at_1"]:.3f}.

![Twenty of the prompts](quality/grids/prompts.png)

{made_by("prompts")}
"""
