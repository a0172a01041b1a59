"""What an act of the easel is about: a picture of this library, and the mask that came with the act."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from PIL import Image

from studio.imaging import masks
from studio.imaging.photos import size_of
from studio.session import Studio

LONGEST = 2048  # pixels of the easel's longer side: a larger picture is masked on a smaller canvas
MOST_BYTES = 24_000_000  # of a mask from the page


def asked_in(desk: Studio, act: dict) -> tuple[Path, Image.Image | None]:
    """The file that an act of the easel is about, and the mask, of the file's size, where it brings one."""
    path = file_of(desk, act)
    size = size_of(path)
    return path, masks.fitted(mask_of(act, size), size) if act.get("mask") else None


def canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """The easel's own size for a picture of this one, as static/mask_editor has it."""
    factor = min(1.0, LONGEST / max(size))
    width, height = (max(1, int(side * factor + 0.5)) for side in size)
    return width, height


def file_of(desk: Studio, act: dict) -> Path:
    """The file of the picture that an act is about. Raises ValueError where it names none, or one that is gone."""
    if not act.get("ref"):
        raise ValueError("Open a picture first: take one from Draw or the Gallery, or choose a file.")
    return resolved(desk, str(act["ref"]))


def resolved(desk: Studio, ref: str) -> Path:
    """The file of "pictures/<id>" or "images/<name>" of this library. Raises ValueError when it is not there."""
    shelf, _, name = ref.partition("/")
    if shelf == "pictures":
        return desk.library.picture(name).path
    if shelf == "images":
        return desk.library.image(name)
    raise ValueError("There is no such picture in this library; open it again.")


def mask_of(act: dict, size: tuple[int, int]) -> Image.Image:
    """The mask that the easel sent, of the easel's size. Raises ValueError for anything else."""
    try:
        head, _, data = str(act.get("mask", "")).partition(",")
        if not head.startswith("data:image/png") or len(data) > MOST_BYTES:
            raise ValueError("no PNG")
        return masks.exact_mask(base64.b64decode(data, validate=True), canvas_size(size))
    except (binascii.Error, ValueError) as error:
        raise ValueError("The mask did not arrive whole; reload the page, the mask is kept.") from error


def url_of(mask: Image.Image) -> str:
    """The mask as a data URL, which the easel draws."""
    return f"data:image/png;base64,{base64.b64encode(masks.png_of(mask)).decode()}"
