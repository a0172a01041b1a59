"""Gallery as it is laid out: every picture, and one of them large with its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.ui import html
from studio.ui.tabs.gallery.views import PAGE


@dataclass(frozen=True)
class GalleryTab:
    """What the tab is made of; `parts` has every component by the name that handlers know it by."""

    tab: gr.Tab
    parts: dict[str, Any]


def gallery_tab() -> GalleryTab:
    """Lays the tab out."""
    with gr.Tab("Gallery", id="gallery", elem_classes=["tab-gallery"]) as tab:
        selected, count, deleted, seen = gr.State(""), gr.State(PAGE), gr.State(""), gr.State({})
        with gr.Row(elem_classes=["gallery-tools"]):
            search = gr.Textbox(
                placeholder="Search prompts, LoRAs, seeds",
                show_label=False,
                label="Search",
                container=False,
                scale=5,
                min_width=160,
                elem_id="gallery-search",
            )
            favourites = gr.Checkbox(label="Favourites", scale=1, min_width=130, container=False)
            drop = gr.File(
                label="Drop a PNG here to restore its settings",
                file_count="single",
                type="filepath",
                height=84,
                scale=3,
                min_width=200,
                elem_classes=["drop", "slim"],
                elem_id="recipe-drop",
            )
        with gr.Row(elem_classes=["columns", "gallery-columns"]):
            with gr.Column(scale=6, min_width=300):
                wall = html.piece("", "wall-piece")
            with gr.Column(scale=5, min_width=300, elem_classes=["detail-column"]):
                detail = html.piece("", "detail-piece")
    states = {"selected": selected, "count": count, "deleted": deleted, "seen": seen}
    fields = {"search": search, "favourites": favourites, "drop": drop}
    return GalleryTab(tab, {**states, **fields, "wall": wall, "detail": detail})
