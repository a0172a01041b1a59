"""Train as it is laid out: a subject, a preset, one button; then the loss, the samples, and the LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import TARGETS, ModelFamily
from studio.contracts.requests import LR_SCHEDULERS, METHODS, OPTIMIZERS, PRECISIONS, PRIOR_REGIONS
from studio.contracts.sampling import MAX_SEED
from studio.ui import html
from studio.ui.tabs.train.views import LATEST, USUAL, folded_presets, shown_presets, training_view, values_of


@dataclass(frozen=True)
class TrainTab:
    """What the tab is made of; `parts` has every component by the name that handlers know it by."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of TrainRequest but the family
    parts: dict[str, Any]


def train_tab(first: ModelFamily) -> TrainTab:
    """Lays the tab out."""
    with gr.Tab("Train", id="train", elem_classes=["tab-train"]) as tab, gr.Row(elem_classes=["columns"]):
        seen = gr.State({})
        with gr.Column(scale=4, min_width=300, elem_classes=["controls"]):
            subject = gr.Dropdown([], label="Subject", elem_id="train-subject")
            face = gr.HTML("", elem_classes=["face"], apply_default_css=False)
            preset = gr.Radio(shown_presets(first), value=None, label="Preset", elem_classes=["presets"])
            button = gr.Button("Train", variant="primary", size="lg", elem_classes=["act-main"])
            with gr.Accordion("More", open=False):
                other = gr.Dropdown(
                    folded_presets(first),
                    value=None,
                    label="Further presets",
                    interactive=True,
                    info="they fill the fields below",
                )
                form = {"subject": subject, **_folded(first)}
                both = gr.Button("Train both ways: with class images and without", size="sm", elem_classes=["both"])
        with gr.Column(scale=7, min_width=320, elem_classes=["stage-column"]):
            which = gr.Dropdown(
                [(LATEST, "")],
                value="",
                label="Which training",
                show_label=False,
                container=False,
                visible=False,
                elem_classes=["which-run"],
            )
            view = html.piece(training_view(None, None), "training-piece")
    buttons = {"train": button, "both": both}
    shown = {"face": face, "preset": preset, "other": other, "which": which, "view": view, "seen": seen}
    return TrainTab(tab, form, {**buttons, **shown, **form})


def _folded(first: ModelFamily) -> dict[str, Any]:
    usual = values_of(first, USUAL)

    def number(name: str, label: str, whole: bool = True, info: str | None = None, **more: Any) -> gr.Number:
        return gr.Number(usual.get(name), label=label, precision=0 if whole else None, info=info, min_width=110, **more)

    def choice(name: str, label: str, choices: Sequence[Any], info: str | None = None, **more: Any) -> gr.Dropdown:
        return gr.Dropdown(list(choices), value=usual.get(name), label=label, info=info, min_width=110, **more)

    made: dict[str, Any] = {}
    with gr.Row(elem_classes=["pair"]):
        made["rank"] = number("rank", "Rank")
        made["alpha"] = number("alpha", "Alpha", whole=False)
    with gr.Row(elem_classes=["pair"]):
        made["steps"] = number("steps", "Steps")
        made["learning_rate"] = number("learning_rate", "Learning rate", whole=False)
    with gr.Row(elem_classes=["pair"]):
        made["batch_size"] = number("batch_size", "Batch size")
        made["resolution"] = number("resolution", "Resolution", step=8)
    with gr.Row(elem_classes=["pair"]):
        made["class_images"] = number("class_images", "Class images", info="0: no prior preservation")
        made["prior_loss_weight"] = number(
            "prior_loss_weight", "Prior loss weight", whole=False, info="how much they count"
        )
    with gr.Row(elem_classes=["pair"]):
        made["prior_region"] = choice("prior_region", "Of them counts", PRIOR_REGIONS)
        made["class_checks"] = number("class_checks", "Look at the class", info="pictures at the end")
    made["validation_prompt"] = gr.Textbox(
        label="Validation prompts",
        lines=2,
        max_length=2000,
        placeholder="What the samples show, a line for each; empty: the subject in three places",
    )
    made["pick_best"] = gr.Checkbox(
        bool(usual.get("pick_best", True)),
        label="Pick the best checkpoint",
        info="by its samples: like the photos, and as asked; else the last one is taken",
    )
    with gr.Row(elem_classes=["pair"]):
        made["checkpoint_every"] = number("checkpoint_every", "Checkpoint every", info="so many steps")
        made["sample_every"] = number("sample_every", "Sample every", info="0: no samples")
    with gr.Accordion("What learns", open=False):
        made["method"] = choice("method", "Method", METHODS, info="full: all weights of the UNet, in a copy")
        made["targets"] = choice(
            "targets",
            "Targets",
            TARGETS,
            allow_custom_value=True,
            info="where the LoRA sits; or names of modules, with commas",
        )
        with gr.Row(elem_classes=["pair"]):
            made["text_encoder_learning_rate"] = number(
                "text_encoder_learning_rate", "Text encoders' rate", whole=False, info="0: they do not learn"
            )
            made["dropout"] = number("dropout", "Dropout", whole=False, info="of the LoRA's inputs")
    with gr.Accordion("How it learns", open=False):
        with gr.Row(elem_classes=["pair"]):
            made["optimizer"] = choice("optimizer", "Optimizer", OPTIMIZERS, info="Prodigy wants a rate of 1")
            made["lr_scheduler"] = choice("lr_scheduler", "Schedule", LR_SCHEDULERS)
        with gr.Row(elem_classes=["pair"]):
            made["lr_warmup_steps"] = number("lr_warmup_steps", "Warm-up steps")
            made["gradient_accumulation_steps"] = number(
                "gradient_accumulation_steps", "Gradient accumulation", info="batches for one step"
            )
        with gr.Row(elem_classes=["pair"]):
            made["snr_gamma"] = number("snr_gamma", "min-SNR gamma", whole=False, info="0: off")
            made["noise_offset"] = number("noise_offset", "Noise offset", whole=False)
        with gr.Row(elem_classes=["pair"]):
            made["precision"] = choice("precision", "Precision", PRECISIONS)
            made["seed"] = gr.Number(
                None, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, placeholder="any", min_width=110
            )
        made["gradient_checkpointing"] = gr.Checkbox(
            bool(usual.get("gradient_checkpointing")),
            label="Gradient checkpointing",
            info="less memory, a third more time; where memory is short it comes by itself",
        )
    with gr.Accordion("How the photos are taken", open=False):
        made["buckets"] = gr.Checkbox(
            bool(usual.get("buckets")), label="Keep their shape", info="else their middle square, or the crop"
        )
        made["portrait"] = gr.Checkbox(
            bool(usual.get("portrait")), label="Head and shoulders on plain ground", info="for ID photos"
        )
        made["describe"] = gr.Checkbox(
            bool(usual.get("describe")),
            label="Describe them",
            info="photos without a caption are learnt a second time with one that names "
            "garments and place, so that the outfit comes off when asked",
        )
        made["garment_weight"] = number(
            "garment_weight",
            "Weight of garments",
            whole=False,
            info="below 1, what is worn in the photos is learnt less, and comes off again",
        )
        made["more_resolutions"] = gr.Textbox(
            usual.get("more_resolutions"), label="Further resolutions", max_length=80, placeholder="such as 512, 768"
        )
    return made
