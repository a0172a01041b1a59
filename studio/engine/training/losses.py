"""How far off a network is that learns a subject."""

from __future__ import annotations

from torch import Tensor


def prior_preservation_loss(errors: Tensor, instances: int, weight: float) -> Tensor:
    """Mean instance error plus `weight` times mean class error (Ruiz et al. 2023, eq. 2).

    errors: [batch], instances first; where the batch holds no class images, the second term is absent.
    """
    loss = errors[:instances].mean()
    return loss if len(errors) == instances else loss + weight * errors[instances:].mean()
