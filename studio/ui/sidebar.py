"""The sidebar of the page: what goes on now, the last pictures, the device."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import gradio as gr

from studio.library import Picture
from studio.session import Studio
from studio.ui import html
from studio.ui.polling import Polling
from studio.ui.progress import now_view
from studio.ui.wiring import Wiring

IN_TRAY = 8


def sidebar(wiring: Wiring, polling: Polling) -> tuple[gr.HTML, gr.HTML]:
    """Lays it out; every tick brings it up to date, in every open page. The tray and the now-piece tell their acts."""
    with gr.Column(elem_id="side", scale=0, min_width=232):
        now = html.piece(now_view([]), "now-piece")
        tray = html.piece("", "tray-piece")
        device = gr.HTML("", elem_classes=["device"], apply_default_css=False)
    seen = gr.State(())

    def look(desk: Studio, before: tuple[int, ...]) -> tuple:
        parts = (now_view(desk.now()), tray_view(desk.library.pictures()[:IN_TRAY], desk), device_line(desk))
        return told_anew(parts, before)

    polling.look(look, [seen], [now, tray, device, seen])
    wiring.on_act(now, stop)
    return now, tray


def told_anew(parts: Sequence[str], before: Sequence[int]) -> tuple:
    """Each part that is not as it was, `skip` for the others, and what to compare with next time."""
    after = tuple(hash(part) for part in parts)
    same = [was == is_ for was, is_ in zip(before, after, strict=False)] + [False] * (len(after) - len(before))
    return (*(gr.skip() if is_same else part for part, is_same in zip(parts, same, strict=True)), after)


def stop(desk: Studio, act: dict) -> None:
    """Stop the run that a piece's button names."""
    if act.get("act") == "cancel":
        desk.run(str(act.get("run"))).cancel()


def tray_view(pictures: Sequence[Picture], desk: Studio) -> str:
    if not pictures:
        return '<div class="tray"><h2>Tray</h2><p>The last pictures you draw lie here.</p></div>'
    cells = "".join(
        f'<button type="button" data-act="open" data-id="{escape(picture.id)}" title="{escape(prompt_of(picture))}">'
        f"{html.image(desk.library.thumbnail(picture), prompt_of(picture))}</button>"
        for picture in pictures
    )
    return f'<div class="tray"><h2>Tray</h2><div class="cells">{cells}</div></div>'


def prompt_of(picture: Picture) -> str:
    return str(picture.recipe.request.get("prompt", ""))


def device_line(desk: Studio) -> str:
    plan = desk.plan
    words = plan.words if plan is not None else "Warming up"
    return f'<p class="device-line">{escape(words)}</p>'
