"""Once a second, everything that may change by itself: one request for all of it, since each costs a browser more than
what it brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from studio.ui.wiring import Named, Wire, Wiring


@dataclass(frozen=True)
class Polling:
    """Parts of the page say what they look at; `begin`, once all have, wires it to the timer."""

    timer: gr.Timer
    looks: list[Wire] = field(default_factory=list)

    def look(self, handler: Callable[..., Any], parts: Named) -> None:
        """handler(desk, **parts that it names), every second."""
        self.looks.append(Wire.of(handler, parts))

    def begin(self, wiring: Wiring) -> None:
        """Wire all looks to the timer, as one request a tick."""
        wiring.every(self.timer.tick, self.looks, trigger_mode="once")


def told_anew(parts: Mapping[str, Any], before: Mapping[str, Any]) -> Any:
    """Each part that is not as it was, by its name, and as "seen" what to compare with next time."""
    after = {name: hash(part) for name, part in parts.items()}
    return {**{name: part for name, part in parts.items() if before.get(name) != after[name]}, "seen": after}


def told_until_it_rests(
    parts: Callable[[], Mapping[str, Any]], rests: tuple[Any, bool], before: Mapping[str, Any]
) -> Any:
    """The same of something that is not looked at again once it rests: `rests` says what it is, and whether it does."""
    if rests[1] and before.get("rests") == rests:
        return {}
    told = told_anew(parts(), before)
    return {**told, "seen": {**told["seen"], "rests": rests}}
