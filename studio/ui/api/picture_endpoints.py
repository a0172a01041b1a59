"""Endpoints of the gallery: pictures with their recipes, favourites, what was deleted."""

from __future__ import annotations

from dataclasses import asdict

from studio.session import Studio
from studio.ui.form_values import uploaded
from studio.ui.recipe_import import settings_in
from studio.ui.serializers import told_picture
from studio.ui.wiring import Wiring

MOST_PICTURES = 1000


def register(wiring: Wiring) -> None:
    for handler in (pictures, favourite, delete_picture, restore_picture, read_recipe):
        wiring.endpoint(handler.__name__, handler)


def read_recipe(desk: Studio, picture: dict) -> dict:
    """The settings inside an uploaded PNG, as /draw takes them, and remarks on what is not here any more."""
    settings = settings_in(uploaded([picture])[0], desk)
    return {"request": asdict(settings.request), "remarks": list(settings.remarks)}


def pictures(desk: Studio, search: str = "", favourites: bool = False, count: int = 50) -> list:
    """Pictures newest first, at most `count`; /draw's and the page's alike."""
    if not 1 <= count <= MOST_PICTURES:
        raise ValueError(f"count must be 1 to {MOST_PICTURES}, got {count}")
    return [told_picture(picture) for picture in desk.library.pictures(search, favourites)[:count]]


def favourite(desk: Studio, picture: str, value: bool = True) -> dict:
    """Mark a picture as a favourite, or no longer."""
    return told_picture(desk.library.favourite(picture, value))


def delete_picture(desk: Studio, picture: str) -> dict:
    """Delete a picture; /restore_picture brings it back."""
    found = desk.library.picture(picture)
    desk.library.delete_picture(found.id)
    return {"id": found.id}


def restore_picture(desk: Studio, picture: str) -> dict:
    """Bring a deleted picture back."""
    return told_picture(desk.library.restore_picture(picture))
