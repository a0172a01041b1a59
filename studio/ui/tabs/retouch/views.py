"""What the easel is told: a picture with its mask, what was found in it, and what a family can find."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from PIL import Image

from studio.contracts.events import MaskFound
from studio.contracts.family import ModelFamily
from studio.imaging import masks
from studio.imaging.photos import size_of
from studio.session import Studio
from studio.ui import html
from studio.ui.tabs.retouch.easel import told
from studio.ui.tabs.retouch.easel_pictures import canvas_size, resolved, url_of
from studio.ui.tabs.retouch.repaint.views import Fields

MOST_WORDS = 14
Answer = dict[str, Any]


class EaselView(TypedDict, total=False):
    """The newest answer to the easel, as JSON."""

    easel: str


class PutUp(EaselView, Fields, total=False):
    """The same, and the words and the LoRA of the picture that is on it."""


def answered(act: dict, kind: str, **answer: Any) -> EaselView:
    """An answer repeats the number of its question: the easel passes over one that comes too late."""
    return {"easel": told(kind, question=act.get("question"), **answer)}


def put_up(desk: Studio, ref: str, family: ModelFamily) -> EaselView:
    """The picture of this reference onto the easel."""
    return {"easel": told("opened", picture=picture_of(desk, ref), family=known(family))}


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


def found_as(event: MaskFound, size: tuple[int, int]) -> Answer:
    """One thing as the easel takes it: its shapes of the easel's size, in black and white."""
    shapes = [
        {"png": url_of(masks.fitted(masks.read_mask(png), size).convert("1", dither=Image.Dither.NONE)), "score": score}
        for score, png in event.candidates
    ]
    return {"label": event.label, "score": event.score, "box": list(event.box), "candidates": shapes}


def picture_of(desk: Studio, ref: str) -> Answer:
    """A picture as the easel is told of it; sizes in pixels. Raises ValueError where it is not there."""
    path = resolved(desk, ref)
    width, height = size_of(path)
    told_of: Answer = {"ref": ref, "url": html.url(path), "width": width, "height": height}
    if ref.startswith("pictures/"):  # one that was repainted brings its mask, to go on with
        asked = desk.library.picture(path.stem).recipe.request
        try:
            mask = masks.exact_mask(desk.library.image(str(asked.get("mask", ""))), (width, height))
            told_of["mask"] = url_of(masks.fitted(mask, canvas_size((width, height))))
        except ValueError:
            pass
    return told_of
