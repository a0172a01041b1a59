"""What a diffusion model is trained on: noisy latents, what it should say of them, and how far off it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SNR_GAMMA = 5.0  # Hang et al. 2023


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


def weights_of(scheduler: Any, timesteps: Tensor) -> Tensor:
    """Min-SNR weights of the timesteps, [batch] (Hang et al. 2023): no noise level outweighs the others."""
    cumulative = scheduler.alphas_cumprod.to(timesteps.device)[timesteps]
    snr = cumulative / (1 - cumulative)
    kind = scheduler.config.prediction_type
    capped = snr.clamp(max=SNR_GAMMA)
    if kind == "v_prediction":
        return capped / (snr + 1)
    return capped if kind == "sample" else capped / snr.clamp(min=1e-8)


def stratified_timesteps(count: int, total: int, generator: torch.Generator) -> Tensor:
    """[count] timesteps, one from each of `count` equal parts of the schedule, in random order: less noise in the loss."""
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    return (places[torch.randperm(count, generator=generator)] * total).long().clamp(max=total - 1)
