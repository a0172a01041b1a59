"""Endpoints of outfits, with how they act, and of scenes."""

from __future__ import annotations

import asyncio

from studio.session import Studio
from studio.tasks.draw import presets_for
from studio.ui.api.arguments import family_of, picture_of
from studio.ui.serializers import told_outfit
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    for handler in (
        outfits,
        edit_outfit,
        remove_outfit,
        outfit_presets,
        save_outfit_preset,
        scenes,
        add_scene,
        remove_scene,
    ):
        wiring.endpoint(handler.__name__, handler)
    wiring.endpoint("add_outfit", add_outfit, at_once=1)  # a large picture takes memory by the gigabyte


def outfits(desk: Studio) -> list:
    """Every outfit, oldest first."""
    return [told_outfit(outfit) for outfit in desk.library.outfits()]


async def add_outfit(
    desk: Studio,
    name: str,
    picture: dict | str,
    as_it_is: bool = False,
    family: str | None = None,
    consent: bool = False,
) -> dict:
    """A new outfit from an uploaded picture, or one of the library by its id: its clothes alone, on plain ground."""
    path = picture_of(desk, picture)
    return told_outfit(
        await asyncio.to_thread(
            desk.add_outfit, name, path, as_it_is=as_it_is, family=family, consent=consent or isinstance(picture, str)
        )
    )


def edit_outfit(
    desk: Studio,
    outfit: str,
    name: str | None = None,
    block_scales: dict | float | None = None,
    family: str | None = None,
    as_usual: bool = False,
) -> dict:
    """Change an outfit's name, or the block scales that come with it for a family: it acts so unless a drawing says
    otherwise. `as_usual` forgets these."""
    return told_outfit(desk.edit_outfit(outfit, name, block_scales, family, as_usual=as_usual))


def outfit_presets(desk: Studio, family: str | None = None) -> dict:
    """Block scales by the names of presets: the family's, the usual one first, then the library's own."""
    chosen = family_of(desk, family)
    return presets_for(chosen, desk.library.block_presets(chosen.name))


def save_outfit_preset(
    desk: Studio, name: str, block_scales: dict | float | None = None, family: str | None = None
) -> dict:
    """Keep block scales as a preset of the library, or with none remove it; all presets that there are then."""
    desk.keep_preset(name, block_scales, family)
    return outfit_presets(desk, family)


def scenes(desk: Studio) -> list:
    """Every scene: the slug that a set names, its name, and its words."""
    return [vars(scene) for scene in desk.library.scenes()]


def add_scene(desk: Studio, name: str, prompt: str) -> dict:
    """A new scene; one of the same name takes these words."""
    return vars(desk.library.add_scene(name, prompt))


def remove_scene(desk: Studio, scene: str) -> list:
    """Take a scene off the list; those that are left."""
    desk.library.remove_scene(scene)
    return scenes(desk)


def remove_outfit(desk: Studio, outfit: str) -> list:
    """Remove an outfit for good; pictures drawn with it stay. The outfits that are left."""
    desk.library.remove_outfit(outfit)
    return outfits(desk)
