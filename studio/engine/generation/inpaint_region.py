"""The part of a picture that an inpainting pipeline is given, and its mask for each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d, max_pool2d

from studio.engine.models.driver import Driver
from studio.imaging.masks import hard


@dataclass(frozen=True)
class InpaintRegion:
    """What an inpainting pipeline is given of a picture.

    `soft` (L, the image's size) says how much each pixel may change: one of half the white joins in for the last half
    of the steps (differential diffusion, Levin and Fried 2023). A denoiser that was trained for inpainting sees the mask
    itself, and needs no such help.
    """

    image: Image.Image
    soft: Image.Image
    strength: float

    def steps_of(self, asked: int) -> int:
        """How many of the steps are taken: a low strength begins late."""
        return max(1, min(asked, int(asked * self.strength)))

    def arguments(self, driver: Driver, pipeline: Any, asked: int) -> dict[str, Any]:
        """Keyword arguments of the pipeline's call, for so many steps asked for."""
        free = hard(self.soft)
        if not driver.sees_masks(pipeline):
            side = driver.cell(pipeline)
            cells = self._free(0, self.steps_of(asked), (self.soft.height // side, self.soft.width // side))
            free = Image.fromarray(cells[0, 0].numpy().astype(np.uint8) * 255)
            free = free.resize(self.soft.size, Image.Resampling.NEAREST)
        return {"image": self.image, "mask_image": free, "strength": min(1.0, max(self.strength, 1 / asked + 1e-6))}

    def after_step(
        self, driver: Driver, pipeline: Any, step: int, asked: int, latents: Tensor, guided: bool
    ) -> dict[str, Tensor]:
        """The pipeline's mask for the next step; outside of it its latents are the picture's own, noised."""
        steps = self.steps_of(asked)
        if driver.sees_masks(pipeline) or step + 1 >= steps:
            return {}
        mask = self._free(step + 1, steps, (latents.shape[-2], latents.shape[-1])).to(latents)
        return driver.mask_of_step(mask, guided)

    def _free(self, step: int, steps: int, cells: tuple[int, int]) -> Tensor:
        """Which of so many rows and columns of latents are not the picture's after a step, counted from 0:
        [1, 1, height, width].

        White that fills no latent, and lies beside none that it fills, is free from the first step on: a thin line
        would hardly change anything.
        """
        soft = torch.from_numpy(np.array(self.soft, dtype=np.float32) / 255)[None, None]
        share, white = adaptive_avg_pool2d(soft, cells), adaptive_max_pool2d((soft == 1).float(), cells)
        beside = max_pool2d((share > 1 - 1 / steps).float(), kernel_size=3, stride=1, padding=1)
        return (share > 1 - (step + 1) / steps) | (white > beside)
