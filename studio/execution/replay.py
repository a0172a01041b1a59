"""The request that draws a picture again to the pixel, or what has become of what it was drawn with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.contracts.family import ModelFamily
from studio.contracts.recipes import Recipe, read_png
from studio.contracts.requests import DrawRequest, RepaintRequest
from studio.contracts.sampling import Wearing
from studio.execution.executor import Executor
from studio.imaging.photos import content_of, open_image
from studio.library import Library
from studio.tasks import DRAWN_AGAIN, request_from_json, task_of
from studio.words.prompt_syntax import plain

FINGERPRINT = "studio.engine.models.pipeline_cache:fingerprint_of"


def recalled(
    path: Path, library: Library, families: Mapping[str, ModelFamily], executor: Executor
) -> DrawRequest | RepaintRequest:
    """What the recipe inside a file asks for, in the library's own names.

    Raises ValueError when there is none, or naming what the recipe used and is missing or changed.
    """
    recipe = read_png(path)
    request = request_from_json(recipe.request, DRAWN_AGAIN)
    named = recipe.family.get("name", "")
    if named not in families:
        raise ValueError(f"The picture was drawn by the family {named!r}, which is not here.")
    _check_weights(recipe, families[named], executor)
    _check_prompts(recipe, request)
    asked = request
    for name, what, uses, told, here in used_by(request, recipe, library):
        if lacking := [use.slug for use in uses if use.slug not in told]:
            raise ValueError(
                f"The recipe does not say what its {what} {lacking[0]} was, so its pixels cannot be drawn again."
            )
        request = request.renamed(name, {slug: _very(what, one, here) for slug, one in told.items()})
    _check_adapters(recipe, asked, families[named], executor)
    images = {name: str(_kept(library, name, getattr(request, name))) for name in task_of(request).images}
    prompt = " ".join(request.prompt.splitlines())  # one prompt, though drawn when several lines were one
    return replace(request, **images, prompt=prompt, family=named, count=1)


def used_by(request: Wearing, recipe: Recipe, library: Library) -> Iterator[tuple]:
    """Of LoRAs and of outfits: the request's field, their name, its uses, what the recipe tells of each by slug, and
    the hashes of those that are here by slug."""
    yield (
        "lora",
        "LoRA",
        request.loras,
        {one["slug"]: one for one in recipe.loras},
        {one.slug: one.sha256 for one in library.loras()},
    )
    yield (
        "outfit",
        "outfit",
        request.outfits,
        {one["slug"]: one for one in recipe.outfits},
        {one.slug: one.sha256 for one in library.outfits()},
    )


def _check_weights(recipe: Recipe, family: ModelFamily, executor: Executor) -> None:
    then, now = recipe.family.get("sha256"), executor.ask(FINGERPRINT, family=family)
    if then != now:
        raise ValueError(
            f"The weights of {family.title} have changed since this picture was drawn (then "
            f"{str(then)[:10]}, now {now[:10]}), so its pixels cannot be drawn again."
        )


def _check_prompts(recipe: Recipe, request: DrawRequest | RepaintRequest) -> None:
    said = [request.prompt or "", request.negative_prompt or ""]
    if "prompts" not in recipe.versions and any(plain(one) != one for one in said):
        raise ValueError(
            "Brackets in its prompt weigh words now, and were read as letters when this picture was drawn, so its "
            "pixels cannot be drawn again; To Draw brings its settings back."
        )


def _check_adapters(recipe: Recipe, request: Wearing, family: ModelFamily, executor: Executor) -> None:
    then = {used["slug"]: used.get("adapter") for used in recipe.outfits}
    for use in request.outfits:
        if use.adapter not in family.image_adapters:
            raise ValueError(
                f"{family.title} has no image adapter {use.adapter!r} any more, so the picture's pixels "
                "cannot be drawn again."
            )
        now = executor.ask("studio.engine.adapters.ip_adapter:digest_of_use", use, request.finds_clothes, family=family)
        if then[use.slug] != now:
            raise ValueError(
                f"The image adapter {use.adapter}, or what finds the clothes, has changed since this "
                "picture was drawn, so its pixels cannot be drawn again."
            )


def _very(what: str, used: Mapping[str, Any], here: Mapping[str, str]) -> str:
    """The slug, among those `here` with their hashes, of the very thing that a recipe names."""
    same = [slug for slug, sha256 in here.items() if sha256 == used.get("sha256")]
    if same:
        return used["slug"] if used["slug"] in same else same[0]
    if used["slug"] in here:
        raise ValueError(
            f"The {what} {used['name']} has changed since this picture was drawn, so its pixels cannot be drawn again."
        )
    raise ValueError(f"The {what} {used['name']} that this picture was drawn with is not in this library.")


def _kept(library: Library, what: str, name: str) -> Path:
    """The file of what was painted over, whose name tells its content."""
    try:
        file = library.image(name)
    except ValueError:
        raise ValueError(
            f"The {what} that this was painted over is not in this library any more, so its pixels cannot "
            "be painted again."
        ) from None
    if content_of(open_image(file)) != file.stem:
        raise ValueError(
            f"The {what} that this was painted over has changed since, so its pixels cannot be painted again."
        )
    return file
