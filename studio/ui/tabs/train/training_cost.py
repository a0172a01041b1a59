"""How long a training will take on this machine, from trainings it has seen or what is known of its kind; and how much
memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.contracts.events import StepFinished
from studio.contracts.family import ModelFamily
from studio.contracts.requests import FULL
from studio.session import Studio
from studio.ui.html import duration

# Seconds for one picture in one training step: of 256 px by 12 million parameters on two cores, and of 1024 px on a
# middling GPU.
CPU_SECONDS, GPU_SECONDS = 0.11, 0.9
# Gigabytes of activations for one 1024 px picture of SDXL; and of a step's workspace whatever the family.
ACTIVATIONS, WORKSPACE = 6.5, 1.0
CHECKPOINTED = 0.3  # of the activations is left with gradient checkpointing
ADAPTED = {"attention": 0.00057, "transformers": 0.0012, "everything": 0.0018}  # LoRA's parameters for each rank
REMEMBERED = {"AdamW": 8, "AdamW 8-bit": 2, "Prodigy": 16}  # bytes for each parameter that learns
DRAWN = 10  # drawing a picture takes about as long as so many in a training step
PROMPTS = 3  # that samples are usually drawn of


def seconds_for(desk: Studio, family: ModelFamily, preset: Mapping[str, Any]) -> float:
    """Seconds for a training with the family's defaults and this preset."""
    asked = {**family.training, **preset}
    per_picture = _measured(desk, family) or _known(desk, family)
    learnt = (
        asked.get("steps", 0)
        * (asked.get("gradient_accumulation_steps") or 1)
        * _in_a_step(asked.get("batch_size"), asked.get("class_images"))
        * ((asked.get("resolution") or family.resolution) / family.resolution) ** 2
    )
    undrawn = max(0, asked.get("class_images", 0) - desk.library.class_images_kept(family.name))
    return (learnt + (undrawn + _samples(asked, 0)) * DRAWN) * per_picture


def memory_for(family: ModelFamily, preset: Mapping[str, Any], device: str) -> float:
    """Gigabytes that a training with the family's defaults and this preset takes beside the studio itself."""
    asked = {**family.training, **preset}
    millions, width = family.unet_millions, 4 if family.dtype.get(device) == "float32" else 2
    learns = (
        millions
        if asked["method"] == FULL
        else millions * asked["rank"] * ADAPTED.get(asked["targets"], ADAPTED["everything"])
    )
    kept = millions * width + learns * (8 + REMEMBERED[asked["optimizer"]])
    pictures = _in_a_step(asked["batch_size"], asked["class_images"]) * (asked["resolution"] / 1024) ** 2
    active = ACTIVATIONS * (millions / 2567) ** 0.7 * pictures
    return kept / 1000 + active * (CHECKPOINTED if asked["gradient_checkpointing"] else 1.0) + WORKSPACE


def fits(desk: Studio, family: ModelFamily, preset: Mapping[str, Any]) -> bool:
    """Whether the memory of this machine is enough; taken for granted while it is not known."""
    plan = desk.plan
    return plan is None or memory_for(family, preset, plan.device) <= plan.memory_gb


def _in_a_step(batch_size: int | None, class_images: int | None) -> int:
    """Pictures that a step learns from: photos, and half as many class images."""
    photos = batch_size or 1
    return photos + (max(1, photos // 2) if class_images else 0)


def _samples(asked: Mapping[str, Any], step: int) -> int:
    """Samples still to be drawn once so many steps are taken; where a checkpoint is picked, those of the base too."""
    steps, best = asked.get("steps") or 0, asked.get("pick_best")
    every = asked.get("checkpoint_every" if best else "sample_every")
    looks = -(-steps // every) - max(0, step - 1) // every if every else 0
    return PROMPTS * (looks + bool(best and not step))


def preset_label(desk: Studio, family: ModelFamily, name: str) -> str:
    """A preset's name, its time and memory on this machine, and when to take it; where it does not fit, what does."""
    preset, when, plan = family.presets[name].training, family.presets[name].when, desk.plan
    about = duration(_rounded(seconds_for(desk, family, preset)))
    steps = preset.get("steps", family.training.get("steps"))
    needed = f"{memory_for(family, preset, plan.device if plan else 'cuda'):.0f} GB"
    if plan is None or fits(desk, family, preset):
        return f"{name}\n{steps} steps, about {about}, {needed}\n{when}"
    other = next((other for other, one in family.presets.items() if fits(desk, family, one.training)), None)
    instead = f"take {other}" if other else "choose a smaller family"
    return f"{name}\n{steps} steps, {needed}\nMore memory than this machine has ({plan.memory_gb:.0f} GB): {instead}."


def _measured(desk: Studio, family: ModelFamily) -> float | None:
    """From the newest training of this process, by its fifth step: the first ones are slow."""
    for run in desk.runs(kind="train"):
        if run.family != family:  # or of another process, whose family nobody knows any more
            continue
        steps = [event for event in run.snapshot() if isinstance(event, StepFinished)]
        early = next((event for event in steps[4:] if event.total > event.step), None)
        if early is not None:
            pictures = _in_a_step(run.request.batch_size, run.request.class_images) * (
                run.request.gradient_accumulation_steps or 1
            )
            pictures *= ((run.request.resolution or family.resolution) / family.resolution) ** 2
            ahead = (early.total - early.step) * pictures + _samples(vars(run.request), early.step) * DRAWN
            return early.seconds_left / ahead
    return None


def _known(desk: Studio, family: ModelFamily) -> float:
    plan = desk.plan
    if plan is not None and plan.device != "cpu":
        return GPU_SECONDS * (family.resolution / 1024) ** 2
    return CPU_SECONDS * (family.resolution / 256) ** 2 * (family.unet_millions / 12.3) ** 0.5


def _rounded(seconds: float) -> float:
    step = 5 if seconds < 60 else 30 if seconds < 600 else 300
    return max(step, round(seconds / step) * step)
