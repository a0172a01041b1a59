"""The runs of this library: found, stopped, waited for, and what they have drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from studio.contracts.events import PictureDrawn
from studio.execution.run import Run
from studio.library import Picture
from studio.session import Studio

EVERY = 0.1  # seconds between looks at a run that is waited for


def run_of(desk: Studio, id: str) -> Run[Any] | None:
    """The run, or None once nobody remembers it."""
    try:
        return desk.run(id) if id else None
    except ValueError:
        return None


def newest(desk: Studio, kind: str, where: Callable[[Run[Any]], bool] = lambda run: True) -> Run[Any] | None:
    """The newest run of a kind, or of those among them."""
    return next((run for run in desk.runs(kind=kind) if where(run)), None)


def stop_run(desk: Studio, act: dict) -> None:
    """Stop the run that a piece's button names; what it has finished is kept."""
    desk.run(str(act.get("run"))).cancel()


def pictures_of(desk: Studio, run: Run) -> list[Picture]:
    """What the run has drawn and nobody has deleted since."""
    drawn = [event.path for event in run.snapshot() if isinstance(event, PictureDrawn)]
    here = {str(picture.path): picture for picture in desk.library.pictures()}
    return [here[path] for path in drawn if path in here]


async def carried_out(desk: Studio, request: Any) -> Any:
    """Start the request and wait for its result without holding a thread. Raises what `start` and `result` raise."""
    run = await run_to_its_end(desk, request)
    return await asyncio.to_thread(run.result)


async def run_to_its_end(desk: Studio, request: Any) -> Run:
    """The run of the request, ended in whatever way. Raises what `start` raises."""
    run = await asyncio.to_thread(desk.start, request)
    while not run.wait(0):
        await asyncio.sleep(EVERY)
    return run
