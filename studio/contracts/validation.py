"""What the fields of requests must be: each check raises ValueError with what is allowed and what was given."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

MAX_PROMPT = 2_000
MOST_POINTS = 100
TYPES = {  # of annotations -> what they take, and how that is called
    "str": (str, "be text"),
    "int": (int, "be a whole number"),
    "float": ((int, float), "be a number"),
    "bool": (bool, "be true or false"),
    "None": (type(None), "be null"),
    "Mapping": (Mapping, "hold names and values"),
    "tuple": ((list, tuple), "be a list"),
}


def within(name: str, value: float | None, low: float, high: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} must be {low:g} to {high:g}, got {value:g}")


def sides(resolutions: str | None) -> list[int]:
    """The numbers of a list such as "512, 768". Raises ValueError for anything else."""
    parts = [part.strip() for part in re.split(r"[,;\s]+", resolutions or "") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"resolutions must be numbers with commas between, such as 512, 768; got {resolutions!r:.80}")
    return list(dict.fromkeys(map(int, parts)))


def one_of(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise ValueError(
            f"{name} must be one of {', '.join(known)}, got {value!r:.80}{meant(value, known, '; did you mean {}?')}"
        )


def meant(given: Any, known: Iterable[str], asked: str) -> str:
    """`asked` with the known name that is spelt most like this one in the place of {}; empty where none is near."""
    spelt = {one.lower(): one for one in known}
    near = get_close_matches(str(given).lower(), spelt, n=1)
    return asked.format(repr(spelt[near[0]])) if near else ""


def known_only(what: str, given: Iterable[Any], known: Collection[str]) -> None:
    """That there are no names but known ones; what another may have been meant for is asked."""
    if odd := [name for name in given if name not in known]:
        said = ", ".join(f"{name!r:.60}{meant(name, known, ' (did you mean {}?)')}" for name in odd)
        raise ValueError(f"there is no {what} {said}; known are {', '.join(known)}")


def of_type(name: str, value: Any, annotation: str) -> None:
    """That a value is what a dataclass's field is annotated with; of what is held in it, texts are looked at too."""
    kinds = [TYPES[kind] for part in annotation.split(" | ") if (kind := part.partition("[")[0]) in TYPES]
    wanted = [kind for kind, _ in kinds]
    fits = bool in wanted if isinstance(value, bool) else any(isinstance(value, kind) for kind in wanted)
    if kinds and not fits:
        raise ValueError(f"{name} must {' or '.join(said for _, said in kinds)}, got {value!r:.80}")
    texts: list[Any] = []
    if isinstance(value, Mapping):
        texts = [*value, *(value.values() if annotation == "Mapping[str, str]" else ())]
    elif annotation == "tuple[str, ...]" and not isinstance(value, bool):
        texts = [*value]
    for one in texts:
        of_type(f"each of {name}", one, "str")


def is_there(what: str, name: str | None, known: Iterable[str]) -> None:
    """That there is a thing of this name, such as a scene of the library."""
    known = list(known)
    if name not in known:
        has = f"known are {', '.join(sorted(known))}" if known else "there is none yet"
        raise ValueError(f"There is no {what} {name!r}; {has}.")


def multiple_of_8(name: str, value: int | None) -> None:
    if value is not None and value % 8:
        raise ValueError(f"{name} must be a multiple of 8, got {value}; try {round(value / 8) * 8}")


def text(name: str, value: str | None) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r}")
    if len(value) > MAX_PROMPT:
        raise ValueError(f"{name} must be at most {MAX_PROMPT} characters, got {len(value)}")


def needs_text(name: str, value: str, longest: int) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must not be empty")
    if len(value) > longest:
        raise ValueError(f"{name} must be at most {longest} characters, got {len(value)}")


def points_in(points: Any) -> tuple[tuple[float, float, int], ...]:
    if not isinstance(points, list | tuple):
        raise ValueError(f"points must be a list of (x, y, label), got {points!r:.80}")
    if len(points) > MOST_POINTS:
        raise ValueError(f"points may be at most {MOST_POINTS}, got {len(points)}")
    return tuple(_point(point) for point in points)


def _point(point: Any) -> tuple[float, float, int]:
    if not isinstance(point, list | tuple) or len(point) not in (2, 3) or not all(map(_is_number, point)):
        raise ValueError(f"a point must be x, y and label (1 adds, 0 takes away), got {point!r:.80}")
    x, y, label = (*point, 1)[:3]
    if label not in (0, 1):
        raise ValueError(f"a point's label must be 1 (adds) or 0 (takes away), got {label:g}")
    return float(x), float(y), int(label)


def box_in(box: Any) -> tuple[float, float, float, float] | None:
    if box is None:
        return None
    if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(_is_number, box)):
        raise ValueError(f"box must be left, top, right and bottom in pixels, got {box!r:.80}")
    left, top, right, bottom = map(float, box)
    if not (left < right and top < bottom):
        raise ValueError(f"box must be left, top, right and bottom with left < right and top < bottom, got {box!r:.80}")
    return left, top, right, bottom


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
