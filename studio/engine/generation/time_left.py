"""How long the rest of a run's pictures will take."""

from __future__ import annotations

import time


class TimeLeft:
    """By the pictures that were drawn since it was made; those that were there already take no time."""

    def __init__(self) -> None:
        self._began, self._drawn = time.perf_counter(), 0

    def drew(self) -> None:
        """Another one is there."""
        self._drawn += 1

    def of(self, left: int) -> float:
        """Seconds for so many more; 0 while nobody can know."""
        return (time.perf_counter() - self._began) / self._drawn * left if self._drawn else 0.0
