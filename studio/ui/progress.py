"""Events as something to look at: what goes on now, how a training comes along, a picture half drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from studio.contracts.events import (
    CheckpointPicked,
    CheckpointScored,
    ClassChecked,
    LoraSaved,
    PictureDrawn,
    SampleDrawn,
    StepFinished,
)
from studio.execution.executor import Now
from studio.execution.run import Run
from studio.library import Picture
from studio.session import Studio
from studio.tasks.train import TRAIN
from studio.ui import html
from studio.ui.charts import frontier_chart, loss_chart, smoothed, thinned

EVERY = 0.1  # seconds between looks at a run that is waited for
IN_WORDS = {
    "queued": "waiting",
    "running": "running",
    "paused": "paused",
    "finished": "finished",
    "cancelled": "stopped",
    "failed": "failed",
}


@dataclass(frozen=True)
class Training:
    """A training run as its events tell it."""

    run: Run
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    samples: tuple[SampleDrawn, ...]
    scores: dict[int, tuple[float, float]]  # step -> identity and obedience; 0 is the base
    picked: int | None
    reason: str
    lora: str | None
    taken: int | None  # the step whose checkpoint is the LoRA
    checked: ClassChecked | None  # what became of the bare class

    @classmethod
    def of(cls, run: Run) -> Training:
        events = run.snapshot()
        done = [event for event in events if isinstance(event, StepFinished)]
        saved = [event for event in events if isinstance(event, LoraSaved)]
        picked = [event for event in events if isinstance(event, CheckpointPicked)]
        checked = [event for event in events if isinstance(event, ClassChecked)]
        scores = {
            event.step: (event.identity, event.obedience) for event in events if isinstance(event, CheckpointScored)
        }
        return cls(
            run,
            tuple(event.step for event in done),
            tuple(event.loss for event in done),
            tuple({event.path: event for event in events if isinstance(event, SampleDrawn)}.values()),
            scores,
            picked[-1].step if picked else None,
            picked[-1].reason if picked else "",
            saved[-1].slug if saved else None,
            saved[-1].step if saved else None,
            checked[-1] if checked else None,
        )

    @property
    def kept(self) -> set[int]:
        """The steps whose checkpoints are still there, by a look at the disk."""
        folder = self.run.library.run_folder(self.run.id) / "checkpoints"
        return {int(path.stem) for path in folder.glob("*.safetensors")}

    @property
    def total(self) -> int:
        return self.run.request.steps or 0


def run_of(desk: Studio, run: str) -> Run[Any] | None:
    """The run, or None once nobody remembers it."""
    try:
        return desk.run(run) if run else None
    except ValueError:
        return None


def pictures_of(desk: Studio, run: Run) -> list[Picture]:
    """What the run has drawn and nobody has deleted since."""
    drawn = [event.path for event in run.snapshot() if isinstance(event, PictureDrawn)]
    here = {str(picture.path): picture for picture in desk.library.pictures()}
    return [here[path] for path in drawn if path in here]


def status(run: Run) -> dict[str, Any]:
    """How far a run is, for the API: plain values, the loss curve with at most 300 points."""
    progress = run.progress()
    told: dict[str, Any] = {
        "run": run.id,
        "kind": run.kind,
        "title": run.title,
        "status": run.status,
        "created": run.created,
        "message": run.message,
        "fraction": round(progress.fraction, 4),
        "eta": progress.seconds_left,
        "words": progress.words,
        "request": asdict(run.request) if run.request else {},
    }
    return told | TOLD_OF.get(run.kind, _told_pictures)(run)


def _told_pictures(run: Run[Any]) -> dict[str, Any]:
    return {"pictures": [event.path for event in run.snapshot() if isinstance(event, PictureDrawn)]}


def _told_training(run: Run[Any]) -> dict[str, Any]:
    training = Training.of(run)
    trend = smoothed(training.losses)
    return {
        "step": training.steps[-1] if training.steps else 0,
        "total": training.total,
        "loss": [list(point) for point in thinned(list(zip(training.steps, training.losses, strict=True)))],
        "loss_smoothed": [list(point) for point in thinned(list(zip(training.steps, trend, strict=True)))],
        "samples": [
            {"step": sample.step, "prompt": sample.prompt, "stored_at": sample.path} for sample in training.samples
        ],
        "scores": [
            {"step": step, "identity": pair[0], "obedience": pair[1]} for step, pair in sorted(training.scores.items())
        ],
        "checkpoints": sorted(training.kept),
        "picked": training.picked,
        "reason": training.reason,
        "lora": training.lora,
        "taken": training.taken,
        "class": _told_class(training.checked),
    }


TOLD_OF = {TRAIN.kind: _told_training}  # what a status says beside what all say; of others the pictures


def _told_class(checked: ClassChecked | None) -> dict[str, Any] | None:
    if checked is None:
        return None
    return {
        "prompt": checked.prompt,
        "diversity": checked.diversity,
        "before": checked.before,
        "drift": checked.drift,
        "stored_at": list(checked.pictures),
        "base_stored_at": list(checked.base_pictures),
    }


async def carried_out(desk: Studio, request: Any) -> Any:
    """Start the request and wait for its result without holding a thread. Raises what `start` and `result` raise."""
    run = await run_to_its_end(desk, request)
    return await asyncio.to_thread(run.result)


async def run_to_its_end(desk: Studio, request: Any) -> Run:
    """The run of the request, ended in whatever way. Raises what `start` raises."""
    run = await asyncio.to_thread(desk.start, request)
    while not run.wait(0):
        await asyncio.sleep(EVERY)
    return run


def now_view(now: Sequence[Now]) -> str:
    """What the one pipeline is doing, for whom, how long still."""
    if not now:
        return '<div class="now idle"><h2>Now</h2><p>Nothing on stage.</p></div>'
    return '<div class="now"><h2>Now</h2>' + "".join(_one_now(one) for one in now) + "</div>"


def _one_now(now: Now) -> str:
    left = html.duration(now.seconds_left)
    waiting = f"{now.waiting} waiting behind it" if now.waiting else ""
    stop = html.button("Stop", "cancel", "stop", quiet=True, run=now.run_id) if now.run_id else ""
    words = html.joined([now.words, f"{left} left" if left else "", waiting])
    return (
        f'<div class="act {now.kind}"><div class="row"><b>{escape(now.title)}</b>{stop}</div>'
        f"{html.bar(now.fraction, now.title)}<p>{escape(words)}</p></div>"
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
    """The checkpoints by likeness and obedience, the pick and why."""
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
