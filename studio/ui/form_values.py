"""From what a visitor typed to values of a request's types, once for page and API alike."""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio import utils


def filled(request: type, values: Mapping[str, Any]) -> Any:
    """The request of these values. Raises ValueError, in a sentence, for one that cannot be."""
    hints = typing.get_type_hints(request)
    return request(**{name: fitting(name, hints[name], value) for name, value in values.items()})


def fitting(name: str, kind: Any, value: Any) -> Any:
    """The value as its type wants it: an empty optional text is None, a whole float is an int.

    Raises ValueError for another type, so that nothing odd from outside gets further.
    """
    kinds = set(typing.get_args(kind)) or {kind}
    if value is None or (value == "" and type(None) in kinds):
        if type(None) in kinds:
            return None
        raise ValueError(f"{name} must not be empty")
    number = float in kinds and isinstance(value, int | float) and not isinstance(value, bool)
    if kinds & {list, dict} and not (str in kinds and isinstance(value, str)) and not number:
        if not isinstance(value, tuple(kinds & {list, dict})):
            what = "list" if list in kinds else "number or a dict" if float in kinds else "file"
            raise ValueError(f"{name} must be a {what}, got {value!r:.80}")
        return value
    if bool in kinds and isinstance(value, bool):
        return value
    if isinstance(value, bool) or (kinds & {int, float} and not isinstance(value, int | float)):
        raise ValueError(f"{name} must be {'a number' if kinds & {int, float} else 'text'}, got {value!r:.80}")
    if float in kinds:
        return value
    if int in kinds and isinstance(value, int | float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value:g}")
        return int(value)
    if bool in kinds or not isinstance(value, str):
        raise ValueError(f"{name} must be {'true or false' if bool in kinds else 'text'}, got {value!r:.80}")
    return value


def uploaded(files: list) -> list[Path]:
    """Where uploaded files lie. Raises ValueError for anything that was not uploaded here."""
    paths = [file.get("path") if isinstance(file, dict) else None for file in files]
    for path in paths:
        if not isinstance(path, str) or not utils.is_in_or_equal(path, utils.get_upload_folder()):
            raise ValueError("only uploaded files are taken; with gradio_client, wrap each path in handle_file(...).")
    return [Path(str(path)) for path in paths]
