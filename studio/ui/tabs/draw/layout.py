"""Draw as it is laid out: a prompt, a LoRA, and the stage on which the pictures appear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.sampling import LORA_SCALES, MAX_SEED
from studio.ui import html
from studio.ui.drawing_fields import drawing_fields
from studio.ui.loras import NOBODY, MoreLoras, more_loras
from studio.ui.tabs.draw.lora_files import LoraFiles, lora_files
from studio.ui.tabs.draw.views import family_view, knows, stage_view


@dataclass(frozen=True)
class DrawTab:
    """What the tab is made of; `parts` has every component by the name that handlers know it by."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of DrawRequest but the family
    more: MoreLoras
    files: LoraFiles
    parts: dict[str, Any]


def draw_tab(first: ModelFamily) -> DrawTab:
    """Lays the tab out; `first` is the family whose defaults the form starts with."""
    with gr.Tab("Draw", id="draw", elem_classes=["tab-draw"]) as tab, gr.Row(elem_classes=["columns"]):
        parts: dict[str, Any] = {"run": gr.State(""), "seen": gr.State({}), "listed": gr.State("")}
        with gr.Column(scale=4, min_width=300, elem_classes=["controls"]):
            form, more, files, controls = _controls(first)
        with gr.Column(scale=7, min_width=320, elem_classes=["stage-column"]):
            with gr.Column(visible=False, elem_classes=["comparison"]) as parts["comparison"]:
                parts["comparison_head"] = html.piece("", "comparison-piece")
                parts["slider"] = gr.ImageSlider(
                    type="filepath",
                    interactive=False,
                    show_label=False,
                    buttons=[],
                    label="Without the LoRA, and with it",
                    elem_classes=["compare"],
                )
            parts["stage"] = html.piece(stage_view(None, [], []), "stage-piece")
    return DrawTab(tab, form, more, files, {**parts, **controls, **form, **more.parts})


def _controls(first: ModelFamily) -> tuple[dict[str, Any], MoreLoras, LoraFiles, dict[str, Any]]:
    with gr.Row(elem_classes=["pair"]):
        lora = gr.Dropdown([(NOBODY, "")], value="", label="Who", scale=3, min_width=140, elem_id="draw-lora")
        lora_scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="LoRA scale", scale=3, min_width=140, buttons=[])
    prompt = gr.Textbox(
        label="Prompt",
        lines=3,
        max_lines=8,
        elem_id="prompt",
        max_length=2000,
        placeholder="Who, what they wear, what they do, and where",
    )
    words = html.piece("", "words-piece")
    remark = gr.HTML("", elem_classes=["prompt-note"], apply_default_css=False)
    worn = html.piece("", "worn-piece")
    with gr.Row(elem_classes=["trio"]):
        count = gr.Number(1, label="Pictures", precision=0, minimum=1, maximum=64, min_width=84, scale=2)
        seed = gr.Number(
            None, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=110, scale=3, placeholder="any"
        )
        random = gr.Button("Random", size="md", min_width=84, scale=2, elem_classes=["icon-die", "beside"])
        reuse = gr.Button("Reuse", size="md", min_width=84, scale=2, elem_classes=["icon-recycle", "beside"])
    draw = gr.Button("Draw", variant="primary", size="lg", elem_classes=["act-main"])
    with gr.Accordion("More", open=False):
        fields = drawing_fields(first)
        with gr.Row(elem_classes=["pair"]):
            remove = gr.Button("Remove this LoRA", size="sm", elem_classes=["quiet"])
            really = gr.Button("Really remove it", size="sm", variant="stop", visible=False)
    form = {
        **fields,
        "prompt": prompt,
        "lora": lora,
        "lora_scale": lora_scale,
        "count": count,
        "seed": seed,
        "outfit": gr.State(None),  # what a picture wore whose settings are here; outfits are chosen on Dress
    }
    more, files = more_loras(), lora_files()
    with gr.Accordion(knows(first), open=False, elem_id="family-words") as about:
        card = html.piece(family_view(first), "family-piece")
    buttons = {"draw": draw, "random": random, "reuse": reuse, "remove": remove, "really": really}
    shown = {"words": words, "remark": remark, "worn": worn, "about_family": about, "card": card}
    return form, more, files, {**buttons, **shown}
