"""Dress whoever is in pictures that are there already: the ticked outfits, in each of the ticked pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.contracts.requests import WearRequest
from studio.session import Studio
from studio.ui import html
from studio.ui.polling import Polling
from studio.ui.progress import run_of
from studio.ui.sidebar import prompt_of, told_anew
from studio.ui.tabs.dress.block_scales_panel import Acting, Acts, uses, written
from studio.ui.tabs.dress.cards import toggle
from studio.ui.tabs.retouch.repaint_panel import act_on_run, painted_view
from studio.ui.wiring import Wiring

SHOWN = 12  # of the library's newest pictures


@dataclass(frozen=True)
class InPictures:
    """The folded part of Dress: pictures to tick, and what came of them."""

    shelf: gr.HTML
    ticked: gr.State
    dress: gr.Button


def in_pictures() -> InPictures:
    """Lays the choice out."""
    ticked = gr.State([])
    with gr.Accordion("Or in a picture they are in", open=False, elem_id="in-pictures"):
        gr.HTML(
            '<p class="faint">The clothes in it are found and repainted; all else stays, to the pixel. Scenes do '
            "not matter here.</p>",
            apply_default_css=False,
        )
        shelf = html.piece("", "shelf-piece")
        dress = gr.Button("Dress them in these pictures", size="md")
    return InPictures(shelf, ticked, dress)


def connect(
    wiring: Wiring,
    made: InPictures,
    family: gr.Dropdown,
    chosen: gr.State,
    together: gr.Checkbox,
    how: Acting,
    seed: gr.Number,
    polling: Polling,
) -> gr.HTML:
    """Lays out where the pictures come, and wires it all; that place is given."""
    runs, seen, before = gr.State([]), gr.State(()), gr.State(())
    stage = html.piece("", "worn-stage")
    wiring.on_act(made.shelf, tick, made.ticked, [made.ticked, made.shelf])
    asked = [made.ticked, chosen, together, how.acts, how.text, how.outfit, seed, family]
    wiring.listen(made.dress.click, start, asked, [runs, stage], show_progress="minimal", show_progress_on=[stage])
    polling.look(look, [runs, seen], [stage, seen])
    polling.look(
        lambda desk, ticked, before: told_anew([shelf_view(desk, ticked)], before),
        [made.ticked, before],
        [made.shelf, before],
    )
    wiring.on_act(stage, act_on_run, None, None)
    return stage


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


def tick(desk: Studio, act: dict, ticked: list) -> tuple:
    what, id = act.get("act"), str(act.get("slug"))
    if what == "tick_all":
        ticked = [picture.id for picture in desk.library.pictures()[:SHOWN]]
    elif what == "tick_none":
        ticked = []
    elif what == "tick":
        ticked = [one for one in ticked if one != id] if id in ticked else [*ticked, id]
    else:
        return gr.skip(), gr.skip()
    return ticked, shelf_view(desk, ticked)


async def start(
    desk: Studio,
    ticked: list,
    chosen: list,
    together: bool,
    acts: Acts,
    text: str,
    of: str,
    seed: int | None,
    family: str,
) -> tuple:
    """A run for each outfit, or for all of them together."""
    known = desk.families[family]
    here = {picture.id: picture for picture in desk.library.pictures()}
    pictures = [here[id].path for id in ticked if id in here]
    if not pictures:
        raise ValueError("Tick a picture first, in the fold under the prompt.")
    worn = uses([slug for slug in chosen if slug], written(desk, text, acts, of, family), known)
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
    return runs, runs_view(desk, runs)


def look(desk: Studio, runs: list, seen: tuple) -> tuple:
    """The pictures as they come; runs that have ended are not looked at again."""
    found = [run_of(desk, id) for id in runs]
    rests = (tuple(runs), all(run is None or run.ended for run in found))
    if rests[1] and seen[:2] == rests:
        return gr.skip(), gr.skip()
    stage, after = told_anew([runs_view(desk, runs)], seen[2:])
    return stage, (*rests, *after)


def runs_view(desk: Studio, runs: Sequence[Any]) -> str:
    """What came of each run so far, under the outfits' names."""
    names = {outfit.slug: outfit.name for outfit in desk.library.outfits()}
    return "".join(f"<h4>{escape(_worn_in(desk, id, names))}</h4>{painted_view(desk, id, '')}" for id in runs)


def _worn_in(desk: Studio, id: str, names: Mapping[str, str]) -> str:
    run = run_of(desk, id)
    return ", ".join(names.get(use.slug, use.slug) for use in run.request.outfits) if run else ""
