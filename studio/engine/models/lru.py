"""What stays in memory because it may be wanted again soon: a few of a kind, the least recently used first out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Sized(Protocol):
    """What knows how much memory it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes."""
        ...


Large = TypeVar("Large", bound=Sized)


def recent(store: OrderedDict[Key, Value], key: Key, make: Callable[[], Value], most: int) -> Value:
    """What the store has under the key, made now if it has not; the store then holds at most so many."""
    if key not in store:
        store[key] = make()
    store.move_to_end(key)
    while len(store) > most:
        store.popitem(last=False)
    return store[key]


class LruCache(Generic[Key, Large]):
    """A store of at most so many bytes for several threads. Two that ask for the same at once may both make it."""

    def __init__(self, most: int) -> None:
        self._most, self._store, self._lock = most, OrderedDict[Key, Large](), threading.Lock()

    def get(self, key: Key, make: Callable[[], Large]) -> Large:
        """What is stored under the key, made now if it is not."""
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
