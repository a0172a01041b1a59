"""The shelf of sets: `sets/<id>/set.json` says what is asked for, and which picture fills which cell."""

from __future__ import annotations

from pathlib import Path

from studio.contracts.requests import SetRequest, as_json
from studio.library.records import PictureSet
from studio.library.shelf import Shelf, now
from studio.library.store import discard, inside, read_json, text_in, write_json


class Sets(Shelf):
    """Outfits by scenes by seeds; the pictures themselves are those of the library."""

    def sets(self) -> list[PictureSet]:
        """Every set, newest first."""
        return sorted(self.readable(self.root / "sets", _read), key=lambda one: one.created, reverse=True)

    def set(self, id: str) -> PictureSet:
        return self.one(self.root / "sets", id, "set", _read)

    def keep_set(self, request: SetRequest, title: str) -> PictureSet:
        """The set of a resolved request; a new one with no cell filled where there is none yet."""
        file = self.root / "sets" / request.id / "set.json"
        with self.writing:
            if not file.is_file():
                write_json(file, {"title": title, "request": as_json(request), "cells": {}, "created": now()})
        return self.set(request.id)

    def fill_cell(self, id: str, cell: str, picture: str) -> None:
        """A picture of the library, by its id, for one cell."""
        file = inside(self.root / "sets", id, "set") / "set.json"
        with self.writing:
            told = read_json(file)
            write_json(file, {**told, "cells": {**told["cells"], cell: picture}})

    def remove_set(self, id: str) -> None:
        """The set goes; its pictures stay."""
        with self.writing:
            discard(inside(self.root / "sets", id, "set"))


def _read(folder: Path) -> PictureSet:
    told = read_json(folder / "set.json")
    cells, request = told["cells"], {name: value for name, value in told["request"].items() if name != "type"}
    if not isinstance(cells, dict):
        raise ValueError("its cells cannot be read")
    return PictureSet(
        folder.name,
        text_in(told, "title"),
        SetRequest(**request),
        {str(cell): str(picture) for cell, picture in cells.items()},
        text_in(told, "created"),
    )
