"""To draw a set: every outfit in every scene, from each seed."""

from __future__ import annotations

from dataclasses import replace

from studio.contracts.events import PictureDrawn
from studio.contracts.family import ModelFamily
from studio.contracts.requests import SetRequest
from studio.contracts.validation import is_there
from studio.library import Library, Picture
from studio.quotas import Quota, at_most
from studio.tasks import draw
from studio.tasks.task import Progress, Story, Task, shortened, with_defaults


def check(request: SetRequest, library: Library, family: ModelFamily) -> None:
    scene_prompts(request, library)
    draw.check(request, library, family)
    family.check_size(request.width, request.height)


def check_begun(request: SetRequest, family: ModelFamily) -> None:
    """Raises ValueError for a set that was begun when the family drew another size: its grid would have both."""
    before = family.earlier_resolution
    if before is not None and request.width == request.height == before:
        raise ValueError(
            f"This set was begun when {family.title} drew {before} px, and it draws {family.resolution} px now: dress "
            "them anew. The pictures that are there stay."
        )


def scene_prompts(request: SetRequest, library: Library) -> dict[str, str]:
    """The words of each scene of the library. Raises ValueError for a scene that it does not have."""
    prompts = {scene.slug: scene.prompt for scene in library.scenes()}
    for scene in request.scenes:
        is_there("scene", scene, prompts)
    return prompts


def resolve(request: SetRequest, library: Library, family: ModelFamily) -> SetRequest:
    rows = [draw.resolved_outfits(row, library, family) for row in request.rows]
    return replace(with_defaults(request, family, family.drawing), outfits=rows)


def limit(request: SetRequest, quota: Quota, library: Library) -> None:
    at_most("count", quota.set_count, request.count)
    draw.check_size(request, quota)


def progress(story: Story) -> Progress:
    """As of drawings; how long still is what the set itself says, since some of its cells may have been there."""
    told, drawn = draw.progress(story), story.last(PictureDrawn)
    if story.ended or told.fraction == 1.0:
        return told
    return replace(told, seconds_left=drawn.seconds_left if drawn else None)


DRAW_SET = Task[SetRequest, list[Picture]](
    SetRequest,
    "set",
    "studio.engine.generation.grids:draw_set",
    title=lambda request, library: f"Dressing {shortened(request.prompt)}",
    results=draw.drawn_pictures,
    check=check,
    resolve=resolve,
    limit=limit,
    progress=progress,
    for_others="Drawing for someone else",
)
