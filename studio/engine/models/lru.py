"""What stays in memory because it may be wanted again soon: a few of a kind, the least recently used first out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def recent(store: OrderedDict[Key, Value], key: Key, make: Callable[[], Value], most: int) -> Value:
    """What the store has under the key, made now if it has not; the store then holds at most so many."""
    if key not in store:
        store[key] = make()
    store.move_to_end(key)
    while len(store) > most:
        store.popitem(last=False)
    return store[key]


class LruCache(Generic[Key, Value]):
    """A store of so many bytes for several threads; what it keeps has `nbytes`. Two that ask at once may both make it."""

    def __init__(self, most: int) -> None:
        self._most, self._store, self._lock = most, OrderedDict[Key, Value](), threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._store:
                self._store.move_to_end(key)
                return self._store[key]
        made = make()
        with self._lock:
            self._store[key] = made
            while len(self._store) > 1 and sum(one.nbytes for one in self._store.values()) > self._most:
                self._store.popitem(last=False)
        return made


def state_of(path: Path) -> tuple[str, int, int]:
    """What tells a file from what it was before."""
    stat = path.stat()
    return str(path.resolve()), stat.st_mtime_ns, stat.st_size
