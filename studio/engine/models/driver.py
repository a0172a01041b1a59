"""What the engine asks of a base model, whatever its architecture; each layout of networks has a driver that answers.

Nothing else in the engine knows what kind of network denoises, how words become what it takes, or how its training is
noised. `layouts.py` has the table of the drivers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

Conditioning = dict[str, Tensor]  # what tells a denoiser what to draw, by name; the first dimension is the batch's


@dataclass(frozen=True)
class Words:
    """What text encoders are given, and how; the same words are encoded once."""

    prompts: str | tuple[str, ...]
    negative: str | None = None
    guided: bool = False  # whether the negative prompt, which may be empty, is encoded beside them
    weighted: bool = False  # one prompt, whose brackets weigh words, and which is read to its end; others as they stand


@dataclass(frozen=True)
class Capabilities:
    """What a layout can do beside drawing from a prompt. Which tasks it has pipelines for, its families say."""

    guidance: bool = True  # each step is taken with the prompt and without (Ho and Salimans 2022)
    negative_prompt: bool = True
    ip_adapters: bool = True
    trains_text_encoders: bool = True
    kohya: bool = True  # its LoRAs can be written in kohya's names
    single_file: bool = True  # its networks can be written as one file, in the names of the original code


class Noise(Protocol):
    """How a training noises latents, and what the denoiser should say of them; `times` are the schedule's own."""

    def times(self, count: int, chances: torch.Generator) -> Tensor:
        """[count] times, spread over the whole schedule."""
        ...

    def noised(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Latents with noise of the same shape, as much as belongs to the times, [batch]."""
        ...

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What the denoiser should say of `noised` latents; shape as these."""
        ...

    def weights(self, times: Tensor, gamma: float) -> Tensor:
        """How much each picture counts in the loss, [count]; `gamma` is min-SNR's, 0: all alike."""
        ...


class Driver(Protocol):
    """One layout of networks. Its methods take the pipeline they are about; a driver itself holds no state.

    Latents are [batch, channels, height, width], scaled as the denoiser is trained on them; a pipeline that packs them
    in another shape has `spatial` and `packed` between the two.
    """

    pipelines: frozenset[str]  # classes that draw with this layout, by name
    capabilities: Capabilities
    denoiser: str  # the pipeline's component of that name denoises, and its LoRAs' tensors are named after it
    targets: Mapping[str, Sequence[str]]  # of a LoRA in the denoiser: contracts' TARGETS -> ends of names of modules
    text_targets: Sequence[str]  # of a LoRA in the text encoders
    architecture: str  # modelspec's name, in the header of a file of weights
    kohya_base: str  # kohya's name of the base

    def pipeline_class(self, name: str) -> type:
        """The class that a family names for a task."""
        ...

    def encode(self, pipeline: Any, words: Words) -> Conditioning:
        """Text embeddings by the names that a call of the pipeline takes them under."""
        ...

    def conditioning(self, pipeline: Any, texts: Conditioning, size: tuple[int, int]) -> Conditioning:
        """All that `predict` takes for pictures of that width and height: unguided text embeddings, and what else."""
        ...

    def guidance(self, scale: float | None) -> dict[str, Any]:
        """Keyword arguments of a call of the pipeline that say how strongly it follows the prompt."""
        ...

    def cell(self, pipeline: Any) -> int:
        """The side in pixels of one cell of the latents."""
        ...

    def tell_size_as(self, denoiser: Any, size: int, was: int) -> None:
        """Let squares of `size` pixels mean to a denoiser what those of `was` did, where it is told sizes at all."""

    def latents(self, pipeline: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents of pixels [batch, 3, height, width] from -1 to 1."""
        ...

    def spatial(self, latents: Tensor, width: int, height: int) -> Tensor:
        """The pipeline's latents, of a picture of that size in pixels, as [batch, channels, height, width]."""
        ...

    def packed(self, latents: Tensor) -> Tensor:
        """Latents in the shape that the pipeline works on."""
        ...

    def noise(self, pipeline: Any) -> Noise:
        """How the family was noised in training."""
        ...

    def predict(self, pipeline: Any, noisy: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        """What the denoiser says of noisy latents; shape as these, and comparable with the noise's target."""
        ...

    def scheduler(self, name: str | None, own: Any) -> Any:
        """A fresh scheduler on the schedule of `own`; None: of its kind. ValueError names the known ones."""
        ...

    def clean(self, scheduler: Any, predicted: Tensor, timestep: Tensor, sample: Tensor) -> Tensor:
        """The finished latents as one step of drawing foresees them, in the pipeline's shape."""
        ...

    def sees_masks(self, pipeline: Any) -> bool:
        """Whether the denoiser was trained for inpainting, and takes the mask and what is round it beside the latents."""
        ...

    def mask_of_step(self, mask: Tensor, guided: bool) -> dict[str, Tensor]:
        """What an inpainting pipeline goes on with where the mask [1, 1, height, width] is free from now on."""
        ...

    def lora_names(self, pipeline: Any, component: str, module: str) -> Iterable[str]:
        """What files of LoRAs call a module of that component, beside diffusers' "component.module"."""
        ...

    def kohya_name(self, pipeline: Any, component: str, module: str) -> str:
        """What sd-scripts calls the layer of a LoRA for that module."""
        ...

    def save_single_file(self, pipeline: Any, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the pipeline's networks as the one file that checkpoints of the layout are passed around in."""
        ...


def denoiser_of(driver: Driver, pipeline: Any) -> Any:
    """The network that denoises, as the pipeline has it at the moment."""
    return getattr(pipeline, driver.denoiser)


def is_text_encoder(component: str) -> bool:
    """Whether a pipeline's component of that name reads the prompt: diffusers numbers them from the second on."""
    return component.startswith("text_encoder")
