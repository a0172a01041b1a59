"""Who walks down the loss, how fast, and how what it remembers goes into a file and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

import torch
from torch import Tensor

from studio.contracts.requests import ADAMW, ADAMW_8BIT, COSINE, NEEDS_BITSANDBYTES, PRODIGY

WEIGHT_DECAY = 1e-4
LAST_RATE = 0.1  # of the learning rate, at the end of its cosine


def new_optimizer(name: str, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimizer of that name over parameter groups, each with its learning rate.

    Raises ValueError, with the remedy, for 8-bit AdamW where bitsandbytes is not installed.
    """
    if name == ADAMW:
        return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True)
    if name == ADAMW_8BIT:
        try:
            kind = import_module("bitsandbytes.optim").AdamW8bit
        except ImportError as error:
            raise ValueError(NEEDS_BITSANDBYTES) from error
        return kind(groups, weight_decay=WEIGHT_DECAY)
    if name != PRODIGY:
        raise ValueError(f"There is no optimizer {name!r}.")
    # The settings of its authors for diffusion models (Mishchenko and Defazio 2023).
    with redirect_stdout(StringIO()):  # it prints
        return import_module("prodigyopt").Prodigy(
            groups, betas=(0.9, 0.99), weight_decay=0.01, use_bias_correction=True, safeguard_warmup=True
        )


def rate_of(lr_scheduler: str, lr_warmup_steps: int, step: int, total: int) -> float:
    """Share of the learning rate at a step: a linear warm-up, then all of it, or a cosine down to LAST_RATE."""
    warm = min(1.0, (step + 1) / max(1, lr_warmup_steps))
    if lr_scheduler != COSINE:
        return warm
    return warm * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * step / total)) / 2)


def memory_of(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What the optimizer remembers: tensors by name, and plain values for JSON."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {"state": {}, "groups": []}
    places: set[int] = set()
    for name, value in _flat(state["state"]):
        if isinstance(value, Tensor):  # bitsandbytes shares its tables among parameters, which no file may
            tensors[name] = value.clone() if value.data_ptr() in places else value
            places.add(value.data_ptr())
        else:
            plain["state"][name] = value
    for group in state["param_groups"]:
        plain["groups"].append(
            {name: value for name, value in group.items() if name != "params" and isinstance(value, bool | int | float)}
        )
    return tensors, plain


def _flat(values: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dicts within dicts as one, names with full stops between."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def remember(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
    """The way back of `memory_of`, for an optimizer over the same parameters."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**plain["state"], **tensors}.items():
        number, *path, last = name.split(".")
        within = state.setdefault(int(number), {})
        for one in path:
            within = within.setdefault(one, {})
        within[last] = value
    groups = [
        {**group, **kept} for group, kept in zip(optimizer.state_dict()["param_groups"], plain["groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
