"""The shelf of subjects: `subjects/<slug>/subject.json` and `photos/`, captions as HF imagefolder metadata.jsonl."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from studio.library.photos import checked_crop, open_image, problems, suggest_crop
from studio.library.records import Added, Box, Photo, Subject
from studio.library.shelf import Shelf, now
from studio.library.store import (
    checked_name,
    free_slug,
    inside,
    new_folder,
    read_json,
    read_lines,
    slug_of,
    write_atomically,
    write_json,
)
from studio.recipes import sha256_of

log = logging.getLogger(__name__)
LONGEST_CAPTION = 1_000
ADVISED_SIDE = 128  # below it a photo is called too small, whatever the family


class Subjects(Shelf):
    """Characters and objects with their photos."""

    def subjects(self) -> list[Subject]:
        """Every subject, oldest first."""
        found = self.readable(self.root / "subjects", self._read_subject)
        return sorted(found, key=lambda subject: (subject.created, subject.slug))

    def subject(self, slug: str) -> Subject:
        """Raises ValueError, naming the known ones, when there is no such subject."""
        return self._read_subject(inside(self.root / "subjects", slug, "subject"))

    def add_subject(self, name: str, class_noun: str, identifier: str, photos: Iterable[Any] = ()) -> Subject:
        """A new subject with those photos (paths or PIL images) that can be read.

        Raises ValueError for a name, class noun or identifier that cannot be, and when photos were given but not
        one can be used; then nothing is written.
        """
        data = {
            "name": checked_name("A subject", name), "class_noun": checked_words("The class noun", class_noun),
            "identifier": checked_words("The identifier", identifier), "created": now(),
        }
        photos = list(photos)
        with self.writing:
            slug = free_slug(self.root / "subjects", data["name"])
            with new_folder(self.root / "subjects" / slug) as folder:
                write_json(folder / "subject.json", data)
                (folder / "photos").mkdir()
                added = self._add_photos(folder, photos)
                if photos and not added.kept:
                    raise ValueError(" ".join(reason for _, reason in added.refused))
        return self.subject(slug)

    def edit_subject(self, slug: str, **changes: str) -> Subject:
        """Change name, class_noun or identifier; the slug stays."""
        folder = inside(self.root / "subjects", slug, "subject")
        check = {"name": ("A subject", checked_name), "class_noun": ("The class noun", checked_words),
                 "identifier": ("The identifier", checked_words)}
        unknown = changes.keys() - check.keys()
        if unknown:
            raise ValueError(f"A subject has {', '.join(check)}; not {', '.join(sorted(unknown))}.")
        checked = {name: check[name][1](check[name][0], value) for name, value in changes.items()}
        with self.writing:
            write_json(folder / "subject.json", {**read_json(folder / "subject.json"), **checked})
        return self.subject(slug)

    def remove_subject(self, slug: str) -> None:
        """Remove the subject and its photos; LoRAs that were trained on it stay."""
        with self.writing:
            self.discard(inside(self.root / "subjects", slug, "subject"))

    def add_photos(self, slug: str, photos: Iterable[Any]) -> Added:
        """Add photos one by one: each is kept, or refused with its name and a reason, and the rest goes on."""
        with self.writing:
            return self._add_photos(inside(self.root / "subjects", slug, "subject"), list(photos))

    def edit_photo(self, slug: str, file: str, caption: str | None = None, crop: Box | None = None) -> Photo:
        """Change a photo's caption, its crop, or both."""
        photo = self._photo(slug, file)
        if caption is not None:
            if len(caption) > LONGEST_CAPTION:
                raise ValueError(f"A caption may have {LONGEST_CAPTION} characters, this one has {len(caption)}.")
            photo = replace(photo, caption=" ".join(caption.split()))
        if crop is not None:
            photo = replace(photo, crop=checked_crop(crop, photo.width, photo.height))
        with self.writing:
            photos = [photo if other.file == file else other for other in self.subject(slug).photos]
            self._write_photos(self.root / "subjects" / slug, photos)
        return photo

    def remove_photo(self, slug: str, file: str) -> None:
        photo = self._photo(slug, file)
        with self.writing:
            photos = [other for other in self.subject(slug).photos if other.file != file]
            self._write_photos(self.root / "subjects" / slug, photos)
            photo.path.unlink(missing_ok=True)

    def _photo(self, slug: str, file: str) -> Photo:
        photos = self.subject(slug).photos
        found = next((photo for photo in photos if photo.file == file), None)
        if found is None:
            raise ValueError(f"There is no photo {file!r}; known are {', '.join(photo.file for photo in photos)}.")
        return found

    def _add_photos(self, folder: Path, photos: list[Any]) -> Added:
        have = list(self._read_photos(folder))
        known = {sha256_of(photo.path): photo.file for photo in have}
        kept, refused = [], []
        for number, given in enumerate(photos, start=len(have) + 1):
            name = Path(given).name if isinstance(given, str | Path) else f"picture {number}"
            try:
                image = open_image(given, name)
                photo = self._store(folder, image, name, known)
            except ValueError as error:
                refused.append((name, str(error)))
            else:
                kept.append(photo)
        if kept:
            self._write_photos(folder, have + kept)
        return Added(tuple(kept), tuple(refused))

    def _store(self, folder: Path, image: Image.Image, name: str, known: dict[str, str]) -> Photo:
        """Write the photo as PNG under a free name; `known` maps the digests of photos to their files."""
        stem, number = slug_of(Path(name).stem), 2
        file = f"{stem}.png"
        while (folder / "photos" / file).exists():
            file, number = f"{stem}-{number}.png", number + 1
        path = folder / "photos" / file
        write_atomically(path, lambda temporary: image.save(temporary, "PNG"))
        digest = sha256_of(path)
        if digest in known:
            path.unlink()
            raise ValueError(f"{name} is there already, as {known[digest]}.")
        known[digest] = file
        return Photo(file, path, "", suggest_crop(image), image.width, image.height, problems(image, ADVISED_SIDE))

    def _write_photos(self, folder: Path, photos: list[Photo]) -> None:
        rows = [{"file_name": photo.file, "text": photo.caption, "crop": photo.crop, "width": photo.width,
                 "height": photo.height, "notes": photo.notes} for photo in photos]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomically(folder / "photos" / "metadata.jsonl", lambda path: path.write_text(text, encoding="utf-8"))

    def _read_photos(self, folder: Path) -> list[Photo]:
        """The photos that metadata.jsonl lists and that lie there; a photo somebody copied in is taken as well."""
        here = folder / "photos"
        rows = {row["file_name"]: row for row in read_lines(here / "metadata.jsonl") if _names_a_file(row)}
        files = [file for file in rows if (here / file).is_file()]
        files += sorted(path.name for path in here.glob("[!.]*") if path.name not in rows
                        and path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))
        return [self._read_photo(here / file, rows.get(file, {})) for file in files]

    def _read_photo(self, path: Path, row: Mapping[str, Any]) -> Photo:
        if "width" not in row:
            with Image.open(path) as image:
                row = {**row, "width": image.width, "height": image.height}
        crop = row.get("crop")
        return Photo(path.name, path, row.get("text", ""), tuple(crop) if crop else None, row["width"], row["height"],
                     tuple(row.get("notes", ())))

    def _read_subject(self, folder: Path) -> Subject:
        data = read_json(folder / "subject.json")
        return Subject(folder.name, data["name"], data["class_noun"], data["identifier"],
                       tuple(self._read_photos(folder)), data["created"])


def checked_words(what: str, words: str) -> str:
    """One to three words of letters, digits, dashes, as fit into a prompt. Raises ValueError for anything else."""
    words = " ".join(words.split()) if isinstance(words, str) else ""
    if not words:
        raise ValueError(f"{what} must not be empty.")
    plain = words.replace("-", "").replace("'", "").replace(" ", "")
    if len(words) > 40 or not plain.isalnum():
        raise ValueError(f"{what} must be a word or two of letters and digits, got {words[:50]!r}.")
    return words


def _names_a_file(row: Any) -> bool:
    name = row.get("file_name") if isinstance(row, dict) else None
    return isinstance(name, str) and name == Path(name).name and not name.startswith(".")
