"""The shelf of runs: `runs/<id>/run.json` and `events.jsonl`, and the lock of the one process that may train."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from studio.library.records import RunRecord
from studio.library.shelf import Shelf, now
from studio.library.store import append_line, inside, read_json, read_lines, write_json

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


class Runs(Shelf):
    """Trainings, as their files tell them."""

    def __init__(self, root: Path | str) -> None:
        super().__init__(root)
        self._lock: BinaryIO | None = None

    def new_run(self, kind: str, request: Mapping[str, Any], title: str) -> RunRecord:
        """A queued run with a folder of its own."""
        id = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        record = {"kind": kind, "title": title, "status": "queued", "request": dict(request), "created": now()}
        write_json(self.root / "runs" / id / "run.json", record)
        return self.run(id)

    def update_run(self, id: str, **changes: Any) -> RunRecord:
        """Change fields of run.json, such as the status."""
        file = self.run_folder(id) / "run.json"
        with self.writing:
            write_json(file, {**read_json(file), **changes})
        return self.run(id)

    def run(self, id: str) -> RunRecord:
        """Raises ValueError when there is no such run."""
        return _read_run(self.run_folder(id))

    def runs(self) -> list[RunRecord]:
        """Every run, newest first."""
        found = self.readable(self.root / "runs", _read_run)
        return sorted(found, key=lambda record: (record.created, record.id), reverse=True)

    def run_folder(self, id: str) -> Path:
        return inside(self.root / "runs", id, "run")

    def append_event(self, id: str, event: Mapping[str, Any]) -> None:
        """Write one event down; it is on disk when this returns."""
        append_line(self.run_folder(id) / "events.jsonl", event)

    def events(self, id: str) -> list[Any]:
        """The run's events in order; a last line cut short by a kill is left out."""
        return read_lines(self.run_folder(id) / "events.jsonl")

    def lock(self) -> bool:
        """Whether this library is now, or was already, the one that may train in its folder.

        The lock ends with `unlock` or with the process, however it dies.
        """
        if self._lock is not None:
            return True
        file = open(self.root / ".lock", "a+b")  # noqa: SIM115 - held until unlock
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            file.close()
            return False
        self._lock = file
        return True

    def unlock(self) -> None:
        """Let another take the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _read_run(folder: Path) -> RunRecord:
    data = read_json(folder / "run.json")
    return RunRecord(folder.name, data["kind"], data["title"], data["status"], data["request"], data["created"])
