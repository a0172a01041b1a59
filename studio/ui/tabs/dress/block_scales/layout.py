"""How outfits act, as it is laid out: presets and sliders for the layers of the UNet, the dict, and when they act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.ui import html
from studio.ui.tabs.dress.block_scales.views import ALL


@dataclass(frozen=True)
class BlockScales:
    """The folded part of Dress. `acts` is its state: what was said of each outfit."""

    keep: gr.Button
    bring: gr.Button
    usual: gr.Button
    parts: dict[str, Any]


def block_scales() -> BlockScales:
    """Lays it out."""
    with gr.Column(elem_classes=["controls", "acting-fold"]), gr.Accordion("How it acts", open=False):
        with gr.Row(elem_classes=["acting-top"]):
            outfit = gr.Dropdown([(ALL, "")], value="", label="Of", min_width=160, scale=2)
            adapter = gr.Dropdown([], label="Image adapter", min_width=160, scale=2)
            inside = gr.Checkbox(
                True,
                label="Inside the clothes alone",
                min_width=200,
                scale=2,
                info="The rest keeps its colours and its look.",
            )
        with gr.Row(elem_classes=["acting-columns"]):
            blocks = html.piece("", "blocks-piece")
            with gr.Column(min_width=260, scale=0, elem_classes=["acting-text"]):
                text = gr.Textbox(
                    label="As diffusers takes it",
                    lines=4,
                    max_lines=10,
                    buttons=["copy"],
                    elem_id="block-scales",
                    max_length=2000,
                )
                with gr.Row(elem_classes=["pair"]):
                    start = gr.Slider(0.0, 0.95, 0.0, step=0.05, label="From", min_width=110, buttons=[])
                    end = gr.Slider(0.05, 1.0, 1.0, step=0.05, label="Until", min_width=110, buttons=[])
                gr.HTML(
                    '<p class="faint">Parts of the drawing: 0 is its beginning, 1 its end.</p>', apply_default_css=False
                )
                name = gr.Textbox(label="Keep it as", placeholder="Sleeves only", max_length=60)
                with gr.Row(elem_classes=["pair"]):
                    keep = gr.Button("Keep as a preset", size="sm", min_width=110)
                    bring = gr.Button("Keep with the outfit", size="sm", min_width=110)
                usual = gr.Button("As usual again", size="sm", elem_classes=["quiet"])
    scales = {"adapter": adapter, "inside": inside, "blocks": blocks, "text": text, "start": start, "end": end}
    return BlockScales(keep, bring, usual, {"acts": gr.State({}), "outfit": outfit, "preset_name": name, **scales})
