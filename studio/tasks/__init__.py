"""What can be asked of the studio, one file each: its request resolved and checked, its quota, title and result.

A new one is a file with its Task, and a line below; the executor finds the engine's function by the name in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from studio.contracts.former_names import renamed
from studio.tasks.draw import DRAW
from studio.tasks.draw_set import DRAW_SET
from studio.tasks.mask import FIND_MASKS
from studio.tasks.merge import MERGE
from studio.tasks.repaint import REPAINT
from studio.tasks.task import Task
from studio.tasks.train import TRAIN
from studio.tasks.try_on import TRY_ON

TASKS: tuple[Task[Any, Any], ...] = (TRAIN, DRAW, DRAW_SET, REPAINT, TRY_ON, FIND_MASKS, MERGE)
DRAWN_AGAIN = (DRAW, REPAINT)  # what the recipe of a picture may ask for


def task_of(request: Any, tasks: Iterable[Task[Any, Any]] = TASKS) -> Task[Any, Any]:
    """The task that a request asks for. Raises ValueError for a type that is none's."""
    known = {task.request: task for task in tasks}
    if type(request) not in known:
        names = ", ".join(kind.__name__ for kind in known)
        raise ValueError(f"{type(request).__name__} cannot be carried out here; known are {names}.")
    return known[type(request)]


def request_from_json(data: Mapping[str, Any], tasks: Iterable[Task[Any, Any]] = TASKS) -> Any:
    """What `as_json` told, in this version or one before. Raises ValueError for an unknown type or field."""
    values, kinds = dict(data), {task.request.__name__: task.request for task in tasks}
    named = values.pop("type", None)
    if named not in kinds:
        raise ValueError(f"unknown request {named!r}; known are {', '.join(kinds)}")
    try:
        return kinds[named](**renamed(named, values))
    except TypeError as error:
        raise ValueError(f"{named}: {error}") from error
