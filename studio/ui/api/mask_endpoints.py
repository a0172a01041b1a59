"""Endpoints of masks: they are found, changed and joined."""

from __future__ import annotations

import asyncio

from PIL import Image

from studio.contracts.requests import MaskRequest
from studio.contracts.validation import box_in, points_in
from studio.imaging import masks
from studio.session import Studio
from studio.ui.api.arguments import picture_of
from studio.ui.form_values import uploaded
from studio.ui.run_lookup import run_to_its_end
from studio.ui.serializers import fetchable, sent, told_mask
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    wiring.endpoint("find_masks", find_masks)
    for handler in (edit_mask, combine_masks):  # large ones take memory by the gigabyte
        wiring.endpoint(handler.__name__, handler, at_once=1)


async def find_masks(
    desk: Studio,
    picture: dict | str,
    phrases: str = "",
    box_threshold: float | None = None,
    text_threshold: float | None = None,
    points: list | None = None,
    box: list | None = None,
    segmenter: str | None = None,
    family: str | None = None,
) -> dict:
    """Find what phrases name, or what points and a box mean, in an uploaded picture or one of the library by its id.

    "masks" has label, score, box, "file" (a PNG, white inside) and candidates; "note" says what was not found.
    """
    path = picture_of(desk, picture)
    run = await run_to_its_end(
        desk,
        MaskRequest(
            path, phrases, box_threshold, text_threshold, points_in(points or ()), box_in(box), segmenter, family
        ),
    )
    found = await asyncio.to_thread(lambda: [told_mask(mask) for mask in run.result()])
    return {"masks": found, "note": run.message}


def edit_mask(desk: Studio, mask: dict, operation: str, pixels: float = 4) -> dict:
    """Change an uploaded mask: grow, shrink, feather (by so many pixels), fill, clean or invert.

    "file", "share" of the picture, and "notes" on how the mask was read.
    """
    reading = masks.read_as_meant(uploaded([mask])[0])
    return _told(masks.operated(reading.image, operation, pixels), reading)


def combine_masks(desk: Studio, mask: dict, other: dict, how: str = "add") -> dict:
    """One uploaded mask and another of the same size: "add" what is in either, or "take" the other away.

    The answer is as of /edit_mask, with a note on each.
    """
    if how not in ("add", "take"):
        raise ValueError(f"how must be add or take, got {how!r:.40}")
    first, second = (masks.read_as_meant(path) for path in uploaded([mask, other]))
    join = masks.united if how == "add" else masks.without
    return _told(join(first.image, second.image), first, second)


def _told(mask: Image.Image, *read: masks.MaskReading) -> dict:
    notes = [masks.told(reading) for reading in read]
    return {"file": sent(fetchable(mask)), "share": masks.share_of(mask), "notes": notes}
