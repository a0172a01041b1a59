"""How well a family draws what it is told: `python -m pocketworld score`.

Draws prompts of combinations that training never saw, with fixed seeds, and lets the judge read the
pictures. The judge is trained on renders alone and has to be right about an attribute on 97% of unseen
renders before it counts.
"""

import argparse
import random
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.results import table, write_section
from pocketworld.assemble import load_family
from pocketworld.captions import full_caption
from pocketworld.judge import NEEDED_ACCURACY, Judge, obeys
from pocketworld.render import render
from pocketworld.report import captioned_sheet, percent, save_sheet, write_json
from pocketworld.world import Spec, sample

ROOT = Path(__file__).parents[1]
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
SEED = 2026
BATCH = 10
Tally = dict[str, tuple[int, int]]  # attribute -> (pictures that obey, pictures that could)


def main(argv: list[str] | None = None) -> None:
    options = _parser().parse_args(argv)
    if options.masks:
        from pocketworld.mask_score import score_masks  # needs the studio too

        score_masks(options.out, options.studio_family, options.prompts)
    elif options.prior:
        from pocketworld.prior import score_prior

        score_prior(options.out, options.studio_family)
    elif options.leak:
        from pocketworld.leak import WAYS, score_leak

        score_leak(options.out, WAYS, options.studio_family)
    elif options.pick:
        from pocketworld.picking import score_pick

        score_pick(options.out, options.studio_family)
    elif options.cures:
        from pocketworld.cures import CHOSEN, OUTFITS, SCENES, score_cures

        score_cures(
            options.out,
            options.loras,
            options.studio_family,
            options.outfits or OUTFITS,
            options.subjects or len(CHOSEN),
            options.scenes or len(SCENES),
            options.factors,
        )
    elif options.seams:
        from pocketworld.seams import CHARACTERS, OUTFITS, score_seams

        score_seams(
            options.out,
            options.repainted,
            options.studio_family,
            options.subjects or CHARACTERS,
            options.outfits or OUTFITS,
        )
    elif options.outfits is not None:
        from pocketworld.outfit_score import OUTFITS, score_outfits

        score_outfits(options.out, options.studio_family, options.outfits or OUTFITS)
    elif options.identity:
        from pocketworld.identity import score_identity  # needs the studio; the rest does not

        score_identity(options.out, family=options.studio_family, library=options.library)
    else:
        score(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pocketworld score", description=__doc__.split("\n")[0])
    parser.add_argument("--family", type=Path, default=ROOT / "assets" / "pocket", help="folder of the family")
    parser.add_argument("--prompts", type=int, default=200, help="held-out prompts to draw")
    parser.add_argument("--compared", type=int, default=50, help="of these, drawn by other schedulers as well")
    parser.add_argument("--retrieval", type=int, default=500, help="held-out renders among which CLIP finds the one")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks", help="folder for RESULTS.md, JSON and sheets")
    parser.add_argument("--identity", action="store_true", help="train LoRAs of unseen subjects through the studio")
    parser.add_argument("--masks", action="store_true", help="find things in held-out renders and in drawn pictures")
    parser.add_argument("--prior", action="store_true", help="teach subjects with class images and without")
    parser.add_argument("--leak", action="store_true", help="teach subjects in one top, and draw them in others")
    parser.add_argument("--pick", action="store_true", help="judge the picked checkpoints against the last ones")
    parser.add_argument(
        "--outfits",
        nargs="?",
        type=int,
        const=0,
        metavar="N",
        help="draw held-out outfits from their pictures, N of them; with --cures and --seams: how many for each",
    )
    parser.add_argument("--cures", action="store_true", help="what an outfit does to the rest of a picture, by ways")
    parser.add_argument(
        "--loras",
        type=Path,
        default=ROOT / ".pocketworld" / "cures",
        help="folder where --cures keeps what it taught, drew and read, to go on from there",
    )
    parser.add_argument("--seams", action="store_true", help="what repainting clothes does to the rest of a picture")
    parser.add_argument(
        "--repainted",
        type=Path,
        default=ROOT / ".pocketworld" / "seams",
        help="folder where --seams keeps what it drew and repainted, to go on from there",
    )
    parser.add_argument("--subjects", type=int, metavar="N", help="of --cures and --seams: fewer subjects")
    parser.add_argument("--scenes", type=int, metavar="N", help="of --cures: fewer scenes")
    parser.add_argument("--factors", type=float, nargs="+", metavar="F", help="of --cures: other factors, for all ways")
    parser.add_argument(
        "--studio-family", default="pocket", help="the studio's name of the family, for all but the first score"
    )
    parser.add_argument("--library", type=Path, default=None, help="where --identity keeps its library")
    return parser


def score(options: argparse.Namespace) -> dict:
    """Draw, read, measure; writes a section of RESULTS.md, JSON and a sheet, and returns the figures."""
    judge, pipeline = Judge.load(), load_family(options.family)
    specs = held_out_specs(options.prompts)
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
        "rendered": tally(judge, specs, [_truth(spec) for spec in specs]),
        "judge": {name: judge.accuracy[name] for name in SCORED},
        "psnr_db": autoencoder_psnr(pipeline.vae, [_truth(spec) for spec in specs[:100]]),
        "retrieval_of": options.retrieval,
        "retrieval_at_1": retrieval(pipeline, held_out_specs(options.retrieval, SEED + 1)),
        "schedulers": compare_schedulers(pipeline, judge, specs[: options.compared], pictures, options),
    }
    write_json(options.out / "pocket-score.json", figures)
    write_section("pocket score", as_markdown(figures), options.out / "RESULTS.md")
    sheet = captioned_sheet(pictures[:20], [full_caption(spec) for spec in specs[:20]])
    save_sheet(sheet, options.out / "grids" / "pocket-score.png")
    print(as_markdown(figures))
    return figures


def held_out_specs(count: int, seed: int = SEED) -> list[Spec]:
    """Specs that training never saw; the same for the same seed."""
    rng = random.Random(seed)
    return [sample(rng, held_out=True) for _ in range(count)]


def draw(pipeline, specs: list[Spec], *, steps: int, guidance: float) -> list[Image.Image]:
    """One picture of each spec's full caption; picture i starts from seed i whatever the batch."""
    pictures: list[Image.Image] = []
    for start in range(0, len(specs), BATCH):
        prompts = [full_caption(spec) for spec in specs[start : start + BATCH]]
        seeds = [torch.Generator().manual_seed(start + i) for i in range(len(prompts))]
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast on a CPU that knows it
            drawn = pipeline(
                prompts, num_inference_steps=steps, guidance_scale=guidance, height=128, width=128, generator=seeds
            )
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
    from studio.engine.models.schedulers import build_scheduler

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


@torch.no_grad()
def retrieval(pipeline, specs: list[Spec]) -> float:
    """How often CLIP's nearest caption to a held-out render, of all the specs' captions, is its own."""
    images = embed_images(pipeline, [_truth(spec) for spec in specs])
    tokens = pipeline.tokenizer_2(
        [full_caption(spec) for spec in specs], padding="max_length", truncation=True, return_tensors="pt"
    )
    texts = F.normalize(pipeline.text_encoder_2(tokens.input_ids).text_embeds, dim=-1)
    return (images @ texts.T).argmax(1).eq(torch.arange(len(specs))).float().mean().item()


@torch.no_grad()
def embed_images(pipeline, images: list[Image.Image]) -> Tensor:
    """Unit embeddings [count, 128] by the family's image encoder."""
    pixels = pipeline.feature_extractor(images, return_tensors="pt").pixel_values
    return F.normalize(pipeline.image_encoder(pixels).image_embeds, dim=-1)


def _truth(spec: Spec) -> Image.Image:
    return render(spec, 128, truth=False).image


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

![Twenty of the prompts](grids/pocket-score.png)

`python -m pocketworld score` makes this section, pocket-score.json and the sheet.
"""
