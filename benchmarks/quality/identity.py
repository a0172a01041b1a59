"""How well the studio teaches the family a character.

Five subjects that training never saw, a LoRA of each by the studio through its door, then each in five
places. The judge reads whether the drawn one is still the subject, and whether it is where the prompt says.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import studio
from benchmarks.quality.clip_metrics import likeness
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, percent, publish
from benchmarks.quality.taught_subjects import (
    DRAWN_SCENES,
    PHOTOS,
    add_subject,
    draw,
    photos_of,
    prompt,
    read_identity,
)
from benchmarks.results import table
from pocketworld.assemble import load_family
from pocketworld.judge import Judge
from pocketworld.world import SUBJECTS
from studio.library.family_files import built_in

CHOSEN = ("fox", "mohawk girl", "purple robot", "teal cat", "star boy")
SEEDS = 4


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


def main(flags: Sequence[str]) -> None:
    parser = parser_for("identity", __doc__)
    parser.add_argument("--library", type=Path, help="where the library stays; by default it is thrown away")
    given = parser.parse_args(flags)
    score_identity(given.out, given.family, given.library)


def score_identity(out: Path, family: str = "pocket", library: Path | None = None) -> list[Outcome]:
    """Train, draw and read every chosen subject; writes a section of RESULTS.md, a JSON file and a sheet."""
    with tempfile.TemporaryDirectory() as temporary:
        judge, clip = Judge.load(), load_family(Path(built_in()["pocket"].weights))
        with studio.open(library=str(library or temporary), family=family) as desk:
            outcomes = [_try_subject(desk, name, judge, clip) for name in CHOSEN]
    figures = {
        outcome.name: {
            field: getattr(outcome, field) for field in ("seconds", "identity", "scenes", "likeness", "base_likeness")
        }
        for outcome in outcomes
    }
    pairs = [pair for outcome in outcomes for pair in outcome.pictures]
    sheet = captioned_sheet(
        [picture for _, picture in pairs], [text for text, _ in pairs], columns=1 + len(DRAWN_SCENES)
    )
    publish("identity", as_markdown(outcomes, judge), figures, out, sheet)
    return outcomes


def _try_subject(desk: studio.Studio, name: str, judge: Judge, clip) -> Outcome:
    spec = SUBJECTS[name]
    photos = photos_of(spec)
    subject = add_subject(desk, name, spec, photos)
    started = time.perf_counter()
    lora = desk.start(studio.TrainRequest(subject=subject.slug, seed=0)).result()
    seconds = time.perf_counter() - started
    with_lora, without = [], []
    for seed, scene in enumerate(DRAWN_SCENES, start=100):
        with_lora.append(draw(desk, prompt(spec, scene), SEEDS, seed, lora.slug))
        without.append(draw(desk, prompt(spec, scene), SEEDS, seed))
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

![A photo of each, and the first picture in each place](quality/grids/identity.png)

{made_by("identity")}
"""


def _sum(counts: dict[str, tuple[int, int]]) -> tuple[int, int]:
    return _total(list(counts.values()))


def _total(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(right for right, _ in pairs), sum(of for _, of in pairs)
