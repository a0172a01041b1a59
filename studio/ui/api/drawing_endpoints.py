"""Endpoints that make pictures: they draw, repaint, dress, and draw a picture again."""

from __future__ import annotations

import asyncio
from typing import Any

from studio.contracts.requests import DrawRequest, RepaintRequest, WearRequest
from studio.imaging.masks import read_as_meant
from studio.session import Studio
from studio.tasks.repaint import how_it_was_read
from studio.ui.api.arguments import picture_of
from studio.ui.form_values import uploaded
from studio.ui.parameters import takes
from studio.ui.run_lookup import carried_out
from studio.ui.serializers import drawn_picture
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    wiring.endpoint("replay", replay)
    wiring.endpoint("repaint", repaint)
    wiring.endpoint("wear", wear)
    wiring.endpoint("draw", draw, DrawRequest)


async def draw(desk: Studio, request: DrawRequest) -> list:
    """Draw, and wait for the pictures: "file" is the PNG with its recipe inside."""
    return [drawn_picture(picture) for picture in await carried_out(desk, request)]


async def replay(desk: Studio, picture: str) -> dict:
    """Draw a picture of the library again from its recipe: the same pixels, in a new file."""
    request = await asyncio.to_thread(lambda: desk.recall(desk.library.picture(picture).path))
    (drawn,) = await carried_out(desk, request)
    return drawn_picture(drawn)


@takes(RepaintRequest, picture=dict | str, mask=dict)
async def repaint(desk: Studio, picture: Any, mask: Any, **asked: Any) -> list:
    """Repaint what an uploaded mask covers of an uploaded picture, or one of the library by its id, and wait.

    Nothing else changes. The pictures come back as /draw's, each with "notes" on a mask that is not plain white on
    black, and on one of nearly the whole picture.
    """
    path = uploaded([mask])[0]
    request = RepaintRequest(picture_of(desk, picture), path, **asked)
    drawn = await carried_out(desk, request)
    notes = await asyncio.to_thread(lambda: how_it_was_read(read_as_meant(path)))
    return [{**drawn_picture(picture), "notes": notes} for picture in drawn]


@takes(WearRequest, picture=dict | str | list)
async def wear(desk: Studio, picture: Any, outfit: Any, **asked: Any) -> list:
    """Dress whoever is in a picture (uploaded, or one of the library by its id), or in each of a list, and wait.

    Without a prompt or a LoRA it takes those that the picture was drawn with, its clothes left out.
    """
    given = picture if isinstance(picture, list) else [picture]
    request = WearRequest([picture_of(desk, one) for one in given], outfit, **asked)
    return [drawn_picture(picture) for picture in await carried_out(desk, request)]
