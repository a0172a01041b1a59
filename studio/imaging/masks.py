"""Masks: what was found, and what can be done with one. White is what will be repainted; the size is the picture's.

Every operation takes and gives pictures of mode "L". scipy is imported when first needed: `import studio` stays light.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from studio.contracts.box import Box
from studio.contracts.requests import MOST_PIXELS
from studio.imaging.mask_reading import WHITE, MaskReading, reading_of
from studio.imaging.photos import check_size, opened

EVERYDAY = ("clothing", "hair", "face", "hat", "shoes", "person")  # words to offer where a family knows the open world
LARGE = 0.9  # of the picture: a mask that covers more is asked about
SPECK = 0.01  # of the largest piece: a smaller one is a speck


@dataclass(frozen=True)
class Candidate:
    """One of the shapes that SAM proposes for the same thing, with SAM's own estimate of its IoU, 0 to 1."""

    image: Image.Image
    score: float


@dataclass(frozen=True)
class Mask:
    """Something found in a picture.

    `image` is white inside ("L", the picture's size) and is the first of `candidates`; `box` is the detector's, or the
    mask's own where points asked; `score` is how sure the detector is, or SAM where points asked, 0 to 1.
    """

    image: Image.Image
    box: Box
    score: float
    label: str
    candidates: tuple[Candidate, ...] = ()


def read_mask(png: bytes) -> Image.Image:
    """A mask from the bytes of `png_of`; its pixels are read when they are first asked for."""
    return Image.open(io.BytesIO(png), formats=("PNG",))


def png_of(mask: Image.Image) -> bytes:
    """The mask as a PNG, without loss."""
    data = io.BytesIO()
    mask.save(data, "PNG")
    return data.getvalue()


def read_as_meant(
    source: Path | bytes | Image.Image, size: tuple[int, int] | None = None, name: str = "The mask"
) -> MaskReading:
    """A mask of somebody's, and how it was read: the file as a whole decides (see `mask_reading`).

    Raises ValueError, in a sentence, for what is no picture, damaged, too large, or of another size than `size`.
    """
    image = source if isinstance(source, Image.Image) else _loaded(source, size, name)
    reading = reading_of(image)
    if size is not None and reading.image.size != size:
        raise ValueError(_unlike(reading.image.size, size))
    return reading


def open_mask(
    source: Path | bytes | Image.Image, size: tuple[int, int] | None = None, name: str = "The mask"
) -> Image.Image:
    """The mask in "L" that `read_as_meant` finds; it raises what that raises."""
    return read_as_meant(source, size, name).image


def exact_mask(source: Path | bytes, size: tuple[int, int]) -> Image.Image:
    """A mask that the studio itself has written, value by value: its opacity where it has one, or its light.

    Raises what `open_mask` raises.
    """
    mask = _loaded(source, size, "The mask")
    return mask.getchannel("A") if mask.mode in ("RGBA", "LA") else mask.convert("L")


def checked(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The mask in "L": one that is so already as it is, any other as it was meant.

    Raises ValueError when it is not of this size (width, height), naming both.
    """
    if mask.size != size:
        raise ValueError(_unlike(mask.size, size))
    return mask if mask.mode == "L" else reading_of(mask).image


def _loaded(source: Path | bytes, size: tuple[int, int] | None, name: str) -> Image.Image:
    with opened(source, name) as mask:  # by its header first: nothing larger is ever decoded
        if size is None:
            check_size(mask, name)
        elif mask.size not in (size, size[::-1]):  # it may lie on its side, by its EXIF
            raise ValueError(_unlike(mask.size, size))
        try:
            mask.load()
        except Exception as error:  # a damaged file: decoders raise a dozen kinds
            raise ValueError(f"{name} is damaged and cannot be read to its end; save it again.") from error
        return mask


def told(reading: MaskReading) -> str:
    """A sentence on how a mask was read, and how much of the picture it covers."""
    said = f"{reading.words[:1].upper()}{reading.words[1:]}"
    return f"{said} ({percent(share_of(reading.image))} of the picture)."


def warned(share: float) -> str:
    """A sentence where a mask covers nearly the whole picture; else none."""
    if share <= LARGE:
        return ""
    return (
        f"The mask covers {percent(share)} of the picture, so nearly all of it is repainted: invert the mask if the rest "
        "was meant."
    )


def percent(share: float) -> str:
    """A share, 0 to 1, in whole hundredths; a little is never none and never all."""
    if 0 < share < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < share < 1 else f"{share:.0%}"


def fitted(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The mask scaled to a size, its edge kept as sharp or soft as it is."""
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def grown(mask: Image.Image, pixels: float) -> Image.Image:
    """The mask with an edge that lies so many pixels further out, or in where it is negative; the edge is hard."""
    _check_pixels(abs(pixels))
    inside = _inside(mask)
    if pixels == 0 or box_of(mask) is None or inside.all():
        return _image(inside)
    rows, columns = _round(mask, abs(pixels))
    near = inside[rows, columns]
    inside[rows, columns] = _distance(~near) <= pixels if pixels > 0 else _distance(near) > -pixels
    return _image(inside)


def fading(mask: Image.Image, pixels: float) -> Image.Image:
    """What is inside of the mask in white, and round it an edge that fades to nothing over so many pixels."""
    _check_pixels(pixels)
    inside = _inside(mask)
    shades = inside * np.float32(255)
    if pixels and box_of(mask) is not None and not inside.all():
        rows, columns = _round(mask, pixels)
        shades[rows, columns] = 255 * (1 - _distance(~inside[rows, columns]) / (pixels + 1)).clip(0, 1)
    return Image.fromarray(shades.round().astype(np.uint8))


def closed(mask: Image.Image, pixels: float) -> Image.Image:
    """The mask with what lies between its parts, where that is no wider than twice so many pixels; the edge is hard."""
    rim = math.ceil(pixels) + 1  # beyond the picture's edge nothing is inside
    wide = ImageOps.expand(mask, rim)
    return ImageOps.crop(grown(grown(wide, pixels), -pixels), rim)


def feathered(mask: Image.Image, pixels: float) -> Image.Image:
    """The mask with an edge that fades over about so many pixels to either side."""
    _check_pixels(pixels)
    return mask.filter(ImageFilter.GaussianBlur(pixels / 2)) if pixels else mask


def filled(mask: Image.Image) -> Image.Image:
    """The mask without holes, their soft rims included: whatever it surrounds is inside too."""
    from scipy.ndimage import binary_fill_holes

    inside = _inside(mask)
    whole = np.asarray(binary_fill_holes(inside))
    holes = whole & ~inside
    if not holes.any():
        return mask
    rims = whole & (_distance(~holes) < _distance(whole))
    return ImageChops.lighter(mask, _image(rims))


def cleaned(mask: Image.Image) -> Image.Image:
    """The mask without specks: pieces, soft edge and all, smaller than a hundredth of its largest."""
    pieces, count = _pieces(np.asarray(mask) > 0)
    if count == 0:
        return mask
    sizes = np.bincount(pieces[_inside(mask)], minlength=count + 1)
    kept = sizes >= max(2, SPECK * sizes.max())
    return ImageChops.darker(mask, _image(kept[pieces])) if not kept[1:].all() else mask


def meeting(mask: Image.Image, other: Image.Image) -> Image.Image:
    """Those pieces of the mask that meet the other, their edges hard."""
    pieces, _ = _pieces(_inside(mask), structure=np.ones((3, 3)))
    met = np.unique(pieces[_inside(checked(other, mask.size)) & (pieces > 0)])
    return _image(np.isin(pieces, met))


def lowered(mask: Image.Image, pixels: int) -> Image.Image:
    """The mask without the uppermost pixels, so many, of each of its columns' pieces; the edge is hard."""
    inside = _inside(mask)
    above = np.cumsum(np.pad(inside, ((pixels + 1, 0), (0, 0))), axis=0)
    return _image(above[pixels + 1 :] - above[: -pixels - 1] == pixels + 1)


def inverted(mask: Image.Image) -> Image.Image:
    """The mask with white for black."""
    return ImageChops.invert(mask)


def united(mask: Image.Image, other: Image.Image) -> Image.Image:
    """A mask of what is in either; the second may be of any mode. Raises ValueError for another size."""
    return ImageChops.lighter(mask, checked(other, mask.size))


def without(mask: Image.Image, other: Image.Image) -> Image.Image:
    """A mask of what is in the first and not in the other. Raises ValueError for another size."""
    return ImageChops.darker(mask, inverted(checked(other, mask.size)))


def hard(mask: Image.Image) -> Image.Image:
    """The mask in black and white alone: what is inside, without its soft edge."""

    def whole(value: int) -> int:
        return 255 if value >= WHITE else 0

    return mask.point(whole)


def halved(mask: Image.Image) -> Image.Image:
    """The mask with every value half as large."""

    def half(value: int) -> int:
        return value // 2

    return mask.point(half)


def extrema_of(mask: Image.Image) -> tuple[int, int]:
    """The least and the largest value of a mask, or of another picture of one band with 8 bits a pixel."""
    return cast("tuple[int, int]", mask.getextrema())  # Pillow's type is of any number of bands


def box_of(mask: Image.Image) -> Box | None:
    """The box round what is inside, in pixels; None where nothing is."""
    return hard(mask).getbbox()


def overlap_of(mask: Image.Image, other: Image.Image) -> float:
    """IoU of two masks of one size, 0 to 1; 1 where both are empty."""
    one, two = _inside(mask), _inside(other)
    both = (one | two).sum()
    return float((one & two).sum() / both) if both else 1.0


def share_of(mask: Image.Image) -> float:
    """The share of the picture that is inside, 0 to 1."""
    return float(_inside(mask).mean())


OPERATIONS: Mapping[str, Callable[[Image.Image, float], Image.Image]] = MappingProxyType(
    {
        "grow": lambda mask, pixels: grown(mask, pixels),
        "shrink": lambda mask, pixels: grown(mask, -pixels),
        "feather": lambda mask, pixels: feathered(mask, pixels),
        "fill": lambda mask, pixels: filled(mask),
        "clean": lambda mask, pixels: cleaned(mask),
        "invert": lambda mask, pixels: inverted(mask),
    }
)


def operated(mask: Image.Image, operation: str, pixels: float = 4) -> Image.Image:
    """The mask after one of OPERATIONS, by its name and so many pixels. Raises ValueError, naming them, for another."""
    if operation not in OPERATIONS:
        raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}, got {operation!r}")
    _check_pixels(pixels)
    return OPERATIONS[operation](mask, pixels)


def check_inside(
    points: Sequence[tuple[float, float, int]], box: Sequence[float] | None, size: tuple[int, int]
) -> None:
    """Raises ValueError for points (x, y, label) and a box outside of a picture of this size (width, height)."""
    width, height = size
    for x, y, _ in points:
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"The point {x:g}, {y:g} lies outside of the picture of {width} x {height} px.")
    if box is not None:
        left, top, right, bottom = box
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise ValueError(
                f"The box {left:g}, {top:g}, {right:g}, {bottom:g} leaves the picture of {width} x {height} px."
            )


def _unlike(size: tuple[int, int], wanted: tuple[int, int]) -> str:
    return (
        f"The mask is {size[0]} x {size[1]} px and should be {wanted[0]} x {wanted[1]}; a mask must have the "
        "picture's size."
    )


def _round(mask: Image.Image, pixels: float) -> tuple[slice, slice]:
    """Rows and columns that hold what is inside, and so many pixels round it: distances over a large picture take
    gigabytes."""
    left, top, right, bottom = box_of(mask) or (0, 0, *mask.size)
    reach = int(pixels) + 2
    return slice(max(0, top - reach), bottom + reach), slice(max(0, left - reach), right + reach)


def _distance(there: np.ndarray) -> np.ndarray:
    """How far each pixel that is there lies from those that are not, in pixels; 0 for these."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(there))


def _pieces(inside: np.ndarray, structure: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """The number of the piece that each pixel belongs to, from 1, or 0 for none; and how many pieces there are."""
    from scipy.ndimage import label

    return cast("tuple[np.ndarray, int]", label(inside, structure=structure))  # scipy has no types: it is guessed


def _inside(mask: Image.Image) -> np.ndarray:
    return np.asarray(mask) >= WHITE


def _image(inside: np.ndarray) -> Image.Image:
    return Image.fromarray(inside.astype(np.uint8) * 255)


def _check_pixels(pixels: float) -> None:
    if not 0 <= pixels <= MOST_PIXELS:
        raise ValueError(f"pixels must be 0 to {MOST_PIXELS}, got {pixels:g}")
