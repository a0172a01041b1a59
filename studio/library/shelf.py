"""What the shelves of a library share: its root, the lock for writing, and reading past damage."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)
Record = TypeVar("Record")
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what reading a file mended by hand may raise


def now() -> str:
    """This moment, ISO 8601 in UTC; sorts as text."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


class Shelf:
    """One library's folder, as all its shelves know it."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser()
        self.root.mkdir(parents=True, exist_ok=True)
        self.writing = threading.RLock()  # within this process; `lock` is between processes

    def readable(self, folder: Path, read: Callable[[Path], Record]) -> list[Record]:
        """Each entry of the folder, read; one that was damaged by hand is passed over with a warning, never deleted."""
        found = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith("."):
                continue
            try:
                found.append(read(path))
            except DAMAGE as error:
                log.warning("%s is damaged and was left out: %s", path, error)
        return found

    def discard(self, folder: Path) -> None:
        """Take the folder out of sight in one move, then delete it: no reader ever meets half of it."""
        aside = folder.with_name(f".{folder.name}.{datetime.now(timezone.utc):%H%M%S%f}")
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
