"""To draw pictures of a prompt, with LoRAs and outfits; and how outfits act where a request leaves it open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.contracts.block_scales import Scales, by_layer
from studio.contracts.events import Event, PictureDrawn, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.requests import DrawRequest, RepaintRequest, SetRequest, WearRequest
from studio.contracts.sampling import MAX_SEED, OutfitUse
from studio.contracts.validation import is_there
from studio.library import Library, Outfit, Picture
from studio.quotas import Quota, at_most
from studio.tasks.task import Progress, Story, Task, shortened, with_defaults
from studio.words.prompt_syntax import several


def check(
    request: DrawRequest | SetRequest | RepaintRequest | WearRequest, library: Library, family: ModelFamily
) -> None:
    """The LoRAs and the scheduler of any request that draws."""
    known = {lora.slug for lora in library.loras()} if request.loras else ()
    for use in request.loras:
        is_there("LoRA", use.slug, known)
    family.check_scheduler(request.scheduler)


def check_draw(request: DrawRequest, library: Library, family: ModelFamily) -> None:
    """What `check` does, how many prompts there are, and the size."""
    several(request.prompt)
    check(request, library, family)
    family.check_size(request.width, request.height)


def resolve(request: DrawRequest, library: Library, family: ModelFamily) -> DrawRequest:
    outfits = resolved_outfits(request.outfits, library, family)
    return replace(with_defaults(request, family, family.drawing), outfit=outfits)


def pictures_of(request: DrawRequest) -> list[DrawRequest]:
    """The request of each picture alone: all of the first prompt, then of the next, each from the same seeds.

    Raises ValueError for more prompts than one text may stand for.
    """
    seeds = [((request.seed or 0) + number) % (MAX_SEED + 1) for number in range(request.count)]
    return [replace(request, prompt=one, count=1, seed=seed) for one in several(request.prompt) for seed in seeds]


def limit(request: DrawRequest, quota: Quota, library: Library) -> None:
    at_most("count" if asked_for(request) == request.count else "prompts x count", quota.count, asked_for(request))
    check_size(request, quota)


def check_size(request: DrawRequest | SetRequest, quota: Quota) -> None:
    """Raises ValueError for pictures larger than a visitor may draw."""
    at_most("width", quota.side, request.width)
    at_most("height", quota.side, request.height)


def drawn_pictures(events: Sequence[Event], library: Library) -> list[Picture]:
    """Those that were drawn and nobody has deleted since."""
    drawn = [event.path for event in events if isinstance(event, PictureDrawn)]
    return [library.picture(path) for path in drawn if Path(path).is_file()]


def asked_for(request: Any) -> int:
    """How many pictures a request that draws asks for."""
    if isinstance(request, DrawRequest):
        return len(several(request.prompt)) * request.count
    return getattr(request, "total", request.count)


def progress(story: Story) -> Progress:
    """By the pictures that are there, and the steps of the one being drawn."""
    drawn = story.last(PictureDrawn)
    count = drawn.count if drawn else asked_for(story.request)
    done = drawn.index + 1 if drawn else 0
    if done >= count or story.ended:
        return Progress(1.0 if done >= count else done / count, 0.0, f"{done} of {count} drawn")
    fraction = (done + (story.preview.step / story.preview.total if story.preview else 0.0)) / count
    seconds = story.seconds * (1 - fraction) / fraction if fraction > 0 else None
    last = story.last(StageReported, PictureDrawn)
    stage = last.stage if isinstance(last, StageReported) and story.preview is None else ""
    return Progress(fraction, seconds, stage or f"picture {done + 1} of {count}")


DRAW = Task[DrawRequest, list[Picture]](
    DrawRequest,
    "draw",
    "studio.engine.generation.drawing:draw",
    title=lambda request, library: f"Drawing {shortened(request.prompt)}",
    results=drawn_pictures,
    check=check_draw,
    resolve=resolve,
    limit=limit,
    progress=progress,
    for_others="Drawing for someone else",
)


def resolved_outfits(uses: Iterable[OutfitUse], library: Library, family: ModelFamily) -> list[OutfitUse] | None:
    """Every outfit with its adapter and block scales said: its own, else the family's usual ones; None for none.

    Raises ValueError, in a sentence, for what is not there and for scales that do not fit the family's blocks.
    """
    uses = list(uses)
    known = {outfit.slug: outfit for outfit in library.outfits()} if uses else {}
    return [_resolved_outfit(use, known, family) for use in uses] or None


def usual_scales(outfit: Outfit, family: ModelFamily) -> Scales:
    """How an outfit acts where nobody says otherwise: as it was kept with this family, else the family's usual way."""
    return outfit.block_scales.get(family.name, next(iter(family.outfit_presets.values()), 1.0))


def presets_for(family: ModelFamily, own: Mapping[str, Scales]) -> dict[str, Scales]:
    """Every preset to choose from: the family's, then the library's own for it."""
    return {**family.outfit_presets, **own}


def check_scales(scales: Scales, family: ModelFamily) -> None:
    """Raises ValueError, naming the blocks that the family has, for scales that do not fit them."""
    if not family.image_adapters:
        raise ValueError(f"{family.title} has no IP-Adapter, so it cannot wear an outfit; choose another family.")
    by_layer(scales, family.blocks)


def _resolved_outfit(use: OutfitUse, known: Mapping[str, Outfit], family: ModelFamily) -> OutfitUse:
    is_there("outfit", use.slug, known)
    chosen: dict[str, Any] = {
        "adapter": use.adapter or next(iter(family.image_adapters), None),
        "block_scales": usual_scales(known[use.slug], family) if use.block_scales is None else use.block_scales,
    }
    check_scales(chosen["block_scales"], family)
    is_there("image adapter", chosen["adapter"], family.image_adapters)
    return replace(use, **chosen)
