"""A library's trainings beyond the process that began them: read from disk, let go on, extended, picked from."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from studio.contracts.events import CheckpointSaved, Failed, LoraSaved, from_json, to_json
from studio.contracts.family import ModelFamily, find_family
from studio.contracts.requests import TrainRequest, as_json
from studio.execution.executor import Executor
from studio.execution.run import (
    FAILED,
    FINISHED,
    QUEUED,
    RUNNING,
    Run,
    is_done,
    last_checkpoint,
    without_repeated_steps,
)
from studio.library import Library, Lora, RunRecord
from studio.tasks import request_from_json, task_of
from studio.tasks.train import TRAIN

log = logging.getLogger(__name__)
LOCKED = (
    "Another studio has this library open and alone may train in it. Close that one, then try again; drawing "
    "works here meanwhile."
)


def check_weights(record: RunRecord, family: ModelFamily) -> None:
    """Raises ValueError for a training that an earlier version began, on weights of another resolution."""
    if family.was_earlier(record.base_resolution):
        raise ValueError(
            f"{record.title} began when {family.title} drew {family.earlier_resolution} px, and it draws "
            f"{family.resolution} px now, so that its next steps would not be like those before. Take its last "
            "checkpoint as a LoRA, which draws as before, or train anew."
        )


class Trainings:
    """Those of one library, on an executor it shares. `check` raises ValueError for what a visitor may not ask."""

    def __init__(
        self,
        library: Library,
        executor: Executor,
        families: Mapping[str, ModelFamily],
        usual: ModelFamily,
        check: Callable[[Any], None],
    ) -> None:
        self._library, self._executor, self._families = library, executor, families
        self._usual, self._check = usual, check
        self._past: dict[str, Run[Any]] = {}
        self._turn = threading.RLock()  # one at a time is let go on
        self._locked = library.lock()

    def check_lock(self) -> None:
        """Raises ValueError unless this studio is the one that may train in the library."""
        if not self._lock():
            raise ValueError(LOCKED)

    def _lock(self) -> bool:
        self._locked = self._locked or self._library.lock()
        return self._locked

    def past(self, besides: Collection[str] = ()) -> list[Run[Any]]:
        """All that the library's files tell of, `besides` those of these ids, whose events are not read.

        What a later version wrote and is unknown here is left out.
        """
        return [
            run
            for record in self._library.runs()
            if record.id not in besides and (run := self._recorded(record)) is not None
        ]

    def one_past(self, id: str) -> Run[Any] | None:
        """The one of that id, as `past` has it; no other's events are read."""
        record = next((record for record in self._library.runs() if record.id == id), None)
        return self._recorded(record) if record is not None else None

    def resume(self, run: Run[Any]) -> Run[Any]:
        """Let a training go on that was paused, stopped or failed. Raises ValueError when it cannot."""
        with self._turn:
            request = self._resting(run, "resumed")
            if run.status == FINISHED:
                raise ValueError(f"{run.title} is finished; extend it by some steps instead.")
            return self._go_on(run.id, request)

    def extend(self, run: Run[Any], steps: int) -> Run[Any]:
        """Train a finished run for so many more steps. Raises ValueError when it cannot go on."""
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"Say by how many steps, 1 or more; got {steps!r:.40}.")
        with self._turn:
            request = self._resting(run, "extended")
            if run.status != FINISHED:
                raise ValueError(f"{run.title} is {run.status}; let it go on to its end first (resume).")
            return self._go_on(run.id, replace(request, steps=(request.steps or 0) + steps))

    def resume_all(self) -> list[Run[Any]]:
        """Let all go on that an earlier process could not end; none where another studio trains in the library."""
        if not self._locked:
            return []
        waiting = [
            record
            for record in self._library.runs()
            if record.status in (QUEUED, RUNNING) and self._executor.run(record.id) is None
        ]
        return [
            run
            for record in sorted(waiting, key=lambda record: record.created)
            if (run := self._resumed(record)) is not None
        ]

    def pick(self, run: Run[Any], step: int) -> Lora:
        """A checkpoint of a run as a LoRA of the library. Raises ValueError for a step that has none."""
        folder = self._library.run_folder(run.id) / "checkpoints"
        steps = sorted(int(path.stem) for path in folder.glob("*.safetensors"))
        if run.task is not TRAIN or step not in steps:
            known = f"it has {', '.join(map(str, steps))}" if steps else "it has none any more"
            raise ValueError(f"{run.title} has no checkpoint of step {step!r:.20}; {known}.")
        lora = self._executor.ask(
            "studio.engine.training.checkpoints:keep_checkpoint",
            self._library,
            folder / f"{step:06d}.safetensors",
            run.request,
            self._library.subject(run.request.subject),
            self._library.run(run.id).base_resolution,
            family=self._family(run.request),
        )
        saved = LoraSaved(lora.slug, step, max(steps) if run.status == FINISHED else step)
        self._library.append_event(run.id, to_json(saved))
        run.add(saved)
        return lora

    def _read(self, request: Mapping[str, Any]) -> Any:
        return request_from_json(request, self._executor.tasks)

    def _family(self, request: TrainRequest) -> ModelFamily:
        return find_family(self._families, request.family or self._usual.name)

    def _resting(self, run: Run[Any], what: str) -> TrainRequest:
        """The request of a training that is not under way and has a checkpoint to go on from."""
        if not run.task.lasting:
            raise ValueError(f"Only a training can be {what}.")
        if not run.ended:
            raise ValueError(f"{run.title} is {run.status}; it goes on by itself.")
        self.check_lock()
        started = any(isinstance(event, CheckpointSaved) for event in run.snapshot())
        if started and last_checkpoint(run.snapshot(), self._library.run_folder(run.id)) is None:
            raise ValueError(f"The checkpoints of {run.title} have made room for newer work; train it anew.")
        return self._read(self._library.run(run.id).request)

    def _go_on(self, id: str, request: TrainRequest) -> Run[Any]:
        family, before = self._family(request), self._library.run(id)
        check_weights(before, family)
        self._check(request)
        record = self._library.update_run(id, request=as_json(request), status=QUEUED)
        try:
            run = self._executor.resume(record, request, self._story(record), self._library, family)
        except ValueError:  # too many wait: it rests as before, or the next start would take it up
            self._library.update_run(id, request=before.request, status=before.status)
            raise
        self._past.pop(id, None)
        return run

    def _resumed(self, record: RunRecord) -> Run[Any] | None:
        try:
            request = self._read(record.request)
            family, story = self._family(request), self._story(record)
            if not is_done(story, request):
                check_weights(record, family)
        except ValueError as error:
            log.warning("the run %s cannot go on: %s", record.id, error)
            self._library.append_event(record.id, to_json(Failed(f"This training could not go on: {error}")))
            self._library.update_run(record.id, status=FAILED)
            return None
        try:
            return self._executor.resume(record, request, story, self._library, family)
        except ValueError as error:  # too many wait: it stays queued for the next start
            log.warning("the run %s does not go on yet: %s", record.id, error)
            return None

    def _story(self, record: RunRecord) -> list[Any]:
        return without_repeated_steps(from_json(event) for event in self._library.events(record.id))

    def _recorded(self, record: RunRecord) -> Run[Any] | None:
        """A run of another process: what its files say now."""
        if record.id in self._past:
            return self._past[record.id]
        try:
            request = self._read(record.request)
            run = Run(
                record.id,
                task_of(request, self._executor.tasks),
                record.title,
                request,
                self._library,
                None,
                created=record.created,
                events=self._story(record),
                status=record.status,
            )
        except ValueError as error:
            log.warning("the run %s was left out: %s", record.id, error)
            return None
        run.abandon()
        if run.ended:
            self._past[run.id] = run
        return run
