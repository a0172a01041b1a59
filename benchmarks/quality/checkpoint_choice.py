"""Whether the picked checkpoint is the better one.

Runs on subjects that the family never saw. The studio picks by CLIP on its validation samples; here the judge scores
every checkpoint on other places and seeds: identity and scene, half and half.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import studio
from benchmarks.quality.report import figures_file, made_by, parser_for, percent, publish, write_json
from benchmarks.quality.taught_subjects import add_subject, draw, photos_of, prompt, read_identity
from benchmarks.results import table
from pocketworld.judge import Judge
from pocketworld.world import SUBJECTS

RUNS = tuple((name, seed) for seed in (0, 1) for name in SUBJECTS if SUBJECTS[name].object is None)[:20]
SCENES = ("street at night", "kitchen", "snow", "beach")  # the validation prompts have others
SEEDS = 2
# So long, at a constant rate, that some are overtrained: at the default 200 steps the last one is as good as any.
ASKED = {"steps": 500, "lr_scheduler": "constant", "class_images": 0, "checkpoint_every": 100, "sample_every": 100}
TIE = 0.01  # of the judge's score: less is chance


@dataclass
class Tried:
    """One run: CLIP's scores of each step as the studio has them, the judge's of each checkpoint, and the pick."""

    name: str
    seed: int
    scores: dict[int, tuple[float, float]]
    truth: dict[int, tuple[float, float]]  # identity and scene, 0 to 1
    picked: int

    def worth(self, step: int) -> float:
        return sum(self.truth[step]) / 2


def main(flags: Sequence[str]) -> None:
    given = parser_for("checkpoint-choice", __doc__).parse_args(flags)
    score_checkpoint_choice(given.out, given.family)


def score_checkpoint_choice(
    out: Path, family: str = "pocket", runs: Sequence[tuple[str, int]] = RUNS, **settings: Any
) -> list[Tried]:
    """Train, pick and judge; writes a section of RESULTS.md and JSON."""
    judge, tried = Judge.load(), []
    for name, seed in runs:
        with tempfile.TemporaryDirectory() as folder, studio.open(Path(folder) / "library", family) as desk:
            tried.append(_try(desk, name, seed, {**ASKED, **settings}, judge))
        last = max(tried[-1].truth)
        print(
            name,
            seed,
            "picked",
            tried[-1].picked,
            f"{tried[-1].worth(tried[-1].picked):.3f}",
            "last",
            f"{tried[-1].worth(last):.3f}",
            flush=True,
        )
        write_json(figures_file(out, "checkpoint-choice"), as_figures(tried))  # the runs so far, should it be stopped
    publish("checkpoint-choice", as_markdown(tried), as_figures(tried), out)
    return tried


def _try(desk: studio.Studio, name: str, seed: int, settings: Mapping[str, Any], judge: Judge) -> Tried:
    spec = SUBJECTS[name]
    subject = add_subject(desk, name, spec, photos_of(spec, seed))
    run = desk.start(studio.TrainRequest(subject=subject.slug, seed=seed, **settings))
    picked = run.result().steps
    scores = {
        event.step: (event.subject_fidelity, event.prompt_fidelity)
        for event in run.snapshot()
        if isinstance(event, studio.CheckpointScored)
    }
    truth = {}
    for step in sorted(step for step in scores if step):
        lora = desk.pick_checkpoint(run.id, step)
        rows = [draw(desk, prompt(spec, scene), SEEDS, 900 + number, lora.slug) for number, scene in enumerate(SCENES)]
        identity, scenes = read_identity(judge, spec, rows, SCENES)
        right, of = (sum(pair[place] for pair in identity.values()) for place in (0, 1))
        truth[step] = (right / of, scenes[0] / scenes[1])
    return Tried(name, seed, scores, truth, picked)


def compared(tried: Sequence[Tried]) -> tuple[int, int, int]:
    """Wins, ties and losses of the pick against the last checkpoint."""
    apart = [one.worth(one.picked) - one.worth(max(one.truth)) for one in tried]
    return sum(gap > TIE for gap in apart), sum(abs(gap) <= TIE for gap in apart), sum(gap < -TIE for gap in apart)


def as_figures(tried: Sequence[Tried]) -> dict[str, Any]:
    return {"runs": [vars(one) for one in tried]}


def as_markdown(tried: Sequence[Tried]) -> str:
    """The section for RESULTS.md."""
    wins, ties, losses = compared(tried)
    means = {
        what: sum(one.worth(step(one)) for one in tried) / len(tried)
        for what, step in (
            ("picked", lambda one: one.picked),
            ("last", lambda one: max(one.truth)),
            ("best there was", lambda one: max(one.truth, key=one.worth)),
        )
    }
    rows = [
        [
            one.name,
            str(one.seed),
            str(one.picked),
            f"{one.worth(one.picked):.3f}",
            f"{one.worth(max(one.truth)):.3f}",
            f"{max(map(one.worth, one.truth)):.3f}",
        ]
        for one in tried
    ]
    rows.append(["**mean**", "", "", *(f"{means[what]:.3f}" for what in ("picked", "last", "best there was"))])
    return "\n\n".join(
        (
            "### Is the picked checkpoint the better one?",
            f"{len(tried)} runs of {ASKED['steps']} steps at a constant rate, without class images, on characters that "
            f"training never saw, a checkpoint every {ASKED['checkpoint_every']} steps: so long that some are overtrained "
            f"(at the default 200 steps the last checkpoint is nearly always as good as any). Score: the judge's identity "
            f"and scene, half and half, in {len(SCENES)} other places and {SEEDS} other seeds. Against the last checkpoint "
            f"the pick wins {wins}, ties {ties}, loses {losses} (of those decided it wins {percent(wins, wins + losses)}).",
            table(["subject", "seed", "picked step", "picked", "last", "best there was"], rows),
            made_by("checkpoint-choice", picture=None),
        )
    )
