"""What a training finds out about its photos before the first step, and writes down beside the run.

A run that goes on later, after the captions' networks or the disk have changed, learns from the very same pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from studio.contracts.events import StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.requests import TrainRequest
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.training.dataset import Seen
from studio.engine.vision.captioning import words_for
from studio.engine.vision.grounded_sam import CLOTHING, outline
from studio.errors import explain
from studio.imaging.masks import box_of, feathered, united
from studio.library.store import read_json, write_atomically, write_json

if TYPE_CHECKING:
    from studio.library import Library, Photo, Subject

GROUND = (244, 244, 242)  # of a portrait
HEAD, FIGURE = ("head", "face"), ("person", "figure")  # what the detector looks for, one after another
SHOULDERS, ABOVE = 1.8, 0.22  # side of a portrait, and the room over it, in heights of the head
NOTES = "seen.json"
LARGEST = 2048  # pixels, of what is kept


def look_at(
    subject: Subject,
    request: TrainRequest,
    folder: Path,
    *,
    afresh: bool,
    pipelines: PipelineCache,
    family: ModelFamily,
    library: Library,
) -> Iterator[StageReported]:
    """Find out what the training wants to know about each photo and keep it in the folder; `seen_in` reads it.

    What is known already is not asked again, unless the photo was cropped anew. Where the networks for it cannot be
    had, it says so, and all photos are learnt as they are; only a training that begins `afresh` asks again then.
    """
    if not (request.describe or request.portrait or _weighs(request)):
        return
    notes = _notes(folder)
    if afresh:
        notes = {file: noted for file, noted in notes.items() if "words" in noted}
    for number, photo in enumerate(subject.photos):
        crop = list(photo.crop) if photo.crop else None
        known = photo.file in notes and notes[photo.file].get("crop", crop) == crop
        if known or not (request.portrait or _weighs(request) or _asks(photo, request)):
            continue
        yield StageReported("Looking at the photos", number, len(subject.photos))
        try:
            words, made = _look(photo, subject, request, pipelines, family)
        except (OSError, ValueError) as error:
            yield StageReported(f"Photos are learnt as they are: {explain(error)}")
            write_json(folder / NOTES, {one.file: {} for one in subject.photos})
            return
        notes[photo.file] = {"words": words, "crop": crop, **_kept(made, photo.file, folder, library)}
        write_json(folder / NOTES, notes)


def seen_in(folder: Path) -> dict[str, Seen]:
    """What was found out about each photo, by its file."""
    return {
        file: Seen(
            noted.get("words", ""),
            *(folder / noted[name] if name in noted else None for name in ("garments", "portrait")),
        )
        for file, noted in _notes(folder).items()
    }


def _look(
    photo: Photo, subject: Subject, request: TrainRequest, pipelines: PipelineCache, family: ModelFamily
) -> tuple[str, dict[str, Image.Image]]:
    """Words for the photo, and pictures by the names of Seen's fields."""
    image, made = photo.cropped, {}
    if request.portrait:
        portrait = portrait_of(image, subject.class_noun, pipelines=pipelines, family=family)
        image = portrait or image
        made = {"portrait": portrait} if portrait else {}
    words = ""
    if _asks(photo, request):
        words = words_for(image, subject.class_noun, pipelines=pipelines, family=family)
    if _weighs(request):
        garments = outline(image, CLOTHING, pipelines=pipelines, family=family)
        made |= {"garments": garments} if garments else {}
    return words, made


def _asks(photo: Photo, request: TrainRequest) -> bool:
    return bool(request.describe) and not (photo.caption or "").strip()


def _weighs(request: TrainRequest) -> bool:
    return request.garment_weight is not None and request.garment_weight < 1


def portrait_of(
    image: Image.Image, class_noun: str, *, pipelines: PipelineCache, family: ModelFamily
) -> Image.Image | None:
    """Head and shoulders on plain ground, square; None where no head is found."""
    head = _first(HEAD, image, pipelines, family)
    box = box_of(head) if head else None
    if head is None or box is None:
        return None
    figure = _first((class_noun, *FIGURE), image, pipelines, family)
    plain = Image.new("RGB", image.size, GROUND)
    if figure is not None:
        plain.paste(image, mask=feathered(united(figure, head), max(1.0, min(image.size) / 400)))
    else:
        plain = image
    left, top, right, bottom = box
    side = round(SHOULDERS * max(bottom - top, right - left))
    left, top = (left + right - side) // 2, round(top - ABOVE * (bottom - top))
    square = Image.new("RGB", (side, side), GROUND)
    square.paste(plain, (-left, -top))
    return square


def _first(
    phrases: Iterable[str], image: Image.Image, pipelines: PipelineCache, family: ModelFamily
) -> Image.Image | None:
    """What the first of the phrases names that names anything, as one mask."""
    masks = (outline(image, phrase, pipelines=pipelines, family=family) for phrase in phrases)
    return next((mask for mask in masks if mask), None)


def _notes(folder: Path) -> dict[str, Any]:
    path = folder / NOTES
    return read_json(path) if path.is_file() else {}


def _kept(made: Mapping[str, Image.Image], file: str, folder: Path, library: Library) -> dict[str, str]:
    """Write the pictures beside the run, none larger than training takes; their paths in its folder, by name."""
    paths = {name: f"seen/{file}-{name}.png" for name in made}
    for name, image in made.items():
        small = ImageOps.contain(image, (LARGEST, LARGEST)) if max(image.size) > LARGEST else image
        library.make_room(small.width * small.height)
        write_atomically(folder / paths[name], lambda part, small=small: small.save(part, "PNG"))
    return paths
