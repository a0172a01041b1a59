"""Gallery: every picture with its recipe, found again, drawn again, deleted and brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from studio.imaging.photos import size_of
from studio.library import Picture
from studio.session import Studio
from studio.ui import html
from studio.ui.estimate_tags import told
from studio.ui.sidebar import prompt_of, told_anew
from studio.ui.stage import choose, chosen_bar, save, star
from studio.ui.tabs.retouch.repaint_panel import before_of
from studio.ui.wiring import Wiring

PAGE = 60  # pictures shown at first, and more at each click


@dataclass(frozen=True)
class GalleryTab:
    """What the rest of the page may touch."""

    tab: gr.Tab
    wall: gr.HTML
    detail: gr.HTML
    drop: gr.File
    selected: gr.State
    view: tuple[Any, ...]  # what `show` takes: search, favourites, selected, count, deleted, seen
    outputs: tuple[Any, ...]  # what it gives


def gallery_tab(wiring: Wiring) -> GalleryTab:
    """Lays the tab out and wires it."""
    with gr.Tab("Gallery", id="gallery", elem_classes=["tab-gallery"]) as tab:
        selected, count, deleted, seen = gr.State(""), gr.State(PAGE), gr.State(""), gr.State(())
        with gr.Row(elem_classes=["gallery-tools"]):
            search = gr.Textbox(
                placeholder="Search prompts, LoRAs, seeds",
                show_label=False,
                label="Search",
                container=False,
                scale=5,
                min_width=160,
                elem_id="gallery-search",
            )
            favourites = gr.Checkbox(label="Favourites", scale=1, min_width=130, container=False)
            drop = gr.File(
                label="Drop a PNG here to restore its settings",
                file_count="single",
                type="filepath",
                height=84,
                scale=3,
                min_width=200,
                elem_classes=["drop", "slim"],
                elem_id="recipe-drop",
            )
        with gr.Row(elem_classes=["columns", "gallery-columns"]):
            with gr.Column(scale=6, min_width=300):
                wall = html.piece("", "wall-piece")
            with gr.Column(scale=5, min_width=300, elem_classes=["detail-column"]):
                detail = html.piece("", "detail-piece")
    view, outputs = (search, favourites, selected, count, deleted, seen), (wall, detail, seen)

    for event in (search.change, favourites.change, tab.select):
        wiring.listen(event, show, list(view), list(outputs), trigger_mode="always_last")
    for acting in (wall, detail):
        wiring.on_act(acting, act_on_gallery, list(view), [selected, count, deleted, *outputs])
    return GalleryTab(tab, wall, detail, drop, selected, view, outputs)


def show(desk: Studio, search: str, favourites: bool, selected: str, count: int, deleted: str, seen: tuple) -> tuple:
    """The wall and the picture beside it, where they changed."""
    pictures = desk.library.pictures(search or "", bool(favourites))
    opened = next((picture for picture in pictures if picture.id == selected), None) or _picture(desk, selected)
    searched = bool(search or favourites)
    wall = wall_view(pictures[:count], len(pictures), opened.id if opened else "", desk, searched)
    return told_anew([wall, detail_view(opened, deleted, before_of(desk, opened))], seen)


def act_on_gallery(
    desk: Studio, act: dict, search: str, favourites: bool, selected: str, count: int, deleted: str, seen: tuple
) -> tuple:
    """Open, favourite, delete, undo, more."""
    what, id = act.get("act"), str(act.get("id", ""))
    if what == "open":
        selected, deleted = id, ""
    elif what == "close":
        selected = ""
    elif what == "favourite":
        picture = desk.library.picture(id)
        desk.library.favourite(picture.id, not picture.favourite)
    elif what == "delete":
        after = _next_of(desk.library.pictures(search or "", bool(favourites)), id)
        desk.library.delete_picture(id)
        selected, deleted = after, id
    elif what == "undo" and deleted:
        selected, deleted = desk.library.restore_picture(deleted).id, ""
    elif what == "more":
        count += PAGE
    else:
        return (gr.skip(),) * 6
    return selected, count, deleted, *show(desk, search, favourites, selected, count, deleted, seen)


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
        "Steps": ask.get("steps"),
        "Guidance": ask.get("guidance"),
        "Scheduler": ask.get("scheduler"),
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


def _next_of(pictures: Sequence[Picture], id: str) -> str:
    """The picture that takes the place of a deleted one."""
    ids = [picture.id for picture in pictures]
    if id not in ids:
        return ""
    place = ids.index(id)
    rest = ids[place + 1 : place + 2] or ids[max(place - 1, 0) : place]
    return rest[0] if rest else ""
