"""Each action of the page as a named endpoint of the API; docs/api.md has an example for each."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from studio.contracts.box import Box
from studio.contracts.family import find_family
from studio.contracts.requests import (
    DrawRequest,
    MaskRequest,
    MergeRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
    as_json,
)
from studio.contracts.validation import box_in, points_in
from studio.imaging import masks
from studio.session import Studio
from studio.tasks import TASKS
from studio.tasks.draw import presets_for
from studio.tasks.task import Task
from studio.ui.form_values import uploaded
from studio.ui.parameters import takes
from studio.ui.recipe_import import settings_in
from studio.ui.report import report
from studio.ui.run_lookup import carried_out, run_to_its_end
from studio.ui.run_status import status
from studio.ui.serializers import (
    drawn_picture,
    fetchable,
    kept_for_a_while,
    sent,
    told_family,
    told_lora,
    told_mask,
    told_outfit,
    told_photo,
    told_picture,
    told_subject,
)
from studio.ui.subject_actions import create, from_name, proposals, verdict
from studio.ui.wiring import Wiring
from studio.words import prompt_check

MOST_PICTURES = 1000


def register(wiring: Wiring, tasks: Iterable[Task[Any, Any]] = TASKS) -> None:
    """Inside a Blocks context. The names and parameters are a promise: docs/api.md. A task that has no handler here is
    served under its kind, by the fields of its request."""
    for handler in (
        subjects,
        add_subject,
        edit_subject,
        remove_subject,
        add_photos,
        edit_photo,
        remove_photo,
        describe_photos,
        propose_identifier,
        check_identifier,
        runs,
        run_status,
        run_report,
        pause,
        resume,
        extend,
        cancel,
        pick_checkpoint,
        replay,
        loras,
        remove_lora,
        export_lora,
        import_lora,
        publish,
        pictures,
        favourite,
        delete_picture,
        restore_picture,
        outfits,
        edit_outfit,
        remove_outfit,
        outfit_presets,
        save_outfit_preset,
        scenes,
        add_scene,
        remove_scene,
        sets,
        set_grid,
        set_files,
        remove_set,
        check_prompt,
        family,
        read_recipe,
        find_masks,
        repaint,
        wear,
    ):
        wiring.endpoint(handler.__name__, handler)
    for handler in (edit_mask, combine_masks, add_outfit):  # large ones take memory by the gigabyte
        wiring.endpoint(handler.__name__, handler, at_once=1)
    wiring.endpoint("train", train, TrainRequest)
    wiring.endpoint("train_both", train_both, TrainRequest)
    wiring.endpoint("draw", draw, DrawRequest)
    wiring.endpoint("draw_set", draw_set, SetRequest)
    wiring.endpoint("merge_loras", merge_loras, MergeRequest, at_once=1)
    for task in [task for task in tasks if task not in TASKS]:
        if any(
            {Path, Image.Image} & {*typing.get_args(kind), kind}
            for kind in typing.get_type_hints(task.request).values()
        ):
            raise TypeError(f"{task.kind} takes files, so it needs a handler here that takes only uploaded ones")
        wiring.endpoint(task.kind, start, task.request)


def subjects(desk: Studio) -> list:
    """Every subject with its photos, oldest first."""
    return [told_subject(subject) for subject in desk.library.subjects()]


def add_subject(
    desk: Studio, name: str, class_noun: str, identifier: str, photos: list | None = None, consent: bool = False
) -> dict:
    """A new subject. Photos that cannot be used come back under "refused", by name and with the reason."""
    subject, refused = create(desk, name, class_noun, identifier, uploaded(photos or []), consent)
    return {**told_subject(subject), "refused": [list(pair) for pair in refused]}


def edit_subject(
    desk: Studio, subject: str, name: str | None = None, class_noun: str | None = None, identifier: str | None = None
) -> dict:
    """Change what is given; the slug stays."""
    given = {"name": name, "class_noun": class_noun, "identifier": identifier}
    changes = {field: value for field, value in given.items() if value is not None}
    return told_subject(desk.library.edit_subject(subject, **changes))


def remove_subject(desk: Studio, subject: str) -> list:
    """Remove a subject with its photos; LoRAs trained on it stay. The subjects that are left."""
    desk.library.remove_subject(subject)
    return subjects(desk)


def add_photos(desk: Studio, subject: str, photos: list, consent: bool = False) -> dict:
    """Add photos one by one: "kept", and "refused" by name with the reason."""
    added = desk.add_photos(subject, uploaded(photos), consent)
    return {"kept": [told_photo(photo) for photo in added.kept], "refused": [list(pair) for pair in added.refused]}


def edit_photo(desk: Studio, subject: str, file: str, caption: str | None = None, crop: list | None = None) -> dict:
    """Change a photo's caption, its crop (left, top, right, bottom in pixels), or both."""
    return told_photo(desk.library.edit_photo(subject, file, caption, box(crop)))


def remove_photo(desk: Studio, subject: str, file: str) -> dict:
    """Remove one photo; the subject that is left."""
    desk.library.remove_photo(subject, file)
    return told_subject(desk.library.subject(subject))


async def describe_photos(desk: Studio, subject: str, family: str | None = None) -> dict:
    """Give each photo without a caption one that names garments, colours and place; the subject with its photos."""
    return told_subject(await asyncio.to_thread(desk.describe, subject, family))


def propose_identifier(desk: Studio, family: str | None = None, name: str | None = None, count: int = 5) -> list:
    """Rare tokens nobody here uses yet, each with the reason; from a name, that name in letters moved along."""
    if not 1 <= count <= 50:
        raise ValueError(f"count must be 1 to 50, got {count}")
    chosen = family_of(desk, family)
    if name:
        return [vars(from_name(desk, chosen, name))]
    return [vars(proposal) for proposal in proposals(desk, chosen, count)]


def check_identifier(desk: Studio, identifier: str, family: str | None = None) -> dict:
    """How good an identifier is for a family: level "good", "fair" or "bad", and the reason."""
    return vars(verdict(desk, family_of(desk, family), identifier))


def start(desk: Studio, request: Any) -> dict:
    """Start what is asked for; returns at once, with the id of the run. /run_status tells how it goes."""
    return status(desk.start(request))


def train(desk: Studio, request: TrainRequest) -> dict:
    """Start teaching a subject; returns at once, with the id of the run. /run_status tells how it goes."""
    return status(desk.start(request))


def train_both(desk: Studio, request: TrainRequest) -> dict:
    """Start two trainings from one seed, "with" class images and "without"; the "class" of each tells what became of
    the bare class."""
    return dict(zip(("with", "without"), map(status, desk.start_both(request)), strict=True))


def runs(desk: Studio) -> list:
    """Trainings and drawings, newest first."""
    return [
        {"run": run.id, "kind": run.kind, "title": run.title, "status": run.status, "created": run.created}
        for run in desk.runs()
    ]


def run_status(desk: Studio, run: str) -> dict:
    """How far a run is: status, step, total, loss, samples, eta in seconds, and the LoRA once it is there."""
    return status(desk.run(run))


def run_report(desk: Studio, run: str) -> dict:
    """A training as one self-contained HTML page: settings, curves, samples and scores. "file" is fetched."""
    page = report(desk.run(run), desk.library.root)
    return {"file": sent(kept_for_a_while(page.encode(), f"{run}.html"))}


def pause(desk: Studio, run: str) -> dict:
    """Set a training aside at a checkpoint, within a step; /resume lets it go on."""
    found = desk.run(run)
    found.pause()
    return status(found)


def resume(desk: Studio, run: str) -> dict:
    """Let a training go on that was paused, stopped or failed, from its last checkpoint."""
    return status(desk.resume(run)[0])


def extend(desk: Studio, run: str, steps: int) -> dict:
    """Train a finished run for so many more steps; what it ended with stays as a LoRA of its own."""
    return status(desk.extend(run, steps))


async def pick_checkpoint(desk: Studio, run: str, step: int) -> dict:
    """Another checkpoint of a run as a LoRA; /run_status tells which steps have one, and which was picked."""
    return told_lora(await asyncio.to_thread(desk.pick_checkpoint, run, step))


def cancel(desk: Studio, run: str) -> dict:
    """Stop a run within a step; what it has finished, or learned, is kept."""
    found = desk.run(run)
    found.cancel()
    return status(found)


async def draw(desk: Studio, request: DrawRequest) -> list:
    """Draw, and wait for the pictures: "file" is the PNG with its recipe inside."""
    return [drawn_picture(picture) for picture in await carried_out(desk, request)]


async def replay(desk: Studio, picture: str) -> dict:
    """Draw a picture of the library again from its recipe: the same pixels, in a new file."""
    request = await asyncio.to_thread(lambda: desk.recall(desk.library.picture(picture).path))
    (drawn,) = await carried_out(desk, request)
    return drawn_picture(drawn)


async def find_masks(
    desk: Studio,
    picture: dict | str,
    phrases: str = "",
    box_threshold: float | None = None,
    text_threshold: float | None = None,
    points: list | None = None,
    box: list | None = None,
    segmenter: str | None = None,
    family: str | None = None,
) -> dict:
    """Find what phrases name, or what points and a box mean, in an uploaded picture or one of the library by its id.

    "masks" has label, score, box, "file" (a PNG, white inside) and candidates; "note" says what was not found.
    """
    path = _picture_of(desk, picture)
    run = await run_to_its_end(
        desk,
        MaskRequest(
            path, phrases, box_threshold, text_threshold, points_in(points or ()), box_in(box), segmenter, family
        ),
    )
    found = await asyncio.to_thread(lambda: [told_mask(mask) for mask in run.result()])
    return {"masks": found, "note": run.message}


@takes(RepaintRequest, picture=dict | str, mask=dict)
async def repaint(desk: Studio, picture: Any, mask: Any, **asked: Any) -> list:
    """Repaint what an uploaded mask covers of an uploaded picture, or one of the library by its id, and wait.

    Nothing else changes. The pictures come back as /draw's.
    """
    request = RepaintRequest(_picture_of(desk, picture), uploaded([mask])[0], **asked)
    return [drawn_picture(picture) for picture in await carried_out(desk, request)]


@takes(WearRequest, picture=dict | str | list)
async def wear(desk: Studio, picture: Any, outfit: Any, **asked: Any) -> list:
    """Dress whoever is in a picture (uploaded, or one of the library by its id), or in each of a list, and wait.

    Without a prompt or a LoRA it takes those that the picture was drawn with, its clothes left out.
    """
    given = picture if isinstance(picture, list) else [picture]
    request = WearRequest([_picture_of(desk, one) for one in given], outfit, **asked)
    return [drawn_picture(picture) for picture in await carried_out(desk, request)]


def _picture_of(desk: Studio, picture: dict | str) -> Path:
    """The file of an uploaded picture, or of one of the library by its id. Raises ValueError for anything else."""
    if not isinstance(picture, dict | str):
        raise ValueError(f"picture must be an uploaded picture or the id of one of the library, got {picture!r:.80}")
    return uploaded([picture])[0] if isinstance(picture, dict) else desk.library.picture(picture).path


def edit_mask(desk: Studio, mask: dict, operation: str, pixels: float = 4) -> dict:
    """Change an uploaded mask: grow, shrink, feather (by so many pixels), fill, clean or invert. "file" and "share"."""
    path = uploaded([mask])[0]
    return _told(masks.operated(masks.open_mask(path), operation, pixels))


def combine_masks(desk: Studio, mask: dict, other: dict, how: str = "add") -> dict:
    """One uploaded mask and another of the same size: "add" what is in either, or "take" the other away."""
    if how not in ("add", "take"):
        raise ValueError(f"how must be add or take, got {how!r:.40}")
    first, second = (masks.open_mask(path) for path in uploaded([mask, other]))
    return _told(masks.united(first, second) if how == "add" else masks.without(first, second))


def _told(mask: Image.Image) -> dict:
    return {"file": sent(fetchable(mask)), "share": masks.share_of(mask)}


def read_recipe(desk: Studio, picture: dict) -> dict:
    """The settings inside an uploaded PNG, as /draw takes them, and remarks on what is not here any more."""
    settings = settings_in(uploaded([picture])[0], desk)
    return {"request": asdict(settings.request), "remarks": list(settings.remarks)}


def loras(desk: Studio) -> list:
    """Every trained LoRA, newest first."""
    return [told_lora(lora) for lora in desk.library.loras()]


def remove_lora(desk: Studio, lora: str) -> list:
    """Remove a LoRA for good; pictures drawn with it stay. The LoRAs that are left."""
    desk.library.remove_lora(lora)
    return loras(desk)


async def export_lora(desk: Studio, lora: str, layout: str = "diffusers") -> dict:
    """A LoRA as a file for other tools: layout "diffusers" or "kohya"; of a full fine-tune "single file" or "diffusers"
    (a zip of the folder). "file" is fetched by gradio_client."""
    return {"file": sent(await asyncio.to_thread(desk.export_lora, lora, layout))}


async def import_lora(desk: Studio, file: dict, name: str | None = None, family: str | None = None) -> dict:
    """Take an uploaded LoRA of diffusers, kohya or others into the library, if it fits the family and has an effect."""
    path = uploaded([file])[0]
    name = name or str(file.get("orig_name") or path.name).removesuffix(".safetensors")
    return told_lora(await asyncio.to_thread(desk.import_lora, path, name, family))


def draw_set(desk: Studio, request: SetRequest) -> dict:
    """Draw outfits by scenes by seeds; returns at once, and /run_status tells how it goes. Asked for again, what is
    missing is drawn. "set" is the id that /sets and /set_grid take."""
    run = desk.start(request)
    return {**status(run), "set": run.request.id}


def sets(desk: Studio) -> list:
    """Every set, newest first: its request, and the id of the picture in each cell ("row-column-seed")."""
    return [{**vars(one), "request": as_json(one.request)} for one in desk.library.sets()]


async def set_grid(desk: Studio, set: str) -> dict:
    """A set as one labelled picture. "file" is fetched."""
    return {"file": sent(await asyncio.to_thread(desk.saved_grid, set))}


async def set_files(desk: Studio, set: str) -> dict:
    """A set's pictures as a zip, each named after its row, column and seed. "file" is fetched."""
    return {"file": sent(await asyncio.to_thread(desk.files_of, set))}


def remove_set(desk: Studio, set: str) -> list:
    """Forget a set; its pictures stay. The sets that are left."""
    desk.library.remove_set(set)
    return sets(desk)


def outfits(desk: Studio) -> list:
    """Every outfit, oldest first."""
    return [told_outfit(outfit) for outfit in desk.library.outfits()]


async def add_outfit(
    desk: Studio,
    name: str,
    picture: dict | str,
    as_it_is: bool = False,
    family: str | None = None,
    consent: bool = False,
) -> dict:
    """A new outfit from an uploaded picture, or one of the library by its id: its clothes alone, on plain ground."""
    path = _picture_of(desk, picture)
    return told_outfit(
        await asyncio.to_thread(
            desk.add_outfit, name, path, as_it_is=as_it_is, family=family, consent=consent or isinstance(picture, str)
        )
    )


def edit_outfit(
    desk: Studio,
    outfit: str,
    name: str | None = None,
    block_scales: dict | float | None = None,
    family: str | None = None,
    as_usual: bool = False,
) -> dict:
    """Change an outfit's name, or the block scales that come with it for a family: it acts so unless a drawing says
    otherwise. `as_usual` forgets these."""
    return told_outfit(desk.edit_outfit(outfit, name, block_scales, family, as_usual=as_usual))


def outfit_presets(desk: Studio, family: str | None = None) -> dict:
    """Block scales by the names of presets: the family's, the usual one first, then the library's own."""
    chosen = family_of(desk, family)
    return presets_for(chosen, desk.library.block_presets(chosen.name))


def save_outfit_preset(
    desk: Studio, name: str, block_scales: dict | float | None = None, family: str | None = None
) -> dict:
    """Keep block scales as a preset of the library, or with none remove it; all presets that there are then."""
    desk.keep_preset(name, block_scales, family)
    return outfit_presets(desk, family)


def scenes(desk: Studio) -> list:
    """Every scene: the slug that a set names, its name, and its words."""
    return [vars(scene) for scene in desk.library.scenes()]


def add_scene(desk: Studio, name: str, prompt: str) -> dict:
    """A new scene; one of the same name takes these words."""
    return vars(desk.library.add_scene(name, prompt))


def remove_scene(desk: Studio, scene: str) -> list:
    """Take a scene off the list; those that are left."""
    desk.library.remove_scene(scene)
    return scenes(desk)


def remove_outfit(desk: Studio, outfit: str) -> list:
    """Remove an outfit for good; pictures drawn with it stay. The outfits that are left."""
    desk.library.remove_outfit(outfit)
    return outfits(desk)


async def merge_loras(desk: Studio, request: MergeRequest) -> dict:
    """One LoRA that does what several do together, each with its weight: exactly, or as near as a rank lets it."""
    return told_lora(await asyncio.to_thread(desk.merge_loras, request))


async def publish(
    desk: Studio, lora: str, repository: str, token: str, private: bool = True, pictures: list | None = None
) -> dict:
    """Upload a LoRA to the Hugging Face Hub with a model card; `pictures` are ids of what the card shows. "url"."""
    return {"url": await asyncio.to_thread(desk.publish, lora, repository, token, private, pictures or ())}


def pictures(desk: Studio, search: str = "", favourites: bool = False, count: int = 50) -> list:
    """Pictures newest first, at most `count`; /draw's and the page's alike."""
    if not 1 <= count <= MOST_PICTURES:
        raise ValueError(f"count must be 1 to {MOST_PICTURES}, got {count}")
    return [told_picture(picture) for picture in desk.library.pictures(search, favourites)[:count]]


def favourite(desk: Studio, picture: str, value: bool = True) -> dict:
    """Mark a picture as a favourite, or no longer."""
    return told_picture(desk.library.favourite(picture, value))


def delete_picture(desk: Studio, picture: str) -> dict:
    """Delete a picture; /restore_picture brings it back."""
    found = desk.library.picture(picture)
    desk.library.delete_picture(found.id)
    return {"id": found.id}


def restore_picture(desk: Studio, picture: str) -> dict:
    """Bring a deleted picture back."""
    return told_picture(desk.library.restore_picture(picture))


def check_prompt(desk: Studio, prompt: str, lora: str | None = None, family: str | None = None) -> dict:
    """A note on the words of a prompt that a small family does not know; empty where all is well."""
    chosen = family_of(desk, family)
    trigger = desk.library.lora(lora).trigger if lora else ""
    return {"note": prompt_check.note(prompt, chosen.words(), trigger, chosen.title)}


def family(desk: Studio, name: str | None = None) -> dict:
    """What a family is: its licence, defaults, presets, what it knows; and the names of all families."""
    return {**told_family(family_of(desk, name)), "families": list(desk.families)}


def family_of(desk: Studio, name: str | None) -> Any:
    """Raises ValueError, naming the known ones, when there is none of that name."""
    return desk.family if name is None else find_family(desk.families, name)


def box(crop: list | None) -> Box | None:
    """Raises ValueError unless it is four numbers, or None."""
    if crop is None:
        return None
    if len(crop) != 4 or not all(isinstance(side, int | float) for side in crop):
        raise ValueError("crop must be four numbers: left, top, right, bottom, in pixels")
    return tuple(round(side) for side in crop)  # type: ignore[return-value]
