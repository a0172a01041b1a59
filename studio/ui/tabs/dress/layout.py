"""Dress as it is laid out: who, in which outfits, where; and every outfit in every scene, as one grid that is alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MOST_ROWS
from studio.contracts.sampling import LORA_SCALES, MAX_SEED
from studio.ui import html
from studio.ui.drawing_fields import drawing_fields
from studio.ui.loras import NOBODY, NONE
from studio.ui.tabs.dress.block_scales.layout import BlockScales, block_scales
from studio.ui.tabs.dress.try_on_panel import TryOn, try_on_panel
from studio.ui.tabs.dress.views import NO_SET


@dataclass(frozen=True)
class DressTab:
    """What the tab is made of; `parts` has every component by the name that handlers know it by."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of SetRequest but the family
    scales: BlockScales
    try_on: TryOn
    parts: dict[str, Any]


def dress_tab(first: ModelFamily, ask_consent: bool) -> DressTab:
    """Lays the tab out."""
    with gr.Tab("Dress", id="dress", elem_classes=["tab-dress"]) as tab:
        parts = _states()
        with gr.Row(elem_classes=["columns", "dressing"]):
            with gr.Column(scale=4, min_width=260, elem_classes=["controls"]):
                form, style = _who(first)
                try_on = try_on_panel()
            with gr.Column(scale=5, min_width=280, elem_classes=["controls"]):
                parts |= _what(first, ask_consent)
            with gr.Column(scale=3, min_width=240, elem_classes=["controls"]):
                parts |= _where()
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
        scales = block_scales()
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
        try_on.parts["worn"] = html.piece("", "worn-stage")
        stage = html.piece("", "set-piece")
        files = gr.File(label="The grid, and its pictures", visible=False, interactive=False, file_count="multiple")
    form |= {"outfits": parts["chosen"], "scenes": parts["scenes"], "seeds": seeds, "seed": seed}
    more = {"together": together, "dress": dress, "plan": plan, "random": random, "earlier": earlier}
    parts |= {**form, **style, **more, **scales.parts, "stage": stage, "files": files}
    return DressTab(tab, form, scales, try_on, parts)


def _states() -> dict[str, Any]:
    """What the page knows and nobody sees."""
    return {
        "chosen": gr.State([]),  # slugs of the ticked outfits; "" is none but what they wear
        "scenes": gr.State([]),
        "asked": gr.State(""),  # the outfit that may go for good
        "shown_set": gr.State(""),
        "listed": gr.State(""),  # "" until the page has opened: until then its fields are empty, and nobody's wish
        "seen": gr.State({}),
        "drawn": gr.State(False),  # whether the picture of a new outfit was drawn here
    }


def _who(first: ModelFamily) -> tuple[dict[str, Any], dict[str, Any]]:
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
    remark = gr.HTML("", elem_classes=["prompt-note"], apply_default_css=False)
    with gr.Accordion("More", open=False):
        with gr.Row(elem_classes=["pair"]):
            style = gr.Dropdown([(NONE, "")], value="", label="In the style of", scale=3, min_width=130)
            style_scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="Its scale", scale=3, min_width=120, buttons=[])
        fields = drawing_fields(first)
    form = {**fields, "lora": lora, "lora_scale": scale, "prompt": prompt}
    return form, {"style": style, "style_scale": style_scale, "remark": remark}


def _what(first: ModelFamily, ask_consent: bool) -> dict[str, Any]:
    gr.HTML("<h3>Outfits</h3>", elem_classes=["part-title"], apply_default_css=False)
    wardrobe = html.piece("", "wardrobe-piece")
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
    new = {"picture": picture, "waiting": waiting, "outfit_name": name, "as_it_is": as_it_is, "consent": consent}
    return {"wardrobe": wardrobe, **new, "flat": flat, "draw_it": draw_it, "add_outfit": add}


def _where() -> dict[str, Any]:
    gr.HTML("<h3>Scenes</h3>", elem_classes=["part-title"], apply_default_css=False)
    places = html.piece("", "scenes-piece")
    with gr.Accordion("New scene", open=False):
        with gr.Row(elem_classes=["pair"]):
            name = gr.Textbox(label="Name", placeholder="Market", max_length=60, min_width=90)
            prompt = gr.Textbox(label="Its words", placeholder="on a market", max_length=300, min_width=110)
        add = gr.Button("Add scene", size="sm")
    return {"places": places, "scene_name": name, "scene_prompt": prompt, "add_scene": add}
