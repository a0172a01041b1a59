"""A thing that can be asked, in one file: to count as far as one likes. Its engine is here as well."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from studio.contracts.events import Event, StageReported, StepFinished
from studio.contracts.validation import is_there, within
from studio.quotas import at_most
from studio.tasks.task import Task

HANDS = ("left", "right")


@dataclass(frozen=True)
class CountRequest:
    """Count to a number; None: as far as the family draws steps."""

    to: int | None = None
    hand: str = "left"
    family: str | None = None

    def __post_init__(self) -> None:
        within("to", self.to, 1, 1_000_000)


def count(
    request: CountRequest, *, pipelines: Any, family: Any, library: Any, stop: Callable[[], bool]
) -> Iterator[Event]:
    """One step for each number."""
    yield StageReported("counting")
    for number in range(1, (request.to or 0) + 1):
        if stop():
            return
        yield StepFinished(number, request.to or 0, 0.0, 0.0)


COUNT = Task[CountRequest, int](
    CountRequest,
    "count",
    f"{__name__}:count",
    title=lambda request, library: f"Counting to {request.to}",
    results=lambda events, library: max((event.step for event in events if isinstance(event, StepFinished)), default=0),
    check=lambda request, library, family: is_there("hand", request.hand, HANDS),
    resolve=lambda request, library, family: replace(
        request, family=family.name, to=request.to or family.drawing["steps"]
    ),
    limit=lambda request, quota, library: at_most("to", quota.count, request.to),
    for_others="Counting for someone else",
)
