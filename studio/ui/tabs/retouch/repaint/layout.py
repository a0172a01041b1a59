"""Repainting as it is laid out: what shall happen where the mask is, and room for what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MASKED_CONTENTS, MOST_PIXELS, MOST_SIDE
from studio.contracts.sampling import LORA_SCALES, MAX_SEED
from studio.tasks.repaint import INTENTS
from studio.ui import html
from studio.ui.drawing_fields import sampling_fields
from studio.ui.loras import NOBODY
from studio.ui.tabs.retouch.repaint.views import USUAL, about_intent


@dataclass(frozen=True)
class RepaintPanel:
    """The right side and the foot of Retouch."""

    form: dict[str, Any]  # a component for each field of RepaintRequest to fill in
    parts: dict[str, Any]


def repaint_panel(first: ModelFamily) -> RepaintPanel:
    """Lays it out."""
    states = {
        "outfit": gr.State(""),
        "run": gr.State(""),
        "seen": gr.State({}),
        "picked": gr.State(""),
        "asked_about": gr.State(""),
        "listed": gr.State(""),
    }
    form, controls = _controls(first)
    with gr.Column(elem_classes=["painted"], min_width=300):
        with gr.Column(visible=False, elem_classes=["comparison"]) as comparison:
            slider = gr.ImageSlider(
                type="filepath",
                interactive=False,
                show_label=False,
                buttons=[],
                label="Before, and after",
                elem_classes=["compare"],
            )
        painted = html.piece("", "painted-piece", elem_id="painted")
    shown = {"comparison": comparison, "slider": slider, "painted": painted}
    return RepaintPanel(form, {**states, **controls, **form, **shown})


def _controls(first: ModelFamily) -> tuple[dict[str, Any], dict[str, Any]]:
    with gr.Column(elem_classes=["controls", "paint"], min_width=280):
        intent = gr.Radio(
            [(one.title, name) for name, one in INTENTS.items()],
            value=USUAL,
            label="What shall happen",
            elem_classes=["intents"],
        )
        about = gr.HTML(about_intent(USUAL), apply_default_css=False)
        outfits = html.piece("", "wardrobe-piece")
        prompt = gr.Textbox(
            label="In words",
            lines=2,
            max_lines=5,
            max_length=2000,
            elem_id="retouch-prompt",
            placeholder="What shall be there",
        )
        remark = gr.HTML("", elem_classes=["prompt-note"], apply_default_css=False)
        with gr.Row(elem_classes=["pair"]):
            lora = gr.Dropdown([(NOBODY, "")], value="", label="Who", scale=3, min_width=120)
            scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="LoRA scale", scale=3, min_width=110, buttons=[])
        paint = gr.Button("Repaint", variant="primary", size="lg", elem_classes=["act-main"])
        wear = gr.Button("Find the clothes and dress", size="md", elem_id="wear-it")
        with gr.Row(elem_classes=["trio"]):
            count = gr.Number(1, label="Pictures", precision=0, minimum=1, maximum=64, min_width=70)
            seed = gr.Number(
                None, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=90, placeholder="any"
            )
            random = gr.Button("Random", size="md", min_width=76, elem_classes=["icon-die", "beside"])
        with gr.Accordion("More", open=False):
            fields = _more(first)
    form = {**fields, "prompt": prompt, "lora": lora, "lora_scale": scale, "count": count, "seed": seed}
    asked = {"intent": intent, "about": about, "outfits": outfits}
    return form, {**asked, "remark": remark, "paint": paint, "wear": wear, "random": random}


def _more(first: ModelFamily) -> dict[str, Any]:
    asked = first.repainting
    with gr.Row(elem_classes=["pair"]):
        strength = gr.Slider(
            0.05, 1.0, asked["strength"], step=0.05, label="Strength", min_width=130, buttons=[], info="1 begins anew"
        )
        masked_content = gr.Radio(
            [(name.capitalize(), name) for name in MASKED_CONTENTS],
            value=asked["masked_content"],
            label="Begin with",
            min_width=130,
        )
    with gr.Row(elem_classes=["pair"]):
        feather = gr.Number(
            None, label="Feather, px", precision=0, minimum=0, maximum=MOST_PIXELS, min_width=100, placeholder="by size"
        )
        padding = gr.Number(
            None,
            label="Padding, px",
            precision=0,
            minimum=0,
            maximum=MOST_SIDE,
            min_width=100,
            placeholder="whole picture",
        )
    negative = gr.Textbox("", label="Negative prompt", lines=1, max_length=2000, placeholder="What must not be there")
    return {
        "strength": strength,
        "masked_content": masked_content,
        "feather": feather,
        "padding": padding,
        "negative_prompt": negative,
        **sampling_fields(first, asked),
    }
