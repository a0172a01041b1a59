"""The shelf of runs: `runs/<id>/run.json` and `events.jsonl`, and the lock of the one process that may train."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from studio.library.locks import hold
from studio.library.records import RunRecord
from studio.library.shelf import Shelf, now
from studio.library.store import append_line, inside, read_json, read_lines, sweep, text_in, whole_in, write_json

NEEDED = 2  # newest checkpoints of a run that goes on


class Runs(Shelf):
    """Trainings, as their files tell them."""

    def __init__(self, root: Path | str, max_bytes: int | None = None) -> None:
        super().__init__(root, max_bytes)
        self._lock: BinaryIO | None = None

    def new_run(
        self, kind: str, request: Mapping[str, Any], title: str, base_resolution: int | None = None
    ) -> RunRecord:
        """A queued run with a folder of its own."""
        id = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        record = {"kind": kind, "title": title, "status": "queued", "request": dict(request), "created": now()}
        record |= {} if base_resolution is None else {"base_resolution": base_resolution}
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
        return self.one(self.root / "runs", id, "run", _read_run)

    def runs(self) -> list[RunRecord]:
        """Every run, newest first."""
        found = self.readable(self.root / "runs", _read_run)
        return sorted(found, key=lambda record: (record.created, record.id), reverse=True)

    def run_folder(self, id: str) -> Path:
        return inside(self.root / "runs", id, "run")

    def expendable(self) -> list[Path]:
        """After the trash, checkpoints: of runs that have ended, oldest first; of others all but the newest."""
        found = super().expendable()
        for record in reversed(self.runs()):
            files = sorted(self.run_folder(record.id).glob("checkpoints/*.safetensors"))
            found += files[:-NEEDED] if record.status in ("queued", "running", "paused") else files
        return found

    def append_event(self, id: str, event: Mapping[str, Any]) -> None:
        """Write one event down; it is on disk when this returns."""
        append_line(self.run_folder(id) / "events.jsonl", event)

    def events(self, id: str) -> list[dict[str, Any]]:
        """The run's events in order; a last line cut short by a kill is left out."""
        return read_lines(self.run_folder(id) / "events.jsonl")

    def lock(self) -> bool:
        """Whether this library is now, or was already, the one that may train in its folder.

        The lock ends with `unlock` or with the process, however it dies.
        """
        if self._lock is None:
            try:
                self._lock = hold(self.root / ".lock")
            except OSError:  # a folder that may be read and not written
                return False
            if self._lock is not None:
                sweep(self.root)
        return self._lock is not None

    def unlock(self) -> None:
        """Let another take the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _read_run(folder: Path) -> RunRecord:
    data = read_json(folder / "run.json")
    if not isinstance(data.get("request"), dict):
        raise ValueError("request must hold named values")
    return RunRecord(
        folder.name,
        text_in(data, "kind"),
        text_in(data, "title"),
        text_in(data, "status"),
        data["request"],
        text_in(data, "created"),
        str(data.get("twin", "")),
        whole_in(data, "base_resolution"),
    )
