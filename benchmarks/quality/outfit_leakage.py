"""Whether a character taught in one outfit can take it off.

Each subject wears the same top in all of its photos; then it is drawn in ten others. The judge reads whether the top
that was asked for is there, and whether the old one comes through in kind or colour; and of the clothing, as the
studio's masks find it, how much has the photos' top's colour. Plain DreamBooth (one constant prompt, no class images,
same steps and rank) is measured beside the family's defaults, and beside the family itself, which was taught nothing.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import studio
from benchmarks.quality.found_masks import found_of
from benchmarks.quality.held_out import has_garment_colour
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, percent, publish, successes
from benchmarks.quality.taught_subjects import BODY, PHOTOS, add_subject, draw, photos_of
from benchmarks.results import table
from pocketworld.captions import PLACES, article
from pocketworld.judge import Judge, obeys
from pocketworld.vocabulary import GARMENT_COLOURS, TOPS
from pocketworld.world import SUBJECTS, Spec

CHOSEN = ("fox", "mohawk girl", "purple robot", "teal cat", "star boy", "heart alien", "bolt woman", "mohawk man")
SCENES = ("beach", "forest", "snow", "kitchen", "street at night")
OTHERS, SEEDS = 10, 4
# Fields of TrainRequest, or None for the family as it is. All end with their last step.
WAYS = {
    "plain DreamBooth": {"describe": False, "garment_weight": 1.0, "class_images": 0, "pick_best": False},
    "the studio's defaults": {"pick_best": False},
    "nothing taught": None,
}


@dataclass
class Outcome:
    """Counts over all pictures of one way of training, and how much of the old colour is left in each."""

    asked: list[bool] = field(default_factory=list)  # the asked garment and its colour are there
    kept: list[bool] = field(default_factory=list)  # the photos' own top is there, in kind or in colour
    colour: list[float] = field(default_factory=list)  # of the clothing's pixels
    identity: list[bool] = field(default_factory=list)
    pictures: list[tuple[str, Image.Image]] = field(default_factory=list)


def main(flags: Sequence[str]) -> None:
    given = parser_for("leakage", __doc__).parse_args(flags)
    score_leakage(given.out, WAYS, given.family)


def score_leakage(
    out: Path,
    ways: Mapping[str, Mapping[str, Any] | None],
    family: str = "pocket",
    subjects: Sequence[str] = CHOSEN,
    others: int = OTHERS,
    seeds: int = SEEDS,
) -> dict[str, Outcome]:
    """Train, draw and read every subject in every way; writes a section of RESULTS.md, JSON and a sheet."""
    outcomes = {way: Outcome() for way in ways}
    judge = Judge.load()
    with tempfile.TemporaryDirectory() as folder, studio.open(Path(folder) / "library", family) as desk:
        for name in subjects:
            for way, settings in ways.items():
                _try(desk, name, settings, judge, outcomes[way], others, seeds)
                print(name, way, _line(outcomes[way]), flush=True)
    figures = {
        way: {
            "asked": successes(one.asked),
            "kept": successes(one.kept),
            "identity": successes(one.identity),
            "colour": float(np.mean(one.colour)),
        }
        for way, one in outcomes.items()
    }
    rows = [pair for way in outcomes.values() for pair in way.pictures]
    sheet = captioned_sheet([picture for _, picture in rows], [text for text, _ in rows], columns=8)
    publish("leakage", as_markdown(outcomes, subjects, others, seeds), figures, out, sheet)
    return outcomes


def dressed(name: str) -> Spec:
    """The subject with a top of its own: a dress would leave nothing to change but the dress."""
    spec = SUBJECTS[name]
    return (
        replace(spec, top="jacket", bottom=spec.bottom or "pants", bottom_colour=spec.bottom_colour or "black")
        if spec.top == "dress"
        else spec
    )


def others_for(spec: Spec, count: int) -> list[tuple[str, str]]:
    """Tops, each with a colour, of which neither is the subject's own: the same for every way of training."""
    rng = random.Random(f"{spec.noun}{spec.top_colour}")
    kinds = [kind for kind in TOPS if kind not in (spec.top, "dress")]
    colours = [colour for colour in GARMENT_COLOURS if colour not in (spec.top_colour, spec.bottom_colour)]
    rng.shuffle(colours)
    return [(kinds[i % len(kinds)], colours[i % len(colours)]) for i in range(count)]


def _try(
    desk: studio.Studio,
    name: str,
    settings: Mapping[str, Any] | None,
    judge: Judge,
    outcome: Outcome,
    others: int,
    seeds: int,
) -> None:
    spec = dressed(name)
    subject = add_subject(desk, name, spec, photos_of(spec))
    asked = studio.TrainRequest(subject=subject.slug, seed=0, **settings) if settings is not None else None
    lora = desk.start(asked).result().slug if asked else None
    called = f"sks {spec.noun}" if asked else str(spec.noun)
    for number, (kind, colour) in enumerate(others_for(spec, others)):
        scene = SCENES[number % len(SCENES)]
        prompt = f"a cartoon of {article(called)} in {article(f'{colour} {kind}')}, {PLACES[scene][0]}"
        drawn = draw(desk, prompt, seeds, 500 + number, lora)
        _read(desk, spec, kind, colour, drawn, judge, outcome)
        if number == 0:
            outcome.pictures.append((prompt, drawn[0]))
    desk.library.remove_subject(subject.slug)


def _read(
    desk: studio.Studio, spec: Spec, kind: str, colour: str, pictures: list[Image.Image], judge: Judge, outcome: Outcome
) -> None:
    own = [name for name in BODY if getattr(spec, name) and name in judge.trusted]
    for picture, reading in zip(pictures, judge.read(pictures), strict=True):
        outcome.asked.append(reading["top"].word == kind and reading["top_colour"].word == colour)
        outcome.kept.append(reading["top"].word == spec.top or reading["top_colour"].word == spec.top_colour)
        right = obeys(spec, reading)
        outcome.identity += [right[name] for name in own]
        inside = _clothing(desk, picture)
        if inside.any():
            pixels = np.asarray(picture, float)[inside]
            outcome.colour.append(float(has_garment_colour(pixels, str(spec.top_colour)).mean()))


def _clothing(desk: studio.Studio, picture: Image.Image) -> np.ndarray:
    found = found_of(desk, picture, "top")
    return np.any([np.asarray(mask.image) > 127 for mask in found], axis=0) if found else np.zeros((1,), bool)


def _line(outcome: Outcome) -> str:
    return (
        f"asked {percent(*successes(outcome.asked))}, kept {percent(*successes(outcome.kept))}, own colour "
        f"{100 * np.mean(outcome.colour):.1f}%, identity {percent(*successes(outcome.identity))}"
    )


def as_markdown(outcomes: Mapping[str, Outcome], subjects: Sequence[str], others: int, seeds: int) -> str:
    """The section for RESULTS.md."""
    rows = [
        [
            way,
            percent(*successes(one.asked)),
            percent(*successes(one.kept)),
            f"{100 * np.mean(one.colour):.1f}%",
            percent(*successes(one.identity)),
        ]
        for way, one in outcomes.items()
    ]
    return "\n\n".join(
        (
            "### The jacket problem: can it take off what it was taught in?",
            f"{len(subjects)} characters that training never saw, each in one and the same top in all of its {PHOTOS} "
            f"photos; then drawn in {others} other tops, {seeds} seeds each. Read by the judge, and by the studio's masks.",
            table(
                ["way", "asked top is there", "old kind or colour is there", "old colour within the top", "identity"],
                rows,
            ),
            "Plain: one constant prompt and no class images. The defaults: photos learnt bare and described, and 32 class "
            "images that count, a little, where something is worn. Steps and rank are the same. Identity is of what the "
            "subject keeps whatever it wears: kind, fur, hair. 95% intervals in brackets; each way has a row of the sheet.",
            "![One picture of each](quality/grids/leakage.png)",
            made_by("leakage"),
        )
    )
