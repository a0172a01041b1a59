"""A run: one request, how far it is, and what it made. It belongs to the studio, not to the page that asked for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from studio.contracts.events import (
    ENDINGS,
    Cancelled,
    CheckpointSaved,
    CheckpointScored,
    Event,
    Failed,
    Finished,
    LoraSaved,
    NothingFound,
    Paused,
    PictureDrawn,
    PreviewDrawn,
    SampleDrawn,
    StepFinished,
)
from studio.tasks.task import Progress, Story, Task

if TYPE_CHECKING:
    from studio.contracts.family import ModelFamily
    from studio.library import Library

Result = TypeVar("Result")
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


class Run(Generic[Result]):
    """One request on its way. Threads may read it, wait for it and cancel it at any time.

    `request` is resolved: what the family decided is filled in. `asked` is what was given.
    """

    def __init__(
        self,
        id: str,
        task: Task[Any, Result],
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
        on_cancel: Callable[[Run[Any]], None] | None = None,
    ) -> None:
        self.id, self.task, self.title, self.request = id, task, title, request
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
    def kind(self) -> str:
        """What it was asked for: "train", "draw", ..., as its task has it."""
        return self.task.kind

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
        if not self.task.lasting:
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

    def result(self, timeout: float | None = None) -> Result:
        """Wait, then give what was made: the Lora of a training, pictures, or the masks that were found.

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
        kept = self.kept()
        if kept is None:
            raise RunFailed(f"{self.title} is finished, and what it made is not in the library any more.")
        return kept

    def kept(self) -> Result | None:
        """What the run has made and is still there; None where it is to be one thing, and that is not there."""
        return self.task.results(self.snapshot(), self.library)

    def progress(self) -> Progress:
        """How far it is, from its events alone."""
        idle = "starting" if self._status == RUNNING else self._status
        seconds = time.monotonic() - self._began
        return self.task.progress(Story(self.request, self.snapshot(), self._latest, self.ended, seconds, idle))

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
        """For the studio: something that came of the run after its end."""
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


def last_checkpoint(events: Iterable[Event], folder: Path) -> Path | None:
    """The newest checkpoint of a run that is still on disk."""
    for event in reversed(list(events)):
        if isinstance(event, CheckpointSaved) and (folder / event.path).exists():
            return folder / event.path
    return None


def is_done(events: Iterable[Event], request: Any) -> bool:
    """Whether a training came to its last step and kept what it had learnt."""
    return any(
        isinstance(event, LoraSaved) and max(event.step, event.trained) >= (request.steps or 0) for event in events
    )
