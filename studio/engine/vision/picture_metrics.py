"""What repainting and outfits did to a picture, measured against the picture without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, ImageFilter
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from studio.imaging.masks import grown

LARGEST, STYLE_LEVELS, RIM = 512, 2, 0.03  # of pictures compared for style: pixels, levels; share of the side
# Values of a soft mask along which a seam may show; a picture's side has so many times what counts as right there.
EDGES, NEAR = (1, 64, 128, 192, 255), 256


def palette_bleed(bare: Image.Image, worn: Image.Image, garments: Image.Image | None) -> float:
    """How far the colours of areas moved outside of the garments: the mean CIE76 difference, in units of CIELAB.

    Two RGB pictures of one size and a mask (L, white on what is worn); 2.3 is just noticeable (Mahy et al. 1994).
    """
    blur = ImageFilter.GaussianBlur(max(bare.size) / 40)
    before, after = (_lab(picture.filter(blur)) for picture in (bare, worn))
    outside = _outside(garments, bare.size)
    return float(np.linalg.norm(after - before, axis=2)[outside].mean()) if outside.any() else 0.0


def outfit_effect(bare: Image.Image, worn: Image.Image, garments: Image.Image) -> float:
    """How far colours moved on the garments themselves: as `palette_bleed`, inside of the mask."""
    inside = np.asarray(garments.resize(bare.size)) > 127
    moved = np.linalg.norm(_lab(worn) - _lab(bare), axis=2)
    return float(moved[inside].mean()) if inside.any() else 0.0


def _lab(image: Image.Image) -> np.ndarray:
    """CIELAB, [height, width, 3]: L 0 to 100, a and b -128 to 127."""
    lab = np.asarray(ImageCms.applyTransform(image.convert("RGB"), _TO_LAB), dtype=np.float32)
    signed = np.where(lab[..., 1:] > 127, lab[..., 1:] - 256, lab[..., 1:])
    return np.concatenate([lab[..., :1] * (100 / 255), signed], axis=2)


_TO_LAB = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")


def seam(original: Image.Image, repainted: Image.Image, soft: Image.Image) -> float:
    """How much jumps along the edge of what was repainted where nothing jumped before, 0 to 255.

    Two RGB pictures of one size and the soft mask (L, black outside). Along each of EDGES, the lines where the mask
    comes to a value: the mean of what neighbouring pixels on either side of it differ by, less what any differed by in
    the original right there; the line where that is the most counts. So the outline of clothes that were there is no
    seam in new ones, whatever their colours, and a mask whose edge is hard, all lines in one, is measured like another.
    """
    from scipy.ndimage import maximum_filter

    around = soft.getbbox()
    if around is None or soft.getextrema()[0] == 255:
        return 0.0
    reach = max(1, round(min(soft.size) / NEAR))
    left, top, right, bottom = around
    around = (
        max(0, left - reach - 2),
        max(0, top - reach - 2),
        min(soft.width, right + reach + 2),
        min(soft.height, bottom + reach + 2),
    )
    share = np.asarray(soft.crop(around))
    before, after = (np.asarray(one.convert("RGB").crop(around), dtype=np.float32) for one in (original, repainted))
    jumps: dict[int, list[np.ndarray]] = {value: [] for value in EDGES}
    for axis in (0, 1):
        was, now = (np.abs(np.diff(one, axis=axis)).mean(axis=-1) for one in (before, after))
        new = np.maximum(0.0, now - maximum_filter(was, size=2 * reach + 1))
        for value in EDGES:
            jumps[value].append(new[np.diff(share >= value, axis=axis)])
    lines = [np.concatenate(found) for found in jumps.values()]
    return max((float(line.mean()) for line in lines if line.size), default=0.0)


def changed_outside(original: Image.Image, repainted: Image.Image, soft: Image.Image) -> int:
    """How many pixels of two RGB pictures differ where the soft mask (L) is black."""
    outside = np.asarray(soft) == 0
    return int((np.asarray(original) != np.asarray(repainted)).any(axis=2)[outside].sum())


@torch.no_grad()
def style_drift(bare: Image.Image, worn: Image.Image, garments: Image.Image | None, pipeline: Any) -> float:
    """How far the look moved outside of the garments, from 0 for not at all.

    The relative distance of means and deviations of the first features of the VAE's encoder, which tell style from
    content (Huang and Belongie 2017). Two RGB pictures of one size and a mask (L); None: nothing is worn.
    """
    size = (min(bare.width, LARGEST) // 8 * 8, min(bare.height, LARGEST) // 8 * 8)
    weights = torch.from_numpy(_outside(garments, size).astype(np.float32))[None, None]
    if not weights.any():
        return 0.0
    kept = [_statistics(_features(picture.resize(size), pipeline), weights) for picture in (bare, worn)]
    return float(
        np.mean([((after - before).norm() / before.norm()).item() for before, after in zip(*kept, strict=True)])
    )


def _features(image: Image.Image, pipeline: Any) -> list[Tensor]:
    """[1, channels, height, width] of the first levels of the VAE's encoder."""
    vae, seen = pipeline.vae, []
    pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1
    hooks = [
        level.register_forward_hook(lambda _module, _given, state: seen.append(state.float().cpu()))
        for level in vae.encoder.down_blocks[:STYLE_LEVELS]
    ]
    try:
        vae.encode(pixels.to(pipeline._execution_device, vae.dtype))  # as a whole: weights may come one by one
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _statistics(features: Sequence[Tensor], weights: Tensor) -> list[Tensor]:
    """Means and deviations of each level's channels, where the weights [1, 1, height, width] are."""
    found = []
    for state in features:
        share = adaptive_avg_pool2d(weights, (state.shape[-2], state.shape[-1]))
        share = share / share.sum()
        mean = (state * share).sum((0, 2, 3))
        spread = ((state - mean[None, :, None, None]).square() * share).sum((0, 2, 3)).sqrt()
        found.append(torch.cat([mean, spread]))
    return found


def _outside(garments: Image.Image | None, size: tuple[int, int]) -> np.ndarray:
    """Where nothing is worn, [height, width]; a rim round what is worn belongs to it."""
    if garments is None:
        return np.ones(size[::-1], dtype=bool)
    rim = grown(garments.resize(size), max(1, round(max(size) * RIM)))
    return np.asarray(rim) < 128
