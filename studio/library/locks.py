"""Locks on a library's folder: threads take turns writing, and so do processes."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


def hold(path: Path) -> BinaryIO | None:
    """The file, locked for this process until it is closed or the process dies; None while another holds it.

    Raises OSError where the file cannot be opened.
    """
    file = open(path, "a+b")  # noqa: SIM115 - held until whoever asked closes it
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        file.close()
        return None
    return file


class Turn:
    """`with turn:` one writer at a time, of all threads and processes; a thread may enter it again within.

    Between processes it locks the folder itself, and leaves no file there. Where that cannot be (Windows, some
    network drives) only this object's threads take turns.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = threading.RLock()
        self._depth = 0
        self._held: int | None = None

    def __enter__(self) -> None:
        self._threads.acquire()
        self._depth += 1
        if self._depth == 1 and fcntl is not None:
            self._held = _waited_for(self._folder)

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._held is not None:
            os.close(self._held)
            self._held = None
        self._threads.release()


def _waited_for(folder: Path) -> int | None:
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError:  # the library is gone; the write itself will say so
        return None
    try:
        assert fcntl is not None  # asked for by whoever calls this
        fcntl.flock(held, fcntl.LOCK_EX)
    except OSError:
        os.close(held)
        return None
    return held
