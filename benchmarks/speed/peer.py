"""Run diffusers' own training scripts unmodified: `python -m benchmarks.speed.peer cpu|cuda SCRIPT [its flags]`.

They want torchvision for six small transforms, which does not load beside a CPU torch. They are given here, made of PIL
and torch, before a script is imported; nothing else of it is touched.
"""

from __future__ import annotations

import atexit
import random
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from importlib.machinery import ModuleSpec
from itertools import pairwise
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.optim.optimizer import register_optimizer_step_post_hook


class InterpolationMode(Enum):
    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class Resize:
    """The shorter side to `size` pixels."""

    def __init__(self, size: int, interpolation: InterpolationMode = InterpolationMode.BILINEAR) -> None:
        self.size, self.filter = size, Image.Resampling[interpolation.name]

    def __call__(self, image: Image.Image) -> Image.Image:
        scale = self.size / min(image.size)
        return image.resize((round(image.width * scale), round(image.height * scale)), self.filter)


class CenterCrop:
    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        left, top = (image.width - self.size) // 2, (image.height - self.size) // 2
        return crop(image, top, left, self.size, self.size)


class RandomCrop(CenterCrop):
    @staticmethod
    def get_params(image: Image.Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
        return random.randint(0, image.height - size[0]), random.randint(0, image.width - size[1]), *size

    def __call__(self, image: Image.Image) -> Image.Image:
        return crop(image, *self.get_params(image, (self.size, self.size)))


class RandomHorizontalFlip:
    def __init__(self, p: float = 0.5) -> None:
        self.share = p

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < self.share else image


class ToTensor:
    def __call__(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


class Normalize:
    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = mean[0], std[0]

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels - self.mean) / self.std


class Compose:
    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image


def crop(image: Image.Image, top: int, left: int, height: int, width: int) -> Image.Image:
    return image.crop((left, top, left + width, top + height))


def clock_of(device: str) -> Callable[[], float]:
    """Seconds: of this process's CPU time, or on a GPU of the wall's clock once its work is done."""
    if device == "cpu":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return now


def told_at_exit(device: str) -> None:
    """Print figures when this process ends: step=, the median seconds between optimizer steps; whole=, those of all
    of it; on a GPU peak=, the GiB it took there."""
    now = clock_of(device)
    began = 0.0 if device == "cpu" else time.perf_counter()
    stamps: list[float] = []
    register_optimizer_step_post_hook(lambda *_: stamps.append(now()))

    def tell() -> None:
        gaps = [after - before for before, after in pairwise(stamps)]
        print(f"\nstep={median(gaps)}\nwhole={now() - began}")
        if device == "cuda":
            print(f"peak={torch.cuda.max_memory_allocated() / 2**30}")

    atexit.register(tell)


def stand_in() -> None:
    """Put the transforms where `import torchvision` finds them."""
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    whole, transforms, functional = (ModuleType(name) for name in names)
    for name, module in zip(names, (whole, transforms, functional), strict=True):
        module.__spec__ = ModuleSpec(name, None)
        sys.modules[name] = module
    for kind in (InterpolationMode, Resize, CenterCrop, RandomCrop, RandomHorizontalFlip, ToTensor, Normalize, Compose):
        setattr(transforms, kind.__name__, kind)
    vars(functional).update(crop=crop)
    vars(transforms).update(functional=functional)
    vars(whole).update(transforms=transforms)


if __name__ == "__main__":
    device, *sys.argv = sys.argv[1:]
    told_at_exit(device)
    import diffusers  # noqa: F401  # first: these look for torchvision themselves, and must find none
    import transformers  # noqa: F401

    stand_in()
    runpy.run_path(sys.argv[0], run_name="__main__")
