"""Files that are whole or not there: atomic writes, lines of JSON, and names that stay inside their folder."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from studio.words.slugs import slug_of

LONGEST_NAME = 80
UNFINISHED, LEAVING = ".new-", ".old-"  # what is not there yet, and what is there no more
STALE = 86_400  # seconds after which nobody can be at work on something unfinished


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, sync it, and put it in place; on any error `path` is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}{path.suffix}")
    try:
        write(temporary)
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path, kind: type = dict) -> Any:
    """Raises ValueError, naming the file, when it is not JSON of that kind; FileNotFoundError when it is not there."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON any more ({error})") from error
    if not isinstance(data, kind):
        raise ValueError(f"{path.name} holds a {type(data).__name__}, not a {kind.__name__}")
    return data


def text_in(data: Mapping[str, Any], name: str) -> str:
    """The text of that name. Raises ValueError when it is missing or no text, as after mending by hand."""
    if not isinstance(data.get(name), str):
        raise ValueError(f"{name} must be text, got {data.get(name)!r}")
    return data[name]


def whole_in(data: Mapping[str, Any], name: str) -> int | None:
    """The whole number of that name; None where there is none. Raises ValueError for anything else."""
    value = data.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return value


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


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of JSON objects; a torn one, cut short by a kill, is left out."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_bytes().split(b"\n"):  # not splitlines: text may hold U+2028 and its like
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return [entry for entry in found if isinstance(entry, dict)]


def add_folder(parent: Path, name: str, fill: Callable[[Path], None], turn: AbstractContextManager[None]) -> str:
    """Let `fill` make a new folder; it appears under a free slug of the name, whole, or not at all when that raises.

    Returns the slug. It takes its turn for the last move only, since filling may take long.
    """
    temporary = parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    temporary.mkdir(parents=True)
    try:
        fill(temporary)
        with turn:
            slug = free_slug(parent, name)
            os.rename(temporary, parent / slug)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return slug


def discard(folder: Path) -> None:
    """Take the folder out of sight in one move, then delete it: no reader ever meets half of it."""
    aside = folder.with_name(f"{LEAVING}{secrets.token_hex(8)}")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove what killed processes left unfinished, once nobody can be at work on it any more."""
    for path in [*root.rglob(f"{UNFINISHED}*"), *root.rglob(f"{LEAVING}*")]:
        try:
            if time.time() - path.stat().st_mtime < STALE:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # it lay in a folder that was just removed


def checked_name(what: str, name: str) -> str:
    """The name without blanks round it. Raises ValueError for one that is empty, too long or looks like a path."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{what} needs a name.")
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{what}: the name may have {LONGEST_NAME} characters, this one has {len(name)}.")
    if any(sign in name for sign in "/\\\0") or name.startswith("."):
        raise ValueError(f"{what}: the name {name!r} looks like a path; use letters, digits, spaces and dashes.")
    if one_line(name) != name:
        raise ValueError(f"{what}: the name {name!r} holds signs that cannot be shown; type it anew.")
    return name


def name_of_file(file: Path) -> str:
    """A name for what is taken in from a file: the file's own, made fit to be one."""
    return re.sub(r"[/\\]", "-", one_line(file.stem)).lstrip(".")[:LONGEST_NAME].strip()


def one_line(text: str) -> str:
    """The text in one line, without control signs and broken halves of letters, which no file can hold."""
    plain = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in ("Cc", "Cs"))
    return " ".join(plain.split())


def free_slug(folder: Path, name: str) -> str:
    """A slug of the name that no entry of the folder has yet."""
    slug, number = slug_of(name), 2
    while (folder / slug).exists():
        slug, number = f"{slug_of(name)}-{number}", number + 1
    return slug


def inside(folder: Path, name: str, what: str) -> Path:
    """The existing entry of the folder with this very name. Raises ValueError for none, and for a path in disguise."""
    known = sorted(path.name for path in folder.glob("[!.]*"))
    if name not in known:  # asked of the listing, not of the disk: a path or a longer name cannot be in it
        listed = f"known are {', '.join(known[:20])}" if known else "there is none yet"
        raise ValueError(f"There is no {what} {str(name)[:80]!r}; {listed}.")
    return folder / name
