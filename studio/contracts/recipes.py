"""A picture's recipe: everything it takes to draw it again, kept inside the PNG itself."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_USED = ("loras", "outfits")  # of the library, by fields of Recipe
# Estimates: what an outfit did to the rest of a picture, and to the clothes.
BLEED, DRIFT, EFFECT = "palette bleed", "style drift", "outfit effect"
# How much of the edge shows of what was repainted, and how many pixels changed that should not have.
SEAM, OUTSIDE = "seam", "changed outside"
OURS, A1111 = "understudy", "parameters"  # the PNG's text chunks


@dataclass(frozen=True)
class Recipe:
    """What a picture was drawn from. The request is one picture's own: its count is 1 and its seed is known.

    `family` has name, title and the sha256 of its weights; each of `loras` has slug, name, sha256 and scale, each of
    `outfits` slug, name, sha256, and that of its adapter. `estimates` are the studio's own of the picture, by name.
    """

    request: Mapping[str, Any]
    family: Mapping[str, Any] = field(default_factory=dict)
    loras: tuple[Mapping[str, Any], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    outfits: tuple[Mapping[str, Any], ...] = ()
    estimates: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {kind: [dict(one) for one in getattr(self, kind)] for kind in _USED}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """Raises ValueError when the data is not a recipe."""
        try:
            recipe = cls(**{**data, **{kind: tuple(data.get(kind, ())) for kind in _USED}})
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a recipe of this studio: {error}") from error
        parts = {
            "request": recipe.request,
            "family": recipe.family,
            "versions": recipe.versions,
            "estimates": recipe.estimates,
        }
        wrong = [name for name, part in parts.items() if not isinstance(part, dict)]
        wrong += [
            kind
            for kind in _USED
            if not all(
                isinstance(one, dict) and isinstance(one.get("slug"), str) and isinstance(one.get("name"), str)
                for one in getattr(recipe, kind)
            )
        ]
        wrong += (
            ["estimates"]
            if "estimates" not in wrong
            and not all(isinstance(value, int | float) for value in recipe.estimates.values())
            else []
        )
        wrong += [] if isinstance(recipe.created, str) else ["created"]
        if wrong:
            raise ValueError(f"not a recipe of this studio: {' and '.join(wrong)} cannot be read")
        return recipe

    @property
    def parameters(self) -> str:
        """The recipe as the text that A1111 and the tools after it read."""
        ask = self.request
        lines = [str(ask.get("prompt", ""))]
        if ask.get("negative_prompt"):
            lines.append(f"Negative prompt: {ask['negative_prompt']}")
        settings = {
            "Steps": ask.get("steps"),
            "Sampler": ask.get("scheduler"),
            "CFG scale": ask.get("guidance"),
            "Seed": ask.get("seed"),
            "Size": f"{ask['width']}x{ask['height']}" if ask.get("width") else None,
            "Model": self.family.get("name"),
            "Model hash": str(self.family.get("sha256", ""))[:10],
        }
        if self.loras:
            hashes = ", ".join(f"{lora.get('slug')}: {str(lora.get('sha256', ''))[:12]}" for lora in self.loras)
            settings["Lora hashes"] = f'"{hashes}"'
        lines.append(", ".join(f"{name}: {value}" for name, value in settings.items() if value not in (None, "")))
        return "\n".join(lines)


def write_png(image: Image.Image, path: Path, recipe: Recipe) -> None:
    """Write the picture with its recipe inside; the file is whole or not there at all."""
    info = PngInfo()
    info.add_text(OURS, json.dumps(recipe.to_json()))
    info.add_text(A1111, recipe.parameters)  # tEXt, the one kind all its readers know, wherever Latin-1 will do
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".new-{secrets.token_hex(8)}.png")
    try:
        with open(temporary, "xb") as file:
            image.save(file, "PNG", pnginfo=info)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_png(path: Path) -> Recipe:
    """The recipe inside a PNG of ours. Raises ValueError, in a sentence, when there is none."""
    path = Path(path)
    try:
        # Ours stands before the pixels, which stay unread: `image.text` would decode them all to look behind them.
        with Image.open(path, formats=("PNG",)) as image:
            text = image.info.get(OURS)
    except FileNotFoundError:
        raise ValueError(f"There is no picture {path.name}.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path.name} is not a picture in PNG that can be read: only those saved by Understudy carry a recipe."
        ) from error
    if not isinstance(text, str):
        raise ValueError(f"{path.name} has no recipe inside: only pictures saved by Understudy, as PNG, carry one.")
    try:
        return Recipe.from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The recipe inside {path.name} cannot be read: {error}") from error


def sha256_of(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
