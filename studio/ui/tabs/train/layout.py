"""Train: a subject, a preset, one button; then the loss, the samples, and the LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.contracts.family import TARGETS, ModelFamily
from studio.contracts.requests import MAX_SEED, METHODS, OPTIMISERS, PRECISIONS, PRIOR_REGIONS, SCHEDULES, TrainRequest
from studio.execution.run import Run
from studio.session import Studio
from studio.ui import html
from studio.ui.polling import Polling
from studio.ui.progress import IN_WORDS, look_at_training, training_view
from studio.ui.sidebar import stop, told_anew
from studio.ui.tabs.train.training_cost import preset_label
from studio.ui.wiring import Wiring

USUAL = "Balanced"
LATEST, LISTED = "The latest", 40
FOLDED = (
    "method",
    "rank",
    "alpha",
    "steps",
    "learning_rate",
    "batch_size",
    "resolution",
    "class_images",
    "prior_loss_weight",
    "prior_region",
    "class_checks",
    "targets",
    "dropout",
    "text_encoder_learning_rate",
    "optimiser",
    "schedule",
    "warm_up",
    "snr_gamma",
    "noise_offset",
    "accumulation",
    "gradient_checkpointing",
    "precision",
    "more_resolutions",
    "buckets",
    "portrait",
    "describe",
    "garment_weight",
    "checkpoint_every",
    "sample_every",
    "pick_best",
)


@dataclass(frozen=True)
class TrainTab:
    """What the rest of the page may touch."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of TrainRequest but the family
    preset: gr.Radio
    other: gr.Dropdown  # presets that few want
    view: gr.HTML
    face: gr.HTML


def train_tab(wiring: Wiring, family: gr.Dropdown, first: ModelFamily, polling: Polling) -> TrainTab:
    """Lays the tab out and wires it; every tick brings it up to date, in every open page."""
    with gr.Tab("Train", id="train", elem_classes=["tab-train"]) as tab, gr.Row(elem_classes=["columns"]):
        seen = gr.State(())
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
    made = TrainTab(tab, form, preset, other, view, face)

    for pressed, begin in ((button, start), (both, start_both)):
        wiring.on(
            pressed.click, TrainRequest, begin, {**form, "family": family}, outputs=[view, which], trigger_mode="once"
        )
    polling.look(look, [which, seen], [view, which, seen])
    wiring.listen(which.input, lambda desk, run: look_at_training(desk, run_of(of_trainings(desk), run)), which, view)
    # One choice in two places: what is chosen here is let go of there.
    for chosen, letting_go in ((preset, other), (other, preset)):
        wiring.listen(chosen.input, chosen_preset, [chosen, family], [letting_go, *(form[name] for name in FOLDED)])
    wiring.listen(subject.change, face_of, subject, face)
    wiring.on_act(view, direct, None, view)
    return made


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
            made["optimiser"] = choice("optimiser", "Optimiser", OPTIMISERS, info="Prodigy wants a rate of 1")
            made["schedule"] = choice("schedule", "Schedule", SCHEDULES)
        with gr.Row(elem_classes=["pair"]):
            made["warm_up"] = number("warm_up", "Warm-up steps")
            made["accumulation"] = number("accumulation", "Accumulation", info="batches for one step")
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


def others_of(desk: Studio, family: ModelFamily) -> gr.Dropdown:
    """The family's further presets with what each takes here, none of them chosen."""
    return gr.Dropdown(
        [(preset_label(desk, family, name).replace("\n", " · "), name) for _, name in folded_presets(family)],
        value=None,
    )


def start(desk: Studio, request: TrainRequest) -> tuple:
    return _begun(desk, desk.start(request))


def start_both(desk: Studio, request: TrainRequest) -> tuple:
    begun = _begun(desk, desk.start_both(request)[0])
    gr.Info("Two trainings from one seed, one after the other: with class images, and without.")
    return begun


def _begun(desk: Studio, run: Run) -> tuple:
    """The run on the page, and chosen, though another may be under way before it."""
    known = list(trainings(of_trainings(desk)))
    return look_at_training(desk, run), gr.Dropdown(known, value=run.id, visible=True)


def direct(desk: Studio, act: dict[str, Any]) -> Any:
    """A button under the run: pause, go on, train on, stop."""
    run = str(act.get("run", ""))
    if act.get("act") == "pause":
        desk.run(run).pause()
    elif act.get("act") == "resume":
        desk.resume(run)
    elif act.get("act") == "pick":
        desk.pick_checkpoint(run, int(act.get("step") or 0))
    elif act.get("act") == "extend":
        desk.extend(run, int(act.get("steps") or 0))
    else:
        stop(desk, act)
    return look_at_training(desk, desk.run(run)) if run else gr.skip()


def look(desk: Studio, which: str, seen: tuple) -> tuple:
    """The training that is chosen, else the newest; this is how a page that was reloaded finds it again."""
    runs = of_trainings(desk)
    known = trainings(runs)
    there = which in {id for _, id in known}
    view, list_, seen = told_anew([look_at_training(desk, run_of(runs, which)), (known, there)], seen)
    if isinstance(list_, tuple):  # with what is chosen: a list must hold it
        list_ = gr.Dropdown(list(known), value=which if there else "", visible=len(known) > 2)
    return view, list_, seen


def of_trainings(desk: Studio) -> list[Run]:
    """The library's trainings, newest first."""
    return desk.runs(kind="train")


def run_of(runs: Sequence[Run], which: str) -> Run | None:
    """The training of this id; where there is none, the one under way, else the last one that was asked for."""
    chosen = next((run for run in runs if run.id == which), None)
    return chosen or next((run for run in runs if run.status == "running"), runs[0] if runs else None)


def trainings(runs: Sequence[Run]) -> tuple[tuple[str, str], ...]:
    """The trainings to look at, newest first, as choices."""
    return (
        (LATEST, ""),
        *(
            (
                f"{run.title.removeprefix('Training ')}, {IN_WORDS[run.status]}, {run.created[:16].replace('T', ' ')}",
                run.id,
            )
            for run in runs[:LISTED]
        ),
    )


def values_of(family: ModelFamily, preset: str | None) -> dict[str, Any]:
    """The fields of TrainRequest that a preset decides, whole."""
    return {**family.training, **(family.presets[preset].training if preset in family.presets else {})}


def shown_presets(family: ModelFamily) -> list[str]:
    return [name for name, preset in family.presets.items() if not preset.folded]


def folded_presets(family: ModelFamily) -> list[tuple[str, str]]:
    """Those that few want, each with when to take it."""
    return [(f"{name}: {preset.when}", name) for name, preset in family.presets.items() if preset.folded]


def chosen_preset(desk: Studio, preset: str | None, family: str) -> list[Any]:
    """Nothing for a list that was left without a choice; else no choice in the other list, and the fields."""
    if not preset:
        return [gr.skip()] * (1 + len(FOLDED))
    return [None, *defaults_of(desk.families[family], preset)]


def choices(desk: Studio) -> list[tuple[str, str]]:
    return [(subject.name, subject.slug) for subject in desk.library.subjects()]


def preset_choices(desk: Studio, family: ModelFamily) -> list[tuple[str, str]]:
    return [(preset_label(desk, family, name), name) for name in shown_presets(family)]


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
        return html.note("Make a subject first: a few pictures and a name." if not desk.library.subjects() else "")
    photos: Sequence[str] = [html.image(photo.path) for photo in subject.photos[:6]]
    words = f"{len(subject.photos)} photos" if len(subject.photos) != 1 else "1 photo"
    return (
        f'<div class="photos">{"".join(photos)}</div><p class="faint">{words}, taught as '
        f"{html.tag(subject.trigger, 'trigger')}</p>"
    )
