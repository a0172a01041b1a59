"""What happens on Train: trainings begin, are looked at, rest, go on and end; a preset fills the fields."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from studio.contracts.requests import TrainRequest
from studio.execution.run import Run
from studio.session import Studio
from studio.ui.polling import Polling, told_anew
from studio.ui.run_lookup import stop_run
from studio.ui.tabs.train.layout import TrainTab
from studio.ui.tabs.train.views import (
    Begun,
    FurtherPreset,
    Look,
    OfFamily,
    Preset,
    ToTeach,
    choices,
    defaults_of,
    face_of,
    look_at_training,
    others_of,
    preset_choices,
    presets_of,
    trainings,
)
from studio.ui.wiring import Wire, Wiring


def connect_train(wiring: Wiring, made: TrainTab, family: gr.Dropdown, polling: Polling) -> None:
    """Says what happens where; every tick brings the training up to date, in every open page."""
    parts, listen = {**made.parts, "family": family}, wiring.listen
    form = {**made.form, "family": family}
    for button, begin in (("train", start), ("both", start_both)):
        wiring.on(parts[button].click, TrainRequest, begin, form, parts, trigger_mode="once")
    polling.look(look, parts)
    listen(parts["which"].input, look_at, parts, parts["view"])
    listen(parts["preset"].input, choose_preset, parts)
    listen(parts["other"].input, choose_further, parts)
    listen(parts["subject"].change, face_of, parts, parts["face"])
    listen(made.tab.select, refresh, parts)
    directions = {"cancel": stop, "pause": pause, "resume": resume, "pick": pick, "extend": extend}
    wiring.acts(parts["view"], directions, to=parts["view"])


def for_family(made: TrainTab, family: gr.Dropdown) -> Wire:
    """What a change of family renews here."""
    return Wire.of(of_family, {**made.parts, "family": family})


def of_family(desk: Studio, family: str, preset: str | None) -> OfFamily:
    known = desk.families[family]
    lists = {"preset": presets_of(desk, known, preset), "other": others_of(desk, known)}
    return OfFamily(**lists, **defaults_of(known, preset))


def start(desk: Studio, request: TrainRequest) -> Begun:
    return _begun(desk, desk.start(request))


def start_both(desk: Studio, request: TrainRequest) -> Begun:
    begun = _begun(desk, desk.start_both(request)[0])
    gr.Info("Two trainings from one seed, one after the other: with class images, and without.")
    return begun


def _begun(desk: Studio, run: Run) -> Begun:
    """The run on the page, and chosen, though another may be under way before it."""
    known = list(trainings(trainings_of(desk)))
    return {"view": look_at_training(desk, run), "which": gr.Dropdown(known, value=run.id, visible=True)}


def pause(desk: Studio, act: dict) -> str:
    """Set it aside at a checkpoint."""
    desk.run(_named(act)).pause()
    return _looked_at(desk, act)


def resume(desk: Studio, act: dict) -> str:
    desk.resume(_named(act))
    return _looked_at(desk, act)


def pick(desk: Studio, act: dict) -> str:
    """Another of its checkpoints becomes the LoRA."""
    desk.pick_checkpoint(_named(act), int(act.get("step") or 0))
    return _looked_at(desk, act)


def extend(desk: Studio, act: dict) -> str:
    """Train it for more steps."""
    desk.extend(_named(act), int(act.get("steps") or 0))
    return _looked_at(desk, act)


def stop(desk: Studio, act: dict) -> str:
    stop_run(desk, act)
    return _looked_at(desk, act)


def _named(act: dict) -> str:
    return str(act.get("run", ""))


def _looked_at(desk: Studio, act: dict) -> str:
    return look_at_training(desk, desk.run(_named(act)))


def look(desk: Studio, which: str, seen: dict) -> Look:
    """The training that is chosen, else the newest; this is how a page that was reloaded finds it again."""
    runs = trainings_of(desk)
    known = trainings(runs)
    there = which in {id for _, id in known}
    told = told_anew({"view": look_at_training(desk, shown_of(runs, which)), "which": (known, there)}, seen)
    if "which" in told:  # with what is chosen: a list must hold it
        told["which"] = gr.Dropdown(list(known), value=which if there else "", visible=len(known) > 2)
    return told


def look_at(desk: Studio, which: str) -> str:
    return look_at_training(desk, shown_of(trainings_of(desk), which))


def trainings_of(desk: Studio) -> list[Run]:
    """The library's trainings, newest first, those of earlier processes too."""
    return desk.runs(kind="train")


def shown_of(runs: Sequence[Run], which: str) -> Run | None:
    """The training of this id; where there is none, the one under way, else the last one that was asked for."""
    chosen = next((run for run in runs if run.id == which), None)
    return chosen or next((run for run in runs if run.status == "running"), runs[0] if runs else None)


def choose_preset(desk: Studio, preset: str | None, family: str) -> FurtherPreset:
    """The values of a preset; one choice in two places: what is chosen here is let go of there."""
    return {"other": None, **defaults_of(desk.families[family], preset)} if preset else {}


def choose_further(desk: Studio, other: str | None, family: str) -> Preset:
    return {"preset": None, **defaults_of(desk.families[family], other)} if other else {}


def refresh(desk: Studio, subject: str | None, family: str) -> ToTeach:
    """Subjects that came meanwhile, and what the presets take by now."""
    known = choices(desk)
    slugs = [slug for _, slug in known]
    kept = subject if subject in slugs else next(iter(slugs), None)
    return {"subject": gr.Dropdown(known, value=kept), "preset": gr.Radio(preset_choices(desk, desk.families[family]))}
