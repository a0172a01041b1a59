"""A lock that is handed on in the order of asking."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairLock:
    """First come, first served; whoever has the turn may not ask again, since it would wait for itself."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._queue: deque[threading.Event] = deque()  # the first has the turn
        self._holder: int | None = None

    @property
    def waiting(self) -> int:
        """How many wait for the turn, without whoever has it."""
        return max(0, len(self._queue) - 1)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, and pass it on at the end. RuntimeError for a second turn in one thread."""
        if self._holder == threading.get_ident():
            raise RuntimeError("the pipeline is lent to this thread already; give it back first")
        mine = threading.Event()
        with self._guard:
            self._queue.append(mine)
            if len(self._queue) == 1:
                mine.set()
        try:
            mine.wait()
            self._holder = threading.get_ident()
            yield
        finally:
            with self._guard:
                if mine.is_set():
                    self._holder = None
                self._queue.remove(mine)
                if self._queue:
                    self._queue[0].set()
