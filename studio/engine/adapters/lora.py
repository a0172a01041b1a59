"""LoRAs in and out of a shared pipeline, leaving its modules as they were.

A LoRA's layers are PEFT's, wrapped round the modules they adapt. Out of use they stay in memory, and taking
them in or out is one assignment for each, so that a swap costs no loading (Hu et al. 2021).
"""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import DiffusionPipeline
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

from studio.engine.adapters.lora_file import LoraFile, Matrices, checked_tensors, read_lora_file
from studio.engine.adapters.metadata import LoraMetadata
from studio.engine.models.driver import Driver, is_text_encoder
from studio.engine.models.loading import modules
from studio.engine.models.lru import recent, state_of
from studio.engine.models.pipeline_cache import PipelineCache

KEPT = 8  # LoRAs that stay in memory, least recently used first out
NAME = "studio"  # of the adapter inside PEFT's layers; each of ours has layers of its own


@dataclass(frozen=True)
class Applied:
    """A LoRA's file with its weight in the denoiser and in the text encoders; 1.0 is as trained."""

    path: Path
    denoiser: float = 1.0
    text_encoder: float = 1.0


@dataclass(frozen=True)
class Place:
    """A module of one of the pipeline's networks, and the layer of a LoRA that takes its place."""

    component: str  # its name in the pipeline, such as "text_encoder"
    name: str  # of the module, within its network
    parent: nn.Module
    layer: LoraLayer

    @property
    def child(self) -> str:
        """The name under which the parent has the module."""
        return self.name.rpartition(".")[2]

    @property
    def module(self) -> nn.Module:
        """The layer as the module that it is, which PEFT's type does not say."""
        return cast("nn.Module", self.layer)


@dataclass
class Adapter:
    """Layers of one LoRA and the places in the networks that they take."""

    places: list[Place] = field(default_factory=list)
    left_out: tuple[str, ...] = ()  # what its file has beside them, in words

    @property
    def in_text_encoders(self) -> bool:
        """Whether it changes how prompts are read."""
        return any(is_text_encoder(place.component) for place in self.places)

    def inject(self, pipeline: Any) -> None:
        """The pipeline computes with it from now on, until `eject`; round another LoRA where one is there already."""
        for place in self.places:
            place.layer.base_layer = getattr(place.parent, place.child)
            setattr(place.parent, place.child, place.module)

    def eject(self, pipeline: Any) -> None:
        """The networks are as they were before `inject`; of several adapters, the last one in goes out first."""
        for place in self.places:
            setattr(place.parent, place.child, place.layer.base_layer)
            place.layer.base_layer = place.layer.get_base_layer()  # it keeps no other LoRA alive

    def scale(self, denoiser: float, text_encoder: float) -> None:
        """Weights in what the networks compute; 1.0 is as trained."""
        for place in self.places:
            place.layer.set_scale(NAME, text_encoder if is_text_encoder(place.component) else denoiser)

    def parameters(self) -> list[nn.Parameter]:
        """The matrices A and B of every layer, in the order of the places."""
        return [
            matrix[NAME].get_parameter("weight")
            for place in self.places
            for matrix in (place.layer.lora_A, place.layer.lora_B)
        ]


def take_out(networks: Mapping[str, nn.Module]) -> Adapter:
    """Collect the PEFT layers of networks, by the names of their components, into an adapter.

    The networks are left as they were before PEFT.
    """
    adapter = Adapter()
    for component, network in networks.items():
        for name, layer in list(network.named_modules()):
            if isinstance(layer, LoraLayer):
                adapter.places.append(Place(component, name, network.get_submodule(name.rpartition(".")[0]), layer))
        for leftover in ("peft_config", "_hf_peft_config_loaded"):
            network.__dict__.pop(leftover, None)
    adapter.eject(None)
    return adapter


@contextmanager
def attached(
    pipelines: PipelineCache, pipeline: DiffusionPipeline, loras: Sequence[Applied] = ()
) -> Iterator[tuple | None]:
    """The pipeline with these LoRAs in it together, for as long as the block lasts; those of weight 0 stay out.

    Gives a key for what is in the text encoders, or None: text embeddings made without it do not hold then.
    Raises ValueError as `load_lora` does, and for two full fine-tunes.
    """
    loras = [one for one in loras if one.denoiser or one.text_encoder]
    full = [one for one in loras if LoraMetadata.read(one.path).full]
    others = [one for one in loras if one not in full]
    if len(full) > 1:
        raise ValueError(
            f"{full[0].path.parent.name} and {full[1].path.parent.name} are both full fine-tunes: each "
            "stands in for all weights, so only one of them can draw. Train one of them as a LoRA."
        )
    inside: list[Adapter | FineTune] = []
    key: list[tuple] = []

    def go_in(one: Applied, adapter: Adapter | FineTune) -> None:
        adapter.scale(one.denoiser, one.text_encoder)
        adapter.inject(pipeline)
        inside.append(adapter)
        # A fine-tune comes whole, whatever its weight.
        if adapter.in_text_encoders and (one.text_encoder or isinstance(adapter, FineTune)):
            key.append((*state_of(one.path), one.text_encoder))

    try:
        for one in full:
            go_in(one, _kept_fine_tune(pipelines, pipeline, one.path))
        within = full[0].path if full else None  # the others' layers are made for its networks
        # All are read before one of them goes in: the networks must be bare for that.
        for one, adapter in [(one, _kept_lora(pipelines, pipeline, one.path, within)) for one in others]:
            go_in(one, adapter)
        yield tuple(key) or None
    finally:
        for adapter in reversed(inside):
            adapter.eject(pipeline)


def _kept_lora(pipelines: PipelineCache, pipeline: DiffusionPipeline, path: Path, within: Path | None) -> Adapter:
    """The file's layers, read once; `within`: the fine-tune whose networks they are made for."""
    loras: OrderedDict[tuple, Adapter] = pipelines.loaded(pipeline).beside.setdefault("loras", OrderedDict())
    key = state_of(path), state_of(within) if within else None
    return recent(loras, key, lambda: load_lora(pipelines.driver(pipeline), pipeline, path), KEPT)


def _kept_fine_tune(pipelines: PipelineCache, pipeline: DiffusionPipeline, path: Path) -> FineTune:
    """The file's networks, read once. They are as large as the family: one file's at a time."""
    beside, key = pipelines.loaded(pipeline).beside, state_of(path)
    fine_tunes: dict[tuple, FineTune] = beside.setdefault("fine-tunes", {})
    if key not in fine_tunes:
        fine_tunes.clear()
        loras: OrderedDict[tuple, Adapter] = beside.setdefault("loras", OrderedDict())
        for made_for in [other for other in loras if other[1]]:
            del loras[made_for]
        fine_tunes[key] = _as_today(pipelines, pipeline, path, load_fine_tune(pipeline, path))
    return fine_tunes[key]


def _as_today(pipelines: PipelineCache, pipeline: DiffusionPipeline, path: Path, made: FineTune) -> FineTune:
    """One that was made on the family's earlier weights knows today's size as what it then was."""
    family, driver = pipelines.loaded(pipeline).family, pipelines.driver(pipeline)
    if family.earlier_resolution and LoraMetadata.read(path).of_earlier_weights(family):
        driver.tell_size_as(made.networks[driver.denoiser], family.resolution, family.earlier_resolution)
    return made


@dataclass
class FineTune:
    """Networks of a full fine-tune, which stand in for the family's own.

    `alone`: the family's go to the CPU meanwhile, as where a training needs the memory.
    """

    networks: dict[str, nn.Module]
    alone: bool = False
    _theirs: dict[str, nn.Module] = field(default_factory=dict)

    @property
    def in_text_encoders(self) -> bool:
        """Whether it changes how prompts are read."""
        return any(is_text_encoder(name) for name in self.networks)

    def scale(self, denoiser: float, text_encoder: float) -> None:
        """A fine-tune counts whole, whatever the weights: there is no half of other networks."""

    def inject(self, pipeline: Any) -> None:
        """The pipeline computes with them from now on, until `eject`."""
        for name, own in self.networks.items():
            theirs = self._theirs[name] = getattr(pipeline, name)
            setattr(pipeline, name, own)
            if self.alone and theirs.device.type != "cpu":
                theirs.to("cpu")

    def eject(self, pipeline: Any) -> None:
        """The pipeline computes with the family's own networks again."""
        for name, theirs in self._theirs.items():
            setattr(pipeline, name, theirs.to(_device_of(self.networks[name])) if self.alone else theirs)
        self._theirs.clear()


def _device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def load_fine_tune(pipeline: DiffusionPipeline, path: Path) -> FineTune:
    """Read the weights of a full fine-tune into networks of their own, as the pipeline's in type and device.

    Raises ValueError, in a sentence, for what `load_lora` refuses and for one made of another base.
    """
    learnt = checked_tensors(path)
    networks: dict[str, nn.Module] = {}
    for part in sorted({name.partition(".")[0] for name in learnt}):
        theirs = getattr(pipeline, part, None)
        own = {name.partition(".")[2]: value for name, value in learnt.items() if name.startswith(f"{part}.")}
        if not isinstance(theirs, nn.Module):
            raise ValueError(_wrong_base(path, pipeline))
        shapes = {name: value.shape for name, value in theirs.state_dict().items()}
        if shapes != {name: value.shape for name, value in own.items()}:
            raise ValueError(_wrong_base(path, pipeline))
        networks[part] = copy.deepcopy(theirs)
        networks[part].load_state_dict(own)
    return FineTune(networks)


def load_lora(driver: Driver, pipeline: DiffusionPipeline, path: Path) -> Adapter:
    """Read a LoRA in any format that is known, and return it out of the pipeline, ready to go in.

    Each layer has its own rank and alpha. Raises ValueError, in a sentence, for a pickle, a truncated file, NaN or
    Inf, what is no plain LoRA, one made for another base, and one that would change nothing; the pipeline is as it was.
    """
    file, told = read_lora_file(path), LoraMetadata.read(path)
    layers, absent = _layers_by_place(file, driver, pipeline)
    misfits = [place for place, layer in layers.items() if not _fits(layer, _module(pipeline, place))]
    if not layers or misfits or any(not _of_text_encoder(name) for name in absent):
        raise ValueError(_wrong_base(path, pipeline))
    groups: dict[tuple[str, int], list[str]] = {}
    for (component, name), layer in layers.items():
        groups.setdefault((component, layer.rank), []).append(name)
    adapter = Adapter(left_out=(*file.left_out, *_absent_layers(absent)))
    for (component, rank), names in groups.items():
        adapter.places += _wrapped(component, getattr(pipeline, component), rank, names)
    for place in adapter.places:
        layer = layers[place.component, place.name]
        _fill(place, layer, told.alpha_of(place.component, place.name, layer.rank))
    return adapter


def _layers_by_place(
    file: LoraFile, driver: Driver, pipeline: Any
) -> tuple[dict[tuple[str, str], Matrices], list[str]]:
    """The file's layers by component and module, and the names of those that the pipeline has no module for."""
    known: dict[str, tuple[str, str]] = {}
    for component, network in modules(pipeline).items():
        if component != driver.denoiser and not is_text_encoder(component):
            continue
        for name, module in network.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                for called in (f"{component}.{name}", *driver.lora_names(pipeline, component, name)):
                    known.setdefault(called, (component, name))
    found: dict[tuple[str, str], Matrices] = {}
    for called, layer in file.layers.items():
        if place := known.get(called):
            if place in found:
                raise ValueError(f"The file teaches {'.'.join(place)} twice, under two names; save it anew.")
            found[place] = layer
    return found, [called for called in file.layers if called not in known]


def _of_text_encoder(called: str) -> bool:
    return is_text_encoder(called) or called.startswith("lora_te")


def _absent_layers(called: Sequence[str]) -> tuple[str, ...]:
    if not called:
        return ()
    many = "1 layer" if len(called) == 1 else f"{len(called)} layers"
    return (f"{many} of a text encoder that this family does not have, such as {called[0]:.120}",)


def _module(pipeline: Any, place: tuple[str, str]) -> Any:
    component, name = place
    return getattr(pipeline, component).get_submodule(name)


def _fits(layer: Matrices, module: Any) -> bool:
    """Whether the matrices are of the module's sizes; those of a linear layer may be 1 x 1 convolutions."""
    out, inward, *_ = module.weight.shape
    fits = len(layer.up) == out and layer.down.shape[1] == inward
    return fits and layer.up[0, 0].numel() == 1 and layer.down[0].numel() == module.weight[0].numel()


def _wrapped(component: str, network: nn.Module, rank: int, names: Sequence[str]) -> list[Place]:
    """PEFT's layers of that rank for these modules, out of the network."""
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(names))
    with torch.random.fork_rng(devices=[]):
        inject_adapter_in_model(config, network, NAME)
    wanted = set(names)  # PEFT takes names for ends of names
    return [place for place in take_out({component: network}).places if place.name in wanted]


@torch.no_grad()
def _fill(place: Place, layer: Matrices, told: float | None) -> None:
    """The file's numbers into PEFT's layer: alpha as the file has it for the layer, else as its header does, else as
    trainers take it, the rank."""
    for matrix, values in (("lora_A", layer.down), ("lora_B", layer.up)):
        weight = getattr(place.layer, matrix)[NAME].weight
        weight.copy_(values.reshape(weight.shape))
    alpha = layer.alpha if layer.alpha is not None else told
    place.layer.lora_alpha[NAME] = alpha if alpha is not None else layer.rank
    place.layer.set_scale(NAME, 1.0)


def _wrong_base(path: Path, pipeline: DiffusionPipeline) -> str:
    base = LoraMetadata.read(path).architecture
    told = f" (it says {base})" if base else ""
    return (
        f"{path.name} was made for another base{told}: wrong base for {type(pipeline).__name__}. "
        "Choose the family that it was trained on."
    )


def fingerprint(pipeline: DiffusionPipeline) -> str:
    """Sha256 over the names of all modules and the names and values of all parameters of the pipeline."""
    digest = hashlib.sha256()
    for part, network in sorted(modules(pipeline).items()):
        for name, module in network.named_modules():
            digest.update(f"{part}.{name}:{type(module).__name__};".encode())
        for name, tensor in network.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
