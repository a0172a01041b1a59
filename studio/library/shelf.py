"""What the shelves of a library share: its root, the turn for writing, room, and reading past damage."""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from studio.library.locks import Turn
from studio.library.store import inside

log = logging.getLogger(__name__)
Record = TypeVar("Record")
# What reading a file mended by hand may raise.
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def now() -> str:
    """This moment, ISO 8601 in UTC; sorts as text."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def size_of(path: Path) -> int:
    """Bytes of the file; 0 for a folder, and for what others have just removed."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return 0
    return state.st_size if stat.S_ISREG(state.st_mode) else 0


class Shelf:
    """One library's folder, as all its shelves know it; `max_bytes` is the most it may hold, None for no limit."""

    def __init__(self, root: Path | str, max_bytes: int | None = None) -> None:
        self.root = Path(root).expanduser()
        self.root.mkdir(parents=True, exist_ok=True)
        self.max_bytes = max_bytes
        self.writing = Turn(self.root)
        self._warned: set[tuple[Path, str]] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        """A library travels as its folder and its limit: no lock and nothing remembered goes with it."""
        return type(self), (str(self.root.absolute()), self.max_bytes)

    def readable(self, folder: Path, read: Callable[[Path], Record]) -> list[Record]:
        """Each entry of the folder, read; one that was damaged by hand is passed over with a warning, never deleted."""
        found = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith("."):
                continue
            try:
                found.append(read(path))
            except DAMAGE as error:
                self.warn(path, error)
        return found

    def one(self, folder: Path, name: str, what: str, read: Callable[[Path], Record]) -> Record:
        """The entry of that name, read. Raises ValueError, in a sentence, when it is not there or is damaged."""
        path = inside(folder, name, what)
        try:
            return read(path)
        except DAMAGE as error:
            raise ValueError(f"The {what} {name} is damaged: {error}. Mend or remove its folder by hand.") from error

    def warn(self, path: Path, error: Exception) -> None:
        """Log damage, once: a page lists its library every second."""
        if (path, str(error)) not in self._warned:
            self._warned.add((path, str(error)))
            log.warning("%s is damaged and was left out: %s", path, error)

    def make_room(self, more: int) -> None:
        """See that `more` bytes fit below `max_bytes`; if need be what is expendable goes, in its order.

        Raises ValueError, and removes nothing, when that would not be enough.
        """
        if self.max_bytes is None:
            return
        sizes = {path: size_of(path) for path in self.root.rglob("*")}
        lacking = sum(sizes.values()) + more - self.max_bytes
        expendable = self.expendable() if lacking > 0 else []
        if lacking > sum(sizes.get(path, 0) for path in expendable):
            raise ValueError(
                f"This library holds at most {self.max_bytes / 1e6:g} MB and has no room for this; delete "
                "pictures, LoRAs or subjects that are not needed."
            )
        for path in expendable:
            if lacking <= 0:
                return
            path.unlink(missing_ok=True)
            lacking -= sizes.get(path, 0)

    def expendable(self) -> list[Path]:
        """Files that go first when room is short: what was exported, and the trash, oldest first."""
        return [
            *(self.root / "exports").glob("*"),
            *sorted((self.root / "trash").glob("*/*.png"), key=lambda path: path.name),
        ]
