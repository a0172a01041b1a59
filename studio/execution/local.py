"""Runs carried out in this process: a lane for each kind of them, over the one pipeline.

The engine is named as text and imported when the first run needs it, so that the page is up before torch is loaded.
"""

from __future__ import annotations

import atexit
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from studio.contracts.events import (
    ENDINGS,
    Cancelled,
    Event,
    Failed,
    Finished,
    Paused,
    StepFinished,
    to_json,
)
from studio.contracts.requests import as_json
from studio.errors import explain
from studio.execution.executor import Now
from studio.execution.run import RUNNING, STATUS, Run, is_done, last_checkpoint
from studio.tasks import TASKS, task_of

if TYPE_CHECKING:
    from studio.contracts.family import ModelFamily
    from studio.library import Library, RunRecord
    from studio.tasks.task import Task

log = logging.getLogger(__name__)


class LocalExecutor:
    """An Executor: one run of each kind at a time, all on one PipelineCache.

    The cache makes them take turns at the pipeline; the lanes only make a drawing not wait for a whole training.
    """

    def __init__(self, pipelines: Any = None, tasks: Sequence[Task[Any, Any]] = TASKS, max_waiting: int = 32) -> None:
        self._made = pipelines
        self._making = threading.Lock()
        self.tasks = tuple(tasks)
        self._max_waiting = max_waiting
        self._runs: dict[str, Run[Any]] = {}  # by id, oldest first
        self._lanes: dict[str, deque[Run[Any]]] = {task.kind: deque() for task in tasks}
        self._current: dict[str, Run[Any]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._changed = threading.Condition(threading.RLock())
        self._closing = threading.Event()
        atexit.register(self.close)

    @property
    def pipelines(self) -> Any:
        """The PipelineCache, made when first asked for: this loads torch."""
        with self._making:
            if self._made is None:
                for task in self.tasks:  # all at once: two threads cannot import diffusers' lazy modules
                    import_module(task.function.split(":")[0])
                self._made = import_module("studio.engine.models.pipeline_cache").PipelineCache()
            return self._made

    @property
    def plan(self) -> Any:
        """The cache's memory plan; None while torch is not loaded yet."""
        return self._made.plan if self._made is not None else None

    def start(self, request: Any, library: Library, family: ModelFamily, asked: Any = None) -> Run[Any]:
        """Queue a resolved request. Asking for a training that is queued or running already gives that same run.

        Raises ValueError for a type that nobody carries out, and when too many wait.
        """
        task, asked = task_of(request, self.tasks), request if asked is None else asked
        with self._changed:
            self._check_open()
            for run in self._runs.values():
                if (
                    task.lasting
                    and not run.ended
                    and run.asked == asked
                    and run.library.root == library.root
                    and not run.stop_asked
                ):
                    return run
            self._check_room(task.kind)
            return self._queue(self._new_run(task, asked, request, library, family))

    def resume(
        self, record: RunRecord, request: Any, events: list[Event], library: Library, family: ModelFamily
    ) -> Run[Any]:
        """Queue a run that did not end, or has more steps to go, from its last checkpoint that is still there."""
        task = task_of(request, self.tasks)
        run = Run(
            record.id,
            task,
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
        if is_done(events, request):
            self._end(run, Finished())
            return run
        with self._changed:
            known = self._runs.get(run.id)
            if known is not None and not known.ended:
                return known
            self._check_room(run.kind)
            return self._queue(run)

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise ValueError("This studio is closed; open it again.")

    def _check_room(self, kind: str) -> None:
        self._check_open()
        if len(self._lanes[kind]) >= self._max_waiting:
            raise ValueError(f"{self._max_waiting} others wait already; try again in a few minutes.")

    def runs(self) -> list[Run[Any]]:
        """Runs of this process, newest first."""
        with self._changed:
            return list(reversed(self._runs.values()))

    def run(self, id: str) -> Run[Any] | None:
        """The run of that id, while it is remembered."""
        with self._changed:
            return self._runs.get(id)

    def now(self) -> list[Now]:
        """What is going on at this moment: nothing, a training, a drawing, or both."""
        with self._changed:
            busy = [(run, len(self._lanes[kind])) for kind, run in self._current.items()]
        return [Now.of(run, waiting) for run, waiting in busy if not run.ended]

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

    def _new_run(self, task: Task, asked: Any, request: Any, library: Library, family: ModelFamily) -> Run[Any]:
        title, options = task.title(request, library), {"asked": asked, "on_cancel": self._drop}
        if not task.lasting:
            return Run(secrets.token_hex(6), task, title, request, library, family, **options)
        record = library.new_run(task.kind, as_json(request), title, family.resolution)
        options |= {"created": record.created, "keep": partial(_append, library, record.id)}
        return Run(record.id, task, title, request, library, family, **options)

    def _drop(self, run: Run[Any]) -> None:
        """A run cancelled or paused in its queue ends there and then."""
        with self._changed:
            if run not in self._lanes[run.kind]:
                return
            self._lanes[run.kind].remove(run)
        self._end(run, Paused(_step_of(run)) if run.pause_asked else Cancelled())

    def _queue(self, run: Run[Any]) -> Run[Any]:
        self._runs[run.id] = run
        self._lanes[run.kind].append(run)
        ended = [id for id, known in self._runs.items() if known.ended and known.kind == run.kind]
        for old in ended[: -run.task.remembered]:
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

    def _carry_out(self, run: Run[Any]) -> None:
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
        paused = run.pause_asked and not is_done(run.snapshot(), run.request)
        self._end(run, Cancelled() if run.stop_asked else Paused(_step_of(run)) if paused else Finished())

    def _events_of(self, run: Run[Any]) -> Generator[Event, None, None]:
        task = run.task
        module, function = task.function.split(":")
        options: dict[str, Any] = {"pipelines": self.pipelines, "family": run.family, "library": run.library}
        work: Callable[..., Generator[Event, None, None]] = getattr(import_module(module), function)
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

    def _leave(self, run: Run[Any]) -> None:
        """What happens to a run that has not ended when the executor closes."""
        if run.task.lasting and not run.stop_asked:
            run.abandon()
        else:
            self._end(run, Cancelled())

    def _note(self, run: Run[Any], status: str) -> None:
        if run.task.lasting:
            run.library.update_run(run.id, status=status)

    def _end(self, run: Run[Any], ending: Event) -> None:
        try:
            self._note(run, STATUS[type(ending)])  # first, so that whoever hears of the end finds it on disk
            run.publish(ending)
        except OSError as error:  # a full disk must not keep the page waiting for an end that cannot be written
            log.warning("the end of %s could not be written: %s", run.title, explain(error))
            if not run.ended:
                run.publish(ending, keep=False)
        with self._changed:
            self._changed.notify_all()


def _append(library: Library, id: str, event: Event) -> None:
    library.append_event(id, to_json(event))


def _step_of(run: Run[Any]) -> int:
    return next((event.step for event in reversed(run.snapshot()) if isinstance(event, StepFinished)), 0)
