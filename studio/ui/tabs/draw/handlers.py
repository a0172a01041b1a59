"""What happens on Draw: drawing, looking, comparing with and without the LoRA, and acts on the stage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import gradio as gr

from studio.contracts.requests import DrawRequest
from studio.session import Studio
from studio.ui.form_values import filled
from studio.ui.loras import calling_who, connect, listed_now, lora_choices, renewed, together
from studio.ui.picture_parts import mark
from studio.ui.polling import Polling, told_anew
from studio.ui.run_lookup import carried_out, run_of, stop_run
from studio.ui.tabs.draw import lora_files
from studio.ui.tabs.draw.layout import DrawTab
from studio.ui.tabs.draw.views import (
    Begun,
    Called,
    Comparison,
    Looked,
    OnStage,
    Removal,
    Removed,
    WhoView,
    comparison_view,
    note_on,
    of_family,
    shown,
    words_for,
    worn_view,
)
from studio.ui.wiring import Wire, Wiring, either


def connect_draw(wiring: Wiring, made: DrawTab, family: gr.Dropdown, polling: Polling, quick: gr.Timer) -> None:
    """Says what happens where.

    `quick` goes while something is drawn, `polling` always: a late answer of `look` may turn `quick` off just after a
    new drawing turned it on, and the next tick turns it on again. Both stand outside of the tabs: a timer in a tab
    that is not open does not tick.
    """
    parts = {**made.parts, "family": family, "quick": quick}
    listen, stage = wiring.listen, parts["stage"]
    form = {**made.form, "family": family}
    wiring.on(parts["draw"].click, DrawRequest, start, form, parts, made.more.fields)
    polling.look(look, parts)
    listen(quick.tick, look, parts, trigger_mode="once")
    listen(parts["lora"].change, words_for, parts, parts["words"])
    # As they come: a list that has just changed may no longer have what is still chosen in the browser.
    changed = either(*(parts[name].change for name in ("prompt", "lora", *made.more.choices)))
    listen(changed, note_on, parts, parts["remark"], trigger_mode="always_last", preprocess=False)
    listen(parts["reuse"].click, last_seed, parts, parts["seed"])
    wiring.script(parts["random"].click, "() => null", None, parts["seed"])
    listen(parts["remove"].click, ask_to_remove, parts)
    listen(parts["lora"].input, choose_who, parts)
    listen(parts["really"].click, remove_lora, parts, others=made.more.choices)
    listen(parts["outfit"].change, worn_view, parts, parts["worn"])
    listen(made.tab.select, refresh, parts, others=made.more.choices)
    wiring.acts(stage, {"cancel": stop, "favourite": favourite, "seed": take_seed, "compare": compare}, parts)
    wiring.acts(parts["comparison_head"], {"close": lambda desk, act: gr.Column(visible=False)}, to=parts["comparison"])
    wiring.acts(parts["worn"], {"take_off": lambda desk, act: None}, to=parts["outfit"])
    connect(wiring, made.more, made.form, family)
    lora_files.connect(wiring, made.files, parts, made.more.choices)


def for_family(made: DrawTab, family: gr.Dropdown) -> Wire:
    """What a change of family renews here."""
    return Wire.of(of_family, {**made.parts, "family": family}, others=made.more.choices)


def start(desk: Studio, request: DrawRequest, **beside: Any) -> Begun:
    run = desk.start(together(request, beside))
    return {**on_stage(desk, run.id), "comparison": gr.Column(visible=False)}


def on_stage(desk: Studio, run: str) -> Begun:
    """A run that has just begun."""
    return {"run": run, "quick": gr.Timer(active=True), "stage": shown(desk, run)}


def look(desk: Studio, run: str, seen: dict) -> Looked:
    """The stage as it is now; the quick timer goes as long as the run does."""
    found = run_of(desk, run)
    told: Looked = told_anew({"stage": shown(desk, run)}, seen)
    return {**told, "quick": gr.Timer(active=found is not None and not found.ended)}


def choose_who(desk: Studio, lora: str, prompt: str, family: str, lora_0: str, lora_1: str) -> Called:
    """The prompt calls whoever is chosen, and nobody is about to be removed."""
    return {"prompt": calling_who(desk, desk.families[family], prompt, lora, [lora_0, lora_1]), **not_asked(desk)}


def refresh(desk: Studio, family: str, lora: str, prompt: str, listed: str, **choices: str) -> WhoView:
    """LoRAs that were trained meanwhile; nothing where all is as it was listed, or before the page has opened."""
    if listed in ("", listed_now(desk, desk.families[family])):
        return {}
    return anew(desk, family, lora, prompt, **choices)


def anew(desk: Studio, family: str, lora: str, prompt: str, **choices: str) -> WhoView:
    """The LoRAs that there are, and without those that went."""
    known = lora_choices(desk, desk.families[family])
    kept = lora if lora in {slug for _, slug in known} else ""
    view: WhoView = {
        "lora": gr.Dropdown(known, value=kept),
        "words": words_for(desk, kept, family),
        "listed": listed_now(desk, desk.families[family]),
        **renewed(desk, desk.families[family], choices),
    }
    if kept != lora:  # else the prompt is left alone: somebody may be typing
        view["prompt"] = calling_who(desk, desk.families[family], prompt, kept, choices.values())
    return view


def not_asked(desk: Studio) -> Removal:
    return {"remove": gr.Button(visible=True), "really": gr.Button(visible=False)}


def ask_to_remove(desk: Studio, lora: str) -> Removal:
    """The second button, which removes for good. Raises ValueError where no LoRA is chosen."""
    if not lora:
        raise ValueError("Choose a LoRA under Who first; Nobody is the family itself and stays.")
    really = gr.Button(f"Really remove {desk.library.lora(lora).name}", visible=True)
    return {"remove": gr.Button(visible=False), "really": really}


def remove_lora(desk: Studio, lora: str, family: str, prompt: str, **choices: str) -> Removed:
    """The LoRA goes for good; pictures that were drawn with it stay."""
    prompt = calling_who(desk, desk.families[family], prompt, "", choices.values())  # while its trigger is known
    desk.library.remove_lora(lora)
    return {**anew(desk, family, "", prompt, **choices), "prompt": prompt, **not_asked(desk)}


def last_seed(desk: Studio, run: str) -> int | None:
    """The seed of the pictures on stage, or of the last one drawn."""
    found = run_of(desk, run)
    if found is not None:
        return found.request.seed
    return next((picture.recipe.request.get("seed") for picture in desk.library.pictures()), None)


def stop(desk: Studio, act: dict, run: str, seen: dict) -> OnStage:
    stop_run(desk, act)
    return told_anew({"stage": shown(desk, run)}, seen)


def favourite(desk: Studio, act: dict, run: str, seen: dict) -> OnStage:
    mark(desk, act)
    return told_anew({"stage": shown(desk, run)}, seen)


def take_seed(desk: Studio, act: dict) -> OnStage:
    """A picture's seed into the form."""
    return {"seed": desk.library.picture(str(act.get("id"))).recipe.request.get("seed")}


async def compare(desk: Studio, act: dict) -> AsyncIterator[Comparison]:
    """The same seed without the LoRA, beside the picture with it; room for it at once, since it takes its time."""
    picture = desk.library.picture(str(act.get("id")))
    path = str(picture.path)
    head = comparison_view(picture, drawn=False)
    yield {"comparison": gr.Column(visible=True), "comparison_head": head, "slider": (path, path)}
    asked = filled(DrawRequest, {name: value for name, value in picture.recipe.request.items() if name != "type"})
    (without,) = await carried_out(desk, replace(asked, lora=None, count=1))
    yield {"comparison_head": comparison_view(picture, drawn=True), "slider": (str(without.path), path)}
