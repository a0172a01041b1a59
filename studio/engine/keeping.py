"""What stays in memory because it may be wanted again soon: a few of a kind, the least recently used first out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")


def recent(store: OrderedDict[Key, Kept], key: Key, make: Callable[[], Kept], most: int) -> Kept:
    """What the store has under the key, made now if it has not; the store then holds at most so many."""
    if key not in store:
        store[key] = make()
    store.move_to_end(key)
    while len(store) > most:
        store.popitem(last=False)
    return store[key]


def state_of(path: Path) -> tuple[str, int, int]:
    """What tells a file from what it was before."""
    stat = path.stat()
    return str(path.resolve()), stat.st_mtime_ns, stat.st_size
