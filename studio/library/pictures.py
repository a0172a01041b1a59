"""The shelf of drawn pictures: `pictures/<date>/<id>.png`, each with its recipe inside; favourites and the trash."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone
from pathlib import Path

from PIL import Image

from studio.contracts.recipes import Recipe, read_png, write_png
from studio.library.records import Outfit, Picture
from studio.library.shelf import DAMAGE, Shelf, now
from studio.library.store import read_json, write_atomically, write_json

THUMBNAIL_SIDE = 320  # pixels


class Pictures(Shelf):
    """Pictures with their recipes; listing reads each file's header once and then remembers it."""

    def __init__(self, root: Path | str, max_bytes: int | None = None) -> None:
        super().__init__(root, max_bytes)
        self._read: dict[Path, tuple[int, Recipe | None]] = {}  # path -> (modified, ns; its recipe, None if damaged)

    def pictures(self, search: str = "", favourites: bool = False) -> list[Picture]:
        """Pictures newest first whose prompt, LoRA, outfit, family or seed holds every word of `search`."""
        words, liked = search.lower().split(), self._favourites()
        found = [
            picture
            for path in sorted((self.root / "pictures").glob("*/[!.]*.png"), key=_when, reverse=True)
            if (picture := self._picture(path, liked)) is not None
        ]
        return [
            picture
            for picture in found
            if (picture.favourite or not favourites) and all(word in _text_of(picture) for word in words)
        ]

    def picture(self, id: str | Path) -> Picture:
        """The picture with this id, or in this file of the library. Raises ValueError when there is none."""
        stem = Path(id).stem
        path = next(iter((self.root / "pictures").glob(f"*/{_plain(stem)}.png")), None)
        picture = self._picture(path, self._favourites()) if path else None
        if picture is None:
            raise ValueError(f"There is no picture {stem!r} in this library.")
        return picture

    def save_picture(self, image: Image.Image, recipe: Recipe) -> Picture:
        """Write the picture with its recipe under a new id that sorts by time."""
        moment = datetime.now(timezone.utc)
        id = f"{moment:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
        path = self.root / "pictures" / f"{moment:%Y-%m-%d}" / f"{id}.png"
        self.make_room(image.width * image.height * 3)  # PNG takes no more
        write_png(image, path, recipe)
        return Picture(id, path, recipe, False, recipe.created or now())

    def favourite(self, id: str, value: bool = True) -> Picture:
        """Mark or unmark a favourite."""
        picture = self.picture(id)
        with self.writing:
            liked = self._liked() - {picture.id} | ({picture.id} if value else set())
            write_json(self.root / "favourites.json", sorted(liked))
        return self.picture(picture.id)

    def delete_picture(self, id: str) -> None:
        """Move the picture to the trash, from where `restore_picture` brings it back."""
        picture = self.picture(id)
        goal = self.root / "trash" / picture.path.parent.name / picture.path.name
        goal.parent.mkdir(parents=True, exist_ok=True)
        picture.path.rename(goal)

    def restore_picture(self, id: str) -> Picture:
        """Bring a deleted picture back. Raises ValueError when the trash has none of that id."""
        path = next(iter((self.root / "trash").glob(f"*/{_plain(Path(id).stem)}.png")), None)
        if path is None:
            raise ValueError(f"There is no deleted picture {id!r} to bring back.")
        goal = self.root / "pictures" / path.parent.name / path.name
        goal.parent.mkdir(parents=True, exist_ok=True)
        path.rename(goal)
        return self.picture(goal)

    def thumbnail(self, picture: Picture) -> Path:
        """A small WebP of the picture, made once for each state of its file; plain grey where that is damaged."""
        return self._small(picture.path, f"{picture.id}.webp")

    def small_outfit(self, outfit: Outfit) -> Path:
        """The same of an outfit's picture."""
        return self._small(outfit.path, f"outfit-{outfit.slug}.webp")

    def _small(self, original: Path, name: str) -> Path:
        path = self.root / "thumbnails" / name
        if _changed(path) < _changed(original):
            try:
                with Image.open(original) as file:
                    small = file.convert("RGB")
            except DAMAGE as error:
                self.warn(original, error)
                small = Image.new("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE), "grey")
            small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            write_atomically(path, lambda temporary: small.save(temporary, "WEBP", quality=88))
        return path

    def _picture(self, path: Path, liked: set[str]) -> Picture | None:
        modified = _changed(path)
        if not modified:
            return None
        if self._read.get(path, (None, None))[0] != modified:
            try:
                self._read[path] = (modified, read_png(path))
            except DAMAGE as error:
                self.warn(path, error)
                self._read[path] = (modified, None)
        recipe = self._read[path][1]
        return Picture(path.stem, path, recipe, path.stem in liked, recipe.created) if recipe else None

    def _favourites(self) -> set[str]:
        try:
            return self._liked()
        except DAMAGE as error:
            self.warn(self.root / "favourites.json", error)
            return set()

    def _liked(self) -> set[str]:
        """Raises ValueError for a damaged file: it must not be written over."""
        file = self.root / "favourites.json"
        return set(map(str, read_json(file, list))) if file.is_file() else set()


def _changed(path: Path) -> int:
    """When the file last changed, ns; 0 where there is none, as of a picture deleted since it was listed."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _when(path: Path) -> tuple[str, str]:
    return path.parent.name, path.name


def _plain(stem: str) -> str:
    """The stem with nothing in it that a glob reads as a pattern."""
    return "".join(sign for sign in stem if sign.isalnum() or sign in "-_")


def _text_of(picture: Picture) -> str:
    ask, used = picture.recipe.request, (*picture.recipe.loras, *picture.recipe.outfits)
    parts = [
        ask.get("prompt", ""),
        ask.get("negative_prompt", ""),
        picture.recipe.family.get("title", ""),
        ask.get("seed", ""),
        *(f"{one.get('name', '')} {one.get('slug', '')}" for one in used),
    ]
    return " ".join(map(str, parts)).lower()
