"""What every executor offers, whether it works in this process or sends the work elsewhere.

All that it is given can travel: a request is resolved and names files of the library (`as_json`), a family is its
dataclass, and a library pickles as its folder and its limit. Functions of the engine are named as text; those that
are asked get `pipelines`, the executor's own, beside what is given.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from studio.contracts.events import Event
from studio.contracts.family import ModelFamily
from studio.execution.run import Run
from studio.library import Library, RunRecord
from studio.tasks.task import Task


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
    for_others: str = ""  # what stands in place of the title for other visitors

    @classmethod
    def of(cls, run: Run[Any], waiting: int) -> Now:
        told = run.progress()
        return cls(
            run.title,
            run.kind,
            told.fraction,
            told.seconds_left,
            told.words,
            run.id,
            waiting,
            run.task.for_others,
        )


class Plan(Protocol):
    """How the machine is used: the device ("cpu", "cuda"), its memory, and words for the page."""

    @property
    def device(self) -> str: ...
    @property
    def memory_gb(self) -> float: ...
    @property
    def words(self) -> str: ...


class Executor(Protocol):
    """Carries out runs. Threads may use it together."""

    @property
    def tasks(self) -> Sequence[Task[Any, Any]]:
        """What may be asked of it."""
        ...

    @property
    def plan(self) -> Plan | None:
        """Where it works; None while nobody knows yet."""
        ...

    def start(self, request: Any, library: Library, family: ModelFamily, asked: Any = None) -> Run[Any]:
        """Queue a resolved request; `asked` is what was given, by which a training under way is known again: asking for
        it once more gives the same run.

        Raises ValueError for a type that nobody carries out, when too many wait, and after `close`.
        """
        ...

    def resume(
        self, record: RunRecord, request: Any, events: list[Event], library: Library, family: ModelFamily
    ) -> Run[Any]:
        """Queue a run that did not end, or has more steps to go, from its last checkpoint that is still there.

        One that is under way is not queued twice. Raises what `start` raises.
        """
        ...

    def runs(self) -> list[Run[Any]]:
        """Runs of this process, newest first. `Run.cancel` stops one, `Run.pause` sets a training aside."""
        ...

    def run(self, id: str) -> Run[Any] | None:
        """The run of that id, while it is remembered."""
        ...

    def now(self) -> list[Now]:
        """What is going on at this moment."""
        ...

    def ask(self, function: str, *given: Any, **options: Any) -> Any:
        """What a short function of the engine ("module:function") answers. Raises what it raises."""
        ...

    def warm(self, family: ModelFamily) -> threading.Thread:
        """Load the family in the background, so that the first picture does not wait for it."""
        ...

    def close(self, timeout: float = 30.0) -> None:
        """Stop within a step: what does not last is cancelled, trainings are left at their last checkpoint."""
        ...
