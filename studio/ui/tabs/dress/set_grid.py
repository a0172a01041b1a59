"""A set as the page shows it: outfits by scenes, each cell alive while it is drawn."""

from __future__ import annotations

from html import escape

from studio.execution.run import Run
from studio.library import Picture, PictureSet
from studio.library.set_files import Layout, layout_of
from studio.session import Studio
from studio.ui import html
from studio.ui.estimate_tags import tags
from studio.ui.picture_parts import live_headline
from studio.ui.run_lookup import newest


def run_of_set(desk: Studio, id: str) -> Run | None:
    """The newest run of this set in this process."""
    return newest(desk, "set", where=lambda run: run.request.id == id) if id else None


def set_of(desk: Studio, id: str) -> PictureSet | None:
    """The set, or None where it is not there (yet)."""
    return next((kept for kept in desk.library.sets() if kept.id == id), None) if id else None


def set_view(desk: Studio, id: str, asked: bool = False) -> str:
    """The grid with its headline; before any, what to do first. `asked` whether it is to be forgotten."""
    kept, run = set_of(desk, id), run_of_set(desk, id)
    if kept is None and run is None:
        return html.empty(
            "The wardrobe is open",
            "Choose who, tick outfits and scenes, and press Dress. Every outfit is drawn in "
            "every scene from the same seed, so that nothing but the clothes and the place differs.",
        )
    head = _head(kept, run)
    if kept is None:
        return f'<div class="dressed">{head}</div>'
    layout = layout_of(kept, desk.library)
    return f'<div class="dressed">{head}{_grid(desk, layout, run)}{_foot(kept, layout, run, asked)}</div>'


def _head(kept: PictureSet | None, run: Run | None) -> str:
    title = kept.title if kept else run.title if run else ""
    if run is None or run.ended:
        failed = html.note(run.message, "bad") if run and run.status == "failed" else ""
        stopped = html.note("Stopped. What was finished is kept.") if run and run.status == "cancelled" else ""
        return f'<div class="headline"><p class="prompt">{escape(title)}</p>{failed}{stopped}</div>'
    return live_headline(run, title, "Dressing")


def _grid(desk: Studio, layout: Layout, run: Run | None) -> str:
    live = run if run is not None and not run.ended else None
    names = "".join(f'<b class="set-column">{escape(name)}</b>' for name in layout.columns)
    cells, number = "", 0
    for row, name in enumerate(layout.rows):
        cells += f'<b class="set-row">{escape(name)}</b>'
        for column in range(len(layout.columns)):
            where = layout.columns[column]
            cells += _cell(desk, layout.at(row, column), number, live, f"{name}, {where}", where)
            number += 1
    return f'<div class="set-grid" style="--columns:{len(layout.columns)}"><i></i>{names}{cells}</div>'


def _cell(desk: Studio, picture: Picture | None, number: int, live: Run | None, called: str, where: str) -> str:
    place = f'<span class="set-where">{escape(where)}</span>'  # where the head of the column is not in sight
    if picture is not None:
        named = html.attributes(type="button", data_act="open", data_id=picture.id, title=called)
        return (
            f'<figure class="set-cell"><button{named}>{html.image(desk.library.thumbnail(picture), called)}'
            f"</button>{place}{tags(picture.recipe.estimates)}</figure>"
        )
    preview = live.latest if live else None
    if preview is not None and preview.index == number:
        half = html.jpeg(preview.jpeg, "Half drawn")
        return f'<figure class="set-cell half"><div class="frame">{half}</div>{place}</figure>'
    return f'<figure class="set-cell coming"><div class="frame" title="{escape(called)}"></div>{place}</figure>'


def _foot(kept: PictureSet, layout: Layout, run: Run | None, asked: bool) -> str:
    """What may be done with a set that rests."""
    if run is not None and not run.ended:
        return ""
    missing = sum(len(row) for row in layout.places) - len(layout.pictures)
    draw = (
        html.button(
            f"Draw the {missing} missing" if missing > 1 else "Draw the missing one",
            "go_on",
            "play",
            kind="main",
            id=kept.id,
        )
        if missing
        else ""
    )
    save = html.button("Save the grid and its files", "save_set", "save", id=kept.id) if layout.pictures else ""
    forget = (
        html.button("Really forget it; its pictures stay", "remove_set", "trash", id=kept.id)
        if asked
        else html.button("Forget the set", "ask_set", "trash", id=kept.id)
    )
    return f'<div class="row set-foot">{draw}{save}{forget}</div>'
