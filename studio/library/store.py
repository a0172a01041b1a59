"""Files that are whole or not there: atomic writes, slugs that stay inside their folder, and the library's lock."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST_NAME = 80


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, sync it, and put it in place; on any error `path` is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    """Raises ValueError when the file is not JSON, FileNotFoundError when it is not there."""
    return json.loads(path.read_text(encoding="utf-8"))


def append_line(path: Path, data: Any) -> None:
    """One more line of JSON at the end of the file, on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        if file.tell() and _torn(file):
            file.write(b"\n")  # a writer was killed within its line: what follows must not be lost with it
        file.write(json.dumps(data, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _torn(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def read_lines(path: Path) -> list[Any]:
    """The lines of JSON; a torn one, cut short by a kill, is left out."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that appears at `path` whole, or not at all when the block raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix="."))
    temporary.chmod(0o755)
    try:
        yield temporary
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def checked_name(what: str, name: str) -> str:
    """The name without blanks round it. Raises ValueError for one that is empty, too long or looks like a path."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{what} needs a name.")
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{what}: the name may have {LONGEST_NAME} characters, this one has {len(name)}.")
    if any(sign in name for sign in "/\\\0") or name.startswith("."):
        raise ValueError(f"{what}: the name {name!r} looks like a path; use letters, digits, spaces and dashes.")
    return name


def slug_of(name: str) -> str:
    """Lower-case letters, digits and dashes of any script; "x" where nothing is left, as of an emoji."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()
    return re.sub(r"[^\w]+|_+", "-", plain).strip("-")[:60] or "x"


def free_slug(folder: Path, name: str) -> str:
    """A slug of the name that no entry of the folder has yet."""
    slug, number = slug_of(name), 2
    while (folder / slug).exists():
        slug, number = f"{slug_of(name)}-{number}", number + 1
    return slug


def inside(folder: Path, name: str, what: str) -> Path:
    """The existing entry of the folder with this very name. Raises ValueError for none, and for a path in disguise."""
    is_name = isinstance(name, str) and name not in ("", ".", "..") and not any(sign in name for sign in "/\\\0")
    if not is_name or not (folder / name).exists():
        known = sorted(path.name for path in folder.glob("[!.]*"))
        listed = f"known are {', '.join(known[:20])}" if known else "there is none yet"
        raise ValueError(f"There is no {what} {name!r}; {listed}.")
    return folder / name
