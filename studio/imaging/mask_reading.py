"""What somebody means by a picture that shall be a mask: told by what it looks like as a whole, and said in a sentence.

Other tools save masks in many ways: white on black, or on a black that is not quite black; one colour painted on a
transparent layer; a picture with a hole in it (A1111, InvokeAI and DALL-E repaint the hole); red on black; 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from studio.imaging.photos import eight_bits

OPAQUE = 128  # of 255
NEARLY = 16  # of 255: black and white that are off by no more are meant to be black and white
TONE = 48  # of 255: as far as a colour may be from another one and still be the same paint
MOSTLY = 0.95  # of the pixels


@dataclass(frozen=True)
class ReadMask:
    """A picture read as a mask: `image` is "L", white inside; `said` is how it was read, "" where that is plain."""

    image: Image.Image
    said: str = ""


def read_as_mask(picture: Image.Image) -> ReadMask:
    """The mask that a picture of any mode stands for."""
    picture = eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        pixels = np.asarray(picture.convert("RGBA"))
        if pixels[..., 3].min() < 255:
            return _transparent(pixels)
    return _opaque(picture)


def _transparent(pixels: np.ndarray) -> ReadMask:
    """From RGBA [height, width, 4] of which some is transparent."""
    opacity = pixels[..., 3]
    seen = pixels[opacity >= OPAQUE][:, :3].astype(np.int16)
    if not len(seen) or _one_paint(seen):
        return ReadMask(Image.fromarray(opacity), "Read by its opacity: what is painted is inside.")
    light = seen.max(-1)
    if ((light <= 2 * NEARLY) | (light >= 255 - 2 * NEARLY)).mean() >= MOSTLY:
        flat = Image.alpha_composite(Image.new("RGBA", opacity.shape[::-1], "black"), Image.fromarray(pixels))
        black = int((opacity < OPAQUE).sum())
        return ReadMask(
            _opaque(flat).image,
            f"Read by its light; {black} transparent {'pixel counts' if black == 1 else 'pixels count'} as black.",
        )
    return ReadMask(
        Image.fromarray(255 - opacity), "Read as a picture with a hole: what is transparent will be repainted."
    )


def _opaque(picture: Image.Image) -> ReadMask:
    colours = np.asarray(picture.convert("RGB")).astype(np.int16)
    bright = colours[colours.max(-1) > TONE]
    vivid = bright[bright.max(-1) - bright.min(-1) > TONE]
    if len(vivid) <= len(bright) // 20:
        return _by_light(np.asarray(picture.convert("L")))
    if not _one_paint(vivid):
        grey = np.asarray(picture.convert("L"))
        return ReadMask(Image.fromarray(grey), "It has many colours, as a picture has, and was read by its light.")
    paint = np.median(vivid, axis=0)
    inside = np.abs(colours - paint).max(-1)
    ground = colours[inside > TONE]
    far = max(float(np.abs(np.median(ground, axis=0) - paint).max()), 1.0) if len(ground) else 255.0
    mask = (255 * (1 - inside / far)).clip(0, 255).round().astype(np.uint8)
    mask[inside <= NEARLY] = 255
    return ReadMask(Image.fromarray(mask), "Read by its colour: what is painted in it is inside.")


def _by_light(grey: np.ndarray) -> ReadMask:
    """From grey values [height, width], 0 to 255."""
    least, most = int(grey.min()), int(grey.max())
    if least == most:
        return ReadMask(Image.fromarray(grey))
    values, counts = np.unique(grey, return_counts=True)
    if len(values) == 2 and (most < OPAQUE or least > NEARLY):
        return ReadMask(
            Image.fromarray(np.where(grey == most, 255, 0).astype(np.uint8)),
            f"It has two values, {least} and {most} of 255: {most} is inside.",
        )
    faint = (grey > 0) & (grey <= NEARLY)
    between = (grey > NEARLY) & (grey < 255 - NEARLY)
    # A soft edge has few faint pixels beside those between; noise on black, as JPEG leaves it, has many.
    if 0 < least <= NEARLY or faint.sum() > between.sum() + grey.size // 100:
        cut = grey.copy()
        cut[grey <= max(NEARLY, least)] = 0
        return ReadMask(
            Image.fromarray(cut), f"Its black is not quite black ({int(grey[faint].max())} of 255) and counts as black."
        )
    return ReadMask(Image.fromarray(grey))


def _one_paint(colours: np.ndarray) -> bool:
    """Whether nearly all colours [count, 3] are one."""
    return bool((np.abs(colours - np.median(colours, axis=0)).max(-1) <= TONE).mean() >= MOSTLY)
