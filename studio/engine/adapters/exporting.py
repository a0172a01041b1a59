"""What was learnt as files that other tools read, and files of other tools as what was learnt.

Ours have diffusers' names, and tell in the header what they are (see metadata.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from studio.contracts.family import ModelFamily
from studio.contracts.requests import FULL, TrainRequest
from studio.engine.adapters.lora import NAME, Applied, Place, attached, load_fine_tune, load_lora
from studio.engine.adapters.metadata import LoraMetadata, adapted_network
from studio.engine.models.driver import Driver, is_text_encoder
from studio.engine.models.layouts import driver_of
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.weights import read_header, write_tensors

if TYPE_CHECKING:
    from studio.library import Library, Lora, Subject

DIFFUSERS, KOHYA, SINGLE_FILE = "diffusers", "kohya", "single file"


def write_lora(
    path: Path,
    learnt: Mapping[str, Tensor],
    request: TrainRequest,
    subject: Subject,
    family: ModelFamily,
    step: int,
    base_resolution: int | None,
) -> None:
    """Write what was learnt as diffusers does (pytorch_lora_weights.safetensors), with what it is in the header.

    Of a full fine-tune, all the weights that it changed. `base_resolution` is the family's while it was learnt, None
    where an earlier version did not tell.
    """
    told = LoraMetadata.of_family(
        family,
        subject.name,
        subject.trigger,
        method=request.method or "",
        steps=step,
        tags={"photos": {subject.trigger: len(subject.photos)}},
    ).with_resolution(request.resolution)
    told = replace(told, base_resolution=base_resolution or 0)
    if not told.full:
        driver = driver_of(family)
        targets = driver.targets.get(request.targets or "") or (request.targets or "").replace(" ", "").split(",")
        adapted: dict[str, Any] = {}
        for part in sorted({name.partition(".")[0] for name in learnt}):
            of_part = driver.text_targets if is_text_encoder(part) else targets
            adapted |= adapted_network(part, request.rank, request.alpha, of_part)
        told = replace(told, rank=request.rank or 0, alpha=request.alpha or 0.0, adapted=adapted)
    write_tensors(learnt, path, told.header())


def keep_lora(
    library: Library,
    name: str,
    learnt: Mapping[str, Tensor],
    request: TrainRequest,
    subject: Subject,
    family: ModelFamily,
    step: int,
    run_folder: Path,
    base_resolution: int | None,
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
        write=lambda path: write_lora(path, learnt, request, subject, family, step, base_resolution),
        preview=of_step[0] if of_step else max(samples.glob("[0-9]*.png"), default=None),
        base_resolution=base_resolution,
    )


def export_lora(lora: Lora, layout: str, folder: Path, *, pipelines: PipelineCache, family: ModelFamily) -> Path:
    """Write the LoRA, or full fine-tune, into the folder in a layout of other tools; returns the file.

    Raises ValueError, naming those it can have, for a layout that it cannot.
    """
    told, driver = LoraMetadata.read(lora.path), driver_of(family)
    layouts = layouts_of(driver, told.full)
    if layout not in layouts:
        raise ValueError(f"{lora.name} can be exported as {' or '.join(layouts)}, got {layout!r:.40}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lora.slug}{'-kohya' if layout == KOHYA else ''}.safetensors"
    if not told.full:
        if _is_kohya(lora.path) == (layout == KOHYA):  # it is written so already
            shutil.copyfile(lora.path, path)
            return path
        with pipelines.lend(family) as pipeline:
            places = load_lora(driver, pipeline, lora.path).places
            names = {place: driver.kohya_name(pipeline, place.component, place.name) for place in places}
        told = replace(told, rank=lora.rank, alpha=lora.alpha, steps=lora.steps)
        if layout == KOHYA:
            write_tensors(_kohya_tensors(names), path, told.kohya_header(lora.name, driver.kohya_base))
        else:
            write_tensors(_diffusers_tensors(places), path, replace(told, adapted=_adapted(places)).header())
        return path
    with pipelines.lend(family) as pipeline, attached(pipelines, pipeline, [Applied(lora.path)]):
        if layout == SINGLE_FILE:
            driver.save_single_file(pipeline, path, told.modelspec_header())
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


def _is_kohya(path: Path) -> bool:
    return any(name.startswith("lora_") for name in read_header(path))


def _kohya_tensors(names: Mapping[Place, str]) -> dict[str, Tensor]:
    """As sd-scripts writes it: lora_unet_ and lora_te_ names, and each layer's alpha as a tensor."""
    named: dict[str, Tensor] = {}
    for place, name in names.items():
        down, up = _matrices(place)
        alpha = torch.tensor(float(place.layer.lora_alpha[NAME]))
        named |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": alpha}
    return named


def _diffusers_tensors(places: Sequence[Place]) -> dict[str, Tensor]:
    """Under diffusers' names. These have no place for an alpha, and most tools take it for the rank: so it becomes
    that, and what it scaled by is in the matrices."""
    named: dict[str, Tensor] = {}
    for place in places:
        down, up = _matrices(place)
        name = f"{place.component}.{place.name}"
        named |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up * place.layer.scaling[NAME]}
    return named


def _adapted(places: Sequence[Place]) -> dict[str, Any]:
    """PEFT's configuration of networks whose layers have a rank each, as alpha too."""
    adapted: dict[str, Any] = {}
    for component in dict.fromkeys(place.component for place in places):
        ranks = {place.name: place.layer.r[NAME] for place in places if place.component == component}
        usual = max(ranks.values())
        others = {name: rank for name, rank in ranks.items() if rank != usual}
        adapted |= adapted_network(component, usual, usual, ranks)
        if others:
            adapted |= {f"{component}.rank_pattern": others, f"{component}.alpha_pattern": others}
    return adapted


def _matrices(place: Place) -> tuple[Tensor, Tensor]:
    down, up = (getattr(place.layer, one)[NAME].weight.detach().cpu() for one in ("lora_A", "lora_B"))
    return down, up


def inspect_lora(path: Path, *, pipelines: PipelineCache, family: ModelFamily) -> dict[str, Any]:
    """Whether the family can draw with the file, and what it says of itself: trigger, rank, alpha, steps.

    Where ranks differ by layer, the largest and its alpha; "left_out" says in words what the studio makes nothing of.
    Raises ValueError, in a sentence, as `load_lora` does.
    """
    told = LoraMetadata.read(path)
    rank, alpha, left_out = 0, 0.0, ""
    with pipelines.lend(family) as pipeline:
        if told.full:
            load_fine_tune(pipeline, path)
        else:
            adapter = load_lora(driver_of(family), pipeline, path)
            largest = max((place.layer for place in adapter.places), key=lambda layer: layer.r[NAME])
            rank, alpha = largest.r[NAME], float(largest.lora_alpha[NAME])
            left_out = "; ".join(adapter.left_out)
    return {
        "trigger": told.trigger,
        "rank": rank,
        "alpha": alpha,
        "steps": told.steps,
        "left_out": left_out,
        "base_resolution": None if told.of_earlier_weights(family) else family.resolution,
    }
