"""Retouch as it is laid out: a picture on the easel with its mask, and what shall be painted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.ui.tabs.retouch.easel import easel
from studio.ui.tabs.retouch.repaint.layout import RepaintPanel, repaint_panel


@dataclass(frozen=True)
class RetouchTab:
    """What the tab is made of; `parts` has every component by the name that handlers know it by."""

    tab: gr.Tab
    panel: RepaintPanel
    parts: dict[str, Any]  # the easel's value is the newest answer


def retouch_tab(first: ModelFamily) -> RetouchTab:
    """Lays the tab out."""
    with gr.Tab("Retouch", id="retouch", elem_classes=["tab-retouch"]) as tab, gr.Row(elem_classes=["retouching"]):
        canvas = easel()
        panel = repaint_panel(first)
    return RetouchTab(tab, panel, {"easel": canvas, **panel.parts})
