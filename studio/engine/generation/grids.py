"""Sets: outfits by scenes by seeds, each cell a picture of the library, drawn as far as it is not there yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.contracts.events import Event, PictureDrawn, PreviewDrawn
from studio.contracts.family import ModelFamily
from studio.contracts.requests import DrawRequest, SetRequest, as_json, resolved, stated
from studio.engine.generation.drawing import draw
from studio.engine.generation.time_left import TimeLeft
from studio.engine.models.pipeline_cache import PipelineCache
from studio.tasks.draw_set import scene_prompts

if TYPE_CHECKING:
    from studio.library import Library, Picture


@dataclass(frozen=True)
class Cell:
    """One place of the grid: its name, and the drawing that belongs there."""

    name: str
    request: DrawRequest


def cells_of(request: SetRequest, library: Library, family: ModelFamily) -> list[Cell]:
    """The places of the grid, row by row. Raises ValueError for a scene that the library does not have."""
    prompts = scene_prompts(request, library)
    return [
        Cell(
            request.place(row, column, number),
            resolved(request.cell(prompts[scene], outfit, number), {**family.drawing, "family": family.name}),
        )
        for row, outfit in enumerate(request.outfits or ())
        for column, scene in enumerate(request.scenes)
        for number in range(request.seeds)
    ]


def draw_set(
    request: SetRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, stop: Callable[[], bool]
) -> Iterator[Event]:
    """Draw the cells that are empty. Yields PictureDrawn for every cell in its order, and previews in between.

    A cell is empty, too, once its picture was deleted. Raises what `draw` raises; what is finished is kept.
    """
    cells = cells_of(request, library, family)
    kept = library.keep_set(request, _title(request, library))
    time_left, fingerprint = TimeLeft(), pipelines.fingerprint(family)

    def there(cell: Cell) -> Picture | None:
        return _there(library, kept.cells.get(cell.name), cell.request, fingerprint)

    left = sum(there(cell) is None for cell in cells)
    for index, cell in enumerate(cells):
        if stop():
            return
        picture = there(cell)
        if picture is None:
            for event in draw(cell.request, pipelines=pipelines, family=family, library=library, stop=stop):
                if isinstance(event, PreviewDrawn):
                    yield PreviewDrawn(index, event.step, event.total, event.jpeg)
                elif isinstance(event, PictureDrawn):
                    picture = library.picture(event.path)
                else:
                    yield event
            if picture is None:
                return  # stopped amidst it
            library.fill_cell(kept.id, cell.name, picture.id)
            left -= 1
            time_left.drew()
        yield PictureDrawn(index, len(cells), str(picture.path), time_left.of(left))


def _title(request: SetRequest, library: Library) -> str:
    """Who, in what, where: enough to tell two sets apart."""
    names = {outfit.slug: outfit.name for outfit in library.outfits()}
    worn = [" with ".join(names[use.slug] for use in row) or "as they are" for row in request.rows]
    places = {scene.slug: scene.name for scene in library.scenes()}
    where = places[request.scenes[0]] if len(request.scenes) == 1 else f"{len(request.scenes)} scenes"
    seeds = f", {request.seeds} seeds" if request.seeds > 1 else ""
    said = ", ".join(worn)
    return f"{request.prompt[:60]}: {said if len(said) <= 60 else f'{len(worn)} outfits'}, {where}{seeds}"


def _there(library: Library, id: str | None, request: DrawRequest, fingerprint: str) -> Picture | None:
    """The picture of a cell, unless it was deleted, or a scene, outfit, LoRA or family of it is another by now."""
    try:
        picture = library.picture(id) if id else None
        used = [library.lora(use.slug).sha256 for use in request.loras] + [
            library.outfit(use.slug).sha256 for use in request.outfits
        ]
    except ValueError:
        return None
    if picture is None:
        return None
    recipe = picture.recipe
    same = (
        stated(recipe.request) == stated(json.loads(json.dumps(as_json(request))))
        and recipe.family.get("sha256") == fingerprint
        and [one.get("sha256") for one in (*recipe.loras, *recipe.outfits)] == used
    )
    return picture if same else None
