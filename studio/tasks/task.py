"""What each thing that can be asked says of itself: a Task, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from studio.contracts.events import Event, PreviewDrawn, StageReported, StepFinished
from studio.contracts.family import ModelFamily
from studio.contracts.requests import resolved
from studio.library import Library
from studio.quotas import Quota

REMEMBERED = 200  # ended runs of a kind that stay in memory
LONGEST_TITLE = 60  # characters of a prompt


class Request(Protocol):
    """What can be asked: any frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Asked = TypeVar("Asked", bound=Request)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """How far a run is: fraction 0 to 1, seconds left or None where nobody can know yet, and words for it."""

    fraction: float
    seconds_left: float | None
    words: str


@dataclass(frozen=True)
class Story:
    """A run at one moment: its resolved request, its lasting events, the picture being drawn, and how long it has
    taken so far."""

    request: Any
    events: Sequence[Event]
    preview: PreviewDrawn | None
    ended: bool
    seconds: float
    idle: str  # words for a run that has told nothing yet

    def last(self, *kinds: type) -> Any:
        """The newest event of these kinds; None where there is none."""
        return next((event for event in reversed(self.events) if isinstance(event, kinds)), None)


def as_it_is(request: Asked, library: Library, family: ModelFamily) -> Asked:
    """The request of a task that leaves nothing open."""
    return request


def kept_as_it_is(request: Asked, library: Library) -> Asked:
    """The request of a task that brings no images."""
    return request


def own_family(request: Any, library: Library) -> str | None:
    """The family that the request names; None: the studio's."""
    return request.family


def nothing_to_check(request: Any, library: Library, family: ModelFamily) -> None:
    """For a task whose request has checked all there is."""


def nothing_made(events: Sequence[Event], library: Library) -> None:
    """For a task that is asked for its events alone."""


def unlimited(request: Any, quota: Quota, library: Library) -> None:
    """For a task of which a visitor may ask as much as anybody."""


def progress_by_stages(story: Story) -> Progress:
    """By its steps or its named stages, whichever it told last."""
    last, step = story.last(StepFinished, StageReported), story.last(StepFinished)
    if isinstance(last, StepFinished):
        return Progress(last.step / last.total, last.seconds_left, f"step {last.step} of {last.total}")
    if last is None:
        return Progress(0.0, None, story.idle)
    fraction = last.done / last.total if last.total else step.step / step.total if step else 0.0
    return Progress(fraction, step.seconds_left if step else None, words_of(last))


def words_of(stage: StageReported) -> str:
    """A stage, and how far it is where it counts."""
    return f"{stage.stage} {stage.done} of {stage.total}" if stage.total else stage.stage


@dataclass(frozen=True)
class Task(Generic[Asked, Result]):
    """One thing that can be asked of the studio: everything that is particular to it, from the request to its result.

    A request goes one way: `check` as it was asked, `resolve`, `limit`, `keep`, and then to an executor.
    """

    request: type[Asked]
    kind: str  # of its runs, which wait for each other; run files and the API name it
    function: str  # of the engine, "module:function": imported by the executor when the first run needs it
    title: Callable[[Asked, Library], str]
    # What was made and is still there; None where it is gone, or was never finished.
    results: Callable[[Sequence[Event], Library], Result | None] = nothing_made
    family: Callable[[Asked, Library], str | None] = own_family
    # Raises ValueError, in a sentence, for what the library or the family does not have.
    check: Callable[[Asked, Library, ModelFamily], None] = nothing_to_check
    # Every choice that was left open, made once: the family's defaults, how outfits act, what hangs on sizes. Nothing
    # is written for it.
    resolve: Callable[[Asked, Library, ModelFamily], Asked] = as_it_is
    # Raises ValueError, naming the limit, for a resolved request that asks for more than a visitor may.
    limit: Callable[[Asked, Quota, Library], None] = unlimited
    # The images that a resolved request brings, put into the library: it names files from here on.
    keep: Callable[[Asked, Library], Asked] = kept_as_it_is
    progress: Callable[[Story], Progress] = progress_by_stages
    for_others: str = "Busy for someone else"  # in place of the title, for other visitors
    lasting: bool = False  # its events are written beside the run; it can be paused, and goes on after a crash
    fills_library: bool = True  # so that a full library refuses it at once
    remembered: int = REMEMBERED  # ended runs that stay in memory
    images: tuple[str, ...] = ()  # fields that recipes keep as names of the library's images


def with_defaults(request: Asked, family: ModelFamily, defaults: Mapping[str, Any]) -> Asked:
    """The request with its family named, and those of the family's `defaults` that it leaves open; its seed drawn."""
    return resolved(replace(request, family=family.name), defaults)


def shortened(text: str) -> str:
    """Text for a title."""
    return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 3] + "..."
