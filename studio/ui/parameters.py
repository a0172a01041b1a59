"""What an endpoint takes: the parameters of a handler, or the fields of a request, by name and in an order that stays."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any

# A client may give parameters by position too. Those of requests that draw stay where their first version had them;
# what is added later comes last, and need not be named here.
POSITIONS = {
    "DrawRequest": (
        *("prompt", "negative_prompt", "lora", "lora_scale", "outfit", "steps", "guidance", "scheduler"),
        *("width", "height", "count", "seed", "family"),
    ),
    "SetRequest": (
        *("prompt", "scenes", "outfits", "seeds", "negative_prompt", "lora", "lora_scale"),
        *("steps", "guidance", "scheduler", "width", "height", "seed", "family"),
    ),
    "RepaintRequest": (
        *("picture", "mask", "prompt", "negative_prompt", "lora", "lora_scale", "outfit", "strength"),
        *("masked_content", "feather", "padding", "steps", "guidance", "scheduler", "count", "seed", "family"),
    ),
    "WearRequest": (
        *("picture", "outfit", "prompt", "negative_prompt", "lora", "lora_scale", "strength", "feather"),
        *("steps", "guidance", "scheduler", "count", "seed", "family"),
    ),
}


def parameters_of(source: type | Callable[..., Any], **kinds: Any) -> list[inspect.Parameter]:
    """Of a request's type its fields, those of `kinds` with another type; of a handler what it takes after its desk."""
    hints = {**typing.get_type_hints(source), **kinds}
    if isinstance(source, type):
        given = [
            (one.name, inspect.Parameter.empty if one.default is MISSING else one.default) for one in _fields_of(source)
        ]
    else:
        given = [(name, parameter.default) for name, parameter in inspect.signature(source).parameters.items()][1:]
    return [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hints[name])
        for name, default in given
    ]


def _fields_of(request: type) -> list[Field[Any]]:
    """A request's fields in the order of an endpoint's parameters."""
    named = {one.name: one for one in fields(request)}  # type: ignore[arg-type]
    first = POSITIONS.get(request.__name__, ())
    return [*(named[name] for name in first), *(one for name, one in named.items() if name not in first)]


def takes(request: type, **kinds: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Parameters of an endpoint that are the fields of its request, but for those of `kinds`, which come in another
    form: pictures are uploaded, or named by their ids."""

    def named(handler: Callable[..., Any]) -> Callable[..., Any]:
        desk, *_ = inspect.signature(handler).parameters.values()
        own = parameters_of(request, **kinds)
        handler.__signature__ = inspect.Signature([desk, *own])  # type: ignore[attr-defined]
        handler.__annotations__ |= {one.name: one.annotation for one in own}
        return handler

    return named
