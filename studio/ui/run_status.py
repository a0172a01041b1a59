"""How far a run is, as plain JSON for the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studio.contracts.events import ClassChecked, PictureDrawn
from studio.execution.run import Run
from studio.tasks.train import TRAIN
from studio.ui.charts import smoothed, thinned
from studio.ui.training_events import Training


def status(run: Run) -> dict[str, Any]:
    """How far a run is, for the API: plain values, the loss curve with at most 300 points."""
    progress = run.progress()
    told: dict[str, Any] = {
        "run": run.id,
        "kind": run.kind,
        "title": run.title,
        "status": run.status,
        "created": run.created,
        "message": run.message,
        "fraction": round(progress.fraction, 4),
        "eta": progress.seconds_left,
        "words": progress.words,
        "request": asdict(run.request) if run.request else {},
    }
    return told | TOLD_OF.get(run.kind, _told_pictures)(run)


def _told_pictures(run: Run[Any]) -> dict[str, Any]:
    return {"pictures": [event.path for event in run.snapshot() if isinstance(event, PictureDrawn)]}


def _told_training(run: Run[Any]) -> dict[str, Any]:
    training = Training.of(run)
    trend = smoothed(training.losses)
    return {
        "step": training.steps[-1] if training.steps else 0,
        "total": training.total,
        "loss": [list(point) for point in thinned(list(zip(training.steps, training.losses, strict=True)))],
        "loss_smoothed": [list(point) for point in thinned(list(zip(training.steps, trend, strict=True)))],
        "samples": [
            {"step": sample.step, "prompt": sample.prompt, "stored_at": sample.path} for sample in training.samples
        ],
        "scores": [
            {"step": step, "subject_fidelity": pair[0], "prompt_fidelity": pair[1]}
            for step, pair in sorted(training.scores.items())
        ],
        "checkpoints": sorted(training.kept),
        "picked": training.picked,
        "reason": training.reason,
        "lora": training.lora,
        "taken": training.taken,
        "class": _told_class(training.checked),
    }


TOLD_OF = {TRAIN.kind: _told_training}  # what a status says beside what all say; of others the pictures


def _told_class(checked: ClassChecked | None) -> dict[str, Any] | None:
    if checked is None:
        return None
    return {
        "prompt": checked.prompt,
        "diversity": checked.diversity,
        "before": checked.before,
        "drift": checked.drift,
        "stored_at": list(checked.pictures),
        "base_stored_at": list(checked.base_pictures),
    }
