"""Captions as trainers keep them: kohya's photo.txt beside photo.png, and imagefolder's metadata.jsonl."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studio.library.store import one_line, read_lines

LONGEST_CAPTION = 1_000
METADATA, LARGEST = "metadata.jsonl", 4_000_000  # bytes


def paired(given: Iterable[Any]) -> list[tuple[Any, str]]:
    """Each photo with its caption: as it was given in a pair, or as a caption file among them says, or one beside it.

    Photos are paths or PIL images; caption files are left out of what comes back.
    """
    items = [_pair(item) for item in given]
    files = [Path(photo) for photo, _ in items if isinstance(photo, str | Path)]
    told: dict[str, str] = {}
    for file in filter(is_caption_file, files):
        told |= _said_in(file)
    return [
        (photo, caption or _caption(photo, told))
        for photo, caption in items
        if not (isinstance(photo, str | Path) and is_caption_file(Path(photo)))
    ]


def _pair(given: Any) -> tuple[Any, str]:
    if not isinstance(given, tuple):
        return given, ""
    if len(given) != 2 or not isinstance(given[1], str):
        raise ValueError(f"A photo and its caption are a pair (photo, text), got {given!r:.80}.")
    return given[0], one_line(given[1])[:LONGEST_CAPTION]


def is_caption_file(path: Path) -> bool:
    return path.suffix.lower() == ".txt" or path.name == METADATA


def _caption(photo: Any, told: dict[str, str]) -> str:
    if not isinstance(photo, str | Path):
        return ""
    path = Path(photo)
    found = told.get(path.name) or told.get(path.stem)
    try:
        if not found and path.stem and path.with_suffix(".txt").is_file():
            found = _said_in(path.with_suffix(".txt"))[path.stem]
    except OSError:  # a name that can be none: whoever opens the photo says so
        pass
    return (found or "")[:LONGEST_CAPTION]


def _said_in(file: Path) -> dict[str, str]:
    """Captions by the photo's name, with or without its ending."""
    if not file.is_file() or file.stat().st_size > LARGEST:
        return {}
    if file.name == METADATA:
        return {
            str(row["file_name"]): one_line(row["text"])
            for row in read_lines(file)
            if isinstance(row.get("file_name"), str) and isinstance(row.get("text"), str)
        }
    with file.open(encoding="utf-8", errors="replace") as text:
        return {file.stem: one_line(text.read(2 * LONGEST_CAPTION))}
