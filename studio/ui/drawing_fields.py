"""The folded fields that every drawing has: size, steps, guidance, scheduler, and what must not be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.sampling import DRAW_STEPS, GUIDANCES


class SamplingFields(TypedDict, total=False):
    """Fields of `Sampling` whose values a family brings; forms, drafts and recipes that are shown follow this list."""

    steps: int
    guidance: float
    scheduler: gr.Dropdown


class FamilyFields(SamplingFields, total=False):
    """The same of a drawing, which has a size too."""

    width: int
    height: int


OF_SAMPLING, OF_FAMILY = (tuple(kind.__annotations__) for kind in (SamplingFields, FamilyFields))


def sampling_fields(first: ModelFamily, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Lays out a component for each of SamplingFields, by its name, as the family's defaults `asked` have them."""
    with gr.Row(elem_classes=["pair"]):
        steps = gr.Slider(*DRAW_STEPS, asked["steps"], step=1, label="Steps", min_width=130, buttons=[])
        guidance = gr.Slider(*GUIDANCES, asked["guidance"], step=0.5, label="Guidance", min_width=130, buttons=[])
    scheduler = gr.Dropdown(list(first.schedulers), value=asked["scheduler"], label="Scheduler")
    return {"steps": steps, "guidance": guidance, "scheduler": scheduler}


def drawing_fields(first: ModelFamily) -> dict[str, Any]:
    """Lays them out, as `first` has them: a component for each field of a request, by its name."""
    asked = first.drawing
    negative = gr.Textbox(
        "", label="Negative prompt", lines=2, placeholder="What must not be in the picture", max_length=2000
    )
    sampling = sampling_fields(first, asked)
    with gr.Row(elem_classes=["pair"]):
        width = gr.Number(asked["width"], label="Width", precision=0, step=8, min_width=100)
        height = gr.Number(asked["height"], label="Height", precision=0, step=8, min_width=100)
    return {"negative_prompt": negative, **sampling, "width": width, "height": height}


def sampling_of(family: ModelFamily, asked: Mapping[str, Any]) -> SamplingFields:
    """Values for SamplingFields: what is asked, and every scheduler that the family has."""
    schedulers = gr.Dropdown(list(family.schedulers), value=asked["scheduler"])
    return SamplingFields(**{**{name: asked.get(name) for name in OF_SAMPLING}, "scheduler": schedulers})


def defaults_of(family: ModelFamily) -> FamilyFields:
    """Updates of FamilyFields after a change of family."""
    asked = family.drawing
    return {**sampling_of(family, asked), "width": asked["width"], "height": asked["height"]}
