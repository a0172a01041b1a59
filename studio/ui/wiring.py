"""From what a visitor typed to a request, and from what went wrong to a sentence: once, for page and API alike."""

from __future__ import annotations

import asyncio
import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio import processing_utils, utils

from studio.errors import explain
from studio.session import Studio

Handler = Callable[..., Any]
TITLE = "That did not work"
PAGE_EVENT: Mapping[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
    "trigger_mode": "multiple",
}


@contextmanager
def sentences() -> Iterator[None]:
    """Whatever goes wrong inside reaches the visitor as one sentence; the rest is in the log, under an id."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(explain(error), title=TITLE, print_exception=False) from error


@dataclass(frozen=True)
class Wiring:
    """Connects events to handlers that take the visitor's own studio first."""

    desk_of: Callable[[gr.Request], Studio]

    def listen(
        self, event: Callable[..., Any], handler: Handler, inputs: Any = None, outputs: Any = None, **options: Any
    ) -> Any:
        """handler(desk, *values of inputs); a coroutine function is awaited."""
        return event(self._told(handler), inputs, outputs, **{**PAGE_EVENT, **options})

    def on_act(self, piece: gr.HTML, handler: Handler, inputs: Any = None, outputs: Any = None, **options: Any) -> Any:
        """handler(desk, act, *values): `act` is what the piece's button or field says (see `pieces`)."""

        def said(event: gr.EventData) -> dict[str, Any]:
            return event._data if isinstance(event._data, dict) else {}

        def answer(visitor: gr.Request, event: gr.EventData, *values: Any) -> Any:
            with sentences():
                return handler(self.desk_of(visitor), said(event), *values)

        async def answer_later(visitor: gr.Request, event: gr.EventData, *values: Any) -> Any:
            with sentences():
                return await handler(await self._desk_aside(visitor), said(event), *values)

        told = answer_later if inspect.iscoroutinefunction(handler) else answer
        return piece.act(told, inputs, outputs, **{**PAGE_EVENT, **options})

    def on(
        self,
        event: Callable[..., Any],
        request: type,
        handler: Handler,
        form: Mapping[str, Any],
        beside: Mapping[str, Any] = MappingProxyType({}),
        **options: Any,
    ) -> Any:
        """handler(desk, request, **beside) whenever the event fires; the form's fields are the request's, by name.

        `beside` is what a request's field is made of together with others. Raises TypeError at start-up where the form
        does not fit.
        """
        if {field.name for field in fields(request)} != form.keys():
            odd = {field.name for field in fields(request)} ^ form.keys()
            raise TypeError(f"{request.__name__} does not match its form: {', '.join(sorted(odd))}")

        def answer(visitor: gr.Request, **values: Any) -> Any:
            with sentences():
                others = {name: values.pop(name) for name in beside}
                return handler(self.desk_of(visitor), filled(request, values), **others)

        return event(answer, inputs_kwargs={**form, **beside}, **{**PAGE_EVENT, **options})

    def endpoint(self, name: str, handler: Handler, request: type | None = None, at_once: int | None = None) -> None:
        """A named API endpoint: handler(desk, request), or handler(desk, **its own parameters).

        Its parameters keep the names, types and defaults of the request's fields or of the handler. `at_once` is how
        many calls may go on together; None: any number.
        """
        parameters = _parameters(request or handler)
        typed = {parameter.name: parameter.annotation for parameter in parameters}
        waits = inspect.iscoroutinefunction(handler)

        def asked(values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            named = dict(zip(typed, values, strict=True))
            if request is not None:
                return (filled(request, named),), {}
            return (), {name: fitting(name, typed[name], value) for name, value in named.items()}

        def answer(visitor: gr.Request, *values: Any) -> Any:
            with sentences():
                given, named = asked(values)
                return handler(self.desk_of(visitor), *given, **named)

        async def answer_later(visitor: gr.Request, *values: Any) -> Any:
            with sentences():
                given, named = asked(values)
                return await handler(await self._desk_aside(visitor), *given, **named)

        served = answer_later if waits else answer
        returned = typing.get_type_hints(handler)["return"]
        visitor = inspect.Parameter("visitor", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
        served.__signature__ = inspect.Signature([visitor, *parameters], return_annotation=returned)
        served.__annotations__ = {"visitor": gr.Request, **typed, "return": returned}
        served.__name__ = name
        gr.api(served, api_name=name, api_description=inspect.getdoc(handler), concurrency_limit=at_once)

    async def _desk_aside(self, visitor: gr.Request) -> Studio:
        """`desk_of` beside the event loop: the first time it copies a library."""
        return await asyncio.to_thread(self.desk_of, visitor)

    def _told(self, handler: Handler) -> Handler:
        def answer(visitor: gr.Request, *values: Any) -> Any:
            with sentences():
                return handler(self.desk_of(visitor), *values)

        async def answer_later(visitor: gr.Request, *values: Any) -> Any:
            with sentences():
                return await handler(await self._desk_aside(visitor), *values)

        return answer_later if inspect.iscoroutinefunction(handler) else answer


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
    if int in kinds:
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
        if not isinstance(path, str) or not utils.is_in_or_equal(path, processing_utils.get_upload_folder()):
            raise ValueError("only uploaded files are taken; with gradio_client, wrap each path in handle_file(...).")
    return [Path(str(path)) for path in paths]


def _parameters(source: Any) -> list[inspect.Parameter]:
    """The fields of a request, or the parameters of a handler after its desk, with their types resolved."""
    hints = typing.get_type_hints(source)
    if isinstance(source, type):
        given = [
            (field.name, inspect.Parameter.empty if field.default is MISSING else field.default)
            for field in fields(source)
        ]
    else:
        given = [(name, parameter.default) for name, parameter in inspect.signature(source).parameters.items()][1:]
    return [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hints[name])
        for name, default in given
    ]
