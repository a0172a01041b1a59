"""Once a second, everything that may change by itself: one request for all of it, since each costs a browser more than
what it brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from studio.session import Studio
from studio.ui.wiring import Wiring

Look = Callable[..., tuple]


@dataclass(frozen=True)
class Polling:
    """Parts of the page say what they look at; `begin`, once all have, wires it to the timer."""

    timer: gr.Timer
    looks: list[tuple[Look, Sequence[Any], Sequence[Any]]] = field(default_factory=list)

    def look(self, handler: Look, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """handler(desk, *values of inputs) gives as many updates as there are outputs, every second."""
        self.looks.append((handler, inputs, outputs))

    def begin(self, wiring: Wiring) -> None:
        def look_at_all(desk: Studio, *values: Any) -> tuple:
            given = iter(values)
            return tuple(
                update for handler, inputs, _ in self.looks for update in handler(desk, *[next(given) for _ in inputs])
            )

        wiring.listen(
            self.timer.tick,
            look_at_all,
            [one for _, inputs, _ in self.looks for one in inputs],
            [one for _, _, outputs in self.looks for one in outputs],
            trigger_mode="once",
        )
