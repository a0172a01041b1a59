"""Subject as it is laid out: photos of one character or object, a name, and the token that will stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.ui import html
from studio.ui.static_files import script
from studio.ui.tabs.subject.views import note_for, nouns_of

CONSENT = "Everyone who can be recognised in these photos agrees, or they show no real person."


@dataclass(frozen=True)
class SubjectTab:
    """What the tab is made of; `parts` has every component by the name that handlers know it by."""

    tab: gr.Tab
    parts: dict[str, Any]


def subject_tab(first: ModelFamily, ask_consent: bool) -> SubjectTab:
    """Lays the tab out."""
    with gr.Tab("Subject", id="subject", elem_classes=["tab-subject"]) as tab:
        parts: dict[str, Any] = {"selected": gr.State(""), "pending": gr.State([]), "photo": gr.State("")}
        parts["shelf"] = html.piece("", "shelf-piece")
        with gr.Row(elem_classes=["columns"]):
            with gr.Column(scale=7, min_width=320, elem_classes=["photos-column"]):
                parts["drop"] = gr.File(
                    label="Drop or paste photos here: JPG, PNG, WebP, HEIC; captions as .txt, .caption or metadata.jsonl",
                    file_count="multiple",
                    type="filepath",
                    height=112,
                    elem_classes=["drop"],
                    elem_id="photo-drop",
                )
                parts["sheet"] = html.piece("", "sheet-piece")
                parts["cropper"] = gr.HTML(
                    "",
                    js_on_load=script("cropper"),
                    apply_default_css=False,
                    elem_classes=["piece", "cropper-piece"],
                )
            with gr.Column(scale=4, min_width=300, elem_classes=["controls"]):
                parts |= _fields(first)
                parts["consent"] = gr.Checkbox(label=CONSENT, visible=ask_consent, container=False)
                parts |= _buttons()
                parts["note"] = gr.HTML(note_for(first), apply_default_css=False)
    return SubjectTab(tab, parts)


def _fields(first: ModelFamily) -> dict[str, Any]:
    name = gr.Textbox(label="Name", max_length=80, placeholder="Mika", elem_id="subject-name")
    noun = gr.Dropdown(
        nouns_of(first),
        value=None,
        label="What it is",
        allow_custom_value=True,
        elem_id="subject-noun",
        info="The class noun: girl, cat, cup",
    )
    noun_verdict = gr.HTML("", apply_default_css=False)
    identifier = gr.Textbox(
        label="Identifier token", max_length=40, elem_id="subject-token", info="Stands for the subject in prompts"
    )
    verdict = gr.HTML("", apply_default_css=False)
    with gr.Row(elem_classes=["pair"]):
        another = gr.Button("Propose another", size="sm", min_width=110)
        shift = gr.Button("From the name", size="sm", min_width=110)
    fields = {"name": name, "noun": noun, "noun_verdict": noun_verdict, "identifier": identifier}
    return {**fields, "verdict": verdict, "another": another, "shift": shift}


def _buttons() -> dict[str, Any]:
    add = gr.Button("Add subject", variant="primary", size="lg", elem_classes=["act-main"])
    train = gr.Button("Train", variant="primary", size="lg", elem_classes=["act-main"], visible=False)
    save = gr.Button("Save changes", size="md", visible=False)
    remove = gr.Button("Remove subject", size="sm", visible=False, elem_classes=["quiet"])
    really = gr.Button("Really remove, photos and all", size="sm", variant="stop", visible=False)
    return {"add": add, "save": save, "train": train, "remove": remove, "really": really}
