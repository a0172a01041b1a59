"""Endpoints of sets: outfits by scenes by seeds."""

from __future__ import annotations

import asyncio

from studio.contracts.requests import SetRequest, as_json
from studio.session import Studio
from studio.ui.run_status import status
from studio.ui.serializers import sent
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    for handler in (sets, set_grid, set_files, remove_set):
        wiring.endpoint(handler.__name__, handler)
    wiring.endpoint("draw_set", draw_set, SetRequest)


def draw_set(desk: Studio, request: SetRequest) -> dict:
    """Draw outfits by scenes by seeds; returns at once, and /run_status tells how it goes. Asked for again, what is
    missing is drawn. "set" is the id that /sets and /set_grid take."""
    run = desk.start(request)
    return {**status(run), "set": run.request.id}


def sets(desk: Studio) -> list:
    """Every set, newest first: its request, and the id of the picture in each cell ("row-column-seed")."""
    return [{**vars(one), "request": as_json(one.request)} for one in desk.library.sets()]


async def set_grid(desk: Studio, set: str) -> dict:
    """A set as one labelled picture. "file" is fetched."""
    return {"file": sent(await asyncio.to_thread(desk.saved_grid, set))}


async def set_files(desk: Studio, set: str) -> dict:
    """A set's pictures as a zip, each named after its row, column and seed. "file" is fetched."""
    return {"file": sent(await asyncio.to_thread(desk.files_of, set))}


def remove_set(desk: Studio, set: str) -> list:
    """Forget a set; its pictures stay. The sets that are left."""
    desk.library.remove_set(set)
    return sets(desk)
