"""A training at rest: what it learnt, its optimizer and its step in one safetensors file, written whole or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.contracts.family import ModelFamily
from studio.contracts.requests import TrainRequest
from studio.engine.adapters.exporting import keep_lora
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.weights import metadata_of, read_header, write_tensors

if TYPE_CHECKING:
    from studio.library import Library, Lora, Subject

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from studio.engine.training.optimizers import memory_of, remember

OPTIMIZER = "optimiser"  # as the first checkpoints spelt it: theirs and those of today are read alike


def save_checkpoint(
    folder: Path,
    step: int,
    learnt: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    scaler: Mapping[str, Any],
    metadata: Mapping[str, str],
    *,
    resumable: int,
    kept: int,
    spared: int | None = None,
) -> Path:
    """Write `folder`/<step>.safetensors: what was learnt, and what a training needs to go on; returns its path.

    Of all there the newest `resumable` stay whole, those up to the newest `kept` and the one of the step `spared` keep
    what was learnt only, and the others go. `metadata` says what it belongs to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:06d}.safetensors"
    tensors, plain = memory_of(optimizer)
    told = {**metadata, "step": str(step), OPTIMIZER: json.dumps(plain), "scaler": json.dumps(dict(scaler))}
    write_tensors({**learnt, **{f"{OPTIMIZER}.{name}": tensor for name, tensor in tensors.items()}}, path, told)
    there = sorted(folder.glob("*.safetensors"), reverse=True)
    for later in there[: there.index(path)]:  # written by a process that was killed before it could say so
        later.unlink()
    older = there[there.index(path) :]
    for place, old in enumerate(older[resumable:], start=resumable):
        if place < kept or int(old.stem) == spared:
            _slim(old)
        else:
            old.unlink()
    return path


def _slim(path: Path) -> None:
    """Leave what was learnt alone: the rest is as large again and twice."""
    told = metadata_of(path)
    if OPTIMIZER in told:
        write_tensors(
            learnt_in(path), path, {name: value for name, value in told.items() if name not in (OPTIMIZER, "scaler")}
        )


def learnt_in(path: Path) -> dict[str, Tensor]:
    """What a checkpoint has learnt, without what its training needs to go on."""
    return _parted(load_file(path))[0]


def _parted(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What was learnt, and what the optimizer remembers, each by its own names."""
    learnt: dict[str, Tensor] = {}
    memory: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        of_optimizer = name.startswith(f"{OPTIMIZER}.")
        (memory if of_optimizer else learnt)[name.removeprefix(f"{OPTIMIZER}.")] = tensor
    return learnt, memory


def load_checkpoint(
    path: Path, optimizer: torch.optim.Optimizer, run: str
) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
    """Put the optimizer where the checkpoint has it; returns its step, what was learnt, and the scaler's state.

    Raises ValueError for a damaged file, for one of another training, and for one that no training can go on from.
    """
    told = metadata_of(path)
    if told.get("run") != run:
        raise ValueError(f"{path.name} is a checkpoint of another training; start this one anew.")
    if OPTIMIZER not in told:
        raise ValueError(f"{path.name} keeps what was learnt only; go on from a later checkpoint, or train anew.")
    learnt, memory = _parted(load_file(path))
    remember(optimizer, memory, json.loads(told[OPTIMIZER]))
    return int(told["step"]), learnt, json.loads(told.get("scaler", "{}"))


def keep_checkpoint(
    library: Library,
    checkpoint: Path,
    request: TrainRequest,
    subject: Subject,
    base_resolution: int | None,
    *,
    pipelines: PipelineCache,
    family: ModelFamily,
) -> Lora:
    """A checkpoint of a run as a LoRA named after its step. ValueError, in a sentence, for a damaged one.

    `base_resolution` is the family's when the run began, None where an earlier version did not tell.
    """
    read_header(checkpoint)
    step = int(checkpoint.stem)
    return keep_lora(
        library,
        f"{subject.name} {step}",
        learnt_in(checkpoint),
        request,
        subject,
        family,
        step,
        checkpoint.parent.parent,
        base_resolution,
    )
