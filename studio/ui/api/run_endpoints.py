"""Endpoints of runs: trainings begin, and any run is told of, paused, let go on, or stopped."""

from __future__ import annotations

import asyncio

from studio.contracts.requests import TrainRequest
from studio.session import Studio
from studio.ui.run_status import status
from studio.ui.serializers import kept_for_a_while, sent, told_lora
from studio.ui.training_report import report
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    for handler in (runs, run_status, run_report, pause, resume, extend, cancel, pick_checkpoint):
        wiring.endpoint(handler.__name__, handler)
    wiring.endpoint("train", train, TrainRequest)
    wiring.endpoint("train_both", train_both, TrainRequest)


def train(desk: Studio, request: TrainRequest) -> dict:
    """Start teaching a subject; returns at once, with the id of the run. /run_status tells how it goes."""
    return status(desk.start(request))


def train_both(desk: Studio, request: TrainRequest) -> dict:
    """Start two trainings from one seed, "with" class images and "without"; the "class" of each tells what became of
    the bare class."""
    return dict(zip(("with", "without"), map(status, desk.start_both(request)), strict=True))


def runs(desk: Studio) -> list:
    """Trainings and drawings, newest first."""
    return [
        {"run": run.id, "kind": run.kind, "title": run.title, "status": run.status, "created": run.created}
        for run in desk.runs()
    ]


def run_status(desk: Studio, run: str) -> dict:
    """How far a run is: status, step, total, loss, samples, eta in seconds, and the LoRA once it is there."""
    return status(desk.run(run))


def run_report(desk: Studio, run: str) -> dict:
    """A training as one self-contained HTML page: settings, curves, samples and scores. "file" is fetched."""
    page = report(desk.run(run), desk.library.root)
    return {"file": sent(kept_for_a_while(page.encode(), f"{run}.html"))}


def pause(desk: Studio, run: str) -> dict:
    """Set a training aside at a checkpoint, within a step; /resume lets it go on."""
    found = desk.run(run)
    found.pause()
    return status(found)


def resume(desk: Studio, run: str) -> dict:
    """Let a training go on that was paused, stopped or failed, from its last checkpoint."""
    return status(desk.resume(run)[0])


def extend(desk: Studio, run: str, steps: int) -> dict:
    """Train a finished run for so many more steps; what it ended with stays as a LoRA of its own."""
    return status(desk.extend(run, steps))


async def pick_checkpoint(desk: Studio, run: str, step: int) -> dict:
    """Another checkpoint of a run as a LoRA; /run_status tells which steps have one, and which was picked."""
    return told_lora(await asyncio.to_thread(desk.pick_checkpoint, run, step), desk.families)


def cancel(desk: Studio, run: str) -> dict:
    """Stop a run within a step; what it has finished, or learned, is kept."""
    found = desk.run(run)
    found.cancel()
    return status(found)
