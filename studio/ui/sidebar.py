"""The sidebar of the page: what goes on now, the last pictures, the device."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.execution.executor import Now
from studio.library import Picture
from studio.session import Studio
from studio.ui import html
from studio.ui.picture_parts import prompt_of
from studio.ui.polling import Polling, told_anew
from studio.ui.run_lookup import stop_run
from studio.ui.wiring import Wiring

IN_TRAY = 8


class Look(TypedDict, total=False):
    """Everything in it, where it changed."""

    now: str
    tray: str
    device: str
    seen: dict


def sidebar() -> dict[str, Any]:
    """Lays it out. The tray and the now-piece tell their acts."""
    with gr.Column(elem_id="side", scale=0, min_width=232):
        now = html.piece(now_view([]), "now-piece")
        tray = html.piece("", "tray-piece")
        device = gr.HTML("", elem_classes=["device"], apply_default_css=False)
    return {"now": now, "tray": tray, "device": device, "seen": gr.State({})}


def connect_sidebar(wiring: Wiring, parts: dict[str, Any], polling: Polling) -> None:
    """Every tick brings it up to date, in every open page."""
    polling.look(look, parts)
    wiring.acts(parts["now"], {"cancel": stop_run})


def look(desk: Studio, seen: dict) -> Look:
    tray = tray_view(desk.library.pictures()[:IN_TRAY], desk)
    return told_anew({"now": now_view(desk.now()), "tray": tray, "device": device_line(desk)}, seen)


def now_view(now: Sequence[Now]) -> str:
    """What the one pipeline is doing, for whom, how long still."""
    if not now:
        return '<div class="now idle"><h2>Now</h2><p>Nothing on stage.</p></div>'
    return '<div class="now"><h2>Now</h2>' + "".join(_one_now(one) for one in now) + "</div>"


def _one_now(now: Now) -> str:
    left = html.duration(now.seconds_left)
    waiting = f"{now.waiting} waiting behind it" if now.waiting else ""
    stop = html.button("Stop", "cancel", "stop", quiet=True, run=now.run_id) if now.run_id else ""
    words = html.joined([now.words, f"{left} left" if left else "", waiting])
    return (
        f'<div class="act {now.kind}"><div class="row"><b>{escape(now.title)}</b>{stop}</div>'
        f"{html.bar(now.fraction, now.title)}<p>{escape(words)}</p></div>"
    )


def tray_view(pictures: Sequence[Picture], desk: Studio) -> str:
    """The last pictures, which open in the Gallery."""
    if not pictures:
        return '<div class="tray"><h2>Tray</h2><p>The last pictures you draw lie here.</p></div>'
    cells = "".join(
        f'<button type="button" data-act="open" data-id="{escape(picture.id)}" title="{escape(prompt_of(picture))}">'
        f"{html.image(desk.library.thumbnail(picture), prompt_of(picture))}</button>"
        for picture in pictures
    )
    return f'<div class="tray"><h2>Tray</h2><div class="cells">{cells}</div></div>'


def device_line(desk: Studio) -> str:
    """The device and its memory, once the engine knows them."""
    plan = desk.plan
    words = plan.words if plan is not None else "Warming up"
    return f'<p class="device-line">{escape(words)}</p>'
