"""Work that tells its news by a callback, as an iterator of that news."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

News = TypeVar("News")


class Stopped(Exception):
    """What ends work that was asked to stop, raised out of the middle of a pipeline's call."""


def streamed(work: Callable[[Callable[[News], None]], None]) -> Iterator[News]:
    """Run `work(tell)` in a thread of its own and yield what it tells, as it tells it.

    A diffusers call can only be heard through a callback; this lets its previews out while it goes on. Closing the
    iterator stops the work the next time it tells anything. `Stopped` ends the iteration; other errors are raised here.
    """
    news: queue.SimpleQueue = queue.SimpleQueue()
    closed = threading.Event()
    ended = object()

    def tell(item: News) -> None:
        if closed.is_set():
            raise Stopped
        news.put((item, None))

    def run() -> None:
        try:
            work(tell)
        except Stopped:
            pass  # what it has told so far is all there is
        except BaseException as error:
            news.put((ended, error))
            return
        news.put((ended, None))

    thread = threading.Thread(target=run, name="drawing", daemon=True)
    thread.start()
    try:
        while True:
            item, error = news.get()
            if error is not None:
                raise error
            if item is ended:
                return
            yield item
    finally:
        closed.set()
        thread.join()
