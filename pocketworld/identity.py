"""How well the studio teaches the family a character: `python -m pocketworld score --identity`.

Five subjects that training never saw, a LoRA of each by the studio through its door, then each in five
places. The judge reads whether the drawn one is still the subject, and whether it is where the prompt says.
"""

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from benchmarks.results import table, write_section
from pocketworld.assemble import load_family
from pocketworld.attributes import visible
from pocketworld.captions import PLACES, article
from pocketworld.judge import Judge, obeys
from pocketworld.render import render
from pocketworld.report import captioned_sheet, percent, save_sheet, write_json
from pocketworld.score import embed_images
from pocketworld.world import SUBJECTS, Spec, portray

CHOSEN = ("fox", "mohawk girl", "purple robot", "teal cat", "star boy")
IDENTITY = (
    "noun",
    "fur",
    "hair",
    "hair_colour",
    "top",
    "top_colour",
    "bottom",
    "bottom_colour",
    "emblem",
    "accessory",
)
DRAWN_SCENES = ("beach", "forest", "street at night", "kitchen", "snow")
PHOTO_SCENES = ("plain", "park", "desert")  # so that no drawn place was in a photo
SEEDS = 4
PHOTOS = 5


@dataclass
class Outcome:
    """What came of one subject."""

    name: str
    seconds: float  # of training
    identity: dict[str, tuple[int, int]]  # attribute -> (right, of)
    scenes: tuple[int, int]
    likeness: float  # CLIP-I of the LoRA's pictures to the photos
    base_likeness: float  # of what the base draws of the same prompts and seeds
    pictures: list[tuple[str, Image.Image]]  # prompt, first picture of it


def score_identity(out: Path, family: str = "pocket", library: Path | None = None) -> list[Outcome]:
    """Train, draw and read every chosen subject; writes a section of RESULTS.md, a JSON file and a sheet."""
    import studio

    with tempfile.TemporaryDirectory() as temporary:
        judge, clip = Judge.load(), load_family(Path(__file__).parents[1] / "assets" / "pocket")
        with studio.open(library=str(library or temporary), family=family) as desk:
            outcomes = [_try_subject(desk, name, judge, clip) for name in CHOSEN]
    figures = {
        outcome.name: {
            field: getattr(outcome, field) for field in ("seconds", "identity", "scenes", "likeness", "base_likeness")
        }
        for outcome in outcomes
    }
    write_json(out / "pocket-identity.json", figures)
    write_section("pocket identity", as_markdown(outcomes, judge), out / "RESULTS.md")
    pairs = [pair for outcome in outcomes for pair in outcome.pictures]
    sheet = captioned_sheet(
        [picture for _, picture in pairs], [text for text, _ in pairs], columns=1 + len(DRAWN_SCENES)
    )
    save_sheet(sheet, out / "grids" / "pocket-identity.png")
    print(as_markdown(outcomes, judge))
    return outcomes


def take_photos(subject: Spec, seed: int = 0) -> list[Spec]:
    """Five pictures' specs of the subject, full figure, in places where it is not drawn later."""
    rng = random.Random(seed)
    return [
        portray(subject, rng, scene=PHOTO_SCENES[i % len(PHOTO_SCENES)], framing="full figure") for i in range(PHOTOS)
    ]


def prompt(subject: Spec, scene: str, identifier: str = "sks") -> str:
    return f"a cartoon of {article(f'{identifier} {subject.noun}')}, {PLACES[scene][0]}"


def _try_subject(desk, name: str, judge: Judge, clip) -> Outcome:
    import studio

    spec = SUBJECTS[name]
    photos = [render(photo, 128, truth=False).image for photo in take_photos(spec)]
    subject = desk.library.add_subject(name.title(), class_noun=spec.noun, identifier="sks", photos=photos)
    started = time.perf_counter()
    lora = desk.start(studio.TrainRequest(subject=subject.slug, seed=0)).result()
    seconds = time.perf_counter() - started
    with_lora, without = [], []
    for seed, scene in enumerate(DRAWN_SCENES, start=100):
        asked = {"prompt": prompt(spec, scene), "count": SEEDS, "seed": seed}
        with_lora.append([p.image for p in desk.start(studio.DrawRequest(lora=lora.slug, **asked)).result()])
        without.append([p.image for p in desk.start(studio.DrawRequest(**asked)).result()])
    identity, scenes = read_identity(judge, spec, with_lora)
    sample = [("one of the photos", photos[0])]
    sample += [(prompt(spec, scene), row[0]) for scene, row in zip(DRAWN_SCENES, with_lora, strict=True)]
    return Outcome(
        name,
        seconds,
        identity,
        scenes,
        likeness(clip, sum(with_lora, []), photos),
        likeness(clip, sum(without, []), photos),
        sample,
    )


def read_identity(
    judge: Judge, subject: Spec, rows: list[list[Image.Image]], drawn: Sequence[str] = DRAWN_SCENES
) -> tuple[dict, tuple[int, int]]:
    """Rows of pictures, one per drawn scene -> (right, of) by identity attribute, and of the scenes."""
    shown = visible(subject)
    wanted = [name for name in IDENTITY if shown.get(name, "none") != "none" and name in judge.trusted]
    identity = {name: [0, 0] for name in wanted}
    scenes = [0, 0]
    for scene, row in zip(drawn, rows, strict=True):
        for reading in judge.read(row):
            right = obeys(subject, reading)
            for name in wanted:
                identity[name][0] += right[name]
                identity[name][1] += 1
            scenes[0] += reading["scene"].word == scene
            scenes[1] += 1
    return {name: tuple(pair) for name, pair in identity.items()}, tuple(scenes)


def likeness(clip, pictures: list[Image.Image], photos: list[Image.Image]) -> float:
    """CLIP-I (Ruiz et al. 2023): mean cosine between every picture and every photo."""
    similarity = embed_images(clip, pictures) @ embed_images(clip, photos).T
    return float(torch.mean(similarity))


def as_markdown(outcomes: list[Outcome], judge: Judge) -> str:
    """The section for RESULTS.md."""
    rows = [
        (
            outcome.name,
            f"{outcome.seconds:.0f} s",
            percent(*_sum(outcome.identity)),
            percent(*outcome.scenes),
            f"{outcome.likeness:.3f}",
            f"{outcome.base_likeness:.3f}",
            f"{outcome.likeness - outcome.base_likeness:+.3f}",
        )
        for outcome in outcomes
    ]
    everything = [pair for outcome in outcomes for pair in outcome.identity.values()]
    scenes = [outcome.scenes for outcome in outcomes]
    rise = sum(outcome.likeness - outcome.base_likeness for outcome in outcomes) / len(outcomes)
    mean_seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
    rows.append(
        (
            "**all**",
            f"{mean_seconds:.0f} s",
            percent(*_total(everything)),
            percent(*_total(scenes)),
            "",
            "",
            f"{rise:+.3f}",
        )
    )
    by_attribute: dict[str, list[tuple[int, int]]] = {}
    for outcome in outcomes:
        for name, pair in outcome.identity.items():
            by_attribute.setdefault(name, []).append(pair)
    attributes = [
        (name.replace("_", " "), percent(*_total(pairs)), f"{100 * judge.accuracy[name]:.1f}%")
        for name, pairs in by_attribute.items()
    ]
    header = ["subject", "training", "identity right", "scene right", "CLIP-I", "base's CLIP-I", "rise"]
    return f"""## The pocket family learns a character

{len(outcomes)} subjects that training never saw, {PHOTOS} photos each, a LoRA with the studio's defaults,
then {len(DRAWN_SCENES)} places that are in no photo, {SEEDS} seeds each. CLIP-I is the mean cosine to the
photos by the family's image encoder; the base draws the same prompts and seeds without the LoRA.

{table(header, rows)}

{table(["identity attribute", "right", "judge"], attributes)}

![A photo of each, and the first picture in each place](grids/pocket-identity.png)

`python -m pocketworld score --identity` makes this section, pocket-identity.json and the sheet.
"""


def _sum(counts: dict[str, tuple[int, int]]) -> tuple[int, int]:
    return _total(list(counts.values()))


def _total(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(right for right, _ in pairs), sum(of for _, of in pairs)
