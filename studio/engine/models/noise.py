"""Noise of denoising diffusion (Ho et al. 2020) as a training meets it, on the family's own schedule."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor


class DiffusionNoise:
    """A family's noise in training; what the network should say of it is what its scheduler was configured for."""

    def __init__(self, own: Any) -> None:
        """`own` is the family's scheduler; training takes over its configuration."""
        self.schedule: Any = DDPMScheduler.from_config(own.config)

    def times(self, count: int, chances: torch.Generator) -> Tensor:
        return stratified_timesteps(count, self.schedule.config.num_train_timesteps, chances)

    def noised(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        return self.schedule.add_noise(latents, noise, times)

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        kind = self.schedule.config.prediction_type
        if kind == "v_prediction":
            return self.schedule.get_velocity(latents, noise, times)
        if kind == "sample":
            return latents
        return noise

    def weights(self, times: Tensor, gamma: float) -> Tensor:
        return weights_of(self.schedule, times, gamma)


def weights_of(scheduler: Any, timesteps: Tensor, gamma: float) -> Tensor:
    """Weights of the timesteps, [batch]: those with little noise count less, as in min-SNR (Hang et al. 2023).

    With a gamma of 0 all count 1. For noise prediction this is min-SNR itself, min(1, gamma / SNR). Velocity prediction
    takes the same weights, not the paper's min(SNR, gamma) / (SNR + 1), which all but silences the high noise levels.
    """
    if not gamma:
        return torch.ones_like(timesteps, dtype=torch.float32)
    cumulative = scheduler.alphas_cumprod.to(timesteps.device)[timesteps]
    snr = cumulative / (1 - cumulative)
    if scheduler.config.prediction_type == "sample":
        return snr.clamp(max=gamma)
    return (gamma / snr.clamp(min=1e-8)).clamp(max=1.0)


def stratified_timesteps(count: int, total: int, generator: torch.Generator) -> Tensor:
    """[count] timesteps, one from each of `count` equal parts of the schedule, in random order."""
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    return (places[torch.randperm(count, generator=generator)] * total).long().clamp(max=total - 1)
