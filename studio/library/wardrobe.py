"""The shelves of what a picture is composed from: LoRAs, outfits, scenes, and the class images of a family."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from studio.contracts.recipes import sha256_of
from studio.imaging.photos import open_image
from studio.library.records import Lora, Outfit, Scene
from studio.library.shelf import DAMAGE, Shelf, now
from studio.library.store import (
    add_folder,
    checked_name,
    discard,
    inside,
    one_line,
    read_json,
    text_in,
    whole_in,
    write_atomically,
    write_json,
)
from studio.words.slugs import slug_of

LONGEST_SCENE, MOST_NAMED = 300, 200
WEIGHTS = "pytorch_lora_weights.safetensors"
STARTER_SCENES = {
    "Beach": "on the beach",
    "Forest": "in the forest",
    "Night street": "on a street at night",
    "Kitchen": "in the kitchen",
    "Snow": "in the snow",
}


class Wardrobe(Shelf):
    """LoRAs, outfits and scenes."""

    def loras(self) -> list[Lora]:
        """Every LoRA, newest first."""
        return sorted(self.readable(self.root / "loras", _read_lora), key=lambda lora: lora.created, reverse=True)

    def lora(self, slug: str) -> Lora:
        """Raises ValueError, naming the known ones, when there is no such LoRA."""
        return self.one(self.root / "loras", slug, "LoRA", _read_lora)

    def save_lora(
        self,
        name: str,
        subject: str,
        family: str,
        trigger: str,
        rank: int,
        alpha: float,
        steps: int,
        write: Callable[[Path], object],
        preview: Path | None = None,
        left_out: str = "",
        base_resolution: int | None = None,
    ) -> Lora:
        """A new LoRA whose safetensors file `write` makes; the folder appears whole or not at all."""
        name = checked_name("A LoRA", name)

        def fill(folder: Path) -> None:
            write_atomically(folder / WEIGHTS, write)
            data = {
                "name": name,
                "subject": subject,
                "family": family,
                "trigger": trigger,
                "rank": rank,
                "alpha": alpha,
                "steps": steps,
                "sha256": sha256_of(folder / WEIGHTS),
                "created": now(),
                **({"left_out": left_out} if left_out else {}),
            }
            data |= {} if base_resolution is None else {"base_resolution": base_resolution}
            write_json(folder / "lora.json", data)
            if preview is not None:
                (folder / "preview.png").write_bytes(Path(preview).read_bytes())
            self.make_room(0)

        return self.lora(add_folder(self.root / "loras", name, fill, self.writing))

    def remove_lora(self, slug: str) -> None:
        with self.writing:
            discard(inside(self.root / "loras", slug, "LoRA"))

    def outfits(self) -> list[Outfit]:
        """Every outfit, oldest first."""
        return sorted(self.readable(self.root / "outfits", _read_outfit), key=lambda outfit: outfit.created)

    def outfit(self, slug: str) -> Outfit:
        return self.one(self.root / "outfits", slug, "outfit", _read_outfit)

    def add_outfit(self, name: str, image: Any, original: Any = None) -> Outfit:
        """An outfit from a picture of it (a path or a PIL image); `original`: the one that it was cut out of."""
        name, images = checked_name("An outfit", name), {"outfit.png": open_image(image)}
        if original is not None:
            images["original.png"] = open_image(original)

        def fill(folder: Path) -> None:
            for file, one in images.items():
                write_atomically(folder / file, lambda path, one=one: one.save(path, "PNG"))
            write_json(folder / "outfit.json", {"name": name, "created": now()})
            self.make_room(0)

        return self.outfit(add_folder(self.root / "outfits", name, fill, self.writing))

    def edit_outfit(self, slug: str, name: str | None = None, block_scales: Mapping[str, Any] | None = None) -> Outfit:
        """Change what is given; the slug stays. `block_scales` are by the family's name, None for its usual ones."""
        file = inside(self.root / "outfits", slug, "outfit") / "outfit.json"
        with self.writing:
            told = read_json(file)
            kept = {**told.get("block_scales", {}), **(block_scales or {})}
            told |= {"block_scales": {family: scales for family, scales in kept.items() if scales is not None}}
            if name is not None:
                told["name"] = checked_name("An outfit", name)
            write_json(file, told)
        return self.outfit(slug)

    def block_presets(self, family: str) -> dict[str, Any]:
        """The library's own presets of block scales for a family, by name."""
        try:
            return self._block_presets().get(family, {})
        except DAMAGE as error:
            self.warn(self.root / "block_presets.json", error)
            return {}

    def save_block_preset(self, family: str, name: str, scales: Any) -> None:
        """Keep block scales under a name; one of the same name is replaced, None removes it."""
        name = checked_name("A preset", name)
        with self.writing:
            told = self._block_presets()
            own = {**told.get(family, {}), name: scales}
            own = {known: kept for known, kept in own.items() if kept is not None}
            self._write_few(self.root / "block_presets.json", {**told, family: own}, "presets", len(own))

    def _block_presets(self) -> dict[str, dict[str, Any]]:
        """Raises ValueError for a damaged file: it must not be written over."""
        file = self.root / "block_presets.json"
        told = read_json(file) if file.is_file() else {}
        if not all(isinstance(presets, dict) for presets in told.values()):
            raise ValueError("its presets cannot be read")
        return told

    def remove_outfit(self, slug: str) -> None:
        with self.writing:
            discard(inside(self.root / "outfits", slug, "outfit"))

    def scenes(self) -> list[Scene]:
        """The scenes of scenes.json; a library that has none starts with five."""
        try:
            prompts = self._scenes()
        except DAMAGE as error:
            self.warn(self.root / "scenes.json", error)
            prompts = STARTER_SCENES
        return [Scene(slug_of(name), name, prompt) for name, prompt in prompts.items()]

    def add_scene(self, name: str, prompt: str) -> Scene:
        """A named scene; one of the same slug is replaced."""
        name, prompt = checked_name("A scene", name), one_line(prompt)
        if not prompt or len(prompt) > LONGEST_SCENE:
            raise ValueError(f"A scene needs a prompt of at most {LONGEST_SCENE} letters, such as: on the beach.")
        with self.writing:
            kept = self._scenes()
            told = {name if slug_of(known) == slug_of(name) else known: words for known, words in kept.items()}
            told[name] = prompt
            self._write_few(self.root / "scenes.json", told, "scenes", len(told))
        return Scene(slug_of(name), name, prompt)

    def _write_few(self, file: Path, told: dict[str, Any], what: str, count: int) -> None:
        """Raises ValueError where there would be more of them than anybody looks through."""
        if count > MOST_NAMED:
            raise ValueError(f"A library holds at most {MOST_NAMED} {what}; remove one first.")
        self.make_room(len(json.dumps(told)))
        write_json(file, told)

    def remove_scene(self, slug: str) -> None:
        """Raises ValueError when there is no such scene."""
        with self.writing:
            kept = self._scenes()
            named = [name for name in kept if slug_of(name) == slug]
            if not named:
                raise ValueError(f"There is no scene {slug!r}; known are {', '.join(map(slug_of, kept))}.")
            write_json(self.root / "scenes.json", {name: kept[name] for name in kept if name not in named})

    def _scenes(self) -> dict[str, str]:
        """Raises ValueError for a damaged file: it must not be written over."""
        file = self.root / "scenes.json"
        prompts = read_json(file) if file.is_file() else STARTER_SCENES
        return {name: text_in(prompts, name) for name in prompts}

    def class_images(self, family: str, prompt: str) -> Path:
        """The folder, made if need be, where the class images of this family and class prompt are kept."""
        slug = slug_of(prompt)
        if slug != prompt.replace(" ", "-"):  # the slug says less than the prompt: two prompts may share it
            slug += "-" + hashlib.sha256(prompt.encode()).hexdigest()[:8]
        folder = self.root / "classes" / slug_of(family) / slug
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def class_images_kept(self, family: str) -> int:
        """How many class images of the family lie ready, for the class prompt that has most of them."""
        folders = (self.root / "classes" / slug_of(family)).glob("*")
        return max((sum(file.stem.isdigit() for file in folder.glob("*.png")) for folder in folders), default=0)


def _read_lora(folder: Path) -> Lora:
    data, weights, preview = read_json(folder / "lora.json"), folder / WEIGHTS, folder / "preview.png"
    if not weights.is_file():
        raise ValueError(f"{folder.name} has no {WEIGHTS}")
    # The digest is of the file as it is now: one that was exchanged by hand must not pass for the old one.
    name, subject, family, trigger, created = (
        text_in(data, key) for key in ("name", "subject", "family", "trigger", "created")
    )
    return Lora(
        folder.name,
        name,
        subject,
        family,
        trigger,
        int(data["rank"]),
        float(data["alpha"]),
        int(data["steps"]),
        weights,
        _digest(weights),
        created,
        preview if preview.is_file() else None,
        text_in(data, "left_out") if "left_out" in data else "",
        whole_in(data, "base_resolution"),
    )


def _digest(file: Path) -> str:
    state = file.stat()
    return _digest_of_state(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _digest_of_state(file: Path, _modified: int, _size: int) -> str:
    """Hashing hundreds of megabytes takes a second: once for each state of the file."""
    return sha256_of(file)


def _read_outfit(folder: Path) -> Outfit:
    data, path = read_json(folder / "outfit.json"), folder / "outfit.png"
    if not path.is_file():
        raise ValueError(f"{folder.name} has no outfit.png")
    original, scales = folder / "original.png", data.get("block_scales", {})
    if not isinstance(scales, dict):
        raise ValueError("its block_scales cannot be read")
    return Outfit(
        folder.name,
        text_in(data, "name"),
        path,
        _digest(path),
        text_in(data, "created"),
        original if original.is_file() else None,
        scales,
    )
