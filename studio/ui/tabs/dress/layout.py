"""Dress: who, in which outfits, where; every outfit in every scene, as one grid that is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MAX_SEED, MOST_ROWS, DrawRequest, SetRequest
from studio.contracts.sampling import LORA_SCALES, LoraUse, OutfitUse
from studio.session import Studio
from studio.ui import html
from studio.ui.drawing_fields import drawing_fields
from studio.ui.loras import NOBODY, NONE, called, first_words, lora_choices, lora_named
from studio.ui.polling import Polling
from studio.ui.progress import carried_out
from studio.ui.sidebar import told_anew
from studio.ui.tabs.dress.block_scales_panel import ALL, Acts, acting, shown, uses, written
from studio.ui.tabs.dress.cards import outfits_view, plan_view, scenes_view
from studio.ui.tabs.dress.set_grid import run_of_set, set_view
from studio.ui.tabs.dress.try_on_panel import connect, in_pictures
from studio.ui.tabs.subject.photo_grid import THUMBNAIL, look_at
from studio.ui.wiring import Wiring

NO_SET = "The last one"
DRAFTS = ("lora", "prompt", "chosen", "scenes", "acts", "seeds", "together")  # what a reload does not lose


@dataclass(frozen=True)
class DressTab:
    """What the rest of the page may touch."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of SetRequest but the family
    stage: gr.HTML
    worn: gr.HTML  # what was dressed in pictures
    view: tuple[Any, ...]  # what `refresh` takes after the desk
    renewed: tuple[Any, ...]  # what it gives
    opened: tuple[Any, ...]  # what `opening` gives
    drafts: tuple[Any, ...]  # what `kept` takes


def dress_tab(wiring: Wiring, family: gr.Dropdown, first: ModelFamily, polling: Polling, ask_consent: bool) -> DressTab:
    """Lays the tab out and wires it."""
    with gr.Tab("Dress", id="dress", elem_classes=["tab-dress"]) as tab:
        chosen, scenes, asked = gr.State([]), gr.State([]), gr.State("")
        shown_set, seen, before, drawn = gr.State(""), gr.State(()), gr.State(""), gr.State(False)
        ready = gr.State(False)  # whether the page has opened: until then its fields are empty, and nobody's wish
        with gr.Row(elem_classes=["columns", "dressing"]):
            with gr.Column(scale=4, min_width=260, elem_classes=["controls"]):
                form, style, style_scale = _who(first)
                pictured = in_pictures()
            with gr.Column(scale=5, min_width=280, elem_classes=["controls"]):
                outfits, new = _what(first, ask_consent)
            with gr.Column(scale=3, min_width=240, elem_classes=["controls"]):
                places, scene = _where()
                with gr.Row(elem_classes=["trio"]):
                    seeds = gr.Number(1, label="Seeds", precision=0, minimum=1, maximum=MOST_ROWS, min_width=64)
                    seed = gr.Number(
                        None,
                        label="First seed",
                        precision=0,
                        minimum=0,
                        maximum=MAX_SEED,
                        min_width=88,
                        placeholder="any",
                    )
                    random = gr.Button("Random", size="md", min_width=76, elem_classes=["icon-die", "beside"])
                together = gr.Checkbox(False, label="Wear the ticked outfits together", container=False)
                dress = gr.Button("Dress", variant="primary", size="lg", elem_classes=["act-main"])
                plan = gr.HTML("", apply_default_css=False)
        how = acting(wiring, family)
        with gr.Row(elem_classes=["set-tools"]):
            earlier = gr.Dropdown(
                [(NO_SET, "")],
                value="",
                label="Set",
                show_label=False,
                container=False,
                min_width=200,
                elem_classes=["set-choice"],
            )
        worn = connect(wiring, pictured, family, chosen, together, how, seed, polling)
        stage = html.piece("", "set-piece")
        files = gr.File(label="The grid, and its pictures", visible=False, interactive=False, file_count="multiple")
    form |= {"outfits": chosen, "scenes": scenes, "seeds": seeds, "seed": seed}
    ticks = [outfits, places, plan]
    ticked = [chosen, scenes, seeds, together]

    wiring.on(
        dress.click,
        SetRequest,
        start,
        {**form, "family": family},
        {
            "style": style,
            "style_scale": style_scale,
            "together": together,
            "acts": how.acts,
            "text": how.text,
            "of": how.outfit,
        },
        outputs=[shown_set, earlier, stage, files],
    )
    polling.look(look, [shown_set, seen], [stage, seen])
    wiring.on_act(outfits, act_on_outfits, [asked, how.outfit, *ticked], [asked, chosen, how.outfit, *ticks])
    wiring.on_act(places, act_on_scenes, ticked, [scenes, *scene[:2], *ticks])
    for event in (seeds.change, together.input):
        wiring.listen(event, planned, ticked, plan)
    wiring.listen(scene[2].click, add_scene, [scene[0], scene[1], *ticked], [scenes, *scene[:2], *ticks])
    picture, waiting, name, as_it_is, consent, flat, draw_it, add = new
    wiring.listen(
        add.click,
        add_outfit,
        [picture, name, as_it_is, consent, drawn, family, how.outfit, *ticked],
        [picture, name, drawn, chosen, how.outfit, *ticks],
        show_progress="minimal",
        show_progress_on=[waiting],
        concurrency_limit=1,
    )
    wiring.listen(
        draw_it.click,
        draw_outfit,
        [flat, family],
        [picture, drawn],
        show_progress="minimal",
        show_progress_on=[waiting],
    )
    wiring.listen(picture.change, preview_of, picture, waiting)
    for event in (picture.upload, picture.clear):
        wiring.listen(event, lambda desk: False, None, drawn)
    wiring.listen(
        form["lora"].input, call_them, [form["lora"], form["prompt"], before, family], [form["prompt"], before]
    )
    wiring.listen(
        earlier.input,
        lambda desk, id: (id, set_view(desk, id), gr.File(visible=False)),
        earlier,
        [shown_set, stage, files],
    )
    wiring.on_act(stage, act_on_set, [shown_set, seen], [shown_set, earlier, stage, seen, files])
    wiring.on_act(stage, save_set, None, files, show_progress="minimal")
    random.click(None, None, seed, js="() => null", show_progress="hidden", api_visibility="private")
    opened = (
        form["lora"],
        form["prompt"],
        before,
        style,
        seed,
        chosen,
        scenes,
        how.acts,
        seeds,
        together,
        how.outfit,
        *how.outputs,
        *ticks,
        flat,
        shown_set,
        earlier,
        stage,
        ready,
    )
    view = (family, form["lora"], form["prompt"], before, style, how.acts, how.outfit, *ticked, ready)
    renewed = (form["lora"], form["prompt"], before, style, chosen, scenes, how.outfit, *how.outputs, *ticks)
    drafts = (form["lora"], form["prompt"], chosen, scenes, how.acts, seeds, together)
    return DressTab(tab, form, stage, worn, view, renewed, opened, drafts)


def _who(first: ModelFamily) -> tuple:
    with gr.Row(elem_classes=["pair"]):
        lora = gr.Dropdown([(NOBODY, "")], value="", label="Who", scale=3, min_width=130, elem_id="dress-lora")
        scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="Scale", scale=3, min_width=120, buttons=[])
    prompt = gr.Textbox(
        label="In words",
        lines=2,
        max_lines=6,
        elem_id="dress-prompt",
        max_length=2000,
        placeholder="Who, and what they do; clothes and places come from the ticks",
    )
    with gr.Accordion("More", open=False):
        with gr.Row(elem_classes=["pair"]):
            style = gr.Dropdown([(NONE, "")], value="", label="In the style of", scale=3, min_width=130)
            style_scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="Its scale", scale=3, min_width=120, buttons=[])
        fields = drawing_fields(first)
    return {**fields, "lora": lora, "lora_scale": scale, "prompt": prompt}, style, style_scale


def _what(first: ModelFamily, ask_consent: bool) -> tuple:
    gr.HTML("<h3>Outfits</h3>", elem_classes=["part-title"], apply_default_css=False)
    outfits = html.piece("", "wardrobe-piece")
    with gr.Accordion("New outfit", open=False, elem_classes=["new-outfit"]):
        picture = gr.File(
            label="A picture of it, worn or laid flat",
            file_count="single",
            type="filepath",
            height=84,
            elem_classes=["drop", "slim"],
            elem_id="outfit-drop",
        )
        waiting = html.piece("", "outfit-waiting")
        with gr.Row(elem_classes=["pair"]):
            name = gr.Textbox(label="Name", placeholder="Winter coat", max_length=60, scale=3, min_width=120)
            add = gr.Button("Add outfit", size="md", scale=2, min_width=100, elem_classes=["beside"])
        as_it_is = gr.Checkbox(False, label="Take the picture as it is, ground and all", container=False)
        consent = gr.Checkbox(
            False, label="Whoever can be recognised in it agrees", container=False, visible=ask_consent
        )
        with gr.Row(elem_classes=["pair"]):
            flat = gr.Textbox(
                first.outfit_prompt, label="Or have one drawn", lines=2, scale=4, min_width=160, max_length=2000
            )
            draw_it = gr.Button("Draw it", size="md", scale=1, min_width=80, elem_classes=["beside"])
    return outfits, (picture, waiting, name, as_it_is, consent, flat, draw_it, add)


def _where() -> tuple:
    gr.HTML("<h3>Scenes</h3>", elem_classes=["part-title"], apply_default_css=False)
    places = html.piece("", "scenes-piece")
    with gr.Accordion("New scene", open=False):
        with gr.Row(elem_classes=["pair"]):
            name = gr.Textbox(label="Name", placeholder="Market", max_length=60, min_width=90)
            prompt = gr.Textbox(label="Its words", placeholder="on a market", max_length=300, min_width=110)
        add = gr.Button("Add scene", size="sm")
    return places, (name, prompt, add)


def kept(desk: Studio, *values: Any) -> dict[str, Any]:
    """What a visitor's browser remembers of this tab."""
    return dict(zip(DRAFTS, values, strict=True))


def opening(desk: Studio, family: ModelFamily, lora: str, drafts: Mapping[str, Any] = MappingProxyType({})) -> tuple:
    """Everything as it is when a page opens: as it was left; else somebody in as many outfits and scenes as there are,
    or may be."""
    places, wardrobe = desk.library.scenes(), desk.library.outfits()
    scenes = _still(drafts.get("scenes"), [one.slug for one in places], MOST_ROWS)
    most = desk.quota.set_count // max(1, len(scenes)) if desk.quota else MOST_ROWS
    chosen = _still(drafts.get("chosen"), [one.slug for one in wardrobe], max(1, min(most, MOST_ROWS)), "")
    lora = drafts["lora"] if drafts.get("lora") in {slug for _, slug in lora_choices(desk, family)} else lora
    prompt = drafts.get("prompt") if isinstance(drafts.get("prompt"), str) else ""
    acts = _sound_acts(drafts.get("acts"))
    seeds = drafts["seeds"] if isinstance(drafts.get("seeds"), int) and drafts["seeds"] > 0 else 1
    together = drafts.get("together") is True
    latest = next((one.id for one in desk.library.sets()), "")
    return (
        gr.Dropdown(lora_choices(desk, family), value=lora),
        prompt or first_words(lora_named(desk, lora), family),
        lora,
        gr.Dropdown(lora_choices(desk, family, NONE), value=""),
        None,
        chosen,
        scenes,
        acts,
        seeds,
        together,
        _of(desk, ""),
        *shown(desk, acts, "", family.name),
        *_ticks(desk, chosen, scenes, seeds, together),
        family.outfit_prompt,
        latest,
        _sets(desk, latest),
        set_view(desk, latest),
        True,
    )


def _still(left: Any, known: Sequence[str], most: int, *more: str) -> list[str]:
    """What was ticked and is still there; with nothing left to go by, as much as may be."""
    if not isinstance(left, list):
        return list(known)[:most]
    return [slug for slug in (*known, *more) if slug in left]


def _sound_acts(acts: Any) -> Acts:
    """What a browser remembers of how outfits act, as far as it can be."""
    sound: Acts = {}
    for slug, said in acts.items() if isinstance(acts, dict) else ():
        try:
            OutfitUse(slug or "x", **said)
        except (TypeError, ValueError):
            continue
        sound[slug] = said
    return sound


def refresh(
    desk: Studio,
    family: str,
    lora: str,
    prompt: str,
    before: str,
    style: str,
    acts: Acts,
    outfit: str,
    chosen: list,
    scenes: list,
    seeds: int,
    together: bool,
    ready: bool,
) -> tuple:
    """What another tab, page or program brought meanwhile, and without what it took away."""
    if not ready:
        return (gr.skip(),) * RENEWED
    known = desk.families[family]
    here = [slug for _, slug in lora_choices(desk, known)]
    lora = lora if lora in here else here[:2][-1]
    prompt, before = call_them(desk, lora, prompt, before, family) if lora != before else (prompt, before)
    outfits = {one.slug for one in desk.library.outfits()}
    outfit, chosen = outfit if outfit in outfits else "", [slug for slug in chosen if not slug or slug in outfits]
    places = {one.slug for one in desk.library.scenes()}
    scenes = [slug for slug in scenes if slug in places]
    return (
        gr.Dropdown(lora_choices(desk, known), value=lora),
        prompt,
        before,
        gr.Dropdown(lora_choices(desk, known, NONE), value=style if style in here else ""),
        chosen,
        scenes,
        _of(desk, outfit),
        *shown(desk, acts, outfit, family),
        *_ticks(desk, chosen, scenes, seeds, together),
    )


RENEWED = 16  # what `refresh` gives


def taken(desk: Studio, slug: str, *view: Any) -> tuple:
    """As `refresh`, with a new outfit ticked."""
    *others, chosen, scenes, seeds, together, ready = view
    return refresh(desk, *others, [*chosen, slug], scenes, seeds, together, ready)


def call_them(desk: Studio, lora: str, prompt: str, before: str, family: str) -> tuple[str, str]:
    """The prompt calls whoever is chosen, in place of whoever was before; all other words stay."""
    known, chosen, other = desk.families[family], lora_named(desk, lora), lora_named(desk, before)
    call, called_before = called(chosen, known), called(other, known)
    if not prompt.strip():
        return first_words(chosen, known), lora
    if chosen and chosen.trigger in prompt:
        return prompt, lora
    if called_before in prompt:
        return prompt.replace(called_before, call, 1), lora
    return (f"{call}, {prompt}" if chosen else prompt), lora


def start(
    desk: Studio, request: SetRequest, style: str, style_scale: float, together: bool, acts: Acts, text: str, of: str
) -> tuple:
    family = desk.families[request.family or desk.family.name]
    acts = written(desk, text, acts, of, family.name)  # it may have been typed a moment ago
    slugs = list(dict.fromkeys(row if isinstance(row, str) else "" for row in request.outfits or ()))
    worn = uses([slug for slug in slugs if slug], acts, family)
    rows: list[Any] = ([worn] if together and worn else [[use] for use in worn]) + ([None] if "" in slugs else [])
    lora: Any = request.lora
    if style:
        both = (lora, request.lora_scale), (style, style_scale)
        lora = [LoraUse(slug, scale, scale) for slug, scale in both if slug]
    run = desk.start(replace(request, outfits=rows, lora=lora, lora_scale=1.0 if style else request.lora_scale))
    id = run.request.id
    return id, _sets(desk, id, run.title), set_view(desk, id), gr.File(visible=False)


def look(desk: Studio, id: str, seen: tuple) -> tuple:
    """The grid as it is now; one that rests is not looked at again until somebody comes back to it."""
    run = run_of_set(desk, id)
    rests = (id, run is None or run.ended)
    if rests[1] and seen[:2] == rests:
        return gr.skip(), gr.skip()
    stage, after = told_anew([set_view(desk, id)], seen[2:])
    return stage, (*rests, *after)


def act_on_outfits(
    desk: Studio, act: dict, asked: str, of: str, chosen: list, scenes: list, seeds: int, together: bool
) -> tuple:
    """Tick one, or let one go for good once that was asked."""
    what, slug = act.get("act"), str(act.get("slug", ""))
    if what == "outfit":
        chosen = _toggled(chosen, slug, [*(one.slug for one in desk.library.outfits()), ""])
    elif what == "remove_outfit":
        desk.library.remove_outfit(slug)
        chosen = [one for one in chosen if one != slug]
    elif what not in ("ask_outfit", "keep_outfit"):
        return (gr.skip(),) * 6
    asked = slug if what == "ask_outfit" else ""
    return asked, chosen, _of(desk, of), *_ticks(desk, chosen, scenes, seeds, together, asked)


def act_on_scenes(desk: Studio, act: dict, chosen: list, scenes: list, seeds: int, together: bool) -> tuple:
    """Tick one; or take one off the list, whose words go back to where they can be added again."""
    what, slug = act.get("act"), str(act.get("slug", ""))
    known = {one.slug: one for one in desk.library.scenes()}
    name, prompt = gr.skip(), gr.skip()
    if what == "scene":
        scenes = _toggled(scenes, slug, list(known))
    elif what == "remove_scene" and slug in known:
        desk.library.remove_scene(slug)
        name, prompt = known[slug].name, known[slug].prompt
        scenes = [one for one in scenes if one != slug]
    else:
        return (gr.skip(),) * 6
    return scenes, name, prompt, *_ticks(desk, chosen, scenes, seeds, together)


def add_scene(desk: Studio, name: str, prompt: str, chosen: list, scenes: list, seeds: int, together: bool) -> tuple:
    """A new scene, ticked; one of the same name has these words from now on."""
    slug = desk.library.add_scene(name, prompt).slug
    scenes = scenes if slug in scenes else [*scenes, slug]
    return scenes, "", "", *_ticks(desk, chosen, scenes, seeds, together)


async def add_outfit(
    desk: Studio,
    picture: str | None,
    name: str,
    as_it_is: bool,
    consent: bool,
    drawn: bool,
    family: str,
    of: str,
    chosen: list,
    scenes: list,
    seeds: int,
    together: bool,
) -> tuple:
    """The clothes of the picture, ticked. Of one that was `drawn` here nobody need be asked."""
    if not picture:
        raise ValueError("Drop a picture of the outfit first, or have one drawn.")
    if not (name or "").strip():
        raise ValueError("Give the outfit a name.")
    added = await asyncio.to_thread(
        desk.add_outfit, name, Path(picture), as_it_is=as_it_is, family=family, consent=consent or drawn
    )
    chosen = [*chosen, added.slug]
    return None, "", False, chosen, _of(desk, of), *_ticks(desk, chosen, scenes, seeds, together)


def preview_of(desk: Studio, path: str | None) -> str:
    """The picture that waits to become an outfit, or why it cannot."""
    kept, refused = look_at([path], THUMBNAIL) if path else ([], ())
    if refused:
        return html.note(refused[0][1], "bad")
    return "".join(
        f'<div class="waiting">{html.jpeg(one.jpeg)}<p class="faint">Give it a name and press Add outfit.</p></div>'
        for one in kept
    )


async def draw_outfit(desk: Studio, prompt: str, family: str) -> tuple[str, bool]:
    """A picture of an outfit, drawn."""
    (drawn,) = await carried_out(desk, DrawRequest(prompt=prompt, family=family))
    return str(drawn.path), True


def planned(desk: Studio, chosen: Sequence[str], scenes: Sequence[str], seeds: float, together: bool) -> str:
    return plan_view(chosen, scenes, int(seeds or 1), together, desk.quota.set_count if desk.quota else None)


def act_on_set(desk: Studio, act: dict, id: str, seen: tuple) -> tuple:
    """Stop, go on, or forget a set."""
    what = act.get("act")
    if what == "cancel":
        desk.run(str(act.get("run"))).cancel()
    elif what == "go_on":
        desk.go_on_with_set(str(act.get("id")))
    elif what == "remove_set":
        desk.library.remove_set(str(act.get("id")))
        id = next((one.id for one in desk.library.sets()), "")
    elif what == "ask_set":
        return id, gr.skip(), set_view(desk, id, asked=True), seen, gr.skip()
    else:
        return (gr.skip(),) * 5
    return id, _sets(desk, id), *look(desk, id, ()), gr.File(visible=False)


async def save_set(desk: Studio, act: dict) -> Any:
    """The set as one picture and as a zip, to be fetched."""
    if act.get("act") != "save_set":
        return gr.skip()
    id = str(act.get("id"))
    files = [await asyncio.to_thread(made, id) for made in (desk.saved_grid, desk.files_of)]
    return gr.File([str(file) for file in files], visible=True)


def _ticks(
    desk: Studio, chosen: Sequence[str], scenes: Sequence[str], seeds: float, together: bool, asked: str = ""
) -> tuple:
    return (
        outfits_view(desk.library, chosen, asked),
        scenes_view(desk.library.scenes(), scenes),
        planned(desk, chosen, scenes, seeds, together),
    )


def _toggled(chosen: Sequence[str], slug: str, order: Sequence[str]) -> list[str]:
    """With it, or without it if it was there; in the order of the page."""
    after = set(chosen) ^ {slug}
    return [one for one in order if one in after]


def _of(desk: Studio, chosen: str) -> gr.Dropdown:
    known = desk.library.outfits()
    return gr.Dropdown(
        [(ALL, ""), *((one.name, one.slug) for one in known)],
        value=chosen if chosen in {one.slug for one in known} else "",
    )


def _sets(desk: Studio, id: str, title: str = "") -> gr.Dropdown:
    """The sets to look at, newest first; one that has just begun is there by its run's title."""
    known = [(one.title, one.id) for one in desk.library.sets()]
    if id and id not in {one for _, one in known}:
        known.insert(0, (title or "A new set", id))
    return gr.Dropdown(known or [(NO_SET, "")], value=id, visible=len(known) > 1)
