"""How pictures are repainted: what an artist intends, as settings; and every choice left open made before the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from studio.contracts.family import ModelFamily
from studio.contracts.recipes import Recipe
from studio.contracts.requests import MOST_SIDE, ORIGINAL, SURROUNDINGS, RepaintRequest, WearRequest
from studio.contracts.sampling import LoraUse, scaled, uses_in
from studio.imaging.masks import WHITE, box_of, checked, open_mask
from studio.imaging.photos import size_of
from studio.library import Library, Picture
from studio.tasks.draw import settled
from studio.words.clothing_words import without_clothes

FEATHER = 16  # a picture's shorter side has so many widths of a mask's edge
LARGER = 1.6  # times what the family draws, in area: from there on only the part round the mask is worked on
CONTEXT = 0.5  # of the mask's longer side: how much is looked at round it then


@dataclass(frozen=True)
class Intent:
    """What an artist means to do, and the fields of RepaintRequest that do it; `padding` in sizes of the mask."""

    title: str
    about: str
    strength: float
    fill: str
    padding: float | None  # None: the whole picture
    wears: bool = False  # it takes an outfit
    says: bool = True  # it takes words and LoRAs


INTENTS: Mapping[str, Intent] = MappingProxyType(
    {
        "outfit": Intent(
            "Change the outfit",
            "Begins anew under the mask; the whole picture is looked at.",
            1.0,
            ORIGINAL,
            None,
            wears=True,
        ),
        "detail": Intent(
            "Fix a detail",
            "Keeps the shape of what is there; works on the part round the mask, at full resolution.",
            0.6,
            ORIGINAL,
            0.5,
        ),
        "remove": Intent(
            "Remove",
            "What surrounds the mask is drawn over it; words and LoRAs, which would put something there, are left out.",
            0.35,
            SURROUNDINGS,
            None,
            says=False,
        ),
    }
)


def settled_repaint(request: RepaintRequest, library: Library, family: ModelFamily) -> RepaintRequest:
    """The request with its picture and its mask in the library, and every choice that hangs on their sizes made.

    Raises ValueError, in a sentence, for what cannot be read, a mask of another size, and what `settled` refuses.
    """
    request = settled(request, library, family)
    picture = library.keep_image(request.picture)
    size = size_of(picture)
    mask = request.mask
    mask = checked(mask, size) if isinstance(mask, Image.Image) else open_mask(Path(mask), size)
    check_what_is_left(mask)
    feather = usual_feather(size) if request.feather is None else request.feather
    padding = request.padding
    if padding is None:  # the whole picture, unless it is larger than what the family draws
        padding = max(size) if size[0] * size[1] <= LARGER * family.resolution**2 else context(mask, CONTEXT)
    return replace(
        request,
        picture=str(picture),
        mask=str(library.keep_image(mask)),
        feather=feather,
        padding=min(round(padding), MOST_SIDE),
    )


def check_what_is_left(mask: Image.Image) -> None:
    """Raises ValueError, in a sentence, for a mask (L) that leaves nothing of the picture, or nothing to do."""
    if box_of(mask) is None:
        raise ValueError("The mask is empty: paint over what shall change, or find it by a word.")
    if mask.getextrema()[0] >= WHITE:
        raise ValueError(
            "The mask covers the whole picture, so nothing of it would stay: leave something outside, or "
            "draw a new picture in Draw."
        )


def usual_feather(size: tuple[int, int]) -> int:
    """Pixels of a mask's soft edge in a picture of this size."""
    return round(min(size) / FEATHER)


def settled_wear(request: WearRequest, library: Library, family: ModelFamily) -> WearRequest:
    """The request with its pictures in the library, and outfits settled; those of the library stay what they are."""
    request = settled(request, library, family)
    pictures = [str(one) if _of(one, library) else str(library.keep_image(one)) for one in request.picture]
    for one in pictures:
        size_of(one)
    return replace(request, picture=pictures)


def repainted_as(
    request: WearRequest, picture: str, mask: Image.Image, library: Library, family: ModelFamily
) -> RepaintRequest:
    """The repainting that dresses whoever is in one picture, where the mask is, whose edge is soft already.

    Raises ValueError, in a sentence, as `settled_repaint` does.
    """
    drawn = _of(picture, library)
    prompt, lora = request.prompt, request.lora
    if drawn:
        prompt = without_clothes(str(drawn.recipe.request.get("prompt", "")), family) if prompt is None else prompt
        lora = used_in(drawn.recipe, library, family) if lora is None else lora
    names = {field.name for field in fields(RepaintRequest)} & {field.name for field in fields(request)}
    same = {name: getattr(request, name) for name in names}
    asked = RepaintRequest(
        **{
            **same,
            "picture": picture,
            "mask": mask,
            "prompt": prompt or "",
            "lora": lora,
            "fill": ORIGINAL,
            "feather": 0,
            "family": family.name,
        }
    )
    return settled_repaint(asked, library, family)


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


def context(mask: Image.Image, part: float) -> int:
    """Pixels round a mask that are so large a part of its longer side."""
    left, top, right, bottom = box_of(mask) or (0, 0, *mask.size)
    return round(part * max(right - left, bottom - top))


def _of(source: Any, library: Library) -> Picture | None:
    """The library's picture that a file is."""
    try:
        picture = library.picture(str(source))
    except ValueError:
        return None
    return picture if Path(str(source)).resolve() == picture.path.resolve() else None
