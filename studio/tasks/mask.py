"""To find in a picture what phrases name, and what points or a box mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from studio.contracts.events import Event, MaskFound
from studio.contracts.family import ModelFamily
from studio.contracts.requests import MaskRequest, path_of
from studio.contracts.validation import is_there
from studio.imaging.masks import Candidate, Mask, check_inside, read_mask
from studio.imaging.photos import size_of
from studio.library import Library
from studio.tasks.task import Task, shortened, with_defaults

REMEMBERED = 12  # these hold their pictures themselves, and each click on a page makes one


def check(request: MaskRequest, library: Library, family: ModelFamily) -> None:
    if request.segmenter is not None:
        is_there("segmenter", request.segmenter, family.segmenters)
    picture = request.picture
    size = picture.size if isinstance(picture, Image.Image) else size_of(path_of(picture))
    check_inside(request.points, request.box, size)


def resolve(request: MaskRequest, library: Library, family: ModelFamily) -> MaskRequest:
    return with_defaults(request, family, family.masking)


def keep(request: MaskRequest, library: Library) -> MaskRequest:
    """An image in memory among the library's; a file stays where it is."""
    if isinstance(request.picture, Image.Image):
        return replace(request, picture=str(library.keep_image(request.picture)))
    return request


def found_masks(events: Sequence[Event], library: Library) -> list[Mask]:
    return [mask_of(event) for event in events if isinstance(event, MaskFound)]


def mask_of(found: MaskFound) -> Mask:
    """The mask that an event brings."""
    shapes = tuple(Candidate(read_mask(png), score) for score, png in found.candidates)
    return Mask(shapes[0].image, found.box, found.score, found.label, shapes)


FIND_MASKS = Task[MaskRequest, list[Mask]](
    MaskRequest,
    "mask",
    "studio.engine.vision.grounded_sam:find_masks",
    title=lambda request, library: f"Finding {shortened(', '.join(request.terms) or 'what was pointed at')}",
    results=found_masks,
    check=check,
    resolve=resolve,
    keep=keep,
    for_others="Finding for someone else",
    fills_library=False,
    remembered=REMEMBERED,
)
