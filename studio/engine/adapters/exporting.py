"""What was learnt as files that other tools read, and files of other tools as what was learnt.

Ours have diffusers' names, and tell in the header what they are by the keys that trainers and viewers agreed on:
modelspec (Stability AI's), and ss_ (kohya's sd-scripts).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from studio.contracts.family import ModelFamily
from studio.contracts.requests import FULL, TrainRequest
from studio.engine.adapters.lora import Applied, attached, load_fine_tune, load_lora
from studio.engine.models.driver import Driver, is_text_encoder
from studio.engine.models.layouts import driver_of
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.weights import read_header, write_tensors

if TYPE_CHECKING:
    from studio.library import Library, Lora, Subject

DIFFUSERS, KOHYA, SINGLE_FILE = "diffusers", "kohya", "single file"


def write_lora(
    path: Path, learnt: Mapping[str, Tensor], request: TrainRequest, subject: Subject, family: ModelFamily, step: int
) -> None:
    """Write what was learnt as diffusers does (pytorch_lora_weights.safetensors), with what it is in the header.

    Of a full fine-tune, all the weights that it changed.
    """
    full = request.method == FULL
    told = {
        **header_of(family, subject.name, subject.trigger, full),
        "method": request.method or "",
        "steps": str(step),
        "modelspec.resolution": f"{request.resolution}x{request.resolution}",
        "ss_tag_frequency": json.dumps({"photos": {subject.trigger: len(subject.photos)}}),
    }
    if not full:
        driver = driver_of(family)
        targets = driver.targets.get(request.targets or "") or (request.targets or "").replace(" ", "").split(",")
        adapted = {}
        for part in sorted({name.partition(".")[0] for name in learnt}):
            adapted |= {
                f"{part}.r": request.rank,
                f"{part}.lora_alpha": request.alpha,
                f"{part}.target_modules": list(driver.text_targets if is_text_encoder(part) else targets),
            }
        told |= {
            "rank": str(request.rank),
            "alpha": str(request.alpha),
            "lora_adapter_metadata": json.dumps(adapted, sort_keys=True),
        }
    write_tensors(learnt, path, told)


def header_of(family: ModelFamily, name: str, trigger: str, full: bool = False) -> dict[str, str]:
    """What the header of every file of ours says, in the keys that other tools read."""
    return {
        "format": "pt",
        "base": family.weights if not family.is_local else family.name,
        "trigger": trigger,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": driver_of(family).architecture + ("" if full else "/lora"),
        "modelspec.implementation": "diffusers",
        "modelspec.title": f"{name} ({family.title})",
        "modelspec.trigger_phrase": trigger,
        "modelspec.usage_hint": f"Say {trigger} in the prompt.",
    }


def keep_lora(
    library: Library,
    name: str,
    learnt: Mapping[str, Tensor],
    request: TrainRequest,
    subject: Subject,
    family: ModelFamily,
    step: int,
    run_folder: Path,
) -> Lora:
    """What a run learnt until a step as a LoRA of the library, with the first sample of that step as its face."""
    samples = run_folder / "samples"
    of_step = sorted(samples.glob(f"{step:06d}-*.png"))
    return library.save_lora(
        name,
        subject.slug,
        family.name,
        subject.trigger,
        0 if request.method == FULL else request.rank or 0,
        request.alpha or 0.0,
        step,
        write=lambda path: write_lora(path, learnt, request, subject, family, step),
        preview=of_step[0] if of_step else max(samples.glob("[0-9]*.png"), default=None),
    )


def export_lora(lora: Lora, layout: str, folder: Path, *, pipelines: PipelineCache, family: ModelFamily) -> Path:
    """Write the LoRA, or full fine-tune, into the folder in a layout of other tools; returns the file.

    Raises ValueError, naming those it can have, for a layout that it cannot.
    """
    told = read_header(lora.path).get("__metadata__", {})
    full = told.get("method") == FULL
    driver = driver_of(family)
    layouts = layouts_of(driver, full)
    if layout not in layouts:
        raise ValueError(f"{lora.name} can be exported as {' or '.join(layouts)}, got {layout!r:.40}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lora.slug}{'-kohya' if layout == KOHYA else ''}.safetensors"
    if layout == KOHYA:
        return _as_kohya(lora, told, driver, path)
    if not full:
        shutil.copyfile(lora.path, path)
        return path
    with pipelines.lend(family) as pipeline, attached(pipelines, pipeline, [Applied(lora.path)]):
        if layout == SINGLE_FILE:
            driver.save_single_file(
                pipeline, path, {name: value for name, value in told.items() if "modelspec" in name}
            )
            return path
        with TemporaryDirectory() as aside:
            pipeline.save_pretrained(aside)
            return Path(shutil.make_archive(str(path.with_suffix("")), "zip", aside))


def layouts_of(driver: Driver, full: bool) -> tuple[str, ...]:
    """What a LoRA, or a full fine-tune, can be exported as."""
    able = driver.capabilities
    if full:
        return (SINGLE_FILE, DIFFUSERS) if able.single_file else (DIFFUSERS,)
    return (DIFFUSERS, KOHYA) if able.kohya else (DIFFUSERS,)


def _as_kohya(lora: Lora, told: Mapping[str, str], driver: Driver, path: Path) -> Path:
    """As sd-scripts writes it: lora_unet_ and lora_te_ names, alpha as a tensor of each layer, ss_ metadata."""
    learnt = load_file(lora.path)
    if all(name.startswith("lora_") for name in learnt):  # it came from there
        shutil.copyfile(lora.path, path)
        return path
    named = {
        name: torch.tensor(float(lora.alpha)) if name.endswith(".alpha") else tensor
        for name, tensor in driver.kohya_names(learnt).items()
    }
    write_tensors(
        named,
        path,
        {
            **{name: value for name, value in told.items() if "modelspec" in name},
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(lora.rank),
            "ss_network_alpha": str(lora.alpha),
            "ss_base_model_version": driver.kohya_base,
            "ss_output_name": lora.name,
            "ss_steps": str(lora.steps),
            "ss_tag_frequency": told.get("ss_tag_frequency", "{}"),
        },
    )
    return path


def inspect_lora(path: Path, *, pipelines: PipelineCache, family: ModelFamily) -> dict[str, Any]:
    """Whether the family can draw with the file, and what it says of itself: trigger, rank, alpha, steps.

    Raises ValueError, in a sentence, as `load_lora` does.
    """
    told = read_header(path).get("__metadata__", {})
    with pipelines.lend(family) as pipeline:
        if told.get("method") == FULL:
            load_fine_tune(pipeline, path)
            rank, alpha = 0, 0.0
        else:
            layer = load_lora(driver_of(family), pipeline, path).places[0].layer
            name = next(iter(layer.r))
            rank, alpha = layer.r[name], float(layer.lora_alpha[name])
    return {"trigger": _trigger_in(told), "rank": rank, "alpha": alpha, "steps": _number(told, "steps", "ss_steps")}


def _trigger_in(told: Mapping[str, str]) -> str:
    """The words that call it: said outright, or the tag most of its pictures had."""
    if told.get("modelspec.trigger_phrase") or told.get("trigger"):
        return (told.get("modelspec.trigger_phrase") or told["trigger"])[:200]
    try:
        counts = [pair for tags in json.loads(told.get("ss_tag_frequency", "{}")).values() for pair in tags.items()]
        return str(max(counts, key=lambda pair: pair[1])[0])[:200] if counts else ""
    except (ValueError, AttributeError, TypeError):
        return ""


def _number(told: Mapping[str, str], *names: str) -> int:
    found = next((told[name] for name in names if str(told.get(name, "")).isdecimal()), "0")
    return int(found)
