"""Who carries out runs: a lane each for training, drawing and masks, over the one pipeline.

The engine is named here as text and imported when the first run needs it, so that the page is up before torch is
loaded; an executor of another kind (Ray, ZeroGPU) speaks the same `start`, `resume`, `now` and `close`.
"""

from __future__ import annotations

import atexit
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.contracts.events import (
    ENDINGS,
    Cancelled,
    CheckpointSaved,
    Event,
    Failed,
    Finished,
    LoraSaved,
    Paused,
    StepFinished,
    to_json,
)
from studio.contracts.requests import (
    DrawRequest,
    MaskRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
    as_json,
    resolved,
)
from studio.errors import explain
from studio.execution.run import RUNNING, STATUS, Progress, Run, RunCancelled, RunFailed, RunPaused

if TYPE_CHECKING:
    from studio.contracts.family import ModelFamily
    from studio.library import Library, RunRecord

__all__ = ["LocalExecutor", "Now", "Progress", "Run", "RunCancelled", "RunFailed", "RunPaused", "Task"]

log = logging.getLogger(__name__)
REMEMBERED = 200  # ended runs of a kind that stay in memory
REMEMBERED_MASKS = 12  # these hold their pictures themselves, and each click on a page makes one


Request = TrainRequest | DrawRequest | SetRequest | RepaintRequest | WearRequest | MaskRequest


@dataclass(frozen=True)
class Task:
    """How one type of request is carried out: its lane, the engine's function, and the family's defaults for it."""

    kind: str
    function: str  # "module:function", imported in the lane's thread
    defaults: str  # the field of ModelFamily
    lasting: bool  # its events are written beside the run, and it goes on after a crash


TASKS: Mapping[type, Task] = MappingProxyType(
    {
        TrainRequest: Task("train", "studio.engine.training.dreambooth:train", "training", lasting=True),
        DrawRequest: Task("draw", "studio.engine.generation.drawing:draw", "drawing", lasting=False),
        SetRequest: Task("set", "studio.engine.generation.grids:draw_set", "drawing", lasting=False),
        RepaintRequest: Task("repaint", "studio.engine.generation.repainting:repaint", "repainting", lasting=False),
        WearRequest: Task("repaint", "studio.engine.generation.repainting:wear", "repainting", lasting=False),
        MaskRequest: Task("mask", "studio.engine.vision.grounded_sam:find_masks", "masking", lasting=False),
    }
)


@dataclass(frozen=True)
class Now:
    """What is going on: for whom, how far, how long still, and how many wait behind it in the same lane."""

    title: str
    kind: str
    fraction: float
    seconds_left: float | None
    words: str
    run_id: str
    waiting: int


class LocalExecutor:
    """Carries out runs in this process: one training, one drawing and one mask at a time, all on one PipelineCache.

    The cache makes them take turns at the pipeline; the lanes only make a drawing not wait for a whole training.
    """

    def __init__(self, pipelines: Any = None, tasks: Mapping[type, Task] = TASKS, max_waiting: int = 32) -> None:
        self._made = pipelines
        self._making = threading.Lock()
        self._tasks = tasks
        self._max_waiting = max_waiting
        self._runs: dict[str, Run] = {}  # by id, oldest first
        self._lanes: dict[str, deque[Run]] = {task.kind: deque() for task in tasks.values()}
        self._current: dict[str, Run] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._changed = threading.Condition(threading.RLock())
        self._closing = threading.Event()
        atexit.register(self.close)

    @property
    def pipelines(self) -> Any:
        """The PipelineCache, made when first asked for: this loads torch."""
        with self._making:
            if self._made is None:
                for task in self._tasks.values():  # all at once: two threads cannot import diffusers' lazy modules
                    import_module(task.function.split(":")[0])
                self._made = import_module("studio.engine.models.pipeline_cache").PipelineCache()
            return self._made

    @property
    def plan(self) -> Any:
        """The cache's memory plan; None while torch is not loaded yet."""
        return self._made.plan if self._made is not None else None

    def start(self, request: Any, library: Library, family: ModelFamily) -> Run:
        """Queue the request. Asking for a training that is queued or running already gives that same run.

        Raises ValueError for a type that nobody carries out, and when too many wait.
        """
        task = self._task(type(request))
        with self._changed:
            if self._closing.is_set():
                raise ValueError("This studio is closed; open it again.")
            for run in self._runs.values():
                if (
                    task.lasting
                    and not run.ended
                    and run.asked == request
                    and run.library.root == library.root
                    and not run.stop_asked
                ):
                    return run
            self._check_room(task.kind)
            whole = resolved(replace(request, family=family.name), getattr(family, task.defaults))
            return self._queue(self._new_run(task, request, whole, library, family))

    def resume(
        self, record: RunRecord, request: Any, events: list[Event], library: Library, family: ModelFamily
    ) -> Run:
        """Queue a run that did not end, or has more steps to go, from its last checkpoint that is still there."""
        task = self._task(type(request))
        run = Run(
            record.id,
            task.kind,
            record.title,
            request,
            library,
            family,
            created=record.created,
            events=events,
            keep=partial(_append, library, record.id),
            on_cancel=self._drop,
        )
        run.checkpoint = last_checkpoint(events, library.run_folder(record.id))
        run.rewind(int(run.checkpoint.stem) if run.checkpoint else 0)
        # It was killed after its work, before it could say so.
        if _is_done(events, request):
            self._end(run, Finished())
            return run
        with self._changed:
            known = self._runs.get(run.id)
            if known is not None and not known.ended:
                return known
            self._check_room(run.kind)
            return self._queue(run)

    def _check_room(self, kind: str) -> None:
        if self._closing.is_set():
            raise ValueError("This studio is closed; open it again.")
        if len(self._lanes[kind]) >= self._max_waiting:
            raise ValueError(f"{self._max_waiting} others wait already; try again in a few minutes.")

    def runs(self) -> list[Run]:
        """Runs of this process, newest first."""
        with self._changed:
            return list(reversed(self._runs.values()))

    def run(self, id: str) -> Run | None:
        with self._changed:
            return self._runs.get(id)

    def position(self, run: Run) -> int:
        """How many go before it in its lane, the current one included; 0 once it runs or has ended."""
        with self._changed:
            lane = self._lanes[run.kind]
            return lane.index(run) + (run.kind in self._current) if run in lane else 0

    def now(self) -> list[Now]:
        """What is going on at this moment: nothing, a training, a drawing, or both."""
        with self._changed:
            busy = [(run, len(self._lanes[kind])) for kind, run in self._current.items()]
        return [_now(run, waiting) for run, waiting in busy if not run.ended]

    def ask(self, function: str, *given: Any, **options: Any) -> Any:
        """What a short function of the engine ("module:function") answers, in the caller's thread."""
        pipelines = self.pipelines  # first: it imports the engine, all at once
        module, name = function.split(":")
        return getattr(import_module(module), name)(*given, pipelines=pipelines, **options)

    def warm(self, family: ModelFamily) -> threading.Thread:
        """Load torch and the family in the background, so that the first picture does not wait for them."""

        def load() -> None:
            try:
                self.pipelines.warm(family)
            except Exception as error:  # the first run meets the same fault and tells it to whoever asked
                log.warning("warm-up of %s: %s", family.name, explain(error))

        thread = threading.Thread(target=load, name="warm-up", daemon=True)
        thread.start()
        return thread

    def close(self, timeout: float = 30.0) -> None:
        """Stop within a step. Drawings are cancelled; training is left where its last checkpoint is, to go on later."""
        with self._changed:
            self._closing.set()
            left = [run for lane in self._lanes.values() for run in lane]
            for lane in self._lanes.values():
                lane.clear()
            self._changed.notify_all()
        for run in left:
            self._leave(run)
        for thread in self._threads.values():
            if thread is not threading.current_thread():
                thread.join(timeout)
        atexit.unregister(self.close)

    def _task(self, kind: type) -> Task:
        if kind not in self._tasks:
            known = ", ".join(known.__name__ for known in self._tasks)
            raise ValueError(f"{kind.__name__} cannot be carried out here; known are {known}.")
        return self._tasks[kind]

    def _new_run(self, task: Task, asked: Any, whole: Any, library: Library, family: ModelFamily) -> Run:
        title = _title(whole, library)
        if not task.lasting:
            return Run(
                secrets.token_hex(6), task.kind, title, whole, library, family, asked=asked, on_cancel=self._drop
            )
        record = library.new_run(task.kind, as_json(whole), title)
        return Run(
            record.id,
            task.kind,
            title,
            whole,
            library,
            family,
            asked=asked,
            created=record.created,
            keep=partial(_append, library, record.id),
            on_cancel=self._drop,
        )

    def _drop(self, run: Run) -> None:
        """A run cancelled or paused in its queue ends there and then."""
        with self._changed:
            if run not in self._lanes[run.kind]:
                return
            self._lanes[run.kind].remove(run)
        self._end(run, Paused(_step_of(run)) if run.pause_asked else Cancelled())

    def _queue(self, run: Run) -> Run:
        self._runs[run.id] = run
        self._lanes[run.kind].append(run)
        most = REMEMBERED_MASKS if run.kind == "mask" else REMEMBERED
        for old in [id for id, known in self._runs.items() if known.ended and known.kind == run.kind][:-most]:
            del self._runs[old]
        if run.kind not in self._threads:
            thread = threading.Thread(target=self._work, args=(run.kind,), name=f"lane {run.kind}", daemon=True)
            self._threads[run.kind] = thread
            thread.start()
        self._changed.notify_all()
        return run

    def _work(self, kind: str) -> None:
        """One lane's thread: carry out its runs one after another until the executor closes."""
        while True:
            with self._changed:
                self._current.pop(kind, None)
                self._changed.wait_for(lambda: self._closing.is_set() or self._lanes[kind])
                if self._closing.is_set():
                    return
                run = self._current[kind] = self._lanes[kind].popleft()
            self._carry_out(run)

    def _carry_out(self, run: Run) -> None:
        run.begin()
        try:
            self._note(run, RUNNING)
            for event in (events := self._events_of(run)):
                if isinstance(event, ENDINGS):
                    break
                run.publish(event)
                if self._closing.is_set():
                    events.close()
                    return self._leave(run)
        except Exception as error:
            return self._end(run, Failed(explain(error)))
        if self._closing.is_set():
            return self._leave(run)
        paused = run.pause_asked and not _is_done(run.snapshot(), run.request)
        self._end(run, Cancelled() if run.stop_asked else Paused(_step_of(run)) if paused else Finished())

    def _events_of(self, run: Run) -> Iterator[Event]:
        task = self._task(type(run.request))
        module, function = task.function.split(":")
        options: dict[str, Any] = {"pipelines": self.pipelines, "family": run.family, "library": run.library}
        work: Callable[..., Iterator[Event]] = getattr(import_module(module), function)
        if task.lasting:
            options |= {
                "run_folder": run.library.run_folder(run.id),
                "checkpoint": run.checkpoint,
                "stop": lambda: run.stop_asked,
                "pause": lambda: run.pause_asked,
            }
        else:
            options["stop"] = lambda: run.stop_asked or self._closing.is_set()
        return work(run.request, **options)

    def _leave(self, run: Run) -> None:
        """What happens to a run that has not ended when the executor closes."""
        if self._task(type(run.request)).lasting and not run.stop_asked:
            run.abandon()
        else:
            self._end(run, Cancelled())

    def _note(self, run: Run, status: str) -> None:
        if self._task(type(run.request)).lasting:
            run.library.update_run(run.id, status=status)

    def _end(self, run: Run, ending: Event) -> None:
        try:
            self._note(run, STATUS[type(ending)])  # first, so that whoever hears of the end finds it on disk
            run.publish(ending)
        except OSError as error:  # a full disk must not keep the page waiting for an end that cannot be written
            log.warning("the end of %s could not be written: %s", run.title, explain(error))
            if not run.ended:
                run.publish(ending, keep=False)
        with self._changed:
            self._changed.notify_all()


def request_from_json(data: Mapping[str, Any], kinds: tuple[type, ...] = tuple(TASKS)) -> Any:
    """Raises ValueError for a type or a field that this version does not know."""
    values = dict(data)
    named = values.pop("type", None)
    kind = next((kind for kind in kinds if kind.__name__ == named), None)
    if kind is None:
        raise ValueError(f"unknown request {named!r}; known are {', '.join(kind.__name__ for kind in kinds)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{named}: {error}") from error


def _title(request: Any, library: Library) -> str:
    if isinstance(request, TrainRequest):
        return f"Training {library.subject(request.subject).name} {request.way}".strip()
    if isinstance(request, MaskRequest):
        return f"Finding {_short(', '.join(request.terms) or 'what was pointed at')}"
    if isinstance(request, SetRequest):
        return f"Dressing {_short(request.prompt)}"
    if isinstance(request, WearRequest):
        return f"Dressing {'a picture' if len(request.picture) == 1 else f'{len(request.picture)} pictures'}"
    if isinstance(request, RepaintRequest):
        return f"Repainting {_short(request.prompt)}".strip()
    return f"Drawing {_short(request.prompt)}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _append(library: Library, id: str, event: Event) -> None:
    library.append_event(id, to_json(event))


def _is_done(events: Iterable[Event], request: Any) -> bool:
    """Whether a training came to its last step and kept what it had learnt."""
    return any(
        isinstance(event, LoraSaved) and max(event.step, event.trained) >= (request.steps or 0) for event in events
    )


def _step_of(run: Run) -> int:
    return next((event.step for event in reversed(run.snapshot()) if isinstance(event, StepFinished)), 0)


def last_checkpoint(events: Iterable[Event], folder: Path) -> Path | None:
    """The newest checkpoint of a run that is still on disk."""
    for event in reversed(list(events)):
        if isinstance(event, CheckpointSaved) and (folder / event.path).exists():
            return folder / event.path
    return None


def _now(run: Run, waiting: int) -> Now:
    progress = run.progress()
    return Now(run.title, run.kind, progress.fraction, progress.seconds_left, progress.words, run.id, waiting)
