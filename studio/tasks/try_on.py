"""To dress whoever is in a picture, or in each of several: clothing is found, and repainted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from studio.contracts.family import ModelFamily
from studio.contracts.recipes import Recipe
from studio.contracts.requests import ORIGINAL, RepaintRequest, Source, WearRequest, path_of
from studio.contracts.sampling import LoraUse, scaled, uses_in
from studio.imaging.photos import size_of
from studio.library import Library, Picture
from studio.quotas import Quota, at_most
from studio.tasks import draw
from studio.tasks.repaint import check_what_is_left, usual_padding
from studio.tasks.task import Task, with_defaults
from studio.words.clothing_words import without_clothes


def resolve(request: WearRequest, library: Library, family: ModelFamily) -> WearRequest:
    outfits = draw.resolved_outfits(request.outfits, library, family)
    return replace(with_defaults(request, family, family.repainting), outfit=outfits)


def limit(request: WearRequest, quota: Quota, library: Library) -> None:
    at_most("pictures times count", quota.count, request.total)


def keep(request: WearRequest, library: Library) -> WearRequest:
    """Its pictures among the library's images; those that the library drew stay what they are."""
    pictures = [str(one) if _drawn_here(one, library) else str(library.keep_image(one)) for one in request.pictures]
    for one in pictures:
        size_of(one)  # refuses what is damaged
    return replace(request, picture=pictures)


def title(request: WearRequest, library: Library) -> str:
    several = len(request.pictures)
    return f"Dressing {'a picture' if several == 1 else f'{several} pictures'}"


TRY_ON = Task[WearRequest, list[Picture]](
    WearRequest,
    "repaint",
    "studio.engine.generation.repainting:wear",
    title=title,
    results=draw.drawn_pictures,
    check=draw.check,
    resolve=resolve,
    limit=limit,
    keep=keep,
    progress=draw.progress,
    for_others="Repainting for someone else",
)


def repainting_of(
    request: WearRequest, number: int, mask: Image.Image, library: Library, family: ModelFamily
) -> RepaintRequest:
    """The repainting that dresses whoever is in one of the pictures, where the mask (L) is, whose edge is soft already.

    Of a resolved request: all it leaves open are words and LoRAs, which are those that the picture was drawn with.
    Raises ValueError, in a sentence, for a mask that leaves nothing.
    """
    check_what_is_left(mask)
    picture = path_of(request.pictures[number])
    drawn = _drawn_here(picture, library)
    prompt, lora = request.prompt, request.lora
    if drawn:
        prompt = without_clothes(str(drawn.recipe.request.get("prompt", "")), family) if prompt is None else prompt
        lora = used_in(drawn.recipe, library, family) if lora is None else lora
    return RepaintRequest(
        str(library.keep_image(picture)),
        str(library.keep_image(mask)),
        prompt or "",
        outfit=request.outfit,
        strength=request.strength,
        masked_content=ORIGINAL,
        feather=0,
        padding=usual_padding(size_of(picture), mask, family),
        count=request.count,
        **{**request.sampling(), "lora": lora},
    )


def used_in(recipe: Recipe, library: Library, family: ModelFamily) -> list[LoraUse] | None:
    """The LoRAs of a picture that the library still has and that fit the family, with their weights then."""
    here = {lora.sha256: lora.slug for lora in library.loras() if lora.fits(family)}
    slugs = {one["slug"]: here.get(one.get("sha256", "")) for one in recipe.loras}
    asked = recipe.request.get("lora") or ()
    try:
        uses = uses_in("lora", LoraUse, [asked] if isinstance(asked, str) else asked)
        drawn = scaled(uses, recipe.request.get("lora_scale", 1.0))
    except (ValueError, TypeError):  # of another version, or written by hand
        return None
    return [replace(use, slug=slug) for use in drawn if (slug := slugs.get(use.slug))] or None


def _drawn_here(source: Source, library: Library) -> Picture | None:
    """The library's picture that a file is."""
    try:
        picture = library.picture(str(source))
    except ValueError:
        return None
    return picture if Path(str(source)).resolve() == picture.path.resolve() else None
