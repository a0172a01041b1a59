"""A run: one request, how far it is, and what it made. It belongs to the studio, not to the page that asked for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.contracts.events import (
    ENDINGS,
    Cancelled,
    CheckpointSaved,
    CheckpointScored,
    Event,
    Failed,
    Finished,
    LoraSaved,
    MaskFound,
    NothingFound,
    Paused,
    PictureDrawn,
    PreviewDrawn,
    SampleDrawn,
    StageReported,
    StepFinished,
)
from studio.imaging.masks import Candidate, Mask, read_mask

if TYPE_CHECKING:
    from studio.contracts.family import ModelFamily
    from studio.library import Library, Lora, Picture

QUEUED, RUNNING, PAUSED = "queued", "running", "paused"
FINISHED, CANCELLED, FAILED = "finished", "cancelled", "failed"
STATUS = {Finished: FINISHED, Cancelled: CANCELLED, Paused: PAUSED, Failed: FAILED}
WALKED = (StepFinished, SampleDrawn, CheckpointSaved, CheckpointScored)
CLOSED = "The studio was closed before this run ended; training goes on when the library is opened again."


class RunFailed(RuntimeError):
    """The run stopped on a fault; the message is a sentence that names the remedy."""


class RunCancelled(RuntimeError):
    """The run was stopped by hand; `run.kept()` has what was finished before."""


class RunPaused(RuntimeError):
    """The training was paused by hand; `Studio.resume(run.id)` lets it go on."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: fraction 0 to 1, seconds left or None where nobody can know yet, and words for it."""

    fraction: float
    seconds_left: float | None
    words: str


class Run:
    """One request on its way. Threads may read it, wait for it and cancel it at any time.

    `request` is resolved: what the family decided is filled in. `asked` is what was given.
    """

    def __init__(
        self,
        id: str,
        kind: str,
        title: str,
        request: Any,
        library: Library,
        family: ModelFamily | None,
        *,
        asked: Any = None,
        created: str | None = None,
        events: Iterable[Event] = (),
        status: str = QUEUED,
        keep: Callable[[Event], None] | None = None,
        on_cancel: Callable[[Run], None] | None = None,
    ) -> None:
        self.id, self.kind, self.title, self.request = id, kind, title, request
        self.library, self.family, self.asked = library, family, asked or request
        self.checkpoint: Path | None = None  # where a training goes on from
        self.created = created or datetime.now(timezone.utc).isoformat(timespec="microseconds")
        self._status = status
        self._events: list[Event] = list(events)
        self._latest: PreviewDrawn | None = None
        self._keep, self._on_cancel = keep, on_cancel
        self._changed = threading.Condition()
        self._stop, self._pause = threading.Event(), threading.Event()
        self._closed = status not in (QUEUED, RUNNING)  # no event will come any more
        self._began = time.monotonic()

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.title!r}, {self.status})"

    @property
    def status(self) -> str:
        """ "queued", "running", "paused", "finished", "cancelled" or "failed"."""
        return self._status

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself; a paused training goes on as another Run of the same id."""
        return self._status not in (QUEUED, RUNNING)

    @property
    def message(self) -> str:
        """Why it failed, or what a search could not find and what to try, as sentences; empty otherwise."""
        last = self._events[-1] if self._events else None
        if isinstance(last, Failed):
            return last.message
        return " ".join(event.message for event in self._events if isinstance(event, NothingFound))

    @property
    def latest(self) -> PreviewDrawn | None:
        """The newest preview of the picture being drawn; None between pictures and after the end."""
        return self._latest

    def snapshot(self) -> list[Event]:
        """The lasting events so far; previews are not among them (see `latest`)."""
        with self._changed:
            return list(self._events)

    def events(self, after: int = 0) -> Iterator[Event]:
        """Every lasting event from number `after` on, then each as it comes, until the ending one.

        Previews come between them as they are drawn; a slow reader gets only the newest. Any number may read at once.
        """
        shown: PreviewDrawn | None = None
        while True:
            with self._changed:
                self._changed.wait_for(partial(self._has_news, after, shown))
                fresh, preview, closed = self._events[after:], self._latest, self._closed
            after += len(fresh)
            yield from fresh
            if preview not in (None, shown):
                shown = preview
                yield preview
            if closed and not fresh:
                return

    def _has_news(self, after: int, shown: PreviewDrawn | None) -> bool:
        return len(self._events) > after or self._closed or self._latest not in (None, shown)

    def cancel(self) -> None:
        """Ask the run to stop: at once while it waits, within a step once it runs. What it has finished is kept."""
        self._stop.set()
        if self._on_cancel:
            self._on_cancel(self)

    def pause(self) -> None:
        """Ask a training to rest at a checkpoint: at once while it waits, within a step once it runs.

        Raises ValueError for another kind of run, and for one that has ended.
        """
        if self.kind != "train":
            raise ValueError("Only a training can be paused; stop this run instead.")
        if self.ended:
            raise ValueError(f"This training is {self._status} already.")
        self._pause.set()
        if self._on_cancel:
            self._on_cancel(self)

    @property
    def stop_asked(self) -> bool:
        return self._stop.is_set()

    @property
    def pause_asked(self) -> bool:
        return self._pause.is_set() and not self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it ended, however that was, within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout)

    def result(self, timeout: float | None = None) -> Lora | list[Picture] | list[Mask]:
        """Wait, then give the Lora of a training, the pictures of a drawing, or the masks that were found.

        Raises RunFailed, RunCancelled, RunPaused, or TimeoutError after `timeout` seconds.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"{self.title} is still going after {timeout:g} s")
        if self._status == FAILED:
            raise RunFailed(self.message)
        if self._status == CANCELLED:
            raise RunCancelled(f"{self.title} was stopped")
        if self._status == PAUSED:
            raise RunPaused(f"{self.title} is paused")
        if not self.ended:
            raise RunFailed(CLOSED)
        return self.kept()

    def kept(self) -> Lora | None | list[Picture] | list[Mask]:
        """What the run has made and is still there: a Lora or None for a training, pictures, or masks."""
        events = self.snapshot()
        if self.kind == "mask":
            return [mask_of(event) for event in events if isinstance(event, MaskFound)]
        if self.kind == "train":
            saved = [event.slug for event in events if isinstance(event, LoraSaved)]
            return next((lora for lora in self.library.loras() if lora.slug in saved[-1:]), None)
        return [
            self.library.picture(event.path)
            for event in events
            if isinstance(event, PictureDrawn) and Path(event.path).is_file()
        ]

    def progress(self) -> Progress:
        """How far it is, from its events alone."""
        events, preview = self.snapshot(), self._latest
        last = next(
            (event for event in reversed(events) if isinstance(event, StepFinished | StageReported | PictureDrawn)),
            None,
        )
        if self.kind in ("draw", "set", "repaint"):
            drawn = next((event for event in reversed(events) if isinstance(event, PictureDrawn)), None)
            return self._drawing_progress(drawn, last, preview)
        if self.kind == "train" and self.ended:  # what was done after the last step says nothing any more
            last = next((event for event in reversed(events) if isinstance(event, StepFinished)), None)
        if isinstance(last, StepFinished):
            return Progress(last.step / last.total, last.seconds_left, f"step {last.step} of {last.total}")
        if isinstance(last, StageReported):
            done = f" {last.done} of {last.total}" if last.total else ""
            step = next((event for event in reversed(events) if isinstance(event, StepFinished)), None)
            fraction = (
                last.done / last.total
                if last.total and self.kind == "mask"
                else step.step / step.total
                if step
                else 0.0
            )
            return Progress(fraction, step.seconds_left if step else None, f"{last.stage}{done}")
        return Progress(0.0, None, "starting" if self._status == RUNNING else self._status)

    def _drawing_progress(
        self, drawn: PictureDrawn | None, last: Event | None, preview: PreviewDrawn | None
    ) -> Progress:
        count = drawn.count if drawn else getattr(self.request, "total", self.request.count)
        done = drawn.index + 1 if drawn else 0
        if done >= count or self.ended:
            return Progress(1.0 if done >= count else done / count, 0.0, f"{done} of {count} drawn")
        part = preview.step / preview.total if preview else 0.0
        fraction = (done + part) / count
        seconds = (time.monotonic() - self._began) * (1 - fraction) / fraction if fraction > 0 else None
        if self.kind == "set":  # some of its cells may have been there: the drawing knows
            seconds = drawn.seconds_left if drawn else None
        stage = last.stage if isinstance(last, StageReported) and preview is None else ""
        return Progress(fraction, seconds, stage or f"picture {done + 1} of {count}")

    def begin(self) -> None:
        """For the executor: the run has left the queue."""
        with self._changed:
            self._status, self._began = RUNNING, time.monotonic()
            self._changed.notify_all()

    def publish(self, event: Event, keep: bool = True) -> None:
        """For the executor: write the event down and tell every reader. Raises OSError when it cannot be written."""
        if isinstance(event, PreviewDrawn):
            with self._changed:
                self._latest = event
                self._changed.notify_all()
            return
        if self._keep and keep:
            self._keep(event)
        with self._changed:
            self._events.append(event)
            if isinstance(event, (PictureDrawn, *ENDINGS)):
                self._latest = None
            if isinstance(event, ENDINGS):
                self._status, self._closed = STATUS[type(event)], True
            self._changed.notify_all()

    def rewind(self, step: int) -> None:
        """For the executor: the run goes on from this step, and will walk those after it again."""
        with self._changed:
            self._events = [event for event in self._events if not (isinstance(event, WALKED) and event.step > step)]

    def add(self, event: Event) -> None:
        """For the desk: something that came of the run after its end."""
        with self._changed:
            self._events.append(event)

    def abandon(self) -> None:
        """For the executor: let readers go though the run has not ended, since the studio closes."""
        with self._changed:
            self._closed, self._latest = True, None
            self._changed.notify_all()


def without_repeated_steps(events: Iterable[Event]) -> list[Event]:
    """Events of a run that was interrupted, without the steps that were walked twice after it went on."""
    told: list[Event] = []
    for event in events:
        if isinstance(event, StepFinished):
            last = next((one.step for one in reversed(told) if isinstance(one, StepFinished)), 0)
            if event.step <= last:
                told = [one for one in told if not (isinstance(one, WALKED) and one.step >= event.step)]
        told.append(event)
    return told


def mask_of(found: MaskFound) -> Mask:
    """The mask that an event brings."""
    shapes = tuple(Candidate(read_mask(png), score) for score, png in found.candidates)
    return Mask(shapes[0].image, found.box, found.score, found.label, shapes)
