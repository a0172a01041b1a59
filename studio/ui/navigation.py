"""What goes from one tab to another: a picture, a LoRA, settings; each handler also opens the tab it goes to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TypedDict

import gradio as gr

from studio.contracts.requests import DrawRequest
from studio.session import Studio
from studio.ui.loras import ROWS
from studio.ui.recipe_import import Settings, settings_in, settings_of
from studio.ui.tabs.draw.handlers import on_stage
from studio.ui.tabs.draw.views import FormView, first_prompt, form_of, words_for
from studio.ui.tabs.gallery.views import Shown, show
from studio.ui.tabs.retouch.repaint.views import fields_for
from studio.ui.tabs.retouch.views import PutUp, put_up
from studio.ui.tabs.subject import views as subject
from studio.ui.tabs.subject.photo_grid import look_at
from studio.ui.tabs.train.views import choices
from studio.ui.wiring import Named, Wiring

BLANK = DrawRequest(prompt="nothing yet")


class ToTrain(TypedDict):
    """A subject into Train."""

    tabs: gr.Tabs
    subject: gr.Dropdown


class ToDraw(FormView, total=False):
    """Settings into Draw, and a run onto its stage."""

    tabs: gr.Tabs
    family: str
    words: str
    run: str
    quick: gr.Timer
    stage: str


class Restored(ToDraw, total=False):
    """The settings of a file that was dropped; the place to drop it is empty again."""

    drop: None


class ToSubject(subject.Opened, total=False):
    """Pictures into Subject."""

    tabs: gr.Tabs


class ToGallery(Shown, total=False):
    """A picture into the gallery, large."""

    tabs: gr.Tabs
    selected: str


class ToRetouch(PutUp, total=False):
    """A picture onto the easel."""

    tabs: gr.Tabs


class ToDress(TypedDict):
    """An outfit into Dress, ticked; the tab looks at what came when it opens."""

    tabs: gr.Tabs
    chosen: list[str]


def connect_tabs(wiring: Wiring, across: Named, tabs: Mapping[str, Named]) -> None:
    """Says from where to where; `tabs` are the parts of each tab, `across` the tabs themselves and the family."""
    draw, dress, retouch, gallery = (tabs[name] for name in ("draw", "dress", "retouch", "gallery"))
    stage, wall, detail = draw["stage"], gallery["wall"], gallery["detail"]
    worn, painted, tray = dress["worn"], retouch["painted"], across["tray"]
    to_draw = {**draw, **across, "drop": gallery["drop"]}
    wiring.acts(tabs["train"]["view"], {"draw_with": draw_with}, to_draw)
    wiring.acts(detail, {"to_draw": send_to_draw, "replay": replay}, to_draw)
    wiring.listen(gallery["drop"].upload, restore_png, to_draw)
    for piece in (tabs["subject"]["shelf"], wall):
        wiring.acts(piece, {"go_draw": go_draw}, to=across["tabs"])
    for piece in (stage, wall):
        wiring.acts(piece, {"make_subject": make_subject, "add_to": add_to}, {**tabs["subject"], **across})
    for piece in (stage, dress["stage"], worn, painted, tray):
        wiring.acts(piece, {"open": open_picture}, {**gallery, **across})
    for piece in (stage, detail, worn, painted):
        wiring.acts(piece, {"retouch": to_retouch}, {**retouch, **across})
    for piece in (stage, detail):
        wiring.acts(piece, {"take_outfit": take_outfit}, {**dress, **across})
    teaching = {"selected": tabs["subject"]["selected"], "subject": tabs["train"]["subject"], **across}
    wiring.listen(tabs["subject"]["train"].click, train_this, teaching)


def train_this(desk: Studio, selected: str) -> ToTrain:
    return {"tabs": gr.Tabs(selected="train"), "subject": gr.Dropdown(choices(desk), value=selected or None)}


def go_draw(desk: Studio, act: dict) -> gr.Tabs:
    return gr.Tabs(selected="draw")


def draw_with(desk: Studio, act: dict) -> ToDraw:
    """The trained LoRA into the Draw form, with a prompt that calls it."""
    lora = desk.library.lora(str(act.get("lora")))
    family = desk.families.get(lora.family, desk.family)
    request = replace(
        BLANK,
        prompt=first_prompt(desk, family, lora.slug),
        lora=lora.slug,
        family=family.name,
        **{name: value for name, value in family.drawing.items() if hasattr(BLANK, name)},
    )
    return _to_draw(desk, request)


def send_to_draw(desk: Studio, act: dict) -> ToDraw:
    """All of a picture's settings into the form."""
    return _restored(desk, settings_of(desk.library.picture(str(act.get("id"))).recipe, desk))


def replay(desk: Studio, act: dict) -> ToDraw:
    """The same, and it is drawn again, to the pixel."""
    picture = desk.library.picture(str(act.get("id")))
    run = desk.start(desk.recall(picture.path))
    return {**_to_draw(desk, settings_of(picture.recipe, desk).request), **on_stage(desk, run.id)}


def restore_png(desk: Studio, drop: str | None) -> Restored:
    """The settings of a dropped PNG into the form. Raises ValueError for a file that has none."""
    return {"drop": None, **_restored(desk, settings_in(Path(drop), desk))} if drop else {}


def _restored(desk: Studio, settings: Settings) -> ToDraw:
    for remark in settings.remarks:
        gr.Info(escape(remark))
    return _to_draw(desk, settings.request)


def _to_draw(desk: Studio, request: DrawRequest) -> ToDraw:
    if len(request.loras) > 1 + ROWS:
        left_out = ", ".join(use.slug for use in request.loras[1 + ROWS :])
        gr.Info(escape(f"Draw has no place for all of its LoRAs; left out: {left_out}"))
    family = desk.families.get(request.family or "", desk.family)
    who = request.loras[0].slug if request.loras else ""
    opened = {"tabs": gr.Tabs(selected="draw"), "family": family.name, "words": words_for(desk, who, family.name)}
    return ToDraw(**opened, **form_of(desk, request))


async def take_outfit(desk: Studio, act: dict, family: str, chosen: list) -> ToDress:
    """The clothes of a picture become an outfit, ticked on Dress."""
    picture = desk.library.picture(str(act.get("id")))
    words = " ".join(re.sub(r"[^\w\s,'-]", " ", str(picture.recipe.request.get("prompt", ""))).split())
    added = await asyncio.to_thread(
        desk.add_outfit, f"From {words[:35].strip() or 'a picture'}", picture.path, family=family, consent=True
    )  # drawn here: nobody's photo
    gr.Info(escape(f"{added.name} is in the wardrobe."))
    return {"tabs": gr.Tabs(selected="dress"), "chosen": [*chosen, added.slug]}


def make_subject(desk: Studio, act: dict, family: str) -> ToSubject:
    """Chosen pictures become a new subject's photos."""
    chosen, known = _chosen(desk, act), desk.families[family]
    if not chosen:
        return {}
    pending, refused = look_at(chosen, known.resolution)
    return {"tabs": gr.Tabs(selected="subject"), **subject.opened(desk, known, "", pending, refused)}


def add_to(desk: Studio, act: dict, family: str) -> ToSubject:
    """Chosen pictures go to a subject that is there."""
    chosen, slug = _chosen(desk, act), str(act.get("value", ""))
    if not chosen or not slug:
        return {}
    added = desk.add_photos(slug, chosen, consent=True)  # drawn here: nobody's photo
    opened = subject.opened(desk, desk.families[family], slug, refused=added.refused)
    return {"tabs": gr.Tabs(selected="subject"), **opened}


def _chosen(desk: Studio, act: dict) -> Sequence[Path]:
    """The files of the ticked pictures; only pictures of this library are ever taken."""
    ticked = act.get("chosen")
    return [desk.library.picture(str(id)).path for id in ticked] if isinstance(ticked, list) else []


def to_retouch(desk: Studio, act: dict, family: str) -> ToRetouch:
    """A picture onto the easel."""
    picture, known = desk.library.picture(str(act.get("id"))), desk.families[family]
    put = put_up(desk, f"pictures/{picture.id}", known)
    return {"tabs": gr.Tabs(selected="retouch"), **put, **fields_for(desk, picture, known)}


def open_picture(desk: Studio, act: dict, count: int, deleted: str) -> ToGallery:
    """A picture of the tray or the stage, large, in the gallery."""
    id = desk.library.picture(str(act.get("id"))).id
    return {"tabs": gr.Tabs(selected="gallery"), "selected": id, **show(desk, "", False, id, count, deleted, {})}
