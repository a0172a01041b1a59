"""The folded fields that every drawing has: size, steps, guidance, scheduler, and what must not be there."""

from __future__ import annotations

from typing import Any, TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import DRAW_STEPS, GUIDANCES


class FamilyFields(TypedDict, total=False):
    """The fields whose values a family brings."""

    steps: int
    guidance: float
    width: int
    height: int
    scheduler: gr.Dropdown


OF_FAMILY = tuple(FamilyFields.__annotations__)


def drawing_fields(first: ModelFamily) -> dict[str, Any]:
    """Lays them out, as `first` has them: a component for each field of a request, by its name."""
    asked = first.drawing
    negative = gr.Textbox(
        "", label="Negative prompt", lines=2, placeholder="What must not be in the picture", max_length=2000
    )
    with gr.Row(elem_classes=["pair"]):
        steps = gr.Slider(*DRAW_STEPS, asked["steps"], step=1, label="Steps", min_width=130, buttons=[])
        guidance = gr.Slider(*GUIDANCES, asked["guidance"], step=0.5, label="Guidance", min_width=130, buttons=[])
    scheduler = gr.Dropdown(list(first.schedulers), value=asked["scheduler"], label="Scheduler")
    with gr.Row(elem_classes=["pair"]):
        width = gr.Number(asked["width"], label="Width", precision=0, step=8, min_width=100)
        height = gr.Number(asked["height"], label="Height", precision=0, step=8, min_width=100)
    return {
        "negative_prompt": negative,
        "steps": steps,
        "guidance": guidance,
        "scheduler": scheduler,
        "width": width,
        "height": height,
    }


def defaults_of(family: ModelFamily) -> FamilyFields:
    """Updates of the OF_FAMILY fields after a change of family."""
    asked = {**family.drawing, "scheduler": gr.Dropdown(list(family.schedulers), value=family.drawing["scheduler"])}
    return FamilyFields(**{name: asked[name] for name in OF_FAMILY})
