"""Renders made to look more like drawn pictures, which are a bit soft, blotched and off in colour."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def augment(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift and mirror all of the batch, and wear parts of it."""
    size = pixels.shape[-1]
    left, up = rng.integers(0, 13, 2)
    pixels = F.pad(pixels, (6, 6, 6, 6), mode="replicate")[:, :, up : up + size, left : left + size]
    if rng.random() < 0.5:
        pixels = pixels.flip(-1)
    return worn(pixels, rng)


def worn(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Soften, blotch, tint or grain parts of the batch, each thing staying where it is."""
    for change in (_soften, _blotch, _tint, _grain):
        chosen = torch.from_numpy(rng.random(len(pixels)) < 0.4)
        if chosen.any():
            pixels = pixels.index_put((chosen,), change(pixels[chosen], rng))
    return pixels


def _soften(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Through a smaller size and back, as an autoencoder blurs fine lines."""
    smaller = int(rng.integers(60, 112))
    small = F.interpolate(pixels, size=smaller, mode="area")
    return F.interpolate(small, size=pixels.shape[-1], mode="bicubic", align_corners=False)


def _blotch(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Smooth stains of colour, some as coarse as a JPEG's blocks and some as fine as its ringing."""
    cells = int(rng.integers(6, 48))
    stains = torch.randn(len(pixels), 3, cells, cells) * 0.12 * rng.random()
    return pixels + F.interpolate(stains, size=pixels.shape[-1], mode="bilinear", align_corners=False)


def _tint(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """A small change of contrast and of every channel; large ones would turn one colour word into another."""
    contrast = 1 + 0.06 * torch.randn(len(pixels), 1, 1, 1)
    return pixels * contrast + 0.03 * torch.randn(len(pixels), 3, 1, 1)


def _grain(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    return pixels + 0.08 * rng.random() * torch.randn_like(pixels)
