"""Understudy teaches an image model one character or object from a few pictures, then draws it anywhere.

    desk = studio.open(library="library", family="pocket")
    mika = desk.library.add_subject("Mika", class_noun="girl", identifier="sks", photos=[...])
    lora = desk.start(studio.TrainRequest(subject=mika.slug, steps=200)).result()
    pictures = desk.start(studio.DrawRequest(prompt="a cartoon of sks girl on the beach", lora=lora.slug)).result()
    masks = desk.start(studio.MaskRequest(picture=pictures[0].path, phrases="clothing.")).result()
    after = desk.start(studio.RepaintRequest(picture=pictures[0].path, mask=masks[0].image, prompt="a coat")).result()

Importing this loads neither torch nor Gradio; the first run does.
"""

from __future__ import annotations

from pathlib import Path

from studio.contracts.events import (
    Cancelled,
    CheckpointPicked,
    CheckpointSaved,
    CheckpointScored,
    ClassChecked,
    Event,
    Failed,
    Finished,
    LoraSaved,
    MaskFound,
    NothingFound,
    Paused,
    PictureDrawn,
    PreviewDrawn,
    SampleDrawn,
    StageReported,
    StepFinished,
)
from studio.contracts.family import ModelFamily, find_family
from studio.contracts.recipes import Recipe, read_png
from studio.contracts.requests import (
    DrawRequest,
    MaskRequest,
    MergeRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
)
from studio.contracts.sampling import LoraUse, OutfitUse
from studio.execution.executor import Executor, Now
from studio.execution.local import LocalExecutor
from studio.execution.run import Run, RunCancelled, RunFailed, RunPaused
from studio.imaging import masks
from studio.imaging.masks import Candidate, Mask
from studio.library import Library, Lora, Photo, Picture, Subject
from studio.library.family_files import families
from studio.quotas import Quota
from studio.session import Host, Studio, library_of, prepare
from studio.tasks.task import Progress, Task

__all__ = [
    "Cancelled",
    "Candidate",
    "CheckpointPicked",
    "CheckpointSaved",
    "CheckpointScored",
    "ClassChecked",
    "DrawRequest",
    "Event",
    "Executor",
    "Failed",
    "Finished",
    "Library",
    "LocalExecutor",
    "Lora",
    "LoraSaved",
    "LoraUse",
    "Mask",
    "MaskFound",
    "MaskRequest",
    "MergeRequest",
    "ModelFamily",
    "NothingFound",
    "Now",
    "OutfitUse",
    "Paused",
    "Photo",
    "Picture",
    "PictureDrawn",
    "PreviewDrawn",
    "Progress",
    "Quota",
    "Recipe",
    "RepaintRequest",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunPaused",
    "SampleDrawn",
    "SetRequest",
    "StageReported",
    "StepFinished",
    "Studio",
    "Subject",
    "Task",
    "TrainRequest",
    "WearRequest",
    "masks",
    "open",
    "replay",
]


def open(
    library: str | Path = "library",
    family: str = "pocket",
    *,
    family_folder: str | Path | None = None,
    sample: bool = False,
    executor: Executor | None = None,
    quota: Quota | None = None,
    ask_consent: bool = False,
    resume: bool = True,
) -> Studio:
    """Open a library, making it if it is new, and go on with trainings that an earlier process could not end.

    `sample` starts a new library as a copy of the sample one; `family_folder` adds families from YAML files;
    `quota` and `ask_consent` are for visitors of a shared host; without `resume`, call `desk.resume()` when it suits.
    Raises ValueError for an unknown family.
    """
    known = families(Path(family_folder) if family_folder else None)
    chosen = find_family(known, family)
    host = Host(executor or LocalExecutor(), known, owns_executor=executor is None)
    desk = Studio(prepare(Path(library), sample), chosen, host, quota=quota, ask_consent=ask_consent)
    if resume:
        desk.resume()
    return desk


def replay(path: str | Path, *, family_folder: str | Path | None = None) -> Picture:
    """Draw a picture again from its own file and the library that holds it: equal pixels.

    `family_folder` is where the user's own families are, as for `open`. Raises ValueError when the file lies in no
    library, has no recipe, or its LoRA or family is missing or changed.
    """
    named = read_png(Path(path)).family.get("name", "")
    root = library_of(Path(path))
    if root is None:
        raise ValueError(f"{Path(path).name} lies in no library; open one and use its replay().")
    with open(root, named, family_folder=family_folder, resume=False) as desk:
        return desk.replay(path)
