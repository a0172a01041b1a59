"""The shelf of subjects: `subjects/<slug>/subject.json` and `photos/`, captions as HF imagefolder metadata.jsonl."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from studio.contracts.box import Box
from studio.contracts.recipes import sha256_of
from studio.imaging.photos import checked_crop, open_image, problems, shown, suggest_crop
from studio.library.captions import LONGEST_CAPTION, paired
from studio.library.records import Added, Photo, Subject
from studio.library.shelf import DAMAGE, Shelf, log, now
from studio.library.store import (
    add_folder,
    checked_name,
    discard,
    inside,
    one_line,
    read_json,
    read_lines,
    text_in,
    write_atomically,
    write_json,
)
from studio.words.slugs import slug_of

ADVISED_SIDE = 256  # pixels; below it a photo is called too small, whatever the family
KEPT_SIDE = 2_048  # pixels; no family trains on more, and a phone's picture would take 30 MB as PNG


@dataclass(frozen=True)
class Incoming:
    """A photo that was opened and may be kept."""

    name: str
    png: bytes
    width: int
    height: int
    crop: Box
    notes: tuple[str, ...]


class Subjects(Shelf):
    """Characters and objects with their photos."""

    def subjects(self) -> list[Subject]:
        """Every subject, oldest first."""
        found = self.readable(self.root / "subjects", self._read_subject)
        return sorted(found, key=lambda subject: (subject.created, subject.slug))

    def subject(self, slug: str) -> Subject:
        """Raises ValueError, naming the known ones, when there is no such subject."""
        return self.one(self.root / "subjects", slug, "subject", self._read_subject)

    def add_subject(self, name: str, class_noun: str, identifier: str, photos: Iterable[Any] = ()) -> Subject:
        """A new subject with those photos (paths or PIL images) that can be read.

        What was not taken comes back as its `refused`, by name with the reason, and is logged as a warning. Raises
        ValueError for a name, class noun or identifier that cannot be, and when photos were given but not one can be
        used; then nothing is written.
        """
        data = {
            "name": checked_name("A subject", name),
            "class_noun": checked_words("The class noun", class_noun),
            "identifier": checked_words("The identifier", identifier),
            "created": now(),
        }
        photos, refused = list(photos), []

        def fill(folder: Path) -> None:
            write_json(folder / "subject.json", data)
            (folder / "photos").mkdir()
            added = self._add_photos(folder, photos)
            if photos and not added.kept:
                raise ValueError(added.reasons)
            refused.extend(added.refused)

        made = self.subject(add_folder(self.root / "subjects", data["name"], fill, self.writing))
        for name, reason in refused:
            log.warning("Not taken for %s: %s: %s", made.name, name, reason)
        return replace(made, refused=tuple(refused))

    def edit_subject(self, slug: str, **changes: str) -> Subject:
        """Change name, class_noun or identifier; the slug stays."""
        check = {
            "name": ("A subject", checked_name),
            "class_noun": ("The class noun", checked_words),
            "identifier": ("The identifier", checked_words),
        }
        unknown = changes.keys() - check.keys()
        if unknown:
            raise ValueError(f"A subject has {', '.join(check)}; not {', '.join(sorted(unknown))}.")
        checked = {name: check[name][1](check[name][0], value) for name, value in changes.items()}
        with self.writing:
            folder = inside(self.root / "subjects", slug, "subject")
            write_json(folder / "subject.json", {**read_json(folder / "subject.json"), **checked})
        return self.subject(slug)

    def remove_subject(self, slug: str) -> None:
        """Remove the subject and its photos; LoRAs that were trained on it stay."""
        with self.writing:
            discard(inside(self.root / "subjects", slug, "subject"))

    def add_photos(self, slug: str, photos: Iterable[Any]) -> Added:
        """Add photos one by one: each is kept, or refused with its name and a reason, and the rest goes on.

        Captions are taken from pairs (photo, caption), and from .txt, .caption and metadata.jsonl among or beside them;
        such a file that gives none is named among the refused.

        Raises OSError when the disk is full; the photos before it are kept, whole.
        """
        return self._add_photos(inside(self.root / "subjects", slug, "subject"), photos)

    def edit_photo(self, slug: str, file: str, caption: str | None = None, crop: Box | None = None) -> Photo:
        """Change a photo's caption, its crop, or both."""
        if caption is not None and (not isinstance(caption, str) or len(caption) > LONGEST_CAPTION):
            raise ValueError(f"A caption is text of at most {LONGEST_CAPTION} characters.")
        with self.writing:
            photo, others = self._photo(slug, file)
            photo = replace(
                photo,
                caption=photo.caption if caption is None else one_line(caption),
                crop=photo.crop if crop is None else checked_crop(crop, photo.width, photo.height),
            )
            photos = [photo if other.file == file else other for other in others]
            self._write_photos(self.root / "subjects" / slug, photos)
        return photo

    def remove_photo(self, slug: str, file: str) -> None:
        """Remove the photo. Raises ValueError, naming the known ones, when there is none of that name."""
        with self.writing:
            photo, others = self._photo(slug, file)
            photo.path.unlink(missing_ok=True)  # first: a file without its line would count as copied in by hand
            self._write_photos(self.root / "subjects" / slug, [other for other in others if other.file != file])

    def _photo(self, slug: str, file: str) -> tuple[Photo, tuple[Photo, ...]]:
        """The photo of that name, and all of its subject."""
        photos = self.subject(slug).photos
        found = next((photo for photo in photos if photo.file == file), None)
        if found is None:
            known = f"known are {', '.join(photo.file for photo in photos)}" if photos else "there is none yet"
            raise ValueError(f"There is no photo {str(file)[:80]!r}; {known}.")
        return found, photos

    def _add_photos(self, folder: Path, photos: Iterable[Any]) -> Added:
        photos, kept, refused, before = list(photos), [], [], len(self._read_photos(folder))
        captioned, unused = paired(photos)
        for number, (given, caption) in enumerate(captioned, start=before + 1):
            name = shown(Path(given).name if isinstance(given, str | Path) else f"picture {number}")
            try:
                incoming = _incoming(given, name)  # before the turn: it takes long, and others want to write
                with self.writing:
                    kept.append(self._store(folder, incoming, caption))
            except ValueError as error:
                refused.append((name, str(error)))
        if photos and not captioned:
            unused = [(shown(Path(photos[0]).name), "has captions only: give the photos with it.")]
        return Added(tuple(kept), (*refused, *unused))

    def _store(self, folder: Path, incoming: Incoming, caption: str) -> Photo:
        """Write the photo under a free name, then its line; on an error neither is there."""
        if not folder.is_dir():
            raise ValueError(f"{incoming.name} was not added: its subject was removed meanwhile.")
        have = self._read_photos(folder)
        digest = hashlib.sha256(incoming.png).hexdigest()
        same = next(
            (
                photo.file
                for photo in have
                if photo.path.stat().st_size == len(incoming.png) and sha256_of(photo.path) == digest
            ),
            None,
        )
        if same:
            raise ValueError(f"{incoming.name} is there already, as {same}.")
        self.make_room(len(incoming.png))
        stem, number = slug_of(Path(incoming.name).stem), 2
        path = folder / "photos" / f"{stem}.png"
        while path.exists():
            path, number = path.with_name(f"{stem}-{number}.png"), number + 1
        photo = Photo(path.name, path, caption, incoming.crop, incoming.width, incoming.height, incoming.notes)
        write_atomically(path, lambda temporary: temporary.write_bytes(incoming.png))
        try:
            self._write_photos(folder, [*have, photo])
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return photo

    def _write_photos(self, folder: Path, photos: list[Photo]) -> None:
        rows = [
            {
                "file_name": photo.file,
                "text": photo.caption,
                "crop": photo.crop,
                "width": photo.width,
                "height": photo.height,
                "notes": photo.notes,
            }
            for photo in photos
        ]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomically(folder / "photos" / "metadata.jsonl", lambda path: path.write_text(text, encoding="utf-8"))

    def _read_photos(self, folder: Path) -> list[Photo]:
        """The photos that metadata.jsonl lists and that lie there; a photo somebody copied in is taken as well."""
        here = folder / "photos"
        rows = {row["file_name"]: row for row in read_lines(here / "metadata.jsonl") if _names_a_file(row)}
        files = [file for file in rows if (here / file).is_file()]
        files += sorted(
            path.name
            for path in here.glob("[!.]*")
            if path.name not in rows and path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")
        )
        photos = []
        for file in files:
            try:
                photos.append(_read_photo(here / file, rows.get(file, {})))
            except DAMAGE as error:
                self.warn(here / file, error)
        return photos

    def _read_subject(self, folder: Path) -> Subject:
        data = read_json(folder / "subject.json")
        name, noun, identifier, created = (
            text_in(data, key) for key in ("name", "class_noun", "identifier", "created")
        )
        return Subject(folder.name, name, noun, identifier, tuple(self._read_photos(folder)), created)


def _incoming(given: Any, name: str) -> Incoming:
    """Open the photo, and make a PNG of it. Raises ValueError in a sentence."""
    image = open_image(given, name)
    notes = problems(image, ADVISED_SIDE)
    image.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    png = io.BytesIO()
    image.save(png, "PNG", exif=b"", icc_profile=None)  # where it was taken is nobody's business
    return Incoming(name, png.getvalue(), image.width, image.height, suggest_crop(image), notes)


def _read_photo(path: Path, row: Mapping[str, Any]) -> Photo:
    """A photo and its line, as far as somebody who mended it left it right."""
    width, height, caption, crop = row.get("width"), row.get("height"), row.get("text"), row.get("crop")
    if not isinstance(width, int) or not isinstance(height, int):
        with Image.open(path) as image:
            width, height = ImageOps.exif_transpose(image).size if image.getexif().get(0x0112, 1) > 1 else image.size
    if not isinstance(caption, str):
        ((_, caption),) = paired([path])[0]
    notes = row.get("notes")
    return Photo(
        path.name,
        path,
        caption[:LONGEST_CAPTION],
        checked_crop(crop, width, height),
        width,
        height,
        tuple(map(str, notes)) if isinstance(notes, list) else (),
    )


def checked_words(what: str, words: str) -> str:
    """One to three words of letters, digits, dashes, as fit into a prompt. Raises ValueError for anything else."""
    words = " ".join(words.split()) if isinstance(words, str) else ""
    if not words:
        raise ValueError(f"{what} must not be empty.")
    plain = words.replace("-", "").replace("'", "").replace(" ", "")
    if len(words) > 40 or not plain.isalnum():
        raise ValueError(f"{what} must be a word or two of letters and digits, up to 40, got {words[:50]!r}.")
    return words


def _names_a_file(row: Any) -> bool:
    name = row.get("file_name") if isinstance(row, dict) else None
    return isinstance(name, str) and name == Path(name).name and not name.startswith(".")
