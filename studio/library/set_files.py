"""Sets as people show them: one picture with the names of rows and columns, and a zip of files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from studio.contracts.family import ModelFamily
from studio.imaging.grid import grid
from studio.library import Library, Picture, PictureSet
from studio.library.shelf import size_of
from studio.library.store import write_atomically
from studio.words.slugs import slug_of

AS_THEY_ARE = "As they are"


@dataclass(frozen=True)
class Layout:
    """A set as rows and columns, with names, and the picture of each cell where it is there."""

    rows: Sequence[str]
    columns: Sequence[str]
    places: Sequence[Sequence[str]]  # names of cells, row by row
    pictures: Mapping[str, Picture]  # by the names of cells

    def at(self, row: int, column: int) -> Picture | None:
        return self.pictures.get(self.places[row][column])


def layout_of(kept: PictureSet, library: Library) -> Layout:
    """A row for each outfit, or several worn together; a column for each scene, and for each seed of it."""
    request = kept.request
    outfits = {outfit.slug: outfit.name for outfit in library.outfits()}
    scenes = {scene.slug: scene.name for scene in library.scenes()}
    rows = [", ".join(outfits.get(use.slug, use.slug) for use in row) or AS_THEY_ARE for row in request.rows]
    several = request.seeds > 1
    columns = [
        f"{scenes.get(scene, scene)}" + (f", seed {(request.seed or 0) + number}" if several else "")
        for scene in request.scenes
        for number in range(request.seeds)
    ]
    places = [
        [request.place(row, column, number) for column in range(len(request.scenes)) for number in range(request.seeds)]
        for row in range(len(rows))
    ]
    here = {picture.id: picture for picture in library.pictures()}
    return Layout(rows, columns, places, {cell: here[id] for cell, id in kept.cells.items() if id in here})


def grid_of(kept: PictureSet, library: Library, families: Mapping[str, ModelFamily]) -> Image.Image:
    """A set as one labelled picture, RGB."""
    layout, request = layout_of(kept, library), kept.request
    family = families.get(request.family or "")
    side = family.resolution if family else 512
    cells = [[layout.at(row, column) for column in range(len(layout.columns))] for row in range(len(layout.rows))]
    return grid(layout.rows, layout.columns, cells, (request.width or side, request.height or side))


def zip_of(kept: PictureSet, library: Library) -> Path:
    """A set's pictures, recipes inside, named after row, column and seed. Raises ValueError for one with none."""
    layout = layout_of(kept, library)
    if not layout.pictures:
        raise ValueError("Nothing of this set is drawn yet.")
    folder = library.root / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"set-{kept.id}.zip"
    library.make_room(sum(size_of(picture.path) for picture in layout.pictures.values()))

    def pack(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as packed:
            for row, name in enumerate(layout.rows):
                for column, where in enumerate(layout.columns):
                    picture = layout.at(row, column)
                    if picture and picture.path.is_file():
                        packed.write(picture.path, f"{row + 1}-{slug_of(name)}/{column + 1}-{slug_of(where)}.png")

    write_atomically(path, pack)
    return path


def saved_grid(kept: PictureSet, library: Library, families: Mapping[str, ModelFamily]) -> Path:
    """A set as one labelled picture, a PNG in the library's folder exports."""
    sheet, path = grid_of(kept, library, families), library.root / "exports" / f"set-{kept.id}.png"
    library.make_room(sheet.width * sheet.height)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: sheet.save(temporary, "PNG"))
    return path
