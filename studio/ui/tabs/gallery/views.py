"""What the gallery shows: the wall of pictures, and one of them large with its recipe."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, TypedDict

from studio.imaging.photos import size_of
from studio.library import Picture
from studio.session import Studio
from studio.ui import html
from studio.ui.drawing_fields import OF_SAMPLING
from studio.ui.estimate_tags import told
from studio.ui.picture_parts import choose, chosen_bar, prompt_of, save, star
from studio.ui.polling import told_anew
from studio.ui.tabs.retouch.repaint.views import before_of

PAGE = 60  # pictures shown at first, and more at each click


class Shown(TypedDict, total=False):
    """The wall and the picture beside it, where they changed."""

    wall: str
    detail: str
    seen: dict


class Acted(Shown, total=False):
    """The same, and which picture is open, how many hang there, and which was just deleted."""

    selected: str
    count: int
    deleted: str


def show(desk: Studio, search: str, favourites: bool, selected: str, count: int, deleted: str, seen: dict) -> Shown:
    """The wall and the picture beside it, where they changed."""
    pictures = desk.library.pictures(search or "", bool(favourites))
    opened = next((picture for picture in pictures if picture.id == selected), None) or _picture(desk, selected)
    searched = bool(search or favourites)
    wall = wall_view(pictures[:count], len(pictures), opened.id if opened else "", desk, searched)
    return told_anew({"wall": wall, "detail": detail_view(opened, deleted, before_of(desk, opened))}, seen)


def wall_view(pictures: Sequence[Picture], of: int, selected: str, desk: Studio, searched: bool) -> str:
    if not pictures:
        return (
            html.empty("Nothing like that here", "Try other words, or turn Favourites off.")
            if searched
            else html.empty(
                "No pictures yet",
                "Everything you draw hangs here, with the recipe that draws it again.",
                html.button("Draw a picture", "go_draw", "send"),
            )
        )
    cells = "".join(_cell(picture, picture.id == selected, desk) for picture in pictures)
    more = html.button(f"Show more of {of}", "more") if of > len(pictures) else ""
    return f'<div class="wall">{cells}</div>{more}{chosen_bar(desk.library.subjects())}'


def _cell(picture: Picture, opened: bool, desk: Studio) -> str:
    mark = f'<span class="star">{html.icon("star")}</span>' if picture.favourite else ""
    named = html.attributes(
        type="button",
        data_act="open",
        data_id=picture.id,
        title=prompt_of(picture),
        aria_pressed="true" if opened else "false",
    )
    return (
        f'<div class="cell{" open" if opened else ""}">{choose(picture.id)}<button{named}>'
        f"{html.image(desk.library.thumbnail(picture), prompt_of(picture))}</button>{mark}</div>"
    )


def detail_view(picture: Picture | None, deleted: str, before: Path | None = None) -> str:
    """One picture large, with its recipe and the places it can go; and what it was painted over."""
    undo = f'<div class="undo">Picture deleted. {html.button("Undo", "undo")}</div>' if deleted else ""
    if picture is None:
        return undo + html.empty("Choose a picture", "It opens here, large, with its recipe.")
    ask = picture.recipe.request
    acts = (
        html.button("To Draw", "to_draw", "send", id=picture.id)
        + html.button("Draw again", "replay", "again", id=picture.id)
        + html.button("Retouch", "retouch", "brush", id=picture.id)
        + html.button("Take the outfit", "take_outfit", "hanger", id=picture.id)
        + star(picture)
        + save(picture)
        + html.button("Delete", "delete", "trash", quiet=True, id=picture.id)
        + html.button("Close", "close", "close", quiet=True, kind="closes-sheet")
    )
    negative = f'<p class="faint">Not: {escape(str(ask["negative_prompt"]))}</p>' if ask.get("negative_prompt") else ""
    return (
        f'{undo}<div class="detail"><div class="frame">{html.image(picture.path, prompt_of(picture))}</div>'
        f'<div class="acts">{acts}</div><p class="prompt">{escape(prompt_of(picture))}</p>{negative}{_before(before)}'
        f"{html.pairs(recipe_of(picture))}</div>"
    )


def _before(file: Path | None) -> str:
    return (
        f'<details class="before"><summary>Before</summary><div class="frame">{html.image(file, "Before")}</div>'
        "</details>"
        if file
        else ""
    )


def recipe_of(picture: Picture) -> dict[str, Any]:
    """The recipe in the order people look for things."""
    ask, recipe = picture.recipe.request, picture.recipe
    used = ", ".join(f"{lora['name']} at {lora['scale']:g}" for lora in recipe.loras)
    worn = ", ".join(str(outfit["name"]) for outfit in recipe.outfits)
    return {
        "Seed": ask.get("seed"),
        "LoRA": used,
        "Outfit": worn,
        **told(recipe.estimates),
        **{name.replace("_", " ").capitalize(): ask.get(name) for name in OF_SAMPLING},
        "Size": _size_of(picture),
        "Strength": ask.get("strength"),
        "Family": recipe.family.get("title"),
        "Drawn": picture.created[:16].replace("T", " "),
        "File": Path(picture.path).name,
    }


def _size_of(picture: Picture) -> str:
    """Of one that was painted over another, that one's."""
    width, height = size_of(picture.path)
    return f"{width} x {height}"


def _picture(desk: Studio, id: str) -> Picture | None:
    return next((picture for picture in desk.library.pictures() if picture.id == id), None) if id else None
