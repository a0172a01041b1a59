"""What goes from one tab to another: a picture, a LoRA, settings; each handler also opens the tab it goes to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from studio.contracts.requests import DrawRequest
from studio.session import Studio
from studio.ui.loras import FIELDS, ROWS, lora_choices, renewed
from studio.ui.recipe_import import settings_in, settings_of
from studio.ui.tabs.draw import layout as draw
from studio.ui.tabs.dress import layout as dress
from studio.ui.tabs.gallery import layout as gallery
from studio.ui.tabs.retouch import layout as retouch
from studio.ui.tabs.subject import layout as subject
from studio.ui.tabs.train import layout as train

BLANK = DrawRequest(prompt="nothing yet")


def refresh_draw(desk: Studio, family: str, lora: str, *others: str) -> tuple:
    """LoRAs that were trained meanwhile."""
    choices = lora_choices(desk, desk.families[family])
    kept = lora if lora in {slug for _, slug in choices} else ""
    return (
        gr.Dropdown(choices, value=kept),
        draw.words_for(desk, kept, family),
        *renewed(desk, desk.families[family], others),
    )


def refresh_train(desk: Studio, slug: str | None, family: str) -> tuple:
    choices = train.choices(desk)
    known = {known for _, known in choices}
    kept = slug if slug in known else choices[0][1] if choices else None
    return gr.Dropdown(choices, value=kept), gr.Radio(train.preset_choices(desk, desk.families[family]))


def train_this(desk: Studio, slug: str) -> tuple:
    return gr.Tabs(selected="train"), gr.Dropdown(train.choices(desk), value=slug or None)


def go_draw(desk: Studio, act: dict) -> Any:
    return gr.Tabs(selected="draw") if act.get("act") == "go_draw" else gr.skip()


def draw_with(desk: Studio, act: dict) -> tuple:
    """The trained LoRA into the Draw form, with a prompt that calls it."""
    if act.get("act") != "draw_with":
        return _skips()
    lora = desk.library.lora(str(act.get("lora")))
    family = desk.families.get(lora.family, desk.family)
    request = replace(
        BLANK,
        prompt=draw.first_prompt(desk, family, lora.slug),
        lora=lora.slug,
        family=family.name,
        **{name: value for name, value in family.drawing.items() if hasattr(BLANK, name)},
    )
    return _to_draw(desk, request)


def send_to_draw(desk: Studio, act: dict) -> tuple:
    """All of a picture's settings into the form; "replay" also draws it again, to the pixel."""
    if act.get("act") == "to_draw":
        picture = desk.library.picture(str(act.get("id")))
        return _restored(desk, settings_of(picture.recipe, desk))
    if act.get("act") == "replay":
        picture = desk.library.picture(str(act.get("id")))
        run = desk.start(desk.recall(picture.path))
        return _to_draw(desk, settings_of(picture.recipe, desk).request, run.id)
    return _skips()


def to_retouch(desk: Studio, act: dict, family: str) -> tuple:
    """A picture onto the easel."""
    if act.get("act") != "retouch":
        return (gr.skip(),) * 5
    picture, known = desk.library.picture(str(act.get("id"))), desk.families[family]
    return (
        gr.Tabs(selected="retouch"),
        retouch.put_up(desk, f"pictures/{picture.id}", known),
        *retouch.fields_for(desk, picture, known),
    )


async def take_outfit(desk: Studio, act: dict, family: str, *view: Any) -> tuple:
    """The clothes of a picture become an outfit, ticked on Dress."""
    if act.get("act") != "take_outfit":
        return (gr.skip(),) * (1 + dress.RENEWED)
    picture = desk.library.picture(str(act.get("id")))
    words = " ".join(re.sub(r"[^\w\s,'-]", " ", str(picture.recipe.request.get("prompt", ""))).split())
    added = await asyncio.to_thread(
        desk.add_outfit, f"From {words[:35].strip() or 'a picture'}", picture.path, family=family, consent=True
    )  # drawn here: nobody's photo
    gr.Info(escape(f"{added.name} is in the wardrobe."))
    return gr.Tabs(selected="dress"), *dress.taken(desk, added.slug, family, *view)


def restore_png(desk: Studio, path: str | None) -> tuple:
    if path is None:
        return (gr.skip(), *_skips())
    return (None, *_restored(desk, settings_in(Path(path), desk)))


def _restored(desk: Studio, settings: Any) -> tuple:
    for remark in settings.remarks:
        gr.Info(escape(remark))
    return _to_draw(desk, settings.request)


def _to_draw(desk: Studio, request: DrawRequest, run: str | None = None) -> tuple:
    if len(request.loras) > 1 + ROWS:
        gr.Info(
            escape(
                "Draw has no place for all of its LoRAs; left out: "
                + ", ".join(use.slug for use in request.loras[1 + ROWS :])
            )
        )
    family = desk.families.get(request.family or "", desk.family)
    on_stage = (gr.skip(),) * 3 if run is None else (run, gr.Timer(active=True), draw.shown(desk, run))
    return (
        gr.Tabs(selected="draw"),
        family.name,
        *draw.fields_of(desk, request, DRAW_FIELDS),
        draw.words_for(desk, request.loras[0].slug if request.loras else "", family.name),
        *on_stage,
    )


DRAW_FIELDS = (
    "prompt",
    "negative_prompt",
    "lora",
    "lora_scale",
    "outfit",
    "steps",
    "guidance",
    "scheduler",
    "width",
    "height",
    "count",
    "seed",
)


def _skips() -> tuple:
    return (gr.skip(),) * (len(DRAW_FIELDS) + FIELDS + 6)


def to_subject(desk: Studio, act: dict, family: str) -> tuple:
    """Chosen pictures become a new subject's photos, or go to one that is there."""
    what, chosen = act.get("act"), _chosen(desk, act)
    slug = str(act.get("value", "")) if what == "add_to" else ""
    if what not in ("make_subject", "add_to") or not chosen or (what == "add_to" and not slug):
        return (gr.skip(),) * 16
    if what == "add_to":
        added = desk.add_photos(slug, chosen, consent=True)  # drawn here: nobody's photo
        return (gr.Tabs(selected="subject"), *subject.opened(desk, desk.families[family], slug, refused=added.refused))
    pending, refused = subject.look_at(chosen, desk.families[family].resolution)
    return (gr.Tabs(selected="subject"), *subject.opened(desk, desk.families[family], "", pending, refused))


def _chosen(desk: Studio, act: dict) -> Sequence[Path]:
    """The files of the ticked pictures; only pictures of this library are ever taken."""
    ticked = act.get("chosen")
    return [desk.library.picture(str(id)).path for id in ticked] if isinstance(ticked, list) else []


def open_picture(desk: Studio, act: dict, *view: Any) -> tuple:
    """A picture of the tray or the stage, large, in the gallery."""
    if act.get("act") != "open":
        return (gr.skip(),) * 5
    _, _, _, count, deleted, _ = view
    id = desk.library.picture(str(act.get("id"))).id
    return gr.Tabs(selected="gallery"), id, *gallery.show(desk, "", False, id, count, deleted, ())
