"""What prior preservation keeps and what it costs.

Each subject is taught twice from one seed by `Studio.start_both`, with class images and without, by the preset that
preserves the class whole. The judge reads whether the drawn one is still the subject; the studio's own look at the bare
class tells how much that still varies and how far it moved (Ruiz et al. 2023, section 4.2, by CLIP).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

import studio
from benchmarks.quality.report import captioned_sheet, made_by, parser_for, percent, publish
from benchmarks.quality.taught_subjects import DRAWN_SCENES, add_subject, draw, photos_of, prompt, read_identity
from benchmarks.results import table
from pocketworld.judge import Judge
from pocketworld.world import SUBJECTS

CHOSEN = ("mohawk girl", "star boy", "bolt woman")  # the family knows their classes: there is something to preserve
PRESET = "Prior preservation"
WAYS = ("with class images", "without")
SEEDS = 4


@dataclass
class Outcome:
    """Sums over the subjects of one way of training."""

    identity: list[tuple[int, int]] = field(default_factory=list)
    scenes: list[tuple[int, int]] = field(default_factory=list)
    checks: list[studio.ClassChecked] = field(default_factory=list)


def main(flags: Sequence[str]) -> None:
    given = parser_for("prior", __doc__).parse_args(flags)
    score_prior(given.out, given.family)


def score_prior(out: Path, family: str = "pocket", subjects: Sequence[str] = CHOSEN) -> dict[str, Outcome]:
    """Teach each subject both ways and read what came of it; writes a section of RESULTS.md, JSON and a sheet."""
    outcomes, judge, shown = {way: Outcome() for way in WAYS}, Judge.load(), []
    with tempfile.TemporaryDirectory() as folder, studio.open(Path(folder) / "library", family) as desk:
        asked = desk.family.presets[PRESET].training
        for name in subjects:
            spec = SUBJECTS[name]
            subject = add_subject(desk, name, spec, photos_of(spec))
            both = desk.start_both(studio.TrainRequest(subject.slug, seed=0, **asked))
            for way, run in zip(WAYS, both, strict=True):
                lora = run.result()
                rows = [
                    draw(desk, prompt(spec, scene), SEEDS, 100 + number, lora.slug)
                    for number, scene in enumerate(DRAWN_SCENES)
                ]
                identity, scenes = read_identity(judge, spec, rows)
                checked = next(event for event in run.snapshot() if isinstance(event, studio.ClassChecked))
                outcomes[way].identity += identity.values()
                outcomes[way].scenes.append(scenes)
                outcomes[way].checks.append(checked)
                shown += [(f"{prompt(spec, DRAWN_SCENES[0])}, {way}", rows[0][0])]
                shown += [
                    (f"{checked.prompt}, {way}", Image.open(desk.library.root / path).copy())
                    for path in checked.pictures[:4]
                ]
                print(name, way, _row(outcomes[way]), flush=True)
    figures = {way: dict(zip(HEADER[1:], _row(one), strict=True)) for way, one in outcomes.items()}
    sheet = captioned_sheet([picture for _, picture in shown], [text for text, _ in shown], columns=5)
    publish("prior", as_markdown(outcomes, subjects), figures, out, sheet)
    return outcomes


HEADER = ["way", "identity right", "scene right", "the class varies", "before", "the class moved"]


def _row(outcome: Outcome) -> list[str]:
    def mean(name: str) -> str:
        return f"{sum(getattr(one, name) for one in outcome.checks) / len(outcome.checks):.2f}"

    return [
        percent(*map(sum, zip(*outcome.identity, strict=True))),
        percent(*map(sum, zip(*outcome.scenes, strict=True))),
        mean("diversity"),
        mean("before"),
        mean("drift"),
    ]


def as_markdown(outcomes: dict[str, Outcome], subjects: Sequence[str]) -> str:
    """The section for RESULTS.md."""
    return "\n\n".join(
        (
            "### With and without prior preservation",
            f"{len(subjects)} characters that training never saw ({', '.join(subjects)}), each taught twice from one seed "
            f"by one press, with the preset {PRESET}, then drawn in {len(DRAWN_SCENES)} places, {SEEDS} seeds each. The "
            "bare class by CLIP: how unlike each other its pictures are, and how far each moved from the family's of the "
            "same seed (cosine distances).",
            table(HEADER, [[way, *_row(one)] for way, one in outcomes.items()]),
            "![The subject, then the bare class, with class images and without](quality/grids/prior.png)",
            made_by("prior"),
        )
    )
