"""What was learnt as a file that other tools read: diffusers' names, and in the header what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from studio.engine.checkpoints import write_tensors
from studio.engine.methods import TEXT_TARGETS
from studio.families import TARGETS, ModelFamily
from studio.requests import FULL, TrainRequest

if TYPE_CHECKING:
    from studio.library import Subject

ARCHITECTURES = {  # modelspec's names of what a pipeline's class draws with
    "StableDiffusionXLPipeline": "stable-diffusion-xl-v1-base", "StableDiffusionPipeline": "stable-diffusion-v1",
}


def write_lora(path: Path, learnt: Mapping[str, Tensor], request: TrainRequest, subject: Subject, family: ModelFamily,
               step: int) -> None:
    """Write what was learnt as diffusers does (pytorch_lora_weights.safetensors), with what it is in the header.

    Of a full fine-tune, all the weights that it changed.
    """
    drawn_by = family.pipelines["draw"]
    full = request.method == FULL
    told = {
        "format": "pt",
        "method": request.method or "",
        "base": family.weights if not family.is_local else family.name,
        "trigger": subject.trigger,
        "steps": str(step),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": ARCHITECTURES.get(drawn_by, drawn_by) + ("" if full else "/lora"),
        "modelspec.implementation": "diffusers",
        "modelspec.title": f"{subject.name} ({family.title})",
        "modelspec.trigger_phrase": subject.trigger,
        "modelspec.usage_hint": f"Say {subject.trigger} in the prompt.",
        "modelspec.resolution": f"{request.resolution}x{request.resolution}",
        "ss_tag_frequency": json.dumps({"photos": {subject.trigger: len(subject.photos)}}),
    }
    if not full:
        targets = TARGETS.get(request.targets or "") or (request.targets or "").replace(" ", "").split(",")
        adapted = {}
        for part in sorted({name.partition(".")[0] for name in learnt}):
            adapted |= {f"{part}.r": request.rank, f"{part}.lora_alpha": request.alpha,
                        f"{part}.target_modules": list(targets if part == "unet" else TEXT_TARGETS)}
        told |= {"rank": str(request.rank), "alpha": str(request.alpha),
                 "lora_adapter_metadata": json.dumps(adapted, sort_keys=True)}
    write_tensors(learnt, path, told)
