"""What several endpoints take: a picture that is uploaded or named, a family by name, a crop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.contracts.box import Box
from studio.contracts.family import find_family
from studio.session import Studio
from studio.ui.form_values import uploaded


def picture_of(desk: Studio, picture: dict | str) -> Path:
    """The file of an uploaded picture, or of one of the library by its id. Raises ValueError for anything else."""
    if not isinstance(picture, dict | str):
        raise ValueError(f"picture must be an uploaded picture or the id of one of the library, got {picture!r:.80}")
    return uploaded([picture])[0] if isinstance(picture, dict) else desk.library.picture(picture).path


def family_of(desk: Studio, name: str | None) -> Any:
    """Raises ValueError, naming the known ones, when there is none of that name."""
    return desk.family if name is None else find_family(desk.families, name)


def box(crop: list | None) -> Box | None:
    """Raises ValueError unless it is four numbers, or None."""
    if crop is None:
        return None
    if len(crop) != 4 or not all(isinstance(side, int | float) for side in crop):
        raise ValueError("crop must be four numbers: left, top, right, bottom, in pixels")
    return tuple(round(side) for side in crop)  # type: ignore[return-value]
