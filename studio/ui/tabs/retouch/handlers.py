"""What happens on the easel: pictures come onto it, masks are found by words, clicks and boxes, changed and saved."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from studio.contracts.events import MaskFound
from studio.contracts.requests import MaskRequest
from studio.execution.run import CANCELLED, FAILED
from studio.imaging import masks
from studio.imaging.photos import opened, size_of
from studio.session import Studio
from studio.ui import html
from studio.ui.form_values import uploaded
from studio.ui.polling import Polling
from studio.ui.run_lookup import run_to_its_end
from studio.ui.serializers import fetchable
from studio.ui.tabs.retouch.easel import asks_easel, told
from studio.ui.tabs.retouch.easel_pictures import canvas_size, file_of, mask_of, url_of
from studio.ui.tabs.retouch.layout import RetouchTab
from studio.ui.tabs.retouch.repaint.handlers import connect_repaint
from studio.ui.tabs.retouch.repaint.views import fields_for
from studio.ui.tabs.retouch.views import EaselView, PutUp, answered, found_as, known, picture_of
from studio.ui.wiring import Wiring


def connect_retouch(wiring: Wiring, made: RetouchTab, family: gr.Dropdown, polling: Polling) -> None:
    """Says what happens where."""
    parts = {**made.parts, "family": family}
    # The easel waits for an answer; of an error it is told here, and the visitor by the message.
    wiring.acts(parts["easel"], EASEL_ACTS, parts, failed=asks_easel("failed"))
    wiring.listen(family.change, of_family, parts)
    connect_repaint(wiring, made.panel, made.tab, parts, polling)


def of_family(desk: Studio, family: str) -> EaselView:
    return {"easel": told("", family=known(desk.families[family]))}


def hello(desk: Studio, act: dict, family: str, prompt: str) -> PutUp:
    """A page that was opened: the picture that was on its easel, if it is still here.

    It brings its words and its LoRA, unless something was typed that the page kept.
    """
    ref, chosen = str(act.get("ref", "")), desk.families[family]
    try:
        told = answered(act, "opened", picture=picture_of(desk, ref), family=known(chosen))
    except ValueError:
        return {**answered(act, "gone", family=known(chosen))}
    shelf, _, name = ref.partition("/")
    return (
        {**told, **fields_for(desk, desk.library.picture(name), chosen)}
        if shelf == "pictures" and not prompt
        else {**told}
    )


def newest(desk: Studio, act: dict, family: str) -> PutUp:
    """The last picture, with its words and its LoRA."""
    pictures = desk.library.pictures()
    if not pictures:
        raise ValueError("There is no picture yet; draw one in Draw, or choose a file.")
    told = answered(act, "opened", picture=picture_of(desk, f"pictures/{pictures[0].id}"))
    return {**told, **fields_for(desk, pictures[0], desk.families[family])}


def open_file(desk: Studio, act: dict) -> EaselView:
    """A picture of the visitor's own, kept in the library so that a reload finds it."""
    path = uploaded([act])[0]
    name = str(act.get("name") or path.name)
    kept = desk.library.keep_image(path, name)
    with opened(path, name) as image:
        note = "Its transparent parts lie on white here." if image.has_transparency_data else ""
    return answered(act, "opened", picture=picture_of(desk, f"images/{kept.name}"), note=note)


async def find(desk: Studio, act: dict, family: str) -> EaselView:
    """What words name."""
    asked = {name: act.get(name) for name in ("box_threshold", "text_threshold")}
    return await _sought(desk, act, family, "found", phrases=str(act.get("phrases", "")), **asked)


async def point(desk: Studio, act: dict, family: str) -> EaselView:
    """What clicks and a box mean."""
    return await _sought(desk, act, family, "pointed", points=act.get("points") or (), box=act.get("box"))


async def _sought(desk: Studio, act: dict, family: str, kind: str, **asked: Any) -> EaselView:
    """What is found in the picture on the easel, and what is not; where it was stopped, what was found until then."""
    path, segmenter = file_of(desk, act), act.get("segmenter")
    known_one = segmenter if segmenter in desk.families[family].segmenters else None
    run = await run_to_its_end(desk, MaskRequest(path, family=family, segmenter=known_one, **asked))
    if run.status == FAILED:
        run.result()  # raises, with the reason
    found = await asyncio.to_thread(
        lambda: [found_as(one, canvas_size(size_of(path))) for one in run.snapshot() if isinstance(one, MaskFound)]
    )
    note = "Stopped." if run.status == CANCELLED else run.message
    return answered(act, kind, box=act.get("box"), masks=found, note=note)


def edit(desk: Studio, act: dict) -> EaselView:
    """Grow, shrink, feather, fill, clean or invert the mask; pixels are the picture's."""
    size = size_of(file_of(desk, act))
    mask, pixels = mask_of(act, size), act.get("pixels")
    if isinstance(pixels, bool) or not isinstance(pixels, int | float):
        raise ValueError("Say by how many pixels: a number from 1 to 512.")
    scaled = pixels * mask.width / size[0]
    changed = masks.operated(mask, str(act.get("operation")), scaled)
    note = "" if masks.box_of(changed) else "Nothing is left of the mask; Undo brings it back."
    return answered(act, "edited", mask=url_of(changed), note=note)


def bring(desk: Studio, act: dict) -> EaselView:
    """A mask from a file takes the place of the one on the easel."""
    size = size_of(file_of(desk, act))
    path = uploaded([act])[0]
    reading = masks.read_as_meant(path, size, str(act.get("name") or path.name))
    mask = url_of(masks.fitted(reading.image, canvas_size(size)))
    return answered(act, "edited", mask=mask, alone=True, note=masks.told(reading))


def save(desk: Studio, act: dict) -> EaselView:
    """The mask as a PNG of the picture's own size."""
    path = file_of(desk, act)
    size = size_of(path)
    mask = masks.fitted(mask_of(act, size), size)
    note = f"Saved as a PNG of {size[0]} x {size[1]} px, white inside ({masks.share_of(mask):.0%})."
    return answered(act, "exported", url=html.url(fetchable(mask)), name=f"{path.stem[:40]}-mask.png", note=note)


def stop(desk: Studio, act: dict) -> None:
    """Stop looking at the picture that is on the easel."""
    path = str(file_of(desk, act))
    for run in desk.runs(kind="mask"):
        if not run.ended and run.request.picture == path:
            run.cancel()


EASEL_ACTS = {
    "hello": hello,
    "newest": newest,
    "open_file": open_file,
    "find": find,
    "point": point,
    "edit": edit,
    "import": bring,
    "export": save,
    "stop": stop,
}
