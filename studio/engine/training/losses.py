"""What a diffusion model is trained on: noisy latents, what it should say of them, and how far off it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def prior_preservation_loss(errors: Tensor, instances: int, weight: float) -> Tensor:
    """Mean instance error plus `weight` times mean class error (Ruiz et al. 2023, eq. 2).

    errors: [batch], instances first; where the batch holds no class images, the second term is absent.
    """
    loss = errors[:instances].mean()
    return loss if len(errors) == instances else loss + weight * errors[instances:].mean()


def target_of(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the network should say, as the family's scheduler has it; shapes as `latents`."""
    kind = scheduler.config.prediction_type
    if kind == "v_prediction":
        return scheduler.get_velocity(latents, noise, timesteps)
    if kind == "sample":
        return latents
    return noise


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
