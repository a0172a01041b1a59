"""A picture's settings back into a form, whatever has become of what it was drawn with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from studio.contracts.recipes import Recipe, read_png
from studio.contracts.requests import DrawRequest, RepaintRequest
from studio.execution.replay import used_by
from studio.session import Studio
from studio.tasks import DRAWN_AGAIN, request_from_json, task_of


@dataclass(frozen=True)
class Settings:
    """A request to fill the form with, and sentences on what is not here any more."""

    request: DrawRequest
    remarks: tuple[str, ...] = ()


def settings_in(path: Path, desk: Studio) -> Settings:
    """The settings of a PNG drawn by this studio or another. Raises ValueError when it has none."""
    return settings_of(read_png(path), desk)


def settings_of(recipe: Recipe, desk: Studio) -> Settings:
    """Every setting of the recipe; a LoRA, outfit or family that is not here is left out, and a remark says so."""
    request, remarks = request_from_json(recipe.request, DRAWN_AGAIN), []
    if task_of(request).images:
        request = _drawn_anew(request)
        remarks.append("It was painted over another picture; these are its words and its settings, to draw anew.")
    if request.family not in desk.families:
        remarks.append(f"The family {request.family} is not here; {desk.family.title} takes its place.")
        request = replace(request, family=desk.family.name)
    family = desk.families[request.family or desk.family.name]
    size = family.size_like(request.width, request.height) if request.width and request.height else None
    if family.sides is not None and size is not None and size != (request.width, request.height):
        remarks.append(
            f"It was drawn at {request.width} x {request.height} px, and {family.title} draws whole figures in pictures "
            f"of {family.sides[0]} to {family.sides[1]} px a side: it will be {size[0]} x {size[1]}."
        )
        request = replace(request, width=size[0], height=size[1])
    for field, what, uses, told, here in used_by(request, recipe, desk.library):
        slugs = {}
        for use in uses:
            used = told.get(use.slug, {"slug": use.slug, "name": use.slug})
            slugs[use.slug] = like(used, here)
            if slugs[use.slug] is None:
                remarks.append(
                    f"The {what} {used['name']} is not in this library, so the picture will come out without it."
                )
        request = request.renamed(field, slugs)
    return Settings(request, tuple(remarks))


def _drawn_anew(request: RepaintRequest) -> DrawRequest:
    """What a repainting and a drawing have in common."""
    shared = {field.name for field in fields(DrawRequest)} & {field.name for field in fields(RepaintRequest)}
    values = {name: getattr(request, name) for name in shared}
    return DrawRequest(**{**values, "prompt": request.prompt.strip() or "a picture"})


def like(used: Mapping[str, Any], here: Mapping[str, str]) -> str | None:
    """The slug of what a recipe names, of those `here` with their hashes: the same file, else one of the same slug."""
    same = [slug for slug, sha256 in here.items() if sha256 == used.get("sha256")]
    return next(iter([*same, *(slug for slug in here if slug == used.get("slug"))]), None)
