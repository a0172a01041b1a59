"""How long a training will take on this machine: from trainings it has seen, else from what is known of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.desk import Studio
from studio.events import StepFinished
from studio.families import ModelFamily
from studio.ui.pieces import duration

# Seconds for one picture in one training step, at 128 px on two cores and at 1024 px on a middling GPU.
CPU_SECONDS, GPU_SECONDS = 0.11, 0.9
CLASS_IMAGE = 10  # drawing one takes about as long as so many pictures in a training step


def seconds_for(desk: Studio, family: ModelFamily, preset: Mapping[str, Any]) -> float:
    """Seconds for a training with the family's defaults and this preset."""
    asked = {**family.training, **preset}
    per_picture = _measured(desk, family) or _known(desk, family)
    learnt = asked.get("steps", 0) * _in_a_step(asked.get("batch_size"), asked.get("class_images"))
    return (learnt + asked.get("class_images", 0) * CLASS_IMAGE) * per_picture


def _in_a_step(batch_size: int | None, class_images: int | None) -> int:
    """Pictures that a step learns from: photos, and half as many class images."""
    photos = batch_size or 1
    return photos + (max(1, photos // 2) if class_images else 0)


def preset_label(desk: Studio, family: ModelFamily, name: str) -> str:
    """A preset's name, its time on this machine, and when to take it."""
    preset = family.presets[name]
    about = duration(_rounded(seconds_for(desk, family, preset)))
    steps = preset.get("steps", family.training.get("steps"))
    return f"{name}\n{steps} steps, about {about}\n{preset.get('when', '')}"


def _measured(desk: Studio, family: ModelFamily) -> float | None:
    """From the newest training of this process, by its fifth step: the first ones are slow."""
    for run in desk.executor.runs():
        if run.kind != "train" or run.family is not family:
            continue
        steps = [event for event in run.snapshot() if isinstance(event, StepFinished)]
        early = next((event for event in steps[4:] if event.total > event.step), None)
        if early is not None:
            pictures = _in_a_step(run.request.batch_size, run.request.class_images)
            return early.seconds_left / (early.total - early.step) / pictures
    return None


def _known(desk: Studio, family: ModelFamily) -> float:
    plan = desk.executor.plan
    if plan is not None and plan.device != "cpu":
        return GPU_SECONDS * (family.resolution / 1024) ** 2
    return CPU_SECONDS * (family.resolution / 128) ** 2.6


def _rounded(seconds: float) -> float:
    step = 5 if seconds < 60 else 30 if seconds < 600 else 300
    return max(step, round(seconds / step) * step)
