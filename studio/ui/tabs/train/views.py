"""What Train shows: the presets of a family with what each takes here, and a training as it comes along."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.events import SampleDrawn
from studio.contracts.family import ModelFamily
from studio.execution.run import Run
from studio.session import Studio
from studio.ui import html
from studio.ui.charts import frontier_chart, loss_chart
from studio.ui.tabs.train.training_cost import preset_label
from studio.ui.training_events import IN_WORDS, Training

USUAL = "Balanced"
LATEST, LISTED = "The latest", 40


class PresetValues(TypedDict, total=False):
    """The fields of TrainRequest that a preset decides."""

    method: str
    rank: int
    alpha: float
    steps: int
    learning_rate: float
    batch_size: int
    resolution: int
    class_images: int
    prior_loss_weight: float
    prior_region: str
    class_checks: int
    targets: str
    dropout: float
    text_encoder_learning_rate: float
    optimizer: str
    lr_scheduler: str
    lr_warmup_steps: int
    snr_gamma: float
    noise_offset: float
    gradient_accumulation_steps: int
    gradient_checkpointing: bool
    precision: str
    more_resolutions: str
    buckets: bool
    portrait: bool
    describe: bool
    garment_weight: float
    checkpoint_every: int
    sample_every: int
    pick_best: bool


class Preset(PresetValues, total=False):
    """The same, and the preset in the one list."""

    preset: gr.Radio | None


class FurtherPreset(PresetValues, total=False):
    """The same, and the preset in the other list."""

    other: gr.Dropdown | None


class OfFamily(Preset, FurtherPreset, total=False):
    """What a family brings along."""


class Look(TypedDict, total=False):
    """A training, and those to look at."""

    view: str
    which: gr.Dropdown
    seen: dict


class Begun(TypedDict):
    """A training that was just asked for, and those to look at."""

    view: str
    which: gr.Dropdown


class ToTeach(TypedDict, total=False):
    """Whom to teach, and how."""

    subject: gr.Dropdown
    preset: gr.Radio


def others_of(desk: Studio, family: ModelFamily) -> gr.Dropdown:
    """The family's further presets with what each takes here, none of them chosen."""
    return gr.Dropdown(
        [(preset_label(desk, family, name).replace("\n", " · "), name) for _, name in folded_presets(family)],
        value=None,
    )


class Opened(ToTeach, total=False):
    """Everything as it is when a page opens."""

    other: gr.Dropdown
    seed: None


def opening(desk: Studio) -> Opened:
    """Everything as it is when a page opens: the first subject, and the usual preset."""
    known = choices(desk)
    return {
        "subject": gr.Dropdown(known, value=next((slug for _, slug in known), None)),
        "preset": presets_of(desk, desk.family, USUAL),
        "other": others_of(desk, desk.family),
        "seed": None,
    }


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
    chosen = family.presets.get(preset) if preset is not None else None
    return {**family.training, **(chosen.training if chosen else {})}


def shown_presets(family: ModelFamily) -> list[str]:
    """The presets that are in sight, by name."""
    return [name for name, preset in family.presets.items() if not preset.folded]


def folded_presets(family: ModelFamily) -> list[tuple[str, str]]:
    """Those that few want, each with when to take it."""
    return [(f"{name}: {preset.when}", name) for name, preset in family.presets.items() if preset.folded]


def choices(desk: Studio) -> list[tuple[str, str]]:
    """The subjects to choose from: name and slug of each."""
    return [(subject.name, subject.slug) for subject in desk.library.subjects()]


def preset_choices(desk: Studio, family: ModelFamily) -> list[tuple[str, str]]:
    """The presets in sight to choose from: label and name of each."""
    return [(preset_label(desk, family, name), name) for name in shown_presets(family)]


def presets_of(desk: Studio, family: ModelFamily, preset: str | None) -> gr.Radio:
    """The family's presets with what each takes here; the chosen one stays if it has one of that name."""
    return gr.Radio(preset_choices(desk, family), value=_kept(family, preset))


def defaults_of(family: ModelFamily, preset: str | None) -> PresetValues:
    """Values of the fields that a preset decides, after a change of family."""
    decided = values_of(family, _kept(family, preset))
    values: dict[str, Any] = {name: decided.get(name) for name in PresetValues.__annotations__}
    return PresetValues(**values)


def _kept(family: ModelFamily, preset: str | None) -> str | None:
    return preset if preset in family.presets else USUAL if USUAL in family.presets else None


def face_of(desk: Studio, subject: str | None) -> str:
    """Who is to be taught: a row of the subject's photos."""
    shown = next((one for one in desk.library.subjects() if one.slug == subject), None)
    if shown is None:
        return html.note("Make a subject first: a few pictures and a name." if not desk.library.subjects() else "")
    photos: Sequence[str] = [html.image(photo.path) for photo in shown.photos[:6]]
    words = f"{len(shown.photos)} photos" if len(shown.photos) != 1 else "1 photo"
    return (
        f'<div class="photos">{"".join(photos)}</div><p class="faint">{words}, taught as '
        f"{html.tag(shown.trigger, 'trigger')}</p>"
    )


def look_at_training(desk: Studio, run: Run | None) -> str:
    """A training as the page shows it, beside its twin where it has one."""
    twin = desk.twin(run) if run else None
    return training_view(Training.of(run) if run else None, desk.library.root, Training.of(twin) if twin else None)


def training_view(training: Training | None, root: Any, twin: Training | None = None) -> str:
    """The whole of a training: where it is, its loss, its samples, and what to do once it is over."""
    if training is None:
        return html.empty(
            "No rehearsal yet",
            "Choose a subject and a preset, then press Train. The loss and sample pictures appear "
            "here; you may close the page meanwhile.",
        )
    run = training.run
    return (
        '<div class="training">'
        + _headline(training)
        + _remark(training)
        + (
            f'<div class="plot"><h3>Loss</h3>{loss_chart(training.steps, training.losses, training.total)}</div>'
            if training.losses
            else ""
        )
        + _frontier(training)
        + _filmstrip(training, root)
        + (_side_by_side(training, twin, root) if twin else _bare_class(training, root))
        + f"</div><!-- {run.status} -->"
    )


def _headline(training: Training) -> str:
    run, progress = training.run, training.run.progress()
    left = html.duration(progress.seconds_left)
    if run.ended:
        step = f"{training.steps[-1]} of {training.total} steps" if training.steps else ""
        title, words = (
            run.title.replace("Training", "Trained") if run.status == "finished" else run.title,
            html.joined([IN_WORDS[run.status], step]),
        )
        return (
            f'<div class="headline"><div class="row"><h2>{escape(title)}</h2>{_going_on(training)}</div>'
            f"<p>{escape(words)}</p></div>"
        )
    words = html.joined([progress.words, f"{left} left" if left else ""])
    return (
        f'<div class="headline"><div class="row"><h2>{escape(run.title)}</h2>{_halts(training)}</div>'
        f"<p>{escape(words)}</p>{html.bar(progress.fraction, run.title)}</div>"
    )


def _halts(training: Training) -> str:
    """How a training under way may rest or end."""
    run = training.run
    return html.button("Pause", "pause", "pause", run=run.id) + html.button(
        "Stop, keep what is learned", "cancel", "stop", kind="halt", run=run.id
    )


def _directions(training: Training) -> str:
    """What may be done with one of two that lie side by side."""
    if not training.run.ended:
        return f'<div class="row">{_halts(training)}</div>'
    draw = html.button("Draw with it", "draw_with", "send", lora=training.lora) if training.lora else ""
    return f'<div class="row">{draw}{_going_on(training)}</div>'


def _going_on(training: Training) -> str:
    """How a training that rests or has ended may go on."""
    run = training.run
    if run.status == "finished":
        more = run.request.checkpoint_every or 50
        return html.button(f"Train {more} steps more", "extend", "play", run=run.id, steps=more)
    return html.button("Go on", "resume", "play", run=run.id) if training.steps or run.status == "paused" else ""


def _remark(training: Training) -> str:
    run = training.run
    if run.status == "failed":
        return html.note(run.message, "bad")
    if not run.ended or training.lora is None:
        return ""
    again = html.button("Draw with it", "draw_with", "send", kind="main", lora=training.lora)
    kept = "What it had learned until then is kept." if run.status == "cancelled" else "The LoRA is in the library."
    return f'<div class="remark"><p>{kept}</p>{again}</div>'


def _frontier(training: Training) -> str:
    """The checkpoints by subject fidelity and prompt fidelity, the pick and why."""
    chart = frontier_chart(training.scores, training.taken or training.picked)
    if not chart:
        return ""
    reason = (
        f'<p class="faint">{escape(training.reason)}</p>'
        if training.reason
        else '<p class="faint">Of the samples: how like the photos they are (CLIP-I), and how much as asked (CLIP-T).</p>'
    )
    return f'<div class="plot"><h3>Checkpoints</h3>{reason}{chart}</div>'


def _filmstrip(training: Training, root: Any) -> str:
    """The samples, a column for each step and a row for each prompt; a column of a checkpoint can be taken."""
    if not training.samples:
        return ""
    columns: dict[int, list[SampleDrawn]] = {}
    for sample in training.samples:
        columns.setdefault(sample.step, []).append(sample)
    frames, kept = "", training.kept if training.run.ended else set()
    for step, samples in columns.items():
        pictures = "".join(
            html.image(root / sample.path, f"{sample.prompt}, at step {step}", title=sample.prompt)
            for sample in samples
        )
        taken = training.run.ended and step == training.taken
        take = html.button("Take it", "pick", run=training.run.id, step=step) if step in kept and not taken else ""
        name = f"{step}{', taken' if taken else ''}" if step else "before"
        frames += f'<figure class="{"taken" if taken else ""}">{pictures}<figcaption>{name}{take}</figcaption></figure>'
    prompts = escape("; ".join(sample.prompt for sample in next(reversed(columns.values()))))
    return f'<div class="film"><h3>Samples</h3><p class="faint">{prompts}</p><div class="strip">{frames}</div></div>'


def _side_by_side(one: Training, other: Training, root: Any) -> str:
    """With class images and without: what each kept of the subject and of its class."""
    sides = sorted((one, other), key=lambda side: not side.run.request.class_images)
    columns = "".join(
        f'<div class="way"><h4>{name}</h4><p class="faint">{escape(side.run.progress().words)}</p>'
        f"{_directions(side)}<dl>{_figures(side)}</dl>{_samples_of(side, root)}{_class_strip(side, root)}"
        "</div>"
        for name, side in zip(("With class images", "Without"), sides, strict=True)
    )
    return (
        '<div class="both-ways"><h3>With and without prior preservation</h3><p class="faint">Both from one seed. '
        "The class should vary as much as before, and move little.</p>"
        f'<div class="ways">{columns}</div></div>'
    )


def _bare_class(training: Training, root: Any) -> str:
    if training.checked is None:
        return ""
    return (
        f'<div class="both-ways"><h3>The bare class</h3><dl>{_figures(training)}</dl>'
        f"{_class_strip(training, root)}</div>"
    )


def _figures(training: Training) -> str:
    """Identity, and what became of the class, as terms with their figures; what is not there yet says so."""
    checked, step = training.checked, _step_shown(training)
    rows = [
        (
            "Like the photos",
            f"{training.scores[step][0]:.2f}" if step in training.scores and step else "",
            f"CLIP-I, of 1, at step {step}",
        )
    ]
    rows += [
        (
            "The class varies",
            f"{checked.diversity:.2f}" if checked else "",
            f"before: {checked.before:.2f}" if checked else "",
        ),
        ("The class moved", f"{checked.drift:.2f}" if checked else "", "0: not at all"),
    ]
    lacking = "not measured" if training.run.ended else "to come"
    return "".join(
        f'<div><dt>{name}</dt><dd>{value or lacking}</dd><span class="faint">{more if value else ""}</span></div>'
        for name, value, more in rows
    )


def _step_shown(training: Training) -> int:
    """The step whose class was looked at, else the one that was taken, else the newest with samples."""
    if training.checked:
        return training.checked.step
    return training.taken or max((sample.step for sample in training.samples), default=0)


def _samples_of(training: Training, root: Any) -> str:
    """The subject, by the samples of the step that was taken, or of the newest."""
    shown = [sample for sample in training.samples if sample.step == _step_shown(training)]
    return f'<div class="photos">{"".join(html.image(root / one.path, one.prompt) for one in shown)}</div>'


def _class_strip(training: Training, root: Any) -> str:
    """The bare class after the training, and before it from the same seeds."""
    checked = training.checked
    if checked is None:
        return ""
    return "".join(
        f'<p class="faint">{escape(checked.prompt)}, {when}</p><div class="photos">'
        f"{''.join(html.image(root / path, f'{checked.prompt}, {when}') for path in paths)}</div>"
        for when, paths in (("after", checked.pictures), ("before", checked.base_pictures))
    )
