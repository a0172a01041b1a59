"""Reading a mask as it was meant: the file as a whole decides whether its light, a colour or its opacity is the mask.

Programs agree on white for "repaint this" and on little else: black comes as 1, 2 or 16, as index 0 of labels 0 and 1,
as a layer that is transparent where nothing was painted, or as the picture itself with a hole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from studio.imaging.photos import eight_bits

WHITE = 128  # a soft pixel from here on counts as inside
NEARLY = 16  # of 255: how far black may be from 0, a grey from grey, and a pixel from its colour
DARKEST_GROUND = 64  # a ground that is lighter than this is no black
MOSTLY = 0.95  # of the pixels, where a mask is told from a picture
SOFT = 0.7  # of the pixels, where a mask has a wide edge
LABELS = 12  # colours of a map of labels at most
FEW = 0.01  # of the pixels: so few transparent ones are no hole
EXAMINED = 1_000_000  # pixels of a larger file that are looked at to tell what it is; every one of them is read
PLAIN = "white is repainted"  # what nobody needs to be told
HUES = ((20, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (200, "cyan"), (260, "blue"), (330, "pink"))


@dataclass(frozen=True)
class MaskReading:
    """A mask in "L", white inside, and what was taken for the inside, as a clause such as PLAIN."""

    image: Image.Image
    words: str = PLAIN

    @property
    def is_plain(self) -> bool:
        return self.words == PLAIN


def reading_of(source: Image.Image) -> MaskReading:
    """The mask that a picture of any mode is."""
    image = eight_bits(ImageOps.exif_transpose(source))
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        opacity = layered.getchannel("A")
        if np.asarray(opacity).min() < 255 - NEARLY:
            return _by_opacity(layered, opacity)
        image = layered
    return _by_light(image.convert("L")) if _is_grey(image) else _by_colour(image.convert("RGB"))


def _by_opacity(image: Image.Image, opacity: Image.Image) -> MaskReading:
    """Of a picture (RGBA) that is transparent somewhere."""
    pixels = _examined(image)
    seen = pixels[pixels[:, 3] >= 255 - NEARLY][:, :3]
    clear = _share(pixels[:, 3] < WHITE)
    halo = 0.005 if clear > 0.25 else 0.0  # at the edge of a shape colours may be off
    if not len(seen) or _share(_distance(seen, _commonest(seen)) > 2 * NEARLY) <= halo:
        shape = _by_light(opacity).image
        return MaskReading(shape, "a shape on a transparent ground: what is painted is repainted")
    if _is_two(seen) and (_is_dark(_commonest(seen)) or clear < FEW):
        ground = Image.new("RGBA", image.size, "black")
        flat = Image.alpha_composite(ground, image).convert("RGB")
        read = _by_light(flat.convert("L")) if _is_grey(flat) else _by_colour(flat)
        return MaskReading(read.image, f"what is transparent counts as black, and {read.words}")
    hole = _by_light(ImageOps.invert(opacity)).image
    return MaskReading(hole, "a picture with a hole: its transparent part is repainted")


def _by_light(image: Image.Image) -> MaskReading:
    """Of a grey picture (L)."""
    counts = np.asarray(image.histogram(), dtype=float)
    levels = np.flatnonzero(counts)
    darkest, lightest = int(levels[0]), int(levels[-1])
    if lightest < WHITE or darkest >= DARKEST_GROUND:  # nothing of it is white, or nothing black
        rim = max(1, (lightest - darkest) // 10)
        ends = counts[darkest : darkest + rim].sum() + counts[lightest - rim + 1 : lightest + 1].sum()
        if lightest > darkest and ends >= MOSTLY * counts.sum():
            spread = image.point(
                [round(255 * min(max(at - darkest, 0) / (lightest - darkest), 1)) for at in range(256)]
            )
            return MaskReading(spread, f"of its shades, {darkest} to {lightest} of 255, the lighter is repainted")
        return MaskReading(image)
    ground = int(counts[:DARKEST_GROUND].argmax())
    black = max(NEARLY, ground + NEARLY // 2) if ground else NEARLY
    faint, beyond = counts[1 : black + 1].sum(), counts[black + 1 : 2 * black + 2].sum()
    # The soft edge of a mask goes through these shades too: then they are few beside what is wholly black, and no more
    # than the shades above them.
    if faint > counts[0] and faint > 2 * beyond:
        cleared = image.point([at if at > black else 0 for at in range(256)])
        level = f"is {ground} of 255" if ground else "is uneven"
        return MaskReading(cleared, f"its black {level} and read as black; {PLAIN}")
    words = PLAIN
    if _share_of(counts, NEARLY) < 0.5:
        words = "it looks like a picture and not like a mask: its light parts are repainted"
    return MaskReading(image, words)


def _share_of(counts: np.ndarray, rim: int) -> float:
    """How much of a picture, by its histogram, is black or white."""
    return float((counts[: rim + 1].sum() + counts[255 - rim :].sum()) / counts.sum())


def _by_colour(image: Image.Image) -> MaskReading:
    """Of a picture (RGB) that has colours."""
    pixels = _examined(image)
    ground = _commonest(_border(image))
    if _is_two(pixels) or (_is_dark(ground) and _is_flat(pixels)):
        away = pixels[_distance(pixels, ground) > 4 * NEARLY]
        if len(away):
            return _standing_out(image, ground, away)
    if _share(_distance(pixels, _commonest(pixels)) <= NEARLY) >= MOSTLY:  # one colour: there is nothing to tell apart
        return MaskReading(image.convert("L"))
    light = image.convert("L")
    return MaskReading(light, "it looks like a picture and not like a mask: its light parts are repainted")


def _standing_out(image: Image.Image, ground: np.ndarray, away: np.ndarray) -> MaskReading:
    """What has another colour than the ground; between two colours its edge is as soft as it is drawn."""
    shape = _commonest(away)
    if _is_dark(shape) and not _is_dark(ground):  # black is never what is repainted
        ground, shape = shape, ground
    if _is_two(_examined(image)):
        axis = shape - ground
        scale = 255 * axis / max(1.0, float(axis @ axis))
        matrix = (*(float(one) for one in scale), float(-(scale @ ground)))
        return MaskReading(image.convert("L", matrix), f"what is {_name_of(shape)} stands out and is repainted")
    brightest = np.asarray(image).max(axis=-1)
    inside = Image.fromarray(((brightest > DARKEST_GROUND) * 255).astype(np.uint8))
    return MaskReading(inside, "whatever is not black is repainted")


def _is_grey(image: Image.Image) -> bool:
    """Whether no pixel has a colour to speak of."""
    if image.mode in ("1", "L"):
        return True
    pixels = _examined(image.convert("RGB"))
    return _share(pixels.max(axis=-1) - pixels.min(axis=-1) <= NEARLY) >= 0.999


def _is_two(pixels: np.ndarray) -> bool:
    """Whether pixels [count, channels] have two colours, and else only what lies at the edge of one."""
    first = _commonest(pixels)
    away = _distance(pixels, first) > 2 * NEARLY
    if not away.any():
        return False
    rest = pixels[away]
    second = _commonest(rest)
    near = _distance(rest, second) <= 2 * NEARLY
    both = 1 - (len(rest) - int(near.sum())) / len(pixels)
    return _share(near) >= MOSTLY or (both >= SOFT and _on_one_line(rest, first, second))


def _on_one_line(pixels: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether pixels are mixed of two colours, as a soft edge is."""
    axis = (second - first) / max(1e-6, float(np.linalg.norm(second - first)))
    along = (pixels - first) @ axis
    off = np.linalg.norm(pixels - first - along[:, None] * axis, axis=-1)
    return _share(off <= 2 * NEARLY) >= MOSTLY


def _is_flat(pixels: np.ndarray) -> bool:
    """Whether few colours make up nearly all pixels [count, channels], as in a map of labels."""
    counts = np.sort(np.bincount(_cells(pixels)))[::-1]
    return float(counts[:LABELS].sum()) >= MOSTLY * len(pixels)


def _examined(image: Image.Image) -> np.ndarray:
    """Pixels [count, channels] from all over a picture."""
    every = max(1, int(np.ceil((image.width * image.height / EXAMINED) ** 0.5)))
    pixels = np.asarray(image)[::every, ::every]
    return pixels.reshape(-1, pixels.shape[-1]).astype(np.float32)


def _border(image: Image.Image) -> np.ndarray:
    """The outermost pixels [count, channels]."""
    pixels = np.asarray(image)
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.float32)


def _commonest(pixels: np.ndarray) -> np.ndarray:
    """The colour of most pixels: the middle of those that share its sixteenth of each channel."""
    cells = _cells(pixels)
    return np.median(pixels[cells == np.bincount(cells).argmax()], axis=0)


def _cells(pixels: np.ndarray) -> np.ndarray:
    """A number for the sixteenth of each channel that a pixel is in."""
    return (pixels.astype(np.uint8) >> 4).astype(np.int32) @ (16 ** np.arange(pixels.shape[-1]))


def _distance(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.abs(pixels - colour).max(axis=-1)


def _share(there: np.ndarray) -> float:
    return float(there.mean())


def _is_dark(colour: np.ndarray) -> bool:
    return float(colour.max()) < DARKEST_GROUND


def _name_of(colour: np.ndarray) -> str:
    """A colour in a word."""
    high, low = float(colour.max()), float(colour.min())
    if high - low <= 2 * NEARLY:
        return "white" if low >= 200 else "grey" if high >= DARKEST_GROUND else "black"
    hue = Image.new("RGB", (1, 1), tuple(int(one) for one in colour)).convert("HSV").getpixel((0, 0))
    degrees = hue[0] * 360 / 255 if isinstance(hue, tuple) else 0
    return next((name for end, name in HUES if degrees < end), "red")
