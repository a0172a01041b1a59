"""What happens on Dress: ticks, new outfits and scenes, whom the words call; sets are drawn, looked at, saved, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from studio.contracts.requests import DrawRequest, SetRequest
from studio.contracts.sampling import LoraUse
from studio.session import Studio
from studio.ui.drawing_fields import defaults_of
from studio.ui.loras import NONE, calling_who, listed_now, lora_choices
from studio.ui.polling import Polling, told_until_it_rests
from studio.ui.run_lookup import carried_out, stop_run
from studio.ui.tabs.dress import try_on_panel
from studio.ui.tabs.dress.block_scales.handlers import connect_block_scales, written
from studio.ui.tabs.dress.block_scales.views import Acts, shown, uses
from studio.ui.tabs.dress.layout import DressTab
from studio.ui.tabs.dress.set_grid import run_of_set, set_view
from studio.ui.tabs.dress.views import (
    AddedOutfit,
    DrawnOutfit,
    OfFamily,
    Renewed,
    SetLooked,
    SetShown,
    TickedOutfits,
    TickedScenes,
    Ticks,
    Words,
    note_on,
    outfit_list,
    planned,
    preview_of,
    set_list,
    ticks,
)
from studio.ui.wiring import Wire, Wiring, either

DRAFTS = ("lora", "prompt", "chosen", "scenes", "acts", "seeds", "together")  # what a reload does not lose
VIEW = ("lora", "prompt", "style", "acts", "outfit", "chosen", "scenes", "seeds", "together", "listed")


def connect_dress(wiring: Wiring, made: DressTab, family: gr.Dropdown, polling: Polling) -> None:
    """Says what happens where."""
    parts, listen = {**made.parts, "family": family}, wiring.listen
    form = {**made.form, "family": family}
    wiring.on(parts["dress"].click, SetRequest, start, form, parts)
    polling.look(look, parts)
    outfits = {
        "outfit": tick_outfit,
        "ask_outfit": ask_outfit,
        "keep_outfit": keep_outfit,
        "remove_outfit": remove_outfit,
    }
    wiring.acts(parts["wardrobe"], outfits, parts)
    wiring.acts(parts["places"], {"scene": tick_scene, "remove_scene": remove_scene}, parts)
    for event in (parts["seeds"].change, parts["together"].input):
        listen(event, planned, parts, parts["plan"])
    listen(parts["add_scene"].click, add_scene, parts)
    waiting = {"show_progress": "minimal", "show_progress_on": [parts["waiting"]]}
    listen(parts["add_outfit"].click, add_outfit, parts, concurrency_limit=1, **waiting)
    listen(parts["draw_it"].click, draw_outfit, parts, **waiting)
    listen(parts["picture"].change, preview_of, parts, parts["waiting"])
    for event in (parts["picture"].upload, parts["picture"].clear):
        listen(event, lambda desk: False, to=parts["drawn"])
    listen(parts["lora"].input, call_them, parts)
    changed = either(*(parts[name].change for name in ("prompt", "lora", "style")))
    listen(changed, note_on, parts, parts["remark"], trigger_mode="always_last", preprocess=False)
    listen(parts["earlier"].input, look_at_set, parts)
    listen(made.tab.select, refresh, parts)
    sets = {"cancel": stop, "go_on": go_on, "ask_set": ask_set, "remove_set": remove_set, "save_set": save_set}
    wiring.acts(parts["stage"], sets, parts, show_progress="minimal", show_progress_on=[parts["files"]])
    wiring.script(parts["random"].click, "() => null", None, parts["seed"])
    connect_block_scales(wiring, made.scales, family)
    try_on_panel.connect(wiring, made.try_on, parts, polling)


def for_family(made: DressTab, family: gr.Dropdown) -> Wire:
    """What a change of family renews here."""
    parts = {**made.parts, "family": family}
    return Wire.of(of_family, parts, others={name: parts[name] for name in VIEW})


def of_family(desk: Studio, family: str, **view: Any) -> OfFamily:
    view |= {"listed": view["listed"] and "anew"}  # the new family's own; "" stays: the page has not opened yet
    return {**refresh(desk, family, **view), **defaults_of(desk.families[family])}


def refresh(
    desk: Studio,
    family: str,
    lora: str,
    prompt: str,
    style: str,
    acts: Acts,
    outfit: str,
    chosen: list,
    scenes: list,
    seeds: int,
    together: bool,
    listed: str,
) -> Renewed:
    """What another tab, page or program brought meanwhile, and without what it took away."""
    known = desk.families[family]
    now = listed_now(desk, known)
    if listed in ("", now):
        return {}
    here = [slug for _, slug in lora_choices(desk, known)]
    if lora not in here:
        lora = next((slug for slug in here if slug), "")
        prompt = calling_who(desk, known, prompt, lora, [style])
    outfits, places = desk.library.outfits(), desk.library.scenes()
    worn, where = {one.slug for one in outfits}, {one.slug for one in places}
    outfit, chosen = outfit if outfit in worn else "", [slug for slug in chosen if not slug or slug in worn]
    scenes = [slug for slug in scenes if slug in where]
    return {
        "lora": gr.Dropdown(lora_choices(desk, known), value=lora),
        "prompt": prompt,
        "style": gr.Dropdown(lora_choices(desk, known, NONE), value=style if style in here else ""),
        "chosen": chosen,
        "scenes": scenes,
        "outfit": outfit_list(desk, outfit),
        "listed": now,
        **shown(desk, acts, outfit, family),
        **ticks(desk, chosen, scenes, seeds, together),
    }


def kept(desk: Studio, **drafts: Any) -> dict[str, Any]:
    """What a visitor's browser remembers of this tab."""
    return drafts


def call_them(desk: Studio, lora: str, prompt: str, style: str, family: str) -> Words:
    return {"prompt": calling_who(desk, desk.families[family], prompt, lora, [style])}


def start(
    desk: Studio,
    request: SetRequest,
    style: str,
    style_scale: float,
    together: bool,
    acts: Acts,
    text: str,
    outfit: str,
) -> SetShown:
    family = desk.families[request.family or desk.family.name]
    acts = written(desk, text, acts, outfit, family.name)  # it may have been typed a moment ago
    slugs = list(dict.fromkeys(row if isinstance(row, str) else "" for row in request.outfits or ()))
    worn = uses([slug for slug in slugs if slug], acts, family)
    rows: list[Any] = ([worn] if together and worn else [[use] for use in worn]) + ([None] if "" in slugs else [])
    lora: Any = request.lora
    if style:
        both = (lora, request.lora_scale), (style, style_scale)
        lora = [LoraUse(slug, scale, scale) for slug, scale in both if slug]
    run = desk.start(replace(request, outfits=rows, lora=lora, lora_scale=1.0 if style else request.lora_scale))
    return _set_shown(desk, run.request.id, run.title)


def look(desk: Studio, shown_set: str, seen: dict) -> SetLooked:
    """The grid as it is now; one that rests is not looked at again until somebody comes back to it."""
    run = run_of_set(desk, shown_set)
    rests = (shown_set, run is None or run.ended)
    return told_until_it_rests(lambda: {"stage": set_view(desk, shown_set)}, rests, seen)


def look_at_set(desk: Studio, earlier: str) -> SetShown:
    return {"shown_set": earlier, "stage": set_view(desk, earlier), "files": gr.File(visible=False)}


def _set_shown(desk: Studio, id: str, title: str = "") -> SetShown:
    return {**look_at_set(desk, id), "earlier": set_list(desk, id, title)}


def tick_outfit(
    desk: Studio, act: dict, outfit: str, chosen: list, scenes: list, seeds: int, together: bool
) -> TickedOutfits:
    known = [*(one.slug for one in desk.library.outfits()), ""]
    chosen = _toggled(chosen, str(act.get("slug", "")), known)
    return _ticked_outfits(desk, outfit, chosen, ticks(desk, chosen, scenes, seeds, together))


def ask_outfit(
    desk: Studio, act: dict, outfit: str, chosen: list, scenes: list, seeds: int, together: bool
) -> TickedOutfits:
    """Whether it may go for good."""
    asked = str(act.get("slug", ""))
    told = ticks(desk, chosen, scenes, seeds, together, asked)
    return {**_ticked_outfits(desk, outfit, chosen, told), "asked": asked}


def keep_outfit(
    desk: Studio, act: dict, outfit: str, chosen: list, scenes: list, seeds: int, together: bool
) -> TickedOutfits:
    return _ticked_outfits(desk, outfit, chosen, ticks(desk, chosen, scenes, seeds, together))


def remove_outfit(
    desk: Studio, act: dict, outfit: str, chosen: list, scenes: list, seeds: int, together: bool
) -> TickedOutfits:
    """It goes for good, once that was asked."""
    slug = str(act.get("slug", ""))
    desk.library.remove_outfit(slug)
    chosen = [one for one in chosen if one != slug]
    return _ticked_outfits(desk, outfit, chosen, ticks(desk, chosen, scenes, seeds, together))


def _ticked_outfits(desk: Studio, outfit: str, chosen: list, told: Ticks) -> TickedOutfits:
    return {"asked": "", "chosen": chosen, "outfit": outfit_list(desk, outfit), **told}


def tick_scene(desk: Studio, act: dict, chosen: list, scenes: list, seeds: int, together: bool) -> TickedScenes:
    known = [one.slug for one in desk.library.scenes()]
    scenes = _toggled(scenes, str(act.get("slug", "")), known)
    return {"scenes": scenes, **ticks(desk, chosen, scenes, seeds, together)}


def remove_scene(desk: Studio, act: dict, chosen: list, scenes: list, seeds: int, together: bool) -> TickedScenes:
    """It leaves the list; its words go back to where they can be added again."""
    gone = next((one for one in desk.library.scenes() if one.slug == act.get("slug")), None)
    if gone is None:
        return {}
    desk.library.remove_scene(gone.slug)
    scenes = [one for one in scenes if one != gone.slug]
    words = {"scene_name": gone.name, "scene_prompt": gone.prompt}
    return TickedScenes(scenes=scenes, **words, **ticks(desk, chosen, scenes, seeds, together))


def add_scene(
    desk: Studio, scene_name: str, scene_prompt: str, chosen: list, scenes: list, seeds: int, together: bool
) -> TickedScenes:
    """A new scene, ticked; one of the same name has these words from now on."""
    slug = desk.library.add_scene(scene_name, scene_prompt).slug
    scenes = scenes if slug in scenes else [*scenes, slug]
    told = ticks(desk, chosen, scenes, seeds, together)
    return {"scenes": scenes, "scene_name": "", "scene_prompt": "", **told}


async def add_outfit(
    desk: Studio,
    picture: str | None,
    outfit_name: str,
    as_it_is: bool,
    consent: bool,
    drawn: bool,
    family: str,
    outfit: str,
    chosen: list,
    scenes: list,
    seeds: int,
    together: bool,
) -> AddedOutfit:
    """The clothes of the picture, ticked. Of one that was `drawn` here nobody need be asked."""
    if not picture:
        raise ValueError("Drop a picture of the outfit first, or have one drawn.")
    if not (outfit_name or "").strip():
        raise ValueError("Give the outfit a name.")
    given = {"as_it_is": as_it_is, "family": family, "consent": consent or drawn}
    added = await asyncio.to_thread(desk.add_outfit, outfit_name, Path(picture), **given)
    chosen = [*chosen, added.slug]
    told = {"chosen": chosen, "outfit": outfit_list(desk, outfit), **ticks(desk, chosen, scenes, seeds, together)}
    return AddedOutfit(picture=None, outfit_name="", drawn=False, **told)


async def draw_outfit(desk: Studio, flat: str, family: str) -> DrawnOutfit:
    """A picture of an outfit, drawn."""
    (drawn,) = await carried_out(desk, DrawRequest(prompt=flat, family=family))
    return {"picture": str(drawn.path), "drawn": True}


def stop(desk: Studio, act: dict, shown_set: str) -> SetShown:
    stop_run(desk, act)
    return _shown_anew(desk, shown_set)


def go_on(desk: Studio, act: dict, shown_set: str) -> SetShown:
    """What is missing is drawn."""
    desk.go_on_with_set(str(act.get("id")))
    return _shown_anew(desk, shown_set)


def ask_set(desk: Studio, act: dict, shown_set: str) -> SetShown:
    """Whether it may be forgotten."""
    return {"stage": set_view(desk, shown_set, asked=True)}


def remove_set(desk: Studio, act: dict) -> SetShown:
    """Forget it; its pictures stay."""
    desk.library.remove_set(str(act.get("id")))
    return _shown_anew(desk, next((one.id for one in desk.library.sets()), ""))


def _shown_anew(desk: Studio, id: str) -> SetShown:
    return {**_set_shown(desk, id), **look(desk, id, {})}


async def save_set(desk: Studio, act: dict) -> SetShown:
    """The set as one picture and as a zip, to be fetched."""
    id = str(act.get("id"))
    files = [await asyncio.to_thread(made, id) for made in (desk.saved_grid, desk.files_of)]
    return {"files": gr.File([str(file) for file in files], visible=True)}


def _toggled(chosen: Sequence[str], slug: str, order: Sequence[str]) -> list[str]:
    """With it, or without it if it was there; in the order of the page."""
    after = set(chosen) ^ {slug}
    return [one for one in order if one in after]
