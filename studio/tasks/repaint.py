"""To repaint what a mask covers of a picture; and what an artist intends, as settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from PIL import Image

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MOST_SIDE, ORIGINAL, SURROUNDINGS, RepaintRequest, Source, path_of
from studio.imaging.masks import (
    WHITE,
    MaskReading,
    box_of,
    exact_mask,
    extrema_of,
    read_as_meant,
    share_of,
    told,
    warned,
)
from studio.imaging.photos import open_image, size_of
from studio.library import Library, Picture
from studio.quotas import Quota, at_most
from studio.tasks import draw
from studio.tasks.task import Task, shortened, with_defaults

FEATHER = 16  # a picture's shorter side has so many widths of a mask's edge
LARGER = 1.6  # times what the family draws, in area: from there on only the part round the mask is worked on
CONTEXT = 0.5  # of the mask's longer side: how much is looked at round it then


@dataclass(frozen=True)
class Intent:
    """What an artist means to do, and the fields of RepaintRequest that do it; `padding` in sizes of the mask."""

    title: str
    about: str
    strength: float
    masked_content: str
    padding: float | None  # None: the whole picture
    wears: bool = False  # it takes an outfit
    says: bool = True  # it takes words and LoRAs


INTENTS: Mapping[str, Intent] = MappingProxyType(
    {
        "outfit": Intent(
            "Change the outfit",
            "Begins anew under the mask; the whole picture is looked at.",
            1.0,
            ORIGINAL,
            None,
            wears=True,
        ),
        "detail": Intent(
            "Fix a detail",
            "Keeps the shape of what is there; works on the part round the mask, at full resolution.",
            0.6,
            ORIGINAL,
            0.5,
        ),
        "remove": Intent(
            "Remove",
            "What surrounds the mask is drawn over it; words and LoRAs, which would put something there, are left out.",
            0.35,
            SURROUNDINGS,
            None,
            says=False,
        ),
    }
)


def resolve(request: RepaintRequest, library: Library, family: ModelFamily) -> RepaintRequest:
    """Its outfits, and every choice that hangs on the sizes of picture and mask; the mask (L) in memory.

    Raises ValueError, in a sentence, for what cannot be read and for a mask of another size.
    """
    outfits = draw.resolved_outfits(request.outfits, library, family)
    picture, mask = request.picture, request.mask
    size = open_image(picture).size if isinstance(picture, Image.Image) else size_of(path_of(picture))
    reading = read(mask, size, library)
    mask = reading.image
    check_what_is_left(mask)
    for said in how_it_was_read(reading):
        warnings.warn(said, stacklevel=2)
    return replace(
        with_defaults(request, family, family.repainting),
        outfit=outfits,
        mask=mask,
        feather=usual_feather(size) if request.feather is None else request.feather,
        padding=usual_padding(size, mask, family)
        if request.padding is None
        else min(round(request.padding), MOST_SIDE),
    )


def limit(request: RepaintRequest, quota: Quota, library: Library) -> None:
    at_most("count", quota.count, request.count)


def keep(request: RepaintRequest, library: Library) -> RepaintRequest:
    """Picture and mask among the library's images, named by their content."""
    return replace(
        request, picture=str(library.keep_image(request.picture)), mask=str(library.keep_image(request.mask))
    )


REPAINT = Task[RepaintRequest, list[Picture]](
    RepaintRequest,
    "repaint",
    "studio.engine.generation.repainting:repaint",
    title=lambda request, library: f"Repainting {shortened(request.prompt)}".strip(),
    results=draw.drawn_pictures,
    check=draw.check,
    resolve=resolve,
    limit=limit,
    keep=keep,
    progress=draw.progress,
    for_others="Repainting for someone else",
    images=("picture", "mask"),
)


def read(mask: Source, size: tuple[int, int], library: Library) -> MaskReading:
    """A mask as it was meant; one that the library keeps was read before, and is taken value by value.

    Raises ValueError, in a sentence, for what cannot be read and for a mask of another size.
    """
    if isinstance(mask, Image.Image):
        return read_as_meant(mask, size)
    path = path_of(mask)
    if library.keeps(path):
        return MaskReading(exact_mask(path, size))
    return read_as_meant(path, size)


def how_it_was_read(reading: MaskReading) -> list[str]:
    """Sentences on a mask that is not plain white on black, and on one that covers nearly the whole picture."""
    return [said for said in ("" if reading.is_plain else told(reading), warned(share_of(reading.image))) if said]


def check_what_is_left(mask: Image.Image) -> None:
    """Raises ValueError, in a sentence, for a mask (L) that leaves nothing of the picture, or nothing to do."""
    if box_of(mask) is None:
        raise ValueError("The mask is empty: paint over what shall change, or find it by a word.")
    if extrema_of(mask)[0] >= WHITE:
        raise ValueError(
            "The mask covers the whole picture, so nothing of it would stay: leave something outside, or "
            "draw a new picture in Draw."
        )


def usual_feather(size: tuple[int, int]) -> int:
    """Pixels of a mask's soft edge in a picture of this size."""
    return round(min(size) / FEATHER)


def usual_padding(size: tuple[int, int], mask: Image.Image, family: ModelFamily) -> int:
    """The whole picture, unless it is larger than what the family draws: then a part of the mask's size round it."""
    whole = size[0] * size[1] <= LARGER * family.resolution**2
    return min(max(size) if whole else context(mask, CONTEXT), MOST_SIDE)


def context(mask: Image.Image, part: float) -> int:
    """Pixels round a mask that are so large a part of its longer side."""
    left, top, right, bottom = box_of(mask) or (0, 0, *mask.size)
    return round(part * max(right - left, bottom - top))
