"""How long a training still takes, from what its steps and samples took so far."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass


class Pace:
    """Estimates the seconds left from what steps and samples took in this process; `looks` are steps with samples."""

    def __init__(self, total: int, looks: Sequence[int]) -> None:
        self._total, self._looks = total, looks
        self._first, self._steps, self._samples = _Spent(), _Spent(), _Spent()

    def step(self) -> AbstractContextManager[None]:
        return (self._steps if self._first.often else self._first).timed()

    def look(self) -> AbstractContextManager[None]:
        return self._samples.timed()

    def seconds_left(self, step: int) -> float:
        """After a step whose samples are still to be drawn. The first step warms up, and counts while it is alone."""
        steps = self._steps if self._steps.often else self._first
        samples = len(self._looks) - bisect_left(self._looks, step)
        return steps.each * (self._total - step) + self._samples.each * samples


@dataclass
class _Spent:
    """Seconds that went into something, and how often it was done."""

    seconds: float = 0.0
    often: int = 0

    @property
    def each(self) -> float:
        return self.seconds / max(self.often, 1)

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds, self.often = self.seconds + time.perf_counter() - began, self.often + 1
