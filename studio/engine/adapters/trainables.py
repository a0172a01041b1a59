"""What a training changes: a LoRA beside the networks, or copies of the networks themselves."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from studio.contracts.family import ModelFamily
from studio.contracts.requests import FULL, TrainRequest
from studio.engine.adapters.fused_lora import speed_up
from studio.engine.adapters.lora import NAME, Adapter, FineTune, take_out
from studio.engine.models.driver import Driver, is_text_encoder
from studio.engine.models.layouts import driver_of
from studio.engine.models.loading import modules


class Trainable(Protocol):
    """What learns. Between `inject` and `eject` the pipeline computes with it; outside it is as it was."""

    def groups(self, rate: float, text_rate: float) -> list[dict[str, Any]]:
        """The optimizer's groups: all parameters of the denoiser's part, then of the text encoders', if these learn."""
        ...

    def inject(self, pipeline: Any) -> None:
        """The pipeline computes with it from now on."""

    def eject(self, pipeline: Any) -> None:
        """The pipeline is as it was."""

    def learning(self) -> Any:
        """A context in which it behaves as while it learns: dropout acts."""

    def tensors(self) -> dict[str, Tensor]:
        """All that was learnt, in single precision, by the names that its file has."""
        ...

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave. Raises KeyError where something is missing."""


def trainable_of(request: TrainRequest, pipeline: Any, family: ModelFamily) -> Trainable:
    """What a resolved request trains, at its start: a LoRA that changes nothing yet, or equal copies."""
    driver = driver_of(family)
    texts = [name for name in modules(pipeline) if is_text_encoder(name)]
    taught = [driver.denoiser, *(texts if request.text_encoder_learning_rate else ())]
    if request.method == FULL:
        return TrainableModel(pipeline, taught)
    return TrainableLora(request, pipeline, taught, driver)


class TrainableLora:
    """Low-rank matrices beside linear layers and convolutions (Hu et al. 2021); the networks stay frozen."""

    def __init__(self, request: TrainRequest, pipeline: Any, taught: list[str], driver: Driver) -> None:
        self._dropout = request.dropout or 0.0
        self.adapters: dict[str, Adapter] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.seed or 0)
            for name in taught:
                network = getattr(pipeline, name)
                of_text = is_text_encoder(name)
                targets = driver.text_targets if of_text else targets_of(request.targets or "", driver, network)
                config = LoraConfig(
                    r=request.rank or 8,
                    lora_alpha=cast("int", request.alpha or request.rank or 8),  # PEFT divides it: any number will do
                    lora_dropout=self._dropout,
                    target_modules=list(targets),
                )
                inject_adapter_in_model(config, network, NAME)
                self.adapters[name] = take_out({name: network})
        for matrix in self.tensors().values():
            matrix.data = matrix.data.float()
            matrix.requires_grad_(True)
        for adapter in self.adapters.values():
            for place in adapter.places:
                speed_up(place.module, NAME)
        self._learn(False)

    def groups(self, rate: float, text_rate: float) -> list[dict[str, Any]]:
        return _groups({name: adapter.parameters() for name, adapter in self.adapters.items()}, rate, text_rate)

    def inject(self, pipeline: Any) -> None:
        for adapter in self.adapters.values():
            adapter.inject(pipeline)

    def eject(self, pipeline: Any) -> None:
        for adapter in self.adapters.values():
            adapter.eject(pipeline)

    @contextmanager
    def learning(self) -> Iterator[None]:
        self._learn(True)
        try:
            yield
        finally:
            self._learn(False)

    def _learn(self, learning: bool) -> None:
        if self._dropout:
            for adapter in self.adapters.values():
                for place in adapter.places:
                    place.module.train(learning)

    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{place.component}.{place.name}.{matrix}.weight": getattr(place.layer, matrix)[NAME].weight
            for adapter in self.adapters.values()
            for place in adapter.places
            for matrix in ("lora_A", "lora_B")
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, matrix in self.tensors().items():
            matrix.copy_(tensors[name])


class TrainableModel:
    """All weights: of a copy of the denoiser and, where they learn, of the text encoders; the family keeps its own."""

    def __init__(self, pipeline: Any, taught: list[str]) -> None:
        self._own = {
            name: copy.deepcopy(getattr(pipeline, name)).float().requires_grad_(True).eval() for name in taught
        }
        fine_tune = FineTune(self._own, alone=True)
        self.inject, self.eject = fine_tune.inject, fine_tune.eject

    def groups(self, rate: float, text_rate: float) -> list[dict[str, Any]]:
        return _groups({name: list(network.parameters()) for name, network in self._own.items()}, rate, text_rate)

    @contextmanager
    def learning(self) -> Iterator[None]:
        yield

    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": value
            for part, network in self._own.items()
            for name, value in network.state_dict().items()
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in self.tensors().items():
            value.copy_(tensors[name])


def _groups(learning: Mapping[str, list[nn.Parameter]], rate: float, text_rate: float) -> list[dict[str, Any]]:
    """The optimizer's groups of what learns, by the names of its components."""
    denoiser = [p for name, part in learning.items() if not is_text_encoder(name) for p in part]
    texts = [p for name, part in learning.items() if is_text_encoder(name) for p in part]
    return [{"params": denoiser, "lr": rate}, *([{"params": texts, "lr": text_rate}] if texts else [])]


def targets_of(named: str, driver: Driver, network: nn.Module) -> list[str]:
    """Names, or ends of names, of the modules that a LoRA goes beside.

    Raises ValueError for one that the network does not have, naming the kinds it has.
    """
    wanted = driver.targets.get(named) or [part.strip() for part in named.split(",") if part.strip()]
    fit = {name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    found = [one for one in wanted if any(name == one or name.endswith(f".{one}") for name in fit)]
    # A ready name lists what families of either layout have; names of one's own must all be there.
    strange = [one for one in wanted if one not in found]
    if not found or (strange and named not in driver.targets):
        ends = sorted({name.rpartition(".")[2] for name in fit if not name.rpartition(".")[2].isdigit()})
        raise ValueError(
            f"targets: no layer is called {', '.join(strange) or repr(named)}. Take one of "
            f"{', '.join(driver.targets)}, or names with commas between, such as {', '.join(ends[:8])}."
        )
    return found
