"""A picture's settings back into a form, whatever has become of what it was drawn with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.desk import Studio
from studio.execution import request_from_json
from studio.recipes import Recipe, read_png
from studio.requests import DrawRequest


@dataclass(frozen=True)
class Settings:
    """A request to fill the form with, and sentences on what is not here any more."""

    request: DrawRequest
    remarks: tuple[str, ...] = ()


def settings_in(path: Path, desk: Studio) -> Settings:
    """The settings of a PNG drawn by this studio or another. Raises ValueError when it has none."""
    return settings_of(read_png(path), desk)


def settings_of(recipe: Recipe, desk: Studio) -> Settings:
    """Every setting of the recipe; a LoRA or family that is not here is left out, and a remark says so."""
    request, remarks = request_from_json(recipe.request, kinds=(DrawRequest,)), []
    if request.family not in desk.families:
        remarks.append(f"The family {request.family} is not here; {desk.family.title} takes its place.")
        request = replace(request, family=desk.family.name)
    told, slugs = {used["slug"]: used for used in recipe.loras}, {}
    for use in request.loras:
        used = told.get(use.slug, {"slug": use.slug, "name": use.slug})
        slugs[use.slug] = lora_of(used, desk)
        if slugs[use.slug] is None:
            remarks.append(f"The LoRA {used['name']} is not in this library, so the picture will come out without it.")
    request = request.renamed("lora", slugs)
    outfits = {outfit.slug for outfit in desk.library.outfits()}
    for use in request.outfits:
        if use.slug not in outfits:
            remarks.append(f"The outfit {use.slug} is not in this library, so the picture will come out without it.")
    request = request.renamed("outfit", {slug: slug for slug in outfits})
    return Settings(request, tuple(remarks))


def lora_of(used: Mapping[str, Any], desk: Studio) -> str | None:
    """The slug of the LoRA a recipe names: the same file if it is here, else one of the same name."""
    loras = desk.library.loras()
    same = [lora.slug for lora in loras if lora.sha256 == used.get("sha256")]
    named = [lora.slug for lora in loras if lora.slug == used.get("slug")]
    return next(iter([*same, *named]), None)
