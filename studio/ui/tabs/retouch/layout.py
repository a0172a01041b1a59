"""Retouch: a picture on the easel, and the mask that is found by words, clicks and boxes or painted by hand."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from studio.contracts.events import MaskFound
from studio.contracts.family import ModelFamily
from studio.contracts.requests import MaskRequest
from studio.execution.run import CANCELLED, FAILED
from studio.imaging import masks
from studio.imaging.photos import opened, size_of
from studio.session import Studio
from studio.ui import html
from studio.ui.polling import Polling
from studio.ui.progress import run_to_its_end
from studio.ui.serializers import fetchable
from studio.ui.tabs.retouch.easel import easel, told
from studio.ui.tabs.retouch.repaint_panel import EASEL_FREE, Repainting, fields_for, repainting
from studio.ui.wiring import Wiring, uploaded

LONGEST = 2048  # pixels of the easel's longer side: a larger picture is masked on a smaller canvas
MOST_BYTES = 24_000_000  # of a mask from the page
MOST_WORDS = 14
Answer = dict[str, Any]


@dataclass(frozen=True)
class RetouchTab:
    """What the rest of the page may touch; the easel's value is the newest answer."""

    tab: gr.Tab
    easel: gr.HTML
    painting: Repainting


def retouch_tab(wiring: Wiring, family: gr.Dropdown, first: ModelFamily, polling: Polling) -> RetouchTab:
    """Lays the tab out and wires it."""
    with gr.Tab("Retouch", id="retouch", elem_classes=["tab-retouch"]) as tab, gr.Row(elem_classes=["retouching"]):
        canvas = easel()
        painting = repainting(wiring, family, first, canvas, polling, asked_in)
    # The easel waits for an answer; of an error it is told here, and the visitor by the message.
    wiring.on_act(canvas, act_on_easel, family, canvas).failure(
        None, None, None, js=EASEL_FREE, show_progress="hidden", api_visibility="private"
    )
    wiring.on_act(canvas, fill_in, [family, painting.form["prompt"]], list(painting.filled))
    wiring.listen(family.change, lambda desk, name: told("", family=known(desk.families[name])), family, canvas)
    return RetouchTab(tab, canvas, painting)


async def act_on_easel(desk: Studio, act: dict, family: str) -> Any:
    """Every act of the easel and its answer, as JSON; `ref` names the picture that is on it.

    The answer repeats the number of the question: the easel passes over one that comes too late.
    """
    answers: Mapping[str, Callable[[Studio, dict, ModelFamily], Answer | None]] = {
        "hello": hello,
        "newest": newest,
        "open_file": open_file,
        "edit": edit,
        "import": bring,
        "export": save,
        "stop": stop,
    }
    searches: Mapping[str, Callable[[dict, ModelFamily], dict[str, Any]]] = {"find": by_words, "point": by_points}
    what, known_family = str(act.get("act")), desk.families[family]
    if what in searches:
        answer = await sought(desk, act, known_family, searches[what](act, known_family))
    elif what in answers:  # in a thread: a large picture takes its time, and the loop serves everyone
        answer = await asyncio.to_thread(answers[what], desk, act, known_family)
    else:
        return gr.skip()
    return gr.skip() if answer is None else told(question=act.get("question"), **answer)


def put_up(desk: Studio, ref: str, family: ModelFamily) -> str:
    """The picture of this reference onto the easel."""
    return told("opened", picture=_picture(desk, ref), family=known(family))


def asked_in(desk: Studio, act: dict) -> tuple[Path, Image.Image | None]:
    """The file that an act of the easel is about, and the mask, of the file's size, where it brings one."""
    path = _file(desk, act)
    size = size_of(path)
    return path, masks.fitted(_mask(act, size), size) if act.get("mask") else None


def fill_in(desk: Studio, act: dict, family: str, prompt: str) -> tuple:
    """The words and the LoRA of a picture that the easel takes up by itself; a reload keeps what was typed."""
    if act.get("act") == "newest":
        return fields_for(desk, next(iter(desk.library.pictures()), None), desk.families[family], prompt)
    if act.get("act") == "hello" and not prompt:
        shelf, _, name = str(act.get("ref", "")).partition("/")
        found = next((one for one in desk.library.pictures() if shelf == "pictures" and one.id == name), None)
        return fields_for(desk, found, desk.families[family], prompt)
    return (gr.skip(),) * 3


def hello(desk: Studio, act: dict, family: ModelFamily) -> Answer:
    """A page that was opened: the picture that was on its easel, if it is still here."""
    try:
        return {"kind": "opened", "picture": _picture(desk, str(act.get("ref", ""))), "family": known(family)}
    except ValueError:
        return {"kind": "gone", "family": known(family)}


def newest(desk: Studio, act: dict, family: ModelFamily) -> Answer:
    pictures = desk.library.pictures()
    if not pictures:
        raise ValueError("There is no picture yet; draw one in Draw, or choose a file.")
    return {"kind": "opened", "picture": _picture(desk, f"pictures/{pictures[0].id}")}


def open_file(desk: Studio, act: dict, family: ModelFamily) -> Answer:
    """A picture of the visitor's own, kept in the library so that a reload finds it."""
    path = uploaded([act])[0]
    name = str(act.get("name") or path.name)
    kept = desk.library.keep_image(path, name)
    with opened(path, name) as image:
        note = "Its transparent parts lie on white here." if image.has_transparency_data else ""
    return {"kind": "opened", "picture": _picture(desk, f"images/{kept.name}"), "note": note}


def by_words(act: dict, family: ModelFamily) -> dict[str, Any]:
    """What a search for words asks."""
    return {
        "phrases": str(act.get("phrases", "")),
        "box_threshold": act.get("box_threshold"),
        "text_threshold": act.get("text_threshold"),
    }


def by_points(act: dict, family: ModelFamily) -> dict[str, Any]:
    """What clicks and a box ask."""
    return {"points": act.get("points") or (), "box": act.get("box")}


async def sought(desk: Studio, act: dict, family: ModelFamily, asked: dict[str, Any]) -> Answer:
    """What is found in the picture on the easel, and what is not; where it was stopped, what was found until then."""
    path, segmenter = _file(desk, act), act.get("segmenter")
    request = MaskRequest(
        path, family=family.name, segmenter=segmenter if segmenter in family.segmenters else None, **asked
    )
    run = await run_to_its_end(desk, request)
    if run.status == FAILED:
        run.result()  # raises, with the reason
    found = await asyncio.to_thread(
        lambda: [_found(event, canvas_size(size_of(path))) for event in run.snapshot() if isinstance(event, MaskFound)]
    )
    note = "Stopped." if run.status == CANCELLED else run.message
    return {
        "kind": "found" if act.get("act") == "find" else "pointed",
        "box": act.get("box"),
        "masks": found,
        "note": note,
    }


def edit(desk: Studio, act: dict, family: ModelFamily) -> Answer:
    """Grow, shrink, feather, fill, clean or invert the mask; pixels are the picture's."""
    size = size_of(_file(desk, act))
    mask, pixels = _mask(act, size), act.get("pixels")
    if isinstance(pixels, bool) or not isinstance(pixels, int | float):
        raise ValueError("Say by how many pixels: a number from 1 to 512.")
    scaled = pixels * mask.width / size[0]
    changed = masks.operated(mask, str(act.get("operation")), scaled)
    note = "" if masks.box_of(changed) else "Nothing is left of the mask; Undo brings it back."
    return {"kind": "edited", "mask": _url(changed), "note": note}


def bring(desk: Studio, act: dict, family: ModelFamily) -> Answer:
    """A mask from a file takes the place of the one on the easel."""
    size = size_of(_file(desk, act))
    path = uploaded([act])[0]
    mask = masks.open_mask(path, size, str(act.get("name") or path.name))
    return {
        "kind": "edited",
        "mask": _url(masks.fitted(mask, canvas_size(size))),
        "alone": True,
        "note": f"{masks.share_of(mask):.0%} of the picture is inside.",
    }


def save(desk: Studio, act: dict, family: ModelFamily) -> Answer:
    """The mask as a PNG of the picture's own size."""
    path = _file(desk, act)
    size = size_of(path)
    mask = masks.fitted(_mask(act, size), size)
    return {
        "kind": "exported",
        "url": html.url(fetchable(mask)),
        "name": f"{path.stem[:40]}-mask.png",
        "note": f"Saved as a PNG of {size[0]} x {size[1]} px, white inside ({masks.share_of(mask):.0%}).",
    }


def stop(desk: Studio, act: dict, family: ModelFamily) -> None:
    """Stop looking at the picture that is on the easel."""
    path = str(_file(desk, act))
    for run in desk.runs(kind="mask"):
        if not run.ended and run.request.picture == path:
            run.cancel()


def known(family: ModelFamily) -> Answer:
    """What the easel offers for a family: words, thresholds, segmenters, and what will be fetched."""
    things = [word for words in family.things().values() for word in words]
    return {
        "name": family.name,
        "words": (things or list(masks.EVERYDAY))[:MOST_WORDS],
        "segmenters": list(family.segmenters),
        "segmenter": family.masking["segmenter"],
        "box_threshold": family.masking["box_threshold"],
        "text_threshold": family.masking["text_threshold"],
        "note": ""
        if Path(family.detector).is_dir()
        else f"With the first search {family.detector} (0.7 GB) and the segmenter (0.4 to 3.5 GB) are fetched from the "
        "Hugging Face hub, unless this machine has them.",
    }


def canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """The easel's own size for a picture of this one, as static/mask_editor has it."""
    factor = min(1.0, LONGEST / max(size))
    width, height = (max(1, int(side * factor + 0.5)) for side in size)
    return width, height


def _found(event: MaskFound, size: tuple[int, int]) -> Answer:
    """One thing as the easel takes it: its shapes of the easel's size, in black and white."""
    shapes = [
        {"png": _url(masks.fitted(masks.read_mask(png), size).convert("1", dither=Image.Dither.NONE)), "score": score}
        for score, png in event.candidates
    ]
    return {"label": event.label, "score": event.score, "box": list(event.box), "candidates": shapes}


def _picture(desk: Studio, ref: str) -> Answer:
    path = _resolved(desk, ref)
    width, height = size_of(path)
    told_of: Answer = {"ref": ref, "url": html.url(path), "width": width, "height": height}
    if ref.startswith("pictures/"):  # one that was repainted brings its mask, to go on with
        asked = desk.library.picture(path.stem).recipe.request
        try:
            mask = masks.open_mask(desk.library.image(str(asked.get("mask", ""))), (width, height))
            told_of["mask"] = _url(masks.fitted(mask, canvas_size((width, height))))
        except ValueError:
            pass
    return told_of


def _file(desk: Studio, act: dict) -> Path:
    if not act.get("ref"):
        raise ValueError("Open a picture first: take one from Draw or the Gallery, or choose a file.")
    return _resolved(desk, str(act["ref"]))


def _resolved(desk: Studio, ref: str) -> Path:
    """The file of "pictures/<id>" or "images/<name>" of this library. Raises ValueError when it is not there."""
    shelf, _, name = ref.partition("/")
    if shelf == "pictures":
        return desk.library.picture(name).path
    if shelf == "images":
        return desk.library.image(name)
    raise ValueError("There is no such picture in this library; open it again.")


def _mask(act: dict, size: tuple[int, int]) -> Image.Image:
    """The mask that the easel sent, of the easel's size. Raises ValueError for anything else."""
    try:
        head, _, data = str(act.get("mask", "")).partition(",")
        if not head.startswith("data:image/png") or len(data) > MOST_BYTES:
            raise ValueError("no PNG")
        return masks.open_mask(base64.b64decode(data, validate=True), canvas_size(size))
    except (binascii.Error, ValueError) as error:
        raise ValueError("The mask did not arrive whole; reload the page, the mask is kept.") from error


def _url(mask: Image.Image) -> str:
    return f"data:image/png;base64,{base64.b64encode(masks.png_of(mask)).decode()}"
