"""What changed outside of clothing between two pictures of one figure: in its colours, in its look.

A measuring tool of the benchmarks, made apart from the studio's own estimates: it knows the drawn world's colours, and
looks through the judge's eyes.
"""

from __future__ import annotations

import random
from functools import lru_cache, partial

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from pocketworld.judge import PIXELS, Judge, to_pixels
from pocketworld.render import render
from pocketworld.world import sample
from studio.imaging.masks import grown, united

ROOM, BLUR = 4, 3.0  # pixels of 128: round clothing, whose edge is nobody's; and of areas whose colours are compared
RENDERS, FREQUENT, NEAR = 300, 60, 20.0  # that tell the world's colours; pixels of one; distance in RGB up to which
STEP = 8  # of 256: how finely `known_colours` knows each channel


def outside(*clothing: Image.Image) -> np.ndarray:
    """Where none of the masks (L, one size, white on what is worn) has clothing nor its rim: bool [height, width]."""
    worn = clothing[0]
    for other in clothing[1:]:
        worn = united(worn, other)
    return np.asarray(grown(worn, ROOM * worn.width / PIXELS)) < 128


def bleed(before: Image.Image, after: Image.Image, where: np.ndarray) -> float:
    """How far the colours of areas moved: the mean CIE76 difference in CIELAB where `where` is, bool [height, width].

    Two RGB pictures of that size; 2.3 is just noticeable (Mahy et al. 1994). NaN where there is nowhere to look.
    """
    one, two = (_lab(_areas(np.asarray(picture.convert("RGB"), float), where)) for picture in (before, after))
    return float(np.linalg.norm(two - one, axis=2)[where].mean()) if where.any() else float("nan")


def _areas(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The means round each pixel, [height, width, 3], of nothing but what lies where: a shirt must not shine out."""
    sigma = BLUR * values.shape[1] / PIXELS
    blurred = partial(gaussian_filter, sigma=(sigma, sigma, 0), mode="constant", truncate=3.0)
    weights = np.where(where, 1.0, 0.0)[..., None]
    return blurred(values * weights) / np.maximum(blurred(weights), 1e-6)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB, 0 to 255 -> CIELAB under D65, last axis of 3."""
    share = rgb / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    xyz = (
        linear
        @ np.array(
            [[0.4124564, 0.2126729, 0.0193339], [0.3575761, 0.7151522, 0.1191920], [0.1804375, 0.0721750, 0.9503041]]
        )
        / (0.95047, 1.0, 1.08883)
    )
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@torch.no_grad()
def drift(before: Image.Image, after: Image.Image, where: np.ndarray, judge: Judge) -> float:
    """How far the look moved, 0 for not at all: the distance of the Gram matrices (Gatys et al. 2016) of the judge's
    first features, over the length of the first picture's; where `where` is, bool [height, width]. NaN for nowhere.

    Lines and grain alone count, as deviations from the colour of the area: a tint is `bleed`'s, and would drown them.
    """
    weights = _patches(where)
    if not weights.any():
        return float("nan")
    one, two = (_gram(picture, where, weights, judge) for picture in (before, after))
    return float((two - one).norm() / one.norm())


def _patches(where: np.ndarray) -> torch.Tensor:
    """[32, 32]: 1 for each of the judge's patches that lies where as a whole."""
    whole = Image.fromarray(where.astype(np.uint8) * 255).resize((PIXELS, PIXELS), Image.Resampling.NEAREST)
    side = PIXELS // 4
    return torch.from_numpy((np.asarray(whole) > 0).reshape(side, 4, side, 4).all((1, 3))).float()


def _gram(picture: Image.Image, where: np.ndarray, weights: torch.Tensor, judge: Judge) -> torch.Tensor:
    """[64, 64]: how the features of patches go together, on the mean."""
    values = np.asarray(picture.convert("RGB"), float)
    grain = Image.fromarray((values - _areas(values, where) + 127.5).clip(0, 255).astype(np.uint8))
    features = judge.net.stem(to_pixels(grain)[None])[0].flatten(1)
    return (features * weights.flatten()) @ features.T / weights.sum()


def flat(picture: Image.Image, where: np.ndarray) -> float:
    """The share of the pixels, where `where` is, that have one of the world's colours, 0 to 1. NaN for nowhere."""
    pixels = np.asarray(picture.convert("RGB"))[where] // STEP
    return float(known_colours()[tuple(pixels.T)].mean()) if len(pixels) else float("nan")


@lru_cache(maxsize=1)
def known_colours() -> np.ndarray:
    """Which colours are near one that renders have areas of: bool [32, 32, 32] over red, green, blue in steps of 8."""
    rng, found = random.Random(0), set()
    for _ in range(RENDERS):
        colours, counts = np.unique(
            np.asarray(render(sample(rng), truth=False).image).reshape(-1, 3), axis=0, return_counts=True
        )
        found |= {tuple(colour // 4 * 4 + 2) for colour in colours[counts >= FREQUENT]}
    known = torch.tensor(np.array(sorted(found)), dtype=torch.float32)
    steps = torch.arange(0, 256, STEP, dtype=torch.float32) + STEP / 2
    every = torch.cartesian_prod(steps, steps, steps)
    nearest = torch.cat([torch.cdist(part, known).min(1).values for part in every.split(4096)])
    return (nearest <= NEAR).numpy().reshape(len(steps), len(steps), len(steps))
