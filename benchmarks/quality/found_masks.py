"""What the studio finds of a phrase in a picture, asked for through its own door."""

from __future__ import annotations

from PIL import Image

import studio
from studio.imaging.masks import united


def found_of(desk: studio.Studio, image: Image.Image, phrase: str) -> list[studio.Mask]:
    """Every mask of the phrase, with the family's own thresholds."""
    return desk.start(studio.MaskRequest(image, phrase)).result()


def union_of(desk: studio.Studio, image: Image.Image, phrase: str) -> Image.Image:
    """Everything that is found of a phrase as one mask."""
    found = Image.new("L", image.size)
    for mask in found_of(desk, image, phrase):
        found = united(found, mask.image)
    return found
