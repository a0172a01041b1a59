"""Pictures half denoised, for next to nothing: a linear map from latents to colours."""

from __future__ import annotations

import io
from functools import wraps
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from studio.engine.models.driver import Driver

SIDE = 256  # pixels of the longer side of a preview
PATCHES = 8  # of the colour chart, along each side


class ColourMap:
    """Colours as a linear function of the latents, fitted once to what the VAE makes of a chart of flat colours."""

    def __init__(self, driver: Driver, pipeline: Any) -> None:
        """Fit the map, which costs one encoding of a small picture."""
        factor = driver.cell(pipeline)
        side = PATCHES * 4  # latent pixels: 4 by 4 for every patch
        colours = torch.rand(3, PATCHES, PATCHES, generator=torch.Generator().manual_seed(0)) * 2 - 1
        chart = colours.repeat_interleave(4 * factor, 1).repeat_interleave(4 * factor, 2)
        with torch.no_grad():
            encoded = driver.latents(pipeline, chart[None])[0].cpu()[0]
        inner = encoded.reshape(-1, PATCHES, 4, PATCHES, 4)[:, :, 1:3, :, 1:3].mean((2, 4))
        assert encoded.shape[1:] == (side, side)
        known = torch.cat([inner.reshape(len(inner), -1), torch.ones(1, PATCHES**2)]).T * 1.0
        self._weights = torch.linalg.lstsq(known, colours.reshape(3, -1).T).solution  # [latent channels + 1, 3]

    def jpeg(self, latents: Tensor) -> bytes:
        """A small JPEG of scaled latents [1, channels, height / f, width / f]."""
        values = latents[0].float().cpu()
        rgb = torch.einsum("chw,cd->hwd", values, self._weights[:-1]) + self._weights[-1]
        image = Image.fromarray(((rgb.clamp(-1, 1) + 1) * 127.5).byte().numpy())
        zoom = SIDE / max(image.size)
        file = io.BytesIO()
        image.resize((round(image.width * zoom), round(image.height * zoom)), Image.Resampling.BILINEAR).save(
            file, "JPEG", quality=75
        )
        return file.getvalue()


class SchedulerTap:
    """Remembers what went into the scheduler's last step, from which a preview can be made when one is wanted."""

    def __init__(self, driver: Driver, scheduler: Any) -> None:
        self._driver, self.scheduler = driver, scheduler
        self._last: tuple[Tensor, Tensor, Tensor] | None = None
        step = scheduler.step

        @wraps(step)  # pipelines look at the signature
        def watched(model_output: Tensor, timestep: Tensor, sample: Tensor, *args: Any, **options: Any) -> Any:
            self._last = model_output, timestep, sample
            return step(model_output, timestep, sample, *args, **options)

        scheduler.step = watched

    def clean(self) -> Tensor:
        """The finished latents as the last step foresaw them."""
        assert self._last is not None, "asked before the first step"
        predicted, timestep, sample = self._last
        return self._driver.clean(self.scheduler, predicted, timestep, sample)
