"""A part of a picture, taken out, painted over, and put back so that nothing else changes and no seam shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import maximum_filter

from studio.contracts.box import Box
from studio.imaging.masks import WHITE, fading, united
from studio.imaging.seam_cut import joined

AS_IT_IS = (0.8, 1.25)  # a part that the family draws within this scale is not scaled
NARROW = 2.0  # a part is at most so many times as long as it is wide, where the picture has room
CELL = 4  # pixels: finer than this, colours are not matched
SHIFT = 32  # of 255: no decoder shifts a colour as far as that
SMOOTH = 64  # a part's longer side has so many widths of the edge along which it is joined to the rest


@dataclass(frozen=True)
class Window:
    """Which part of a picture is worked on (left, top, right, bottom), and at which size (width, height), in pixels."""

    box: Box
    size: tuple[int, int]

    def cut(self, image: Image.Image) -> Image.Image:
        """This part of the picture, or of a mask, at the size that is worked at."""
        part = image.crop(self.box)
        return part if part.size == self.size else part.resize(self.size, Image.Resampling.LANCZOS)


def softened(mask: Image.Image, feather: float) -> Image.Image:
    """The mask (L) with an edge that fades outwards over so many pixels and no more; what is white stays white."""
    return united(mask, fading(mask, feather)) if feather else mask


def window_of(soft: Image.Image, padding: int, side: int) -> Window:
    """What is worked on, for a soft mask (L) with so many pixels round it, by a family that draws `side` x `side`."""
    left, top, right, bottom = soft.getbbox() or (0, 0, *soft.size)
    padding = max(padding, CELL)  # without anything round the mask no colours could be fitted
    wide, high = right - left + 2 * padding, bottom - top + 2 * padding
    wide, high = max(wide, math.ceil(high / NARROW)), max(high, math.ceil(wide / NARROW))
    left, right = _stretch(left, right, wide, soft.width)
    top, bottom = _stretch(top, bottom, high, soft.height)
    scale = side / math.sqrt((right - left) * (bottom - top))
    scale = 1.0 if AS_IT_IS[0] <= scale <= AS_IT_IS[1] else scale
    return Window((left, top, right, bottom), (_by_8((right - left) * scale), _by_8((bottom - top) * scale)))


def _stretch(first: int, last: int, length: int, end: int) -> tuple[int, int]:
    """A span of at least this length round another, moved inside of 0 to `end`."""
    length = min(max(length, last - first), end)
    start = min(max(0, (first + last - length) // 2), end - length)
    return start, start + length


def _by_8(length: float) -> int:
    return max(8, round(length / 8) * 8)


def put_back(
    original: Image.Image, painted: Image.Image, mask: Image.Image, soft: Image.Image, window: Window
) -> tuple[Image.Image, Image.Image]:
    """The original (RGB) with what was painted in the window, and where that is (L, the original's size).

    What is inside of the mask (L) is all painted; where the soft one, which `softened` made of it, is black, every
    pixel is as it was. In between, the mask's own grey included, the two pictures are joined where they are most alike.
    A decoder shifts colours a little everywhere: by how much, the surroundings tell, which nobody painted; it is taken
    back inside, smoothly.
    """
    if painted.size != (window.box[2] - window.box[0], window.box[3] - window.box[1]):
        painted = painted.resize(
            (window.box[2] - window.box[0], window.box[3] - window.box[1]), Image.Resampling.LANCZOS
        )
    old, new = (np.asarray(one.convert("RGB"), dtype=np.float32) for one in (original.crop(window.box), painted))
    must, may = (np.asarray(one.crop(window.box)) >= least for one, least in ((mask, WHITE), (soft, 1)))
    # A latent is many pixels: what was painted shows a little way beyond the mask as well, and is no shift of colours.
    alike = maximum_filter(np.abs(old - new).max(axis=-1), size=3) < SHIFT
    known = alike & ~may
    if known.any():
        new = (new + _smoothly(old - new, known)).clip(0, 255)
    taken = Image.fromarray(joined(old, new, must, may).astype(np.uint8) * 255)
    share = np.asarray(softened(taken, max(taken.size) / SMOOTH)) * may
    mixed = old + (new - old) * (share[..., None].astype(np.float32) / 255)
    result, where = original.copy(), Image.new("L", original.size)
    result.paste(Image.fromarray(mixed.round().astype(np.uint8)), window.box[:2])
    where.paste(Image.fromarray(share.astype(np.uint8)), window.box[:2])
    return result, where


def surrounded(image: Image.Image, soft: Image.Image) -> Image.Image:
    """The picture (RGB) with what surrounds the soft mask (L) drawn smoothly over it, as if nothing had been there."""
    pixels, share = np.asarray(image, dtype=np.float32), np.asarray(soft, dtype=np.float32)[..., None] / 255
    outside = share[..., 0] == 0
    if not outside.any():
        return image
    mixed = pixels + (spread(pixels, outside) - pixels) * share
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))


def _smoothly(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`spread` of values [height, width, channels] without their finest detail."""
    return _spread_by(CELL, values, known)


def spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values [height, width, channels] carried on smoothly from where they are known [height, width] to everywhere.

    Pull and push over a pyramid (Gortler et al. 1996): every level takes the mean of what is known below it.
    """
    if known.all() or not known.any() or max(known.shape) == 1:
        return values
    return np.where(known[..., None], values, _spread_by(2, values, known))


def _spread_by(side: int, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What `spread` makes of the means of squares of so many pixels a side, at the values' own size again."""
    height, width = known.shape
    high, wide = -(-height // side), -(-width // side)
    padded = np.zeros((high * side, wide * side, values.shape[2] + 1), dtype=np.float32)
    padded[:height, :width, :-1] = values * known[..., None]
    padded[:height, :width, -1] = known
    cells = padded.reshape(high, side, wide, side, -1).sum((1, 3))
    weights = cells[..., -1]
    coarse = spread(cells[..., :-1] / np.maximum(weights, 1)[..., None], weights > 0)
    return _resized(coarse, (high * side, wide * side))[:height, :width]


def _resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[height, width, channels] -> the same at another size (height, width), bilinear."""
    height, width = size
    planes = [
        Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        for plane in np.moveaxis(values, -1, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
