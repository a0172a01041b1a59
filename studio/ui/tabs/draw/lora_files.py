"""A LoRA as a file of other tools, one of theirs taken in, and one published: the folded part of Draw."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.library import Lora
from studio.session import Studio
from studio.ui.loras import MoreLorasView, lora_choices, lora_named, renewed
from studio.ui.wiring import Wiring

LAYOUTS, FULL_LAYOUTS = ["diffusers", "kohya"], ["single file", "diffusers"]
WEIGHTS = ".safetensors"


@dataclass(frozen=True)
class LoraFiles:
    """The folded part of Draw."""

    save: gr.Button
    bring: gr.UploadButton
    publish: gr.Button
    parts: dict[str, Any]


class Brought(MoreLorasView, total=False):
    """The LoRAs to choose from, a new one among them."""

    lora: gr.Dropdown


class ChosenFile(TypedDict):
    """What the form says of the LoRA under Who."""

    layout: gr.Dropdown
    about: str


class Published(TypedDict):
    """Where the LoRA lies on the hub; the token is forgotten."""

    published: str
    token: str


def lora_files() -> LoraFiles:
    """Lays it out; it is about the LoRA under Who."""
    with gr.Accordion("LoRA files", open=False, elem_classes=["lora-files"]):
        about = gr.HTML("", apply_default_css=False)
        with gr.Row(elem_classes=["pair"]):
            layout = gr.Dropdown(
                LAYOUTS,
                value=LAYOUTS[0],
                label="Layout of the file",
                scale=3,
                min_width=120,
                info="kohya: for A1111, ComfyUI, Forge",
            )
            save = gr.Button("Save as a file", size="md", scale=2, min_width=110, elem_classes=["beside"])
        file = gr.File(label="The file", visible=False, interactive=False)
        bring = gr.UploadButton("Bring a LoRA", file_types=[WEIGHTS], size="sm", type="filepath")
        with gr.Row(elem_classes=["pair"]):
            repository = gr.Textbox(
                label="Publish as", placeholder="your-name/mika-lora", scale=3, min_width=120, max_length=200
            )
            token = gr.Textbox(
                label="Token of the Hub",
                type="password",
                placeholder="may write; kept nowhere",
                scale=3,
                min_width=120,
                max_length=200,
            )
        with gr.Row(elem_classes=["pair"]):
            private = gr.Checkbox(True, label="Private", scale=3, min_width=140)
            publish = gr.Button("Publish to the Hub", size="md", scale=2, min_width=120)
        published = gr.HTML("", apply_default_css=False)
    fields = {"layout": layout, "repository": repository, "token": token, "private": private}
    return LoraFiles(
        save, bring, publish, {**fields, "about": about, "file": file, "brought": bring, "published": published}
    )


def connect(wiring: Wiring, made: LoraFiles, form: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Says what happens where; `form` is Draw's, `choices` are its further LoRAs."""
    parts = {**form, **made.parts}
    listen, lora = wiring.listen, form["lora"]
    listen(made.save.click, save_lora, parts, parts["file"], show_progress="minimal")
    listen(lora.input, lambda desk: gr.File(visible=False), to=parts["file"])
    listen(lora.change, chosen_file, parts)
    listen(made.bring.upload, bring_lora, parts, others=choices, show_progress="minimal")
    listen(made.publish.click, publish_lora, parts, show_progress="minimal")


async def save_lora(desk: Studio, lora: str, layout: str) -> gr.File:
    path = await asyncio.to_thread(desk.export_lora, _chosen(lora), layout)
    return gr.File(str(path), visible=True)


def chosen_file(desk: Studio, lora: str) -> ChosenFile:
    """What the LoRA can be saved as (a full fine-tune has no rank), and what its file is."""
    known = lora_named(desk, lora)
    layouts = FULL_LAYOUTS if known and not known.rank else LAYOUTS
    return {"layout": gr.Dropdown(layouts, value=layouts[0]), "about": about(known)}


def about(lora: Lora | None) -> str:
    """Rank, alpha and trigger of the LoRA's file, and what of it is left out, as HTML."""
    if lora is None:
        return ""
    told = [f"rank {lora.rank}, alpha {lora.alpha:g}" if lora.rank else "a full fine-tune"]
    told.append(f"trigger {lora.trigger}" if lora.trigger else "no trigger told: look where you have it from")
    html = f'<p class="faint">{escape(lora.name)}: {escape("; ".join(told))}.</p>'
    return html + (f'<p class="note">{escape(_without(lora))}</p>' if lora.left_out else "")


def _without(lora: Lora) -> str:
    return f"{lora.name} is drawn with without a part of its file. Left out: {lora.left_out}."


async def bring_lora(desk: Studio, brought: str, family: str, **choices: str) -> Brought:
    """The file becomes a LoRA of the library, and is chosen."""
    made = await asyncio.to_thread(desk.import_lora, brought, family=family)
    gr.Info(escape(f"{made.name} is in the library." + (f" Its trigger is {made.trigger}." if made.trigger else "")))
    if made.left_out:
        gr.Warning(escape(_without(made)))
    chosen = desk.families[family]
    who = gr.Dropdown(lora_choices(desk, chosen), value=made.slug)
    return {"lora": who, **renewed(desk, chosen, choices)}


async def publish_lora(desk: Studio, lora: str, repository: str, token: str, private: bool) -> Published:
    """Where it lies now; the token is forgotten."""
    address = await asyncio.to_thread(desk.publish, _chosen(lora), repository, token, private)
    link = f'<a href="{escape(address, quote=True)}" target="_blank" rel="noopener">{escape(address)}</a>'
    return {"published": f'<p class="note">Published: {link}</p>', "token": ""}


def _chosen(lora: str) -> str:
    if not lora:
        raise ValueError("Choose a LoRA under Who first; Nobody is the family itself.")
    return lora
