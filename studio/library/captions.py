"""Captions as trainers keep them: kohya's photo.txt or photo.caption beside a photo, and imagefolder's metadata.jsonl."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from studio.imaging.photos import shown
from studio.library.store import one_line

LONGEST_CAPTION = 1_000
METADATA, LISTS, LARGEST = "metadata.jsonl", ".jsonl", 4_000_000  # bytes
ENDINGS = (".txt", ".caption")  # where both lie beside a photo, the first counts
FILE_COLUMNS = ("file_name", "file", "filename", "image", "image_path", "image_file", "path")
CAPTION_COLUMNS = ("text", "caption", "prompt", "description")
MARKS = (  # what a file begins with that says its encoding; UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Western text read as Windows-1252 does not have, and Cyrillic or Japanese read as it does.
FOREIGN_SHARE, FOREIGN_RUN = 0.3, re.compile(r"(?:(?![a-zA-Z\d_])\w){3}")

Unused = list[tuple[str, str]]  # (file, why) each


def paired(given: Iterable[Any]) -> tuple[list[tuple[Any, str]], Unused]:
    """Each photo with its caption: as it was given in a pair, or as a caption file among them says, or one beside it.

    Photos are paths or PIL images. A caption file in the photo's own folder comes first; one from elsewhere counts
    where its name fits one photo alone. The second list has each caption file that gave none, with the reason.
    """
    items = [_pair(item) for item in given]
    caption_files = [Path(item) for item, _ in items if _is_path(item) and is_caption_file(Path(item))]
    photos = [(item, said) for item, said in items if not (_is_path(item) and is_caption_file(Path(item)))]
    paths = [Path(photo) for photo, _ in photos if _is_path(photo)]
    found, unused = _matched(list(dict.fromkeys(caption_files)), paths)
    beside: dict[Path, dict[str, str]] = {}
    whole = []
    for photo, said in photos:
        if not said and _is_path(photo):
            path = Path(photo)
            said = found.get(path) or _beside(path, beside, unused)
        whole.append((photo, said[:LONGEST_CAPTION]))
    return whole, unused


def is_caption_file(path: Path) -> bool:
    return path.suffix.lower() in (*ENDINGS, LISTS)


def _is_path(item: Any) -> bool:
    return isinstance(item, str | Path)


def _pair(given: Any) -> tuple[Any, str]:
    if not isinstance(given, tuple):
        return given, ""
    if len(given) != 2 or not isinstance(given[1], str):
        raise ValueError(f"A photo and its caption are a pair (photo, text), got {given!r:.80}.")
    return given[0], one_line(given[1])[:LONGEST_CAPTION]


def _matched(caption_files: list[Path], photos: list[Path]) -> tuple[dict[Path, str], Unused]:
    """What the caption files say of which photos, and those that say nothing of any, with the reason."""
    found: dict[Path, str] = {}
    unused: Unused = []
    # By ending, so that of a .txt and a .caption for one photo the same one counts, whatever order they came in.
    texts = sorted((file for file in caption_files if file.suffix.lower() in ENDINGS), key=_rank)
    namesakes = Counter(place.name for place in {file.with_suffix("") for file in texts})
    for file in texts:
        try:
            goal = _photo_of(file, photos, namesakes[file.stem])
            if goal in found:
                raise ValueError(f"{shown(file.name)} was not used: {shown(goal.name)} has its caption already.")
            found[goal] = _caption_in(file)
        except ValueError as error:
            unused.append((shown(file.name), str(error)))
    for file in (file for file in caption_files if file.suffix.lower() == LISTS):
        try:
            listed, unclear = _listed(read_metadata(file), file, photos)
            found = listed | found
            if unclear:
                raise ValueError(_unclear(f"The line of {shown(unclear)} in {shown(file.name)}", unclear))
        except ValueError as error:
            unused.append((shown(file.name), str(error)))
    return found, unused


def _rank(file: Path) -> int:
    return ENDINGS.index(file.suffix.lower())


def _photo_of(file: Path, photos: list[Path], namesakes: int) -> Path:
    """The photo that a caption file is named after; `namesakes` files have that name, in as many folders.

    Raises ValueError, with the reason, where there is none, or no saying which: an upload does not tell its folder.
    """
    here = [photo for photo in photos if photo.stem == file.stem]
    beside = [photo for photo in here if photo.parent == file.parent]
    name = shown(file.name)
    if beside:
        return beside[0]
    if not here:
        raise ValueError(f"{name} was not used: no photo of that name was given with it.")
    if len(here) > 1 or namesakes > 1:
        raise ValueError(_unclear(name, file.stem))
    return here[0]


def _unclear(what: str, called: str) -> str:
    return (
        f"{what} was not used: several photos or captions are called {shown(PurePosixPath(called).name)}, and nothing "
        "says which belong together. Add one folder at a time, or write the captions under the photos."
    )


def _listed(rows: Mapping[str, str], file: Path, photos: list[Path]) -> tuple[dict[Path, str], str]:
    """The captions of those photos that the rows name, by their path from the file's folder, else by its end; and the
    first of the rows whose name fits several photos, or one photo as others' names do too.

    Raises ValueError, with the reason, where they name no photo.
    """
    found: dict[Path, str] = {}
    unclear = ""
    called = Counter(PurePosixPath(named).name for named in rows)
    for named, said in rows.items():
        parts, own = PurePosixPath(named).parts, PurePosixPath(named).name
        exact = [photo for photo in photos if photo == file.parent / named]
        ends = [photo for photo in photos if len(parts) > 1 and photo.parts[-len(parts) :] == parts]
        loose = [photo for photo in photos if photo.name == own or photo.stem == named]
        fitting = exact or ends or loose
        if len(fitting) == 1 and (exact or ends or called[own] == 1):
            found[fitting[0]] = said
        elif fitting:
            unclear = unclear or named
    if not found and not unclear:
        names = f"it names none of the photos, but {shown(next(iter(rows)))}" if rows else "it has no captions"
        raise ValueError(f"{shown(file.name)} was not used: {names}.")
    return found, unclear


def _beside(photo: Path, read: dict[Path, dict[str, str]], unused: Unused) -> str:
    """What a caption file says that lies beside the photo and was not given; "" without one."""
    for ending in ENDINGS:
        file = photo.with_suffix(ending) if photo.stem else photo
        try:
            if photo.stem and file.is_file():
                return _caption_in(file)
        except ValueError as error:
            unused.append((shown(file.name), str(error)))
        except OSError:  # a name that can be none: whoever opens the photo says so
            return ""
    file = photo.parent / METADATA
    if file not in read:
        read[file] = {}
        try:
            read[file] = read_metadata(file) if file.is_file() else {}
        except ValueError as error:
            unused.append((file.name, str(error)))
        except OSError:  # as above
            pass
    return read[file].get(photo.name) or read[file].get(photo.stem) or ""


def read_metadata(file: Path) -> dict[str, str]:
    """Captions by the photo's path as the file has it, with slashes.

    Raises ValueError, with the reason, where no line has a photo's name and a caption's place under known columns.
    """
    rows, seen = dict[str, str](), dict[str, None]()
    for line in _text(file).split("\n"):  # not splitlines: text may hold U+2028 and its like
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            seen |= dict.fromkeys(row)
            named, said = PurePosixPath(_first(row, FILE_COLUMNS).replace("\\", "/")), _first(row, CAPTION_COLUMNS)
            if named.name and said:
                rows[str(named)] = one_line(said)
    columns = {name.lower() for name in seen}
    if not (columns & set(FILE_COLUMNS) and columns & set(CAPTION_COLUMNS)):
        has = f"its columns are {shown(', '.join(seen))}" if seen else "it has no line of JSON"
        raise ValueError(
            f"{shown(file.name)} was not used: {has}. Each line needs a photo's name as file_name, file or image, and "
            "its caption as text, caption or prompt."
        )
    return rows


def _first(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    """What the row has under the first of the columns that holds text, whatever their case."""
    small = {name.lower(): value for name, value in row.items()}
    values = (small.get(column) for column in columns)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _caption_in(file: Path) -> str:
    return one_line(_text(file)[: 2 * LONGEST_CAPTION])


def _text(file: Path) -> str:
    """The file's text, whichever encoding it is in. Raises ValueError, with the reason, for one that cannot be told."""
    name = shown(file.name)
    if not file.is_file():
        raise ValueError(f"{name} is not there, or not a file.")
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{name} was not used: it has more than {LARGEST / 1e6:g} MB.")
    try:
        return decoded(file.read_bytes())
    except UnicodeError:
        raise ValueError(f"{name} was not used: its encoding cannot be told; save it as UTF-8.") from None
    except OSError as error:
        raise ValueError(f"{name} was not used: it cannot be read: {error.strerror or error}.") from error


def decoded(data: bytes) -> str:
    """The text that the bytes stand for: by their byte order mark, else UTF-8, else Windows-1252.

    Raises UnicodeError for what is none of them, such as text in another alphabet's 8-bit code.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    nothing = [data[start::2].count(0) for start in (0, 1)]
    if sum(nothing) > len(data) / 4:  # UTF-16 without a mark: of plain letters every second byte is none
        return data.decode("utf-16-le" if nothing[1] > nothing[0] else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    foreign = sum(not sign.isascii() for sign in text)
    if "\0" in text or FOREIGN_RUN.search(text) or len(text) > 8 and foreign > FOREIGN_SHARE * len(text):
        raise UnicodeError("more letters beyond ASCII than Western text has")
    return text
