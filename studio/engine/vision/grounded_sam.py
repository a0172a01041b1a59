"""Grounded SAM: phrases -> boxes -> masks, and what points or a box mean (Ren et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from PIL import Image

from studio.contracts.box import Box
from studio.contracts.events import Event, MaskFound, NothingFound, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.requests import MaskRequest, path_of
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.vision.grounding_dino import Detector, Found
from studio.engine.vision.sam import Segmenter
from studio.imaging.masks import EVERYDAY, Candidate, box_of, check_inside, overlap_of, png_of, united
from studio.imaging.photos import content_of, open_image

if TYPE_CHECKING:
    from studio.library import Library

MOST_THINGS = 40  # in one picture
SAME = 0.8  # IoU from which on two shapes of one phrase are the same thing
POINTED = "selection"
CLOTHING = "clothing"  # the phrase for all that is worn


def find_masks(
    request: MaskRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, stop: Callable[[], bool]
) -> Iterator[Event]:
    """A MaskFound for each thing, phrases in their order and surest first, then what points and box mean.

    A NothingFound tells which phrases nothing answers to, and what to try. Raises ValueError, in a sentence, for a
    picture that cannot be read and for points and boxes outside of it.
    """
    image = open_image(path_of(request.picture))
    check_inside(request.points, request.box, image.size)
    key = content_of(image)
    found: list[Found] = []
    if request.terms:
        yield StageReported(f"looking for {', '.join(request.terms)}")
        with pipelines.lend_helper(Detector, family.detector) as detector:
            found, best = detector.find(
                image, key, request.terms, request.box_threshold or 0.0, request.text_threshold or 0.0
            )
        missing = tuple(term for term in request.terms if all(one.phrase != term for one in found))
        if missing:
            yield NothingFound(missing, _advice(missing, best, request, family))
    surest = sorted(found, key=lambda one: one.score, reverse=True)[:MOST_THINGS]
    found = [one for one in found if one in surest]
    pointed = bool(request.points) or request.box is not None
    total = len(found) + pointed
    weights = family.segmenters[request.segmenter or family.masking["segmenter"]]
    outlined: dict[str, list[Image.Image]] = {}
    for number, one in enumerate(found):
        if stop():
            return
        yield StageReported("outlining", number, total)
        with pipelines.lend_helper(Segmenter, weights) as segmenter:
            shapes = segmenter.shapes(image, key, one.box)
        # Boxes that differ may still hold the same thing: told once, by the surer one.
        if shapes and all(overlap_of(shapes[0].image, other) < SAME for other in outlined.setdefault(one.phrase, [])):
            outlined[one.phrase].append(shapes[0].image)
            yield _event(one.phrase, one.score, one.box, shapes)
    if pointed and not stop():
        yield StageReported("outlining", total - 1, total)
        with pipelines.lend_helper(Segmenter, weights) as segmenter:
            shapes = segmenter.shapes(image, key, request.box, request.points)
        box = box_of(shapes[0].image) if shapes else None
        if box is not None:
            yield _event(POINTED, shapes[0].score, box, shapes)
        else:
            yield NothingFound((), "No shape was found there; put the point, or the box, right on the thing.")


def outline(image: Image.Image, phrase: str, *, pipelines: PipelineCache, family: ModelFamily) -> Image.Image | None:
    """Everything in the picture that the phrase names as one mask (L, white inside); None where there is nothing."""
    key, thresholds = content_of(image), family.masking
    with pipelines.lend_helper(Detector, family.detector) as detector:
        found, _ = detector.find(image, key, [phrase], thresholds["box_threshold"], thresholds["text_threshold"])
    whole = None
    for one in found[:MOST_THINGS]:
        with pipelines.lend_helper(Segmenter, family.segmenters[thresholds["segmenter"]]) as segmenter:
            shapes = segmenter.shapes(image, key, one.box)
        if shapes:
            whole = shapes[0].image if whole is None else united(whole, shapes[0].image)
    return whole


def _event(label: str, score: float, box: Box, shapes: Sequence[Candidate]) -> MaskFound:
    return MaskFound(label, score, box, tuple((shape.score, png_of(shape.image)) for shape in shapes))


def _advice(missing: Sequence[str], best: dict[str, float], request: MaskRequest, family: ModelFamily) -> str:
    """What could not be found, how near it came, and what to try."""
    known = [word for words in family.things().values() for word in words]
    named = " or ".join(f"'{term}'" for term in missing)
    strange = [term for term in missing if known and not _reads(term, known)]
    if strange:
        near = {word for term in strange for word in get_close_matches(term, known, n=1, cutoff=0.7)}
        words = sorted(near) or [*known[:8], "..."]
        return (
            f"Nothing answers to {named} here: {family.title} does not know "
            f"{' or '.join(repr(term) for term in strange)}. Words it knows: {', '.join(words)}."
        )
    nearest = max(missing, key=lambda term: best.get(term, 0.0))
    score, threshold = best.get(nearest, 0.0), request.box_threshold or 0.0
    others = [word for word in (known or EVERYDAY) if word not in missing][:4]
    if score >= threshold:
        return (
            f"Nothing answers to all the words of {named} here: lower the text threshold (now "
            f"{request.text_threshold or 0.0:.2f}), or take fewer words."
        )
    lower = (
        f"Lower the box threshold (now {threshold:.2f}): the best guess at '{nearest}' scores {score:.2f}. Or try"
        if score >= threshold / 3
        else "Try"
    )
    return f"Nothing answers to {named} here. {lower} other words, such as {', '.join(others)}; or click on it."


def _reads(term: str, known: Sequence[str]) -> bool:
    words = {part for word in known for part in word.split()}
    return all(word in words or word.removesuffix("s") in words for word in term.split())
