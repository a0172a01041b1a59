"""What comes back from a run: plain frozen events that any page, test or remote worker can hold.

Events that are worth keeping are written to `events.jsonl` beside the run by `to_json`, and read by `from_json`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from studio.contracts.former_names import renamed


@dataclass(frozen=True)
class StageReported:
    """A named part of the work that is not a training or denoising step, such as drawing class images."""

    stage: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class StepFinished:
    """One optimizer step; `seconds_left` is the estimate for the rest of the run."""

    step: int
    total: int
    loss: float
    seconds_left: float


@dataclass(frozen=True)
class SampleDrawn:
    """A sample picture of the validation prompt, drawn during training; path below the library."""

    step: int
    path: str
    prompt: str


@dataclass(frozen=True)
class CheckpointSaved:
    step: int
    path: str


@dataclass(frozen=True)
class CheckpointScored:
    """How like the photos (CLIP-I) and how close to their prompts (CLIP-T) a step's samples are; step 0 is the base."""

    step: int
    subject_fidelity: float
    prompt_fidelity: float


@dataclass(frozen=True)
class CheckpointPicked:
    """The checkpoint that becomes the LoRA, and why, in a sentence."""

    step: int
    reason: str


@dataclass(frozen=True)
class ClassChecked:
    """The bare class with what was learnt until `step`, and as the family draws it from the same seeds.

    `diversity` is how unlike each other the pictures are, `before` how unlike the family's are, `drift` how far each
    moved: cosine distances of CLIP's embeddings, 0 to 2. Paths below the library.
    """

    step: int
    prompt: str
    diversity: float
    before: float
    drift: float
    pictures: tuple[str, ...]
    base_pictures: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("pictures", "base_pictures"):  # lists, when they come from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True)
class LoraSaved:
    """What was learnt until `step` is in the library; the training had come to `trained` by then."""

    slug: str
    step: int
    trained: int = 0


@dataclass(frozen=True)
class PreviewDrawn:
    """A picture half denoised, as small JPEG bytes; shown while it lives, never stored."""

    index: int
    step: int
    total: int
    jpeg: bytes


@dataclass(frozen=True)
class PictureDrawn:
    index: int
    count: int
    path: str
    seconds_left: float


@dataclass(frozen=True)
class MaskFound:
    """One thing found: `candidates` are (score, PNG) of the shapes SAM proposes, the taken one first.

    `box` is left, top, right, bottom in pixels; `score` is the detector's, or SAM's own where points asked; `number`
    says in which of the request's pictures, counted from 0.
    """

    label: str
    score: float
    box: tuple[int, int, int, int]
    candidates: tuple[tuple[float, bytes], ...]
    number: int = 0


@dataclass(frozen=True)
class NothingFound:
    """Phrases that nothing in the picture answers to; the message says what to try."""

    phrases: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Finished:
    pass


@dataclass(frozen=True)
class Cancelled:
    """The run stopped where it was asked to; what was finished is kept."""


@dataclass(frozen=True)
class Paused:
    """A training was set aside at a checkpoint; it goes on when it is asked to."""

    step: int


@dataclass(frozen=True)
class Failed:
    """The run stopped on a fault; the message is a sentence that names the remedy."""

    message: str


Event = (
    StageReported
    | StepFinished
    | SampleDrawn
    | CheckpointSaved
    | CheckpointScored
    | CheckpointPicked
    | ClassChecked
    | LoraSaved
    | PreviewDrawn
    | PictureDrawn
    | MaskFound
    | NothingFound
    | Finished
    | Cancelled
    | Paused
    | Failed
)
LASTING = (
    StageReported,
    StepFinished,
    SampleDrawn,
    CheckpointSaved,
    CheckpointScored,
    CheckpointPicked,
    ClassChecked,
    LoraSaved,
    PictureDrawn,
    Finished,
    Cancelled,
    Paused,
    Failed,
)
ENDINGS = (Finished, Cancelled, Paused, Failed)
_KINDS = {kind.__name__: kind for kind in LASTING}


def to_json(event: Event) -> dict[str, Any]:
    return {"event": type(event).__name__, **asdict(event)}


def from_json(data: dict[str, Any]) -> Event:
    """Raises ValueError for an event of a kind, or with fields, that this version does not know."""
    values = dict(data)
    kind = _KINDS.get(values.pop("event", ""))
    if kind is None:
        raise ValueError(f"unknown event {data.get('event')!r}; known are {', '.join(_KINDS)}")
    try:
        return kind(**renamed(kind.__name__, values))
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error
