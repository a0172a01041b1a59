"""The page by name: what does not fit does not start, each piece has one listener, and no answer goes by position."""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

import gradio as gr
import pytest

import studio
from studio.settings import Settings
from studio.ui.app import build
from studio.ui.wiring import Wire, Wiring

UI = Path(studio.__file__).parent / "ui"
MOST = 4  # of values that a function may give by position


class Answer(TypedDict, total=False):
    prompt: str
    seed: int


class Event:
    """Of an act of a piece, as Gradio gives it."""

    def __init__(self, **act):
        self._data = act


def draws(desk, prompt: str) -> Answer:
    return {"prompt": f"{prompt}, again"}


def to_seed(desk, prompt: str, width: int) -> Answer:
    return {"seed": width}


@pytest.fixture
def parts():
    with gr.Blocks():
        yield {"prompt": gr.Textbox(), "seed": gr.Number(), "piece": gr.HTML(), "button": gr.Button()}


@pytest.mark.parametrize("gone, handler", [("prompt", draws), ("seed", draws), ("width", to_seed)])
def test_a_name_without_a_component_does_not_start(parts, gone, handler):
    known = {name: component for name, component in parts.items() if name != gone}
    with pytest.raises(TypeError, match=f"{handler.__name__} does not fit the page: {gone}"):
        Wiring(lambda request: None).listen(parts["button"].click, handler, known)


def test_an_answer_that_nobody_would_see_does_not_start(parts):
    def lost(desk, prompt: str) -> str:
        return prompt

    with pytest.raises(TypeError, match="lost does not say by a TypedDict what it changes"):
        Wiring(lambda request: None).listen(parts["button"].click, lost, parts)


def test_a_handler_takes_and_changes_what_it_names_and_no_more(parts):
    wire = Wire.of(draws, parts)
    assert wire.inputs == {"prompt": parts["prompt"]}
    assert wire.told({"prompt": "x"}) == {parts["prompt"]: "x"} and wire.told({}) == {}
    assert {one._id for one in wire.touched} == {parts["prompt"]._id, parts["seed"]._id}


def test_one_act_has_one_handler(parts):
    wiring = Wiring(lambda request: None)
    wiring.acts(parts["piece"], {"open": lambda desk, act: None})
    with pytest.raises(TypeError, match="two handlers of one piece for open"):
        wiring.acts(parts["piece"], {"open": lambda desk, act: None, "close": lambda desk, act: None})


def aside(waiting):
    with ThreadPoolExecutor() as pool:  # this thread's loop is Playwright's once a browser journey has run
        return pool.submit(asyncio.run, waiting).result()


def test_an_act_reaches_its_own_handler_alone(parts):
    async def waits(desk, act: dict, seed: int) -> Answer:
        return {"seed": seed + act["by"]}

    async def twice(desk, act: dict):
        yield "first"
        yield "second"

    def answers(handlers, to=None, *values, **act):
        wiring = Wiring(lambda request: None)
        for name, handler in handlers.items():
            wiring.acts(parts["piece"], {name: handler}, parts, to if name == "twice" else None)
        served = wiring._dispatcher(wiring.pieces[parts["piece"]._id].wires)(None, Event(**act), *values)
        if hasattr(served, "__aiter__"):

            async def every():
                return [answer async for answer in served]

            return aside(every())
        return aside(served) if asyncio.iscoroutine(served) else served

    def again(desk, act: dict, prompt: str) -> Answer:
        return draws(desk, prompt)

    assert answers({"again": again}, None, "a girl", act="again") == {parts["prompt"]: "a girl, again"}
    both = {"again": again, "waits": waits}
    assert answers(both, None, "a girl", 3, act="waits", by=4) == {parts["seed"]: 7}
    assert answers(both, None, "a girl", 3, act="again") == {parts["prompt"]: "a girl, again"}
    assert answers(both, None, "a girl", 3, act="unheard of") == gr.skip()
    all_three = {**both, "twice": twice}
    shown = answers(all_three, parts["piece"], "a girl", 3, act="twice")
    assert shown == [{parts["piece"]: "first"}, {parts["piece"]: "second"}]
    assert answers(all_three, parts["piece"], "a girl", 3, act="waits", by=1) == [{parts["seed"]: 4}]


def test_each_piece_has_one_listener(tmp_path):
    """There were 41 for 20 pieces: 7 of the stage, 4 of a picture in the gallery, 3 of the easel, each with its mask."""
    with studio.open(tmp_path / "library", sample=False) as desk:
        dependencies = build(desk, Settings(library=tmp_path / "library")).config["dependencies"]
    listeners = Counter(target for one in dependencies for target, event in one["targets"] if event == "act")
    assert set(listeners.values()) == {1} and len(listeners) == 20
    private = [one for one in dependencies if one["api_visibility"] == "private"]
    assert len(private) <= 115, "137 before each piece had one; another listener costs every page that opens"


def functions():
    for path in UI.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(UI)}:{node.lineno} {node.name}", node


def many(value: ast.expr | None) -> bool:
    """Whether these are more values than MOST, or nobody knows how many."""
    if isinstance(value, ast.Tuple):
        return len(value.elts) > MOST or any(isinstance(one, ast.Starred) for one in value.elts)
    return isinstance(value, ast.BinOp) and (isinstance(value.left, ast.Tuple) or isinstance(value.right, ast.Tuple))


def test_no_function_of_the_page_answers_with_more_than_four_values_by_position():
    wrong = []
    for name, node in functions():
        said = ast.unparse(node.returns) if node.returns else ""
        if said == "tuple" or said.startswith("tuple[") and len(elements(node.returns)) > MOST:
            wrong.append(name)
        if said.startswith("tuple[") and said.endswith(", ...]"):  # as many of one kind as there are
            continue
        wrong += [name for one in ast.walk(node) if isinstance(one, ast.Return | ast.Yield) and many(one.value)]
    assert not wrong


def elements(annotation: ast.expr | None) -> list[ast.expr]:
    assert isinstance(annotation, ast.Subscript)
    return annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
