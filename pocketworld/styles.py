"""Looks that a picture of the world can have beside its own: what style LoRAs learn from."""

import numpy as np
from PIL import Image, ImageChops

BLOCK, COLOURS = 4, 20  # of pixel art: pixels of the world to one of its own, and how many colours a picture may have
PAPER, GRAPHITE = (247, 243, 234), (62, 60, 68)
TINT, EDGE, INK = 0.35, 24, 70  # of a sketch: share of the colours; of 255, what is an edge, and how dark a line is


def pixel_art(image: Image.Image) -> Image.Image:
    """RGB of the same size: few colours, in squares."""
    few = image.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    numbers, across, down = np.asarray(few), image.width // BLOCK, image.height // BLOCK
    blocks = numbers.reshape(down, BLOCK, across, BLOCK).swapaxes(1, 2).reshape(down, across, -1)
    counts = (blocks[..., None] == np.arange(COLOURS)).sum(2)  # a square takes the colour that most of it has
    palette = np.array(few.getpalette()[: 3 * COLOURS], np.uint8).reshape(-1, 3)
    return Image.fromarray(palette[counts.argmax(-1)]).resize(image.size, Image.Resampling.NEAREST)


def sketch(image: Image.Image) -> Image.Image:
    """RGB of the same size: pencil lines and hatching on paper, with a breath of colour."""
    image = image.convert("RGB")
    pixels = np.asarray(image, dtype=np.int16)
    dark = pixels.max(axis=2)
    step = np.zeros(dark.shape, np.int16)
    for axis in (0, 1):
        step = np.maximum(step, np.abs(pixels - np.roll(pixels, 1, axis)).max(axis=2))
    near_ink = np.minimum.reduce([np.roll(dark, (a, b), (0, 1)) for a in (-2, 0, 2) for b in (-2, 0, 2)]) < INK
    lines = (dark < INK) | ((step > EDGE) & ~near_ink)
    across, down = np.meshgrid(np.arange(image.width), np.arange(image.height))
    light = pixels.mean(axis=2)
    hatched = ((across + down) % 4 < 1) & (light < 165) | ((across - down) % 4 < 1) & (light < 100)
    strength = np.where(lines, 235, np.where(hatched, 90, 0)).astype(np.uint8)
    paper = Image.new("RGB", image.size, PAPER)
    tinted = Image.blend(paper, ImageChops.multiply(image, paper), TINT)
    return Image.composite(Image.new("RGB", image.size, GRAPHITE), tinted, Image.fromarray(strength))


STYLES = {"pixel art": pixel_art, "pencil sketch": sketch}  # by the words that call it
