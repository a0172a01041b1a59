"""A training at rest: adapter, optimiser and step in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from studio.engine.adapters import Adapter
from studio.engine.weights import read_header

KEPT = 3  # checkpoints that stay on disk while a run goes on


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Save atomically; the same tensors and metadata give the same bytes."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = _ordered(save(whole, dict(metadata)))
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _ordered(data: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order; the library leaves that to chance."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    entries = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items())), **header}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def save_checkpoint(folder: Path, step: int, adapter: Adapter, optimiser: torch.optim.Optimizer, run: str,
                    kept: int) -> Path:
    """Write `folder`/<step>.safetensors, and of all there keep the newest `kept`; returns its path.

    `run` is what it belongs to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:06d}.safetensors"
    tensors = {f"adapter.{i}": p for i, p in enumerate(adapter.parameters())}
    for number, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in values.items()}
    write_tensors(tensors, path, {"step": str(step), "run": run})
    for old in sorted(folder.glob("*.safetensors"))[:-kept]:
        old.unlink()
    return path


def load_checkpoint(path: Path, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer, run: str) -> int:
    """Put adapter and optimiser where the checkpoint has them; returns its step.

    Raises ValueError for a damaged file and for one of another training.
    """
    metadata = read_header(path).get("__metadata__", {})
    if metadata.get("run") != run:
        raise ValueError(f"{path.name} is a checkpoint of another training; start this one anew.")
    tensors = load_file(path)
    with torch.no_grad():
        for number, parameter in enumerate(parameters):
            parameter.copy_(tensors[f"adapter.{number}"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, number, *rest = name.split(".", 2)
        if kind == "optimiser":
            state.setdefault(int(number), {})[rest[0]] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(metadata["step"])
