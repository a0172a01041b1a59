"""Dress whoever is in pictures that are there already: the ticked outfits, in each of the ticked pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.requests import WearRequest
from studio.session import Studio
from studio.ui import html
from studio.ui.picture_parts import mark, prompt_of
from studio.ui.polling import Polling, told_anew, told_until_it_rests
from studio.ui.run_lookup import run_of, stop_run
from studio.ui.tabs.dress.block_scales.handlers import written
from studio.ui.tabs.dress.block_scales.views import Acts, uses
from studio.ui.tabs.dress.cards import toggle
from studio.ui.tabs.retouch.repaint.views import painted_view
from studio.ui.wiring import Wiring

SHOWN = 12  # of the library's newest pictures


@dataclass(frozen=True)
class TryOn:
    """The folded part of Dress: pictures to tick, and what came of them where `parts["worn"]` is laid out."""

    dress: gr.Button
    parts: dict[str, Any]


class Shelf(TypedDict):
    """Which pictures are ticked."""

    ticked: list[str]
    shelf: str


class ShelfLooked(TypedDict, total=False):
    """The shelf as every tick brings it."""

    shelf: str
    seen: dict


class Worn(TypedDict, total=False):
    """What came of the pictures, by run."""

    runs: list[str]
    worn: str


class WornLooked(TypedDict, total=False):
    """What came of the pictures, as every tick brings it."""

    worn: str
    seen: dict


def try_on_panel() -> TryOn:
    """Lays the choice out."""
    with gr.Accordion("Or in a picture they are in", open=False, elem_id="in-pictures"):
        gr.HTML(
            '<p class="faint">The clothes in it are found and repainted; all else stays, to the pixel. Scenes do '
            "not matter here.</p>",
            apply_default_css=False,
        )
        shelf = html.piece("", "shelf-piece")
        dress = gr.Button("Dress them in these pictures", size="md")
    return TryOn(dress, {"ticked": gr.State([]), "shelf": shelf, "runs": gr.State([])})


def connect(wiring: Wiring, made: TryOn, dressing: Mapping[str, Any], polling: Polling) -> None:
    """Says what happens where; `dressing` are the parts of Dress."""
    parts, worn = {**dressing, **made.parts}, made.parts["worn"]
    wiring.acts(parts["shelf"], {"tick": tick, "tick_all": tick_all, "tick_none": tick_none}, parts)
    wiring.listen(made.dress.click, start, parts, show_progress="minimal", show_progress_on=[worn])
    for look in (look_at_shelf, look_at_worn):
        polling.look(look, {**made.parts, "seen": gr.State({})})
    wiring.acts(worn, {"cancel": stop_run, "favourite": mark})


def shelf_view(desk: Studio, ticked: Sequence[str]) -> str:
    """The newest pictures, each to tick, and older ones that are ticked."""
    pictures = [
        picture for number, picture in enumerate(desk.library.pictures()) if number < SHOWN or picture.id in ticked
    ]
    if not pictures:
        return '<p class="faint">No picture yet: draw one in Draw.</p>'
    cells = "".join(
        f"<button{toggle('tick', picture.id, picture.id in ticked, 'small-picture', prompt_of(picture))}>"
        f"{html.image(desk.library.thumbnail(picture), prompt_of(picture))}</button>"
        for picture in pictures
    )
    every = (
        html.button("Tick none", "tick_none")
        if all(picture.id in ticked for picture in pictures)
        else html.button("Tick all", "tick_all")
    )
    return f'<div class="small-pictures">{cells}</div><div class="row">{every}</div>'


def tick(desk: Studio, act: dict, ticked: list) -> Shelf:
    id = str(act.get("slug"))
    return _ticked(desk, [one for one in ticked if one != id] if id in ticked else [*ticked, id])


def tick_all(desk: Studio, act: dict) -> Shelf:
    return _ticked(desk, [picture.id for picture in desk.library.pictures()[:SHOWN]])


def tick_none(desk: Studio, act: dict) -> Shelf:
    return _ticked(desk, [])


def _ticked(desk: Studio, ticked: list[str]) -> Shelf:
    return {"ticked": ticked, "shelf": shelf_view(desk, ticked)}


async def start(
    desk: Studio,
    ticked: list,
    chosen: list,
    together: bool,
    acts: Acts,
    text: str,
    outfit: str,
    seed: int | None,
    family: str,
) -> Worn:
    """A run for each outfit, or for all of them together."""
    known = desk.families[family]
    here = {picture.id: picture for picture in desk.library.pictures()}
    pictures = [here[id].path for id in ticked if id in here]
    if not pictures:
        raise ValueError("Tick a picture first, in the fold under the prompt.")
    worn = uses([slug for slug in chosen if slug], written(desk, text, acts, outfit, family), known)
    if not worn:
        raise ValueError("Tick an outfit first.")
    asked = [
        WearRequest(pictures, row, seed=seed, family=family)
        for row in ([worn] if together else [[use] for use in worn])
    ]
    runs: list[str] = []
    for request in asked:
        try:
            runs.append((await asyncio.to_thread(desk.start, request)).id)
        except ValueError as error:
            if not runs:
                raise
            gr.Warning(f"{len(runs)} of {len(asked)} outfits are being put on. {error}")
            break
    return {"runs": runs, "worn": runs_view(desk, runs)}


def look_at_shelf(desk: Studio, ticked: list, seen: dict) -> ShelfLooked:
    return told_anew({"shelf": shelf_view(desk, ticked)}, seen)


def look_at_worn(desk: Studio, runs: list, seen: dict) -> WornLooked:
    """The pictures as they come; runs that have ended are not looked at again."""
    found = [run_of(desk, id) for id in runs]
    rests = (tuple(runs), all(run is None or run.ended for run in found))
    return told_until_it_rests(lambda: {"worn": runs_view(desk, runs)}, rests, seen)


def runs_view(desk: Studio, runs: Sequence[Any]) -> str:
    """What came of each run so far, under the outfits' names."""
    names = {outfit.slug: outfit.name for outfit in desk.library.outfits()}
    return "".join(f"<h4>{escape(_worn_in(desk, id, names))}</h4>{painted_view(desk, id, '')}" for id in runs)


def _worn_in(desk: Studio, id: str, names: Mapping[str, str]) -> str:
    run = run_of(desk, id)
    return ", ".join(names.get(use.slug, use.slug) for use in run.request.outfits) if run else ""
