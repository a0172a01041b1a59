"""What happens to what shall be painted: an intent, an outfit, the painting itself, and what came of it."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from studio.contracts.requests import RepaintRequest, WearRequest
from studio.execution.run import Run
from studio.imaging.masks import LARGE, percent, share_of
from studio.session import Studio
from studio.tasks.repaint import INTENTS, Intent, context
from studio.ui.drawing_fields import sampling_of
from studio.ui.form_values import fitting
from studio.ui.loras import calling_who, listed_now, lora_choices
from studio.ui.picture_parts import mark
from studio.ui.polling import Polling, told_until_it_rests
from studio.ui.run_lookup import pictures_of, run_of, stop_run
from studio.ui.tabs.retouch.easel import asks_easel, told
from studio.ui.tabs.retouch.easel_pictures import asked_in
from studio.ui.tabs.retouch.repaint.layout import RepaintPanel
from studio.ui.tabs.retouch.repaint.views import (
    Begun,
    Called,
    Chosen,
    Intended,
    Looked,
    OfFamily,
    Painted,
    Renewed,
    about_intent,
    compared,
    note_on,
    outfits_view,
    painted_view,
)
from studio.ui.wiring import Named, Wire, Wiring, either

DRAFTS = ("intent", "outfit", "prompt", "lora")  # what a reload does not lose


def connect_repaint(wiring: Wiring, made: RepaintPanel, tab: gr.Tab, parts: Named, polling: Polling) -> None:
    """Says what happens where; `parts` are those of the whole tab."""
    listen = wiring.listen
    wiring.acts(parts["easel"], {"repaint": start, "wear": start}, parts, others=made.form)
    for button, act in (("paint", "repaint"), ("wear", "wear")):
        wiring.script(parts[button].click, asks_easel(act))
    polling.look(look, parts)
    wiring.acts(parts["painted"], {"cancel": stop_run, "favourite": favourite, "before": lay_beside}, parts)
    listen(parts["intent"].change, intended, parts)
    wiring.acts(parts["outfits"], {"choose": choose_outfit}, parts)
    listen(parts["lora"].input, call_them, parts)
    changed = either(parts["prompt"].change, parts["lora"].change)
    listen(changed, note_on, parts, parts["remark"], trigger_mode="always_last", preprocess=False)
    listen(tab.select, refresh, parts)
    wiring.script(parts["random"].click, "() => null", None, parts["seed"])


def for_family(made: RepaintPanel, family: gr.Dropdown) -> Wire:
    """What a change of family renews here."""
    return Wire.of(of_family, {**made.parts, "family": family})


async def start(desk: Studio, act: dict, family: str, intent: str, outfit: str, asked_about: str, **form: Any) -> Begun:
    """Repaint what the mask covers; or find the clothes, and put an outfit on.

    A mask of nearly the whole picture is asked about first: `asked_about` names the last that was.
    """
    given = _filled(form)

    def begin() -> Run | Begun:  # in a thread: a large picture and its mask take their time
        path, mask = asked_in(desk, act)
        share = share_of(mask) if mask is not None else 0.0
        named = f"{path}: {share}"
        if LARGE < share < 1 and named != asked_about:
            note = f"The mask covers {percent(share)} of the picture. Press Repaint again if that is meant."
            return {"easel": told("sure", question=act.get("question"), note=note), "asked_about": named}
        return desk.start(_request(path, mask, outfit, family, INTENTS[intent], given))

    begun = await asyncio.to_thread(begin)
    if not isinstance(begun, Run):
        return begun
    return {
        "easel": told("painting", question=act.get("question")),
        "run": begun.id,
        "painted": painted_view(desk, begun.id, ""),
        "comparison": gr.Column(visible=False),
        "picked": "",
    }


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(RepaintRequest)
    return {name: fitting(name, hints[name], value) for name, value in values.items()}


def _request(
    path: Path, mask: Image.Image | None, outfit: str, family: str, meant: Intent, given: dict[str, Any]
) -> RepaintRequest | WearRequest:
    """With a mask it is repainted; without, whoever is in the picture is dressed."""
    padding, worn = given.pop("padding"), outfit if meant.wears else ""
    if not meant.says:
        given |= {"prompt": "", "lora": None}
    if mask is not None:
        if padding is None and meant.padding is not None:
            padding = context(mask, meant.padding)
        return RepaintRequest(path, mask, outfit=worn or None, family=family, padding=padding, **given)
    if not worn:
        raise ValueError("Choose an outfit above, then press it again.")
    del given["masked_content"]
    given["lora"] = given["lora"] or []  # nobody is nobody, and not whoever it was drawn with
    return WearRequest(path, worn, family=family, **given)


def intended(desk: Studio, intent: str, outfit: str) -> Intended:
    """What an intent shows, and fills in."""
    meant = INTENTS[intent]
    return {
        "about": about_intent(intent),
        "outfits": outfits_view(desk, outfit) if meant.wears else "",
        "wear": gr.Button(visible=meant.wears),
        "strength": meant.strength,
        "masked_content": meant.masked_content,
        "padding": None,
    }


def call_them(desk: Studio, lora: str, prompt: str, family: str) -> Called:
    """The words call whoever is chosen; none at all stay none, since a mask needs none."""
    return {"prompt": calling_who(desk, desk.families[family], prompt, lora) if prompt.strip() else prompt}


def choose_outfit(desk: Studio, act: dict) -> Chosen:
    chosen = str(act.get("slug", ""))
    return {"outfit": chosen, "outfits": outfits_view(desk, chosen)}


def look(desk: Studio, run: str, picked: str, seen: dict) -> Looked:
    """What is painted now; once it is there, before and after."""
    found = run_of(desk, run)
    rests = (run, found is None or found.ended)
    shown: Looked = told_until_it_rests(lambda: {"painted": painted_view(desk, run, picked)}, rests, seen)
    if not shown or not rests[1]:
        return shown
    drawn = pictures_of(desk, found) if found is not None else []
    beside: Looked = {**compared(desk, drawn[-1])} if drawn else {}
    heard: Looked = {"easel": told("painted")} if seen.get("rests") == (run, False) else {}
    return {**shown, **beside, **heard}


def favourite(desk: Studio, act: dict, run: str, picked: str) -> Painted:
    mark(desk, act)
    return {"picked": picked, "painted": painted_view(desk, run, picked)}


def lay_beside(desk: Studio, act: dict, run: str) -> Painted:
    """One of the pictures beside what it was."""
    picture = desk.library.picture(str(act.get("id", "")))
    return {"picked": picture.id, "painted": painted_view(desk, run, picture.id), **compared(desk, picture)}


def refresh(desk: Studio, family: str, lora: str, intent: str, outfit: str, listed: str) -> Renewed:
    """What another tab, page or program brought meanwhile, and without what it took away.

    Nothing where all is as it was listed: an answer that comes late must not undo what is chosen meanwhile.
    """
    now = listed_now(desk, desk.families[family])
    if listed in ("", now):  # "" until the page has opened
        return {}
    choices = lora_choices(desk, desk.families[family])
    lora = lora if lora in {slug for _, slug in choices} else ""
    outfit = outfit if outfit in {one.slug for one in desk.library.outfits()} else ""
    cards = outfits_view(desk, outfit) if INTENTS[intent].wears else ""
    return {"lora": gr.Dropdown(choices, value=lora), "outfit": outfit, "outfits": cards, "listed": now}


def of_family(desk: Studio, family: str, lora: str, intent: str, outfit: str) -> OfFamily:
    """The same, and the values that the family brings, after a change of family."""
    known = desk.families[family]
    return {
        **refresh(desk, family, lora, intent, outfit, listed="anew"),
        **sampling_of(known, known.repainting),
    }


def kept(desk: Studio, **drafts: Any) -> dict[str, Any]:
    """What a visitor's browser remembers."""
    return drafts
