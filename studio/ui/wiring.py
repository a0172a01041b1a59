"""The page by name: which handler an event or an act of a piece calls, with which components by which names.

A handler takes the visitor's studio and the values of components by the names of its parameters, and answers with new
values by the names of components: `inputs` and `outputs` say which component each name is. Names that do not fit are
a TypeError while the page is built.
"""

from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.events import api

from studio.errors import explain
from studio.session import Studio
from studio.ui.form_values import filled, fitting
from studio.ui.parameters import parameters_of

Handler = Callable[..., Any]
Named = Mapping[str, Any]  # components by the names that a handler has for them
NOTHING: Named = MappingProxyType({})
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


def either(*events: Callable[..., Any]) -> Callable[..., Any]:
    """Several events as one, so that one listener serves them all."""
    return partial(gr.on, list(events))


@dataclass(frozen=True)
class Wire:
    """A handler between the components whose values it takes and those that it changes."""

    handler: Handler
    inputs: Named  # by the names of its parameters
    outputs: Any  # by the names that it answers with; or one component, whose value it answers with; or None

    @classmethod
    def of(cls, handler: Handler, parts: Named, to: Any = None, others: Named = NOTHING, given: int = 1) -> Wire:
        """The wire of a handler that is given so many arguments anyway and takes the rest from parts by name.

        What it changes is `to`, or what the TypedDict names that its annotation says it answers with. `others` are
        for its **parameter. Raises TypeError, naming them, for names that `parts` does not have.
        """
        parameters = list(inspect.signature(handler).parameters.values())[given:]
        named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
        told = [] if to is not None else _told_by(handler)
        missing = {one.name for one in named if one.default is one.empty} | set(told)
        if missing - parts.keys() or (others and len(named) == len(parameters)):
            odd = sorted(missing - parts.keys()) or sorted(others)
            raise TypeError(f"{_called(handler)} does not fit the page: {', '.join(odd)}")
        inputs = {one.name: parts[one.name] for one in named if one.name in parts}
        return cls(handler, {**inputs, **others}, {name: parts[name] for name in told} if told else to)

    @property
    def touched(self) -> list[Any]:
        """The components that it may change."""
        if isinstance(self.outputs, Mapping):
            return list(self.outputs.values())
        return [] if self.outputs is None else [self.outputs]

    def told(self, answer: Any) -> dict[Any, Any]:
        """What the handler answers, by the components that it changes."""
        if isinstance(self.outputs, Mapping):
            return {self.outputs[name]: value for name, value in (answer or {}).items()}
        return {} if self.outputs is None else {self.outputs: answer}


@dataclass(frozen=True)
class PieceActs:
    """What the buttons and fields of one piece do, by the names of their acts; one listener for all of them."""

    piece: gr.HTML
    wires: dict[str, Wire] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)  # scripts that the browser runs where one of them went wrong


@dataclass(frozen=True)
class Wiring:
    """Connects events to handlers that take the visitor's own studio first."""

    desk_of: Callable[[gr.Request], Studio]
    pieces: dict[int, PieceActs] = field(default_factory=dict)

    def listen(
        self,
        event: Callable[..., Any],
        handler: Handler,
        parts: Named = NOTHING,
        to: Any = None,
        others: Named = NOTHING,
        **options: Any,
    ) -> Any:
        """handler(desk, **parts that it names) at each event; a coroutine function is awaited. See `Wire.of`."""
        wire = Wire.of(handler, parts, to, others)

        def answer(visitor: gr.Request, **values: Any) -> Any:
            with sentences():
                return _said(wire.told(handler(self.desk_of(visitor), **values)), [wire])

        async def answer_later(visitor: gr.Request, **values: Any) -> Any:
            with sentences():
                return _said(wire.told(await handler(await self._desk_aside(visitor), **values)), [wire])

        served = answer_later if inspect.iscoroutinefunction(handler) else answer
        return event(served, inputs_kwargs=dict(wire.inputs), outputs=wire.touched, **{**PAGE_EVENT, **options})

    def on(
        self,
        event: Callable[..., Any],
        request: type,
        handler: Handler,
        form: Named,
        parts: Named = NOTHING,
        others: Named = NOTHING,
        **options: Any,
    ) -> Any:
        """handler(desk, request, **parts that it names) at each event; the form's fields are the request's, by name.

        `others` go with its **parameter. Raises TypeError at start-up where the form does not fit.
        """
        if {one.name for one in fields(request)} != form.keys():
            odd = {one.name for one in fields(request)} ^ form.keys()
            raise TypeError(f"{request.__name__} does not match its form: {', '.join(sorted(odd))}")
        wire = Wire.of(handler, parts, others=others, given=2)
        beside = {f"beside_{name}": component for name, component in wire.inputs.items()}

        def answer(visitor: gr.Request, **values: Any) -> Any:
            with sentences():
                given = {name: values.pop(f"beside_{name}") for name in wire.inputs}
                return _said(wire.told(handler(self.desk_of(visitor), filled(request, values), **given)), [wire])

        inputs = {**form, **beside}
        return event(answer, inputs_kwargs=inputs, outputs=wire.touched, **{**PAGE_EVENT, **options})

    def every(self, event: Callable[..., Any], wires: Sequence[Wire], **options: Any) -> Any:
        """Several handlers, each between components of its own, at one event and in one request."""

        def answer(visitor: gr.Request, *values: Any) -> Any:
            with sentences():
                return _said(answers(self.desk_of(visitor), wires, values), wires)

        return event(answer, **ends(wires), **{**PAGE_EVENT, **options})

    def acts(
        self,
        piece: gr.HTML,
        handlers: Mapping[str, Handler],
        parts: Named = NOTHING,
        to: Any = None,
        others: Named = NOTHING,
        failed: str | None = None,
        **options: Any,
    ) -> None:
        """handler(desk, act, **parts that it names) by the name of what the piece's button or field says.

        See `html.piece` and `Wire.of`. More acts of the same piece may be said elsewhere, once each; `begin` makes one
        listener of all. `failed` is a script that the browser runs where one went wrong.
        """
        made = self.pieces.setdefault(piece._id, PieceActs(piece))
        if twice := made.wires.keys() & handlers.keys():
            raise TypeError(f"two handlers of one piece for {', '.join(sorted(twice))}")
        made.wires.update({name: Wire.of(handler, parts, to, others, given=2) for name, handler in handlers.items()})
        made.options.update(options)
        made.failed.extend([failed] if failed else [])

    def begin(self) -> None:
        """Make a listener for each piece, once all of the page has said what is done there."""
        for made in self.pieces.values():
            wires = list(made.wires.values())
            listener = made.piece.act(self._dispatcher(made.wires), **ends(wires), **{**PAGE_EVENT, **made.options})
            for script in made.failed:
                self.script(listener.failure, script)

    def script(self, event: Callable[..., Any], js: str, inputs: Any = None, outputs: Any = None) -> Any:
        """Something that the browser does by itself."""
        return event(None, inputs, outputs, js=js, show_progress="hidden", api_visibility="private")

    def _dispatcher(self, wires: Mapping[str, Wire]) -> Handler:
        """The one function that serves every act of a piece; an act that nobody named does nothing."""
        every = list(wires.values())
        taken = sources(every)

        def asked(event: gr.EventData, values: Sequence[Any]) -> tuple[Wire | None, dict[str, Any], dict[str, Any]]:
            act = event._data if isinstance(event._data, dict) else {}
            wire = wires.get(str(act.get("act")))
            return wire, act, _given(wire, dict(zip(taken, values, strict=True))) if wire else {}

        def answer(visitor: gr.Request, event: gr.EventData, *values: Any) -> Any:
            with sentences():
                wire, act, given = asked(event, values)
                told = wire.told(wire.handler(self.desk_of(visitor), act, **given)) if wire else {}
                return _said(told, every)

        async def answer_later(visitor: gr.Request, event: gr.EventData, *values: Any) -> Any:
            with sentences():
                wire, act, given = asked(event, values)
                if wire is None:
                    return _said({}, every)
                desk = await self._desk_aside(visitor)
                if inspect.iscoroutinefunction(wire.handler):
                    told = await wire.handler(desk, act, **given)
                else:
                    told = await asyncio.to_thread(wire.handler, desk, act, **given)
                return _said(wire.told(told), every)

        async def answer_twice(visitor: gr.Request, event: gr.EventData, *values: Any) -> AsyncIterator[Any]:
            wire, act, given = asked(event, values)
            if wire is None or not inspect.isasyncgenfunction(wire.handler):
                yield await answer_later(visitor, event, *values)
                return
            with sentences():
                async for told in wire.handler(await self._desk_aside(visitor), act, **given):
                    yield _said(wire.told(told), every)

        kinds = {inspect.isasyncgenfunction: answer_twice, inspect.iscoroutinefunction: answer_later}
        return next((one for is_, one in kinds.items() if any(is_(wire.handler) for wire in wires.values())), answer)

    def endpoint(self, name: str, handler: Handler, request: type | None = None, at_once: int | None = None) -> None:
        """A named API endpoint: handler(desk, request), or handler(desk, **its own parameters).

        Its parameters keep the names, types and defaults of the request's fields or of the handler. `at_once` is how
        many calls may go on together; None: any number.
        """
        parameters = parameters_of(request or handler)
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
        api(served, api_name=name, api_description=inspect.getdoc(handler), concurrency_limit=at_once)

    async def _desk_aside(self, visitor: gr.Request) -> Studio:
        """`desk_of` beside the event loop: the first time it copies a library."""
        return await asyncio.to_thread(self.desk_of, visitor)


def answers(desk: Studio, wires: Sequence[Wire], values: Sequence[Any]) -> Any:
    """What several handlers answer, together; the values are those of `sources`."""
    given, told = dict(zip(sources(wires), values, strict=True)), {}
    for wire in wires:
        told |= wire.told(wire.handler(desk, **_given(wire, given)))
    return told


def _said(told: dict[Any, Any], wires: Sequence[Wire]) -> Any:
    """What is told as Gradio takes it, where it is nothing too."""
    return told or (gr.skip() if any(wire.touched for wire in wires) else None)


def ends(wires: Sequence[Wire]) -> dict[str, Any]:
    """What Gradio is told of a listener that serves several handlers: each component once."""
    touched = {one._id: one for wire in wires for one in wire.touched}
    return {"inputs": list(sources(wires).values()), "outputs": list(touched.values())}


def sources(wires: Sequence[Wire]) -> dict[int, Any]:
    """The components whose values the handlers take, each once."""
    return {one._id: one for wire in wires for one in wire.inputs.values()}


def _given(wire: Wire, values: Mapping[int, Any]) -> dict[str, Any]:
    return {name: values[component._id] for name, component in wire.inputs.items()}


def _told_by(handler: Handler) -> list[str]:
    """The names of the TypedDict that the handler answers with; none where it answers nothing.

    Raises TypeError where it answers with something else, which nobody would see.
    """
    kind = typing.get_type_hints(handler).get("return", type(None))
    for one in (kind, *typing.get_args(kind)):  # of a generator
        if typing.is_typeddict(one):
            return list(typing.get_type_hints(one))
    if kind is not type(None):
        raise TypeError(f"{_called(handler)} does not say by a TypedDict what it changes")
    return []


def _called(handler: Handler) -> str:
    return f"{handler.__module__}.{getattr(handler, '__qualname__', handler)}"
