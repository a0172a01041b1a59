"""Schedulers by the names that people know, each built from the family's own noise schedule."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import torch
from torch import Tensor

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    # clip_sample belongs to pixels: latents leave [-1, 1], and a configuration that does not say so would clip them.
    "DDIM": ("DDIMScheduler", {"clip_sample": False}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}),
    "PNDM": ("PNDMScheduler", {"skip_prk_steps": True}),
    "UniPC": ("UniPCMultistepScheduler", {}),
}
SMALLEST_SIGNAL = 2.0**-24  # alphas_cumprod at zero terminal SNR, where a solver divides by it; as in diffusers' Euler


def build_scheduler(name: str | None, own: Any) -> Any:
    """A fresh scheduler of that name on the noise schedule of `own`; None: of the family's own kind.

    Raises ValueError with the known names for another.
    """
    if name is None:
        return type(own).from_config(own.config)
    if name not in SCHEDULERS:
        raise ValueError(f"scheduler must be one of {', '.join(SCHEDULERS)}, got {name!r}")
    kind_name, options = SCHEDULERS[name]
    kind = getattr(diffusers, kind_name)
    if own.config.get("rescale_betas_zero_snr") and not _takes(kind, "rescale_betas_zero_snr"):
        options = options | {"trained_betas": _zero_snr_betas(own.config)}
    return kind.from_config(own.config, **options)


def clean_latents(scheduler: Any, predicted: Tensor, timestep: Tensor, sample: Tensor) -> Tensor:
    """What the network takes the finished latents to be, seen from one noisy step; shapes as `sample`.

    `scale_model_input` brings every scheduler's sample to the variance-preserving form that alphas_cumprod is for.
    """
    cumulative = scheduler.alphas_cumprod[int(timestep)].to(sample.device, torch.float32)
    signal, noise = cumulative.sqrt(), (1 - cumulative).sqrt()
    seen = scheduler.scale_model_input(sample, timestep).float()
    if scheduler.config.prediction_type == "v_prediction":
        return signal * seen - noise * predicted.float()
    if scheduler.config.prediction_type == "sample":
        return predicted.float()
    return (seen - noise * predicted.float()) / signal


def _takes(kind: type, option: str) -> bool:
    return option in inspect.signature(kind.__init__).parameters


def _zero_snr_betas(config: Any) -> list[float]:
    """Betas of the family's schedule with zero terminal SNR (Lin et al. 2023), for schedulers that cannot rescale."""
    rescaled: Any = diffusers.DDIMScheduler.from_config(config, rescale_betas_zero_snr=True)
    cumulative = rescaled.alphas_cumprod.double().clamp(min=SMALLEST_SIGNAL)
    previous = torch.cat([torch.ones(1, dtype=torch.float64), cumulative[:-1]])
    return (1 - cumulative / previous).tolist()
