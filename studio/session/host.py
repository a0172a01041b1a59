"""What a studio and its visitors have in common, and which visitors have to go."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.contracts.family import ModelFamily
from studio.execution.executor import Executor
from studio.library import Library
from studio.quotas import Quota

if TYPE_CHECKING:
    from studio.session.studio import Studio


@dataclass
class Host:
    """What a studio and its visitors have in common.

    `served` are the folders a page may show pictures from; it grows and shrinks as libraries come and go.
    """

    executor: Executor
    families: Mapping[str, ModelFamily]
    owns_executor: bool = True  # else whoever made it closes it
    served: list[str] = field(default_factory=list)
    visitors: list[Studio] = field(default_factory=list)

    def too_many(self, quota: Quota) -> list[Studio]:
        """Visitors who went without a word long ago, as scripts do; and whoever is one too many. They are on the list
        no more."""
        quiet = sorted(self.visitors, key=lambda visitor: visitor.seen)
        oldest = time.monotonic() - quota.idle_hours * 3600
        crowd = max(0, len(quiet) + 1 - quota.visitors)
        gone = [visitor for number, visitor in enumerate(quiet) if number < crowd or visitor.seen < oldest]
        for visitor in gone:
            self.visitors.remove(visitor)
        return gone


class ServedFolders:
    """The folders of one library on the host's list of those that a page may show pictures from."""

    def __init__(self, host: Host, library: Library) -> None:
        self._served = host.served
        self._mine: list[str] = []
        for name in ("pictures", "thumbnails", "images", "subjects", "outfits", "exports"):
            self.add(library.root / name)
        for record in library.runs():
            self.add(library.run_folder(record.id) / "samples")

    def add(self, folder: Path) -> None:
        if str(folder) not in self._mine:
            self._served.append(str(folder))
            self._mine.append(str(folder))

    def withdraw(self) -> None:
        """Serve none of them any more."""
        for folder in self._mine:
            if folder in self._served:
                self._served.remove(folder)
