"""What phrases name in a picture: "clothing", "red jacket", "hair", by the world's truth about every pixel."""

from collections.abc import Iterator, Sequence

import numpy as np

from pocketworld.canvas import PARTS
from pocketworld.spec import Spec
from pocketworld.vocabulary import (
    ACCESSORIES,
    BOTTOMS,
    CREATURES,
    GARMENT_COLOURS,
    HAIR_COLOURS,
    OBJECTS,
    PEOPLE,
    SHOES,
    TOPS,
    UNSEEN_NOUNS,
)

CLOTHING, HEAD = ("top", "bottom"), ("face", "hair")
FIGURE = ("body", *HEAD, *CLOTHING, "shoes", "accessory")
FEWEST_PIXELS = 12  # of 128 x 128: less than this nobody would call there
SYNONYMS = {  # what people write -> what it means here
    "clothing": ("clothing", "clothes", "outfit", "garment"),
    "figure": ("figure", "character"),
    "top": ("top", "shirt"),
    "bottom": ("bottom", "trousers"),
}
COLOURS = tuple(dict.fromkeys((*GARMENT_COLOURS, *HAIR_COLOURS, *SHOES)))
THINGS = (
    *(word for words in SYNONYMS.values() for word in words),
    "person",
    "head",
    "face",
    "hair",
    "shoes",
    *PEOPLE,
    *CREATURES,
    *UNSEEN_NOUNS,
    *TOPS,
    *BOTTOMS,
    *ACCESSORIES[1:],
    *OBJECTS,
)


def things(spec: Spec, parts: np.ndarray) -> dict[str, np.ndarray]:
    """Every phrase of the world that is true of this picture -> where: bool, shaped as `parts`.

    `parts` holds PARTS values. A thing of which hardly a pixel shows is not there.
    """
    found = {phrase: _where(parts, names) for phrase, names in _named(spec)}
    enough = FEWEST_PIXELS * parts.size / 128**2
    return {phrase: mask for phrase, mask in found.items() if mask.sum() >= enough}


def phrases_of(spec: Spec) -> list[str]:
    """Every phrase that is true of this picture, should the thing show; one with a colour follows its bare word."""
    return [phrase for phrase, _ in _named(spec)]


def _named(spec: Spec) -> Iterator[tuple[str, tuple[str, ...]]]:
    if spec.object:
        yield from _coloured(spec.object, spec.object_colour, ("object",))
        return
    yield from ((word, FIGURE) for word in SYNONYMS["figure"])
    yield from _coloured(spec.noun, spec.fur, FIGURE)
    if spec.is_person:
        yield "person", FIGURE
    yield "head", HEAD
    yield "face", ("face",)
    if spec.hair_colour:
        yield from _coloured("hair", spec.hair_colour, ("hair",))
    yield from ((word, CLOTHING) for word in SYNONYMS["clothing"])
    yield from ((word, ("top",)) for word in SYNONYMS["top"] if spec.top != "dress")
    yield from _coloured(spec.top, spec.top_colour, ("top",))
    if spec.bottom:
        yield "bottom", ("bottom",)
        yield from _coloured(spec.bottom, spec.bottom_colour, ("bottom",))
        if spec.bottom == "pants":
            yield from _coloured("trousers", spec.bottom_colour, ("bottom",))
    yield from _coloured("shoes", spec.shoes, ("shoes",))
    if spec.accessory != "none":
        yield from _coloured(spec.accessory, spec.accessory_colour, ("accessory",))


def _coloured(word: str, colour: str | None, names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield word, names
    if colour:
        yield f"{colour} {word}", names


def _where(parts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.isin(parts, [PARTS[name] for name in names])


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) in pixels round what is True, the end exclusive. ValueError where nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("an empty mask has no box")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """IoU of two boxes (x0, y0, x1, y1), 0 to 1."""
    width, height = (min(one[end], other[end]) - max(one[end - 2], other[end - 2]) for end in (2, 3))
    shared = max(0, width) * max(0, height)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared
    return shared / both if both else 0.0
