"""Where a library lies: a new one may start as a copy of the sample library."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from studio.contracts.family import ASSETS
from studio.library import Library

EXAMPLES = ASSETS / "examples"


def prepare(root: Path, sample: bool) -> Library:
    """The library in this folder; a new one starts as a copy of the sample library where asked."""
    if sample and EXAMPLES.is_dir() and not (root.is_dir() and any(root.iterdir())):
        root.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=root.parent, prefix=".sample-"))
        shutil.copytree(EXAMPLES, fresh, dirs_exist_ok=True)
        fresh.chmod(0o755)
        if root.is_dir():
            root.rmdir()
        fresh.rename(root)
    return Library(root)


def library_of(path: Path) -> Path | None:
    """The root of the library that holds this file: the folder above its `pictures`; None for a file elsewhere."""
    pictures = next((parent for parent in path.resolve().parents if parent.name == "pictures"), None)
    return pictures.parent if pictures else None
