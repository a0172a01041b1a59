"""Train: a subject, a preset, one button; then the loss, the samples, and the LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.desk import Studio
from studio.families import ModelFamily
from studio.requests import MAX_SEED, TrainRequest
from studio.runs import Run
from studio.ui import pieces
from studio.ui.estimates import preset_label
from studio.ui.forms import Wiring
from studio.ui.progress import Training, training_view
from studio.ui.side import stop, told_anew

USUAL = "Balanced"
FOLDED = ("rank", "alpha", "steps", "learning_rate", "batch_size", "resolution", "class_images", "prior_loss_weight",
          "checkpoint_every", "sample_every")


@dataclass(frozen=True)
class TrainTab:
    """What the rest of the page may touch."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of TrainRequest but the family
    preset: gr.Radio
    view: gr.HTML
    face: gr.HTML


def train_tab(wiring: Wiring, family: gr.Dropdown, first: ModelFamily, beat: gr.Timer) -> TrainTab:
    """Lays the tab out and wires it; every beat brings it up to date, in every open page."""
    with gr.Tab("Train", id="train", elem_classes=["tab-train"]) as tab, gr.Row(elem_classes=["columns"]):
        seen = gr.State(())
        with gr.Column(scale=4, min_width=300, elem_classes=["controls"]):
            subject = gr.Dropdown([], label="Subject", elem_id="train-subject")
            face = gr.HTML("", elem_classes=["face"], apply_default_css=False)
            preset = gr.Radio(list(first.presets), value=None, label="Preset", elem_classes=["presets"])
            button = gr.Button("Train", variant="primary", size="lg", elem_classes=["act-main"])
            with gr.Accordion("More", open=False):
                form = {"subject": subject, **_folded(first)}
        with gr.Column(scale=7, min_width=320, elem_classes=["stage-column"]):
            view = pieces.piece(training_view(None, None), "training-piece")
    made = TrainTab(tab, form, preset, view, face)

    wiring.on(button.click, TrainRequest, start, {**form, "family": family}, outputs=view, trigger_mode="once")
    wiring.listen(beat.tick, look, seen, [view, seen])
    wiring.listen(preset.input, chosen_preset, [preset, family], [form[name] for name in FOLDED])
    wiring.listen(subject.change, face_of, subject, face)
    wiring.on_act(view, stop)
    return made


def _folded(first: ModelFamily) -> dict[str, Any]:
    usual = values_of(first, USUAL)

    def number(name: str, label: str, whole: bool = True, info: str | None = None, **more: Any) -> gr.Number:
        return gr.Number(usual.get(name), label=label, precision=0 if whole else None, info=info, min_width=110, **more)

    with gr.Row(elem_classes=["pair"]):
        made: dict[str, Any] = {"rank": number("rank", "Rank"), "alpha": number("alpha", "Alpha", whole=False)}
    with gr.Row(elem_classes=["pair"]):
        made["steps"] = number("steps", "Steps")
        made["learning_rate"] = number("learning_rate", "Learning rate", whole=False)
    with gr.Row(elem_classes=["pair"]):
        made["batch_size"] = number("batch_size", "Batch size")
        made["resolution"] = number("resolution", "Resolution", step=8)
    with gr.Row(elem_classes=["pair"]):
        made["class_images"] = number("class_images", "Class images", info="0: no prior preservation")
        made["prior_loss_weight"] = number("prior_loss_weight", "Prior loss weight", whole=False,
                                           info="how much they count")
    with gr.Row(elem_classes=["pair"]):
        made["checkpoint_every"] = number("checkpoint_every", "Checkpoint every")
        made["sample_every"] = number("sample_every", "Sample every")
    made["validation_prompt"] = gr.Textbox(label="Validation prompt", lines=2, max_length=2000,
                                           placeholder="What the samples show; empty: the subject itself")
    made["seed"] = gr.Number(None, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, placeholder="random")
    return made


def start(desk: Studio, request: TrainRequest) -> str:
    run = desk.start(request)
    return training_view(Training.of(run), desk.library.root)


def look(desk: Studio, seen: tuple) -> tuple:
    """The newest training, be it under way or over; this is how a page that was reloaded finds it again."""
    run = newest(desk)
    return told_anew([training_view(Training.of(run) if run else None, desk.library.root)], seen)


def newest(desk: Studio) -> Run | None:
    """The training under way, else the last one that was asked for."""
    trainings = [run for run in desk.runs() if run.kind == "train"]
    return next((run for run in trainings if run.status == "running"), trainings[0] if trainings else None)


def values_of(family: ModelFamily, preset: str | None) -> dict[str, Any]:
    """The fields of TrainRequest that a preset decides, whole."""
    return {**family.training, **{name: value for name, value in family.presets.get(preset or "", {}).items()
                                  if name != "when"}}


def chosen_preset(desk: Studio, preset: str, family: str) -> list[Any]:
    return defaults_of(desk.families[family], preset)


def choices(desk: Studio) -> list[tuple[str, str]]:
    return [(subject.name, subject.slug) for subject in desk.library.subjects()]


def preset_choices(desk: Studio, family: ModelFamily) -> list[tuple[str, str]]:
    return [(preset_label(desk, family, name), name) for name in family.presets]


def presets_of(desk: Studio, family: ModelFamily, preset: str | None) -> gr.Radio:
    """The family's presets with what each takes here; the chosen one stays if it has one of that name."""
    return gr.Radio(preset_choices(desk, family), value=_kept(family, preset))


def defaults_of(family: ModelFamily, preset: str | None) -> list[Any]:
    """Values of the FOLDED fields after a change of family."""
    values = values_of(family, _kept(family, preset))
    return [values.get(name) for name in FOLDED]


def _kept(family: ModelFamily, preset: str | None) -> str | None:
    return preset if preset in family.presets else USUAL if USUAL in family.presets else None


def face_of(desk: Studio, slug: str | None) -> str:
    """Who is to be taught: a row of the subject's photos."""
    subject = next((subject for subject in desk.library.subjects() if subject.slug == slug), None)
    if subject is None:
        return pieces.note("Make a subject first: a few pictures and a name." if not desk.library.subjects() else "")
    photos: Sequence[str] = [pieces.image(photo.path) for photo in subject.photos[:6]]
    words = f"{len(subject.photos)} photos" if len(subject.photos) != 1 else "1 photo"
    return f'<div class="photos">{"".join(photos)}</div><p class="faint">{words}, taught as ' \
        f"{pieces.tag(subject.trigger, 'trigger')}</p>"
