"""The shelves of what a picture is composed from: LoRAs, outfits, scenes, and the class images of a family."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from studio.library.photos import open_image
from studio.library.records import Lora, Outfit, Scene
from studio.library.shelf import Shelf, now
from studio.library.store import (
    checked_name,
    free_slug,
    inside,
    new_folder,
    read_json,
    slug_of,
    write_atomically,
    write_json,
)
from studio.recipes import sha256_of

WEIGHTS = "pytorch_lora_weights.safetensors"
STARTER_SCENES = {
    "Beach": "on the beach", "Forest": "in the forest", "Night street": "on a street at night",
    "Kitchen": "in the kitchen", "Snow": "in the snow",
}


class Wardrobe(Shelf):
    """LoRAs, outfits and scenes."""

    def loras(self) -> list[Lora]:
        """Every LoRA, newest first."""
        return sorted(self.readable(self.root / "loras", _read_lora), key=lambda lora: lora.created, reverse=True)

    def lora(self, slug: str) -> Lora:
        """Raises ValueError, naming the known ones, when there is no such LoRA."""
        return _read_lora(inside(self.root / "loras", slug, "LoRA"))

    def save_lora(self, name: str, subject: str, family: str, trigger: str, rank: int, alpha: float, steps: int,
                  write: Callable[[Path], None], preview: Path | None = None) -> Lora:
        """A new LoRA whose safetensors file `write` makes; the folder appears whole or not at all."""
        name = checked_name("A LoRA", name)
        with self.writing:
            slug = free_slug(self.root / "loras", name)
            with new_folder(self.root / "loras" / slug) as folder:
                write(folder / WEIGHTS)
                data = {"name": name, "subject": subject, "family": family, "trigger": trigger, "rank": rank,
                        "alpha": alpha, "steps": steps, "sha256": sha256_of(folder / WEIGHTS), "created": now()}
                write_json(folder / "lora.json", data)
                if preview is not None:
                    (folder / "preview.png").write_bytes(Path(preview).read_bytes())
        return self.lora(slug)

    def remove_lora(self, slug: str) -> None:
        with self.writing:
            self.discard(inside(self.root / "loras", slug, "LoRA"))

    def outfits(self) -> list[Outfit]:
        """Every outfit, oldest first."""
        return sorted(self.readable(self.root / "outfits", _read_outfit), key=lambda outfit: outfit.created)

    def outfit(self, slug: str) -> Outfit:
        return _read_outfit(inside(self.root / "outfits", slug, "outfit"))

    def add_outfit(self, name: str, image: Any) -> Outfit:
        """An outfit from a picture of it (a path or a PIL image)."""
        name, image = checked_name("An outfit", name), open_image(image)
        with self.writing:
            slug = free_slug(self.root / "outfits", name)
            with new_folder(self.root / "outfits" / slug) as folder:
                write_atomically(folder / "outfit.png", lambda path: image.save(path, "PNG"))
                write_json(folder / "outfit.json", {"name": name, "created": now()})
        return self.outfit(slug)

    def remove_outfit(self, slug: str) -> None:
        with self.writing:
            self.discard(inside(self.root / "outfits", slug, "outfit"))

    def scenes(self) -> list[Scene]:
        """The scenes of scenes.json; a library that has none starts with five."""
        file = self.root / "scenes.json"
        prompts = read_json(file) if file.is_file() else STARTER_SCENES
        return [Scene(slug_of(name), name, prompt) for name, prompt in prompts.items()]

    def add_scene(self, name: str, prompt: str) -> Scene:
        """A named scene; one of the same name is replaced."""
        name = checked_name("A scene", name)
        if not prompt.strip():
            raise ValueError("A scene needs a prompt, such as: on the beach.")
        with self.writing:
            kept = {scene.name: scene.prompt for scene in self.scenes()}
            write_json(self.root / "scenes.json", {**kept, name: prompt.strip()})
        return Scene(slug_of(name), name, prompt.strip())

    def class_images(self, family: str, prompt: str) -> Path:
        """The folder, made if need be, where the class images of this family and class prompt are kept."""
        folder = self.root / "classes" / slug_of(family) / slug_of(prompt)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _read_lora(folder: Path) -> Lora:
    data, weights, preview = read_json(folder / "lora.json"), folder / WEIGHTS, folder / "preview.png"
    if not weights.is_file():
        raise ValueError(f"{folder.name} has no {WEIGHTS}")
    # The digest is of the file as it is now: one that was exchanged by hand must not pass for the old one.
    return Lora(folder.name, data["name"], data["subject"], data["family"], data["trigger"], data["rank"],
                data["alpha"], data["steps"], weights, _digest(weights), data["created"],
                preview if preview.is_file() else None)


def _digest(file: Path) -> str:
    state = file.stat()
    return _digest_of_state(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _digest_of_state(file: Path, _modified: int, _size: int) -> str:
    """Hashing hundreds of megabytes takes a second: once for each state of the file."""
    return sha256_of(file)


def _read_outfit(folder: Path) -> Outfit:
    data = read_json(folder / "outfit.json")
    return Outfit(folder.name, data["name"], folder / "outfit.png", data["created"])
