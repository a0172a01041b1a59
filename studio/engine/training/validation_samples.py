"""Pictures drawn during a training, and what CLIP says of them: the evidence for the checkpoint to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from torch import Tensor

from studio.contracts.events import CheckpointScored, ClassChecked, Event, SampleDrawn, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.requests import DrawRequest, TrainRequest, resolved
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.training.checkpoint_choice import pick
from studio.engine.vision.clip_scores import clip_of, diversity, drift, prompt_fidelity, subject_fidelity
from studio.errors import explain
from studio.library.store import read_json, write_json
from studio.words.articles import with_article

if TYPE_CHECKING:
    from studio.library import Library, Subject

SCORES = "scores.json"
CLASS_SEED = 7_000_003  # pictures of the bare class start from seeds of their own, the same for every run


@dataclass
class Samples:
    """What a training draws of itself. `photos` are what it learns from, small; `render` gives the picture of a request
    with what was learnt until a step, or, for None, with the family as it is."""

    request: TrainRequest
    subject: Subject
    family: ModelFamily
    pipelines: PipelineCache
    library: Library
    folder: Path
    photos: list[Image.Image]
    render: Callable[[DrawRequest, int | None], Image.Image]
    scores: dict[int, tuple[float, float]] = field(default_factory=dict)  # step -> subject fidelity and prompt fidelity
    _references: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        self.scoring = bool(self.request.pick_best)

    def take_up(self, step: int) -> None:
        """The scores that were written down until a step."""
        path = self.folder / SCORES
        told = read_json(path) if path.is_file() else {}
        self.scores = {int(at): (pair[0], pair[1]) for at, pair in told.items() if int(at) <= step}

    @property
    def prompts(self) -> list[str]:
        """The validation prompts."""
        usual = (
            self.family.portraits(self.subject.trigger)
            if self.request.portrait
            else self.family.validation_prompts(self.subject.trigger)
        )
        return list(self.request.validation_prompts) or usual

    def lacking(self, step: int) -> bool:
        """Whether a sample of the step was not drawn yet."""
        return any(
            not (self.folder / "samples" / _named(step, number)).is_file() for number in range(1, len(self.prompts) + 1)
        )

    def drawn(self, step: int) -> Iterator[SampleDrawn | StageReported]:
        """Each validation prompt with what was learnt so far, always from the run's seed."""
        for number, prompt in enumerate(self.prompts, start=1):
            yield StageReported("Drawing samples", number - 1, len(self.prompts))
            path = self._draw(prompt, self.request.seed or 0, step, _named(step, number))
            yield SampleDrawn(step, self._below(path), prompt)

    def scored(self, step: int) -> Iterator[Event]:
        """The validation prompts, and a score of what came out."""
        drawn = []
        for sample in self.drawn(step):
            if isinstance(sample, SampleDrawn):
                drawn.append(self.library.root / sample.path)
            yield sample
        if not self.scoring:
            return
        prompts = [
            prompt.replace(self.subject.trigger, with_article(self.subject.class_noun)) for prompt in self.prompts
        ]
        try:
            with clip_of(self.pipelines, self.family) as clip:
                if self._references is None:
                    self._references = clip.images(self.photos), clip.texts(prompts)
                pictures = clip.images([Image.open(path) for path in drawn])
        except (OSError, ValueError) as error:  # it cannot be fetched: a training of hours must not end for that
            self.scoring = False
            yield StageReported(f"Checkpoints are not scored, the last one is taken: {explain(error)}")
            return
        photos, texts = self._references
        self.scores[step] = subject_fidelity(pictures, photos), prompt_fidelity(pictures, texts)
        write_json(self.folder / SCORES, {str(at): list(pair) for at, pair in self.scores.items()})
        yield CheckpointScored(step, *self.scores[step])

    def best(self, step: int) -> tuple[int, str] | None:
        """The best step until this one and why; None where nothing was scored.

        Of the checkpoints that are still there: full libraries let some go.
        """
        folder = self.folder / "checkpoints"
        there = {
            at: pair
            for at, pair in self.scores.items()
            if at in (0, step) or (folder / f"{at:06d}.safetensors").is_file()
        }
        return pick(there) if self.scoring and any(there) else None

    def class_checked(self, step: int) -> Iterator[Event]:
        """Pictures of the bare class with what was learnt and without, and how far it moved (Ruiz et al. 2023, 4.2).

        Raises OSError or ValueError where the family's CLIP cannot be had.
        """
        count = self.request.class_checks or 0
        prompt = f"{self.family.prompt_start} {with_article(self.subject.class_noun)}"
        paths: list[Path] = []
        for with_it in (True, False):
            for number in range(count):
                yield StageReported("Drawing the bare class", len(paths), 2 * count)
                name = f"class-{step:06d}-{'after' if with_it else 'before'}-{number + 1}.png"
                paths.append(self._draw(prompt, CLASS_SEED + number, step if with_it else None, name))
        with clip_of(self.pipelines, self.family) as clip:
            seen = clip.images([Image.open(path) for path in paths])
        after, before = seen[:count], seen[count:]
        told = [self._below(path) for path in paths]
        yield ClassChecked(
            step,
            prompt,
            diversity(after),
            diversity(before),
            drift(after, before),
            tuple(told[:count]),
            tuple(told[count:]),
        )

    def _draw(self, prompt: str, seed: int, step: int | None, name: str) -> Path:
        side, path = self.request.resolution, self.folder / "samples" / name
        asked = resolved(DrawRequest(prompt=prompt, seed=seed, width=side, height=side), self.family.drawing)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.render(asked, step).save(path)
        return path

    def _below(self, path: Path) -> str:
        return str(path.relative_to(self.library.root))


def _named(step: int, number: int) -> str:
    return f"{step:06d}-{number}.png"
