"""What a library holds, as frozen records: they are read from disk and never written back by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from studio.contracts.box import Box
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import Recipe
from studio.contracts.requests import SetRequest
from studio.imaging.photos import open_image


@dataclass(frozen=True)
class Photo:
    """One instance image of a subject, stored upright; `crop` is the square that training sees."""

    file: str
    path: Path
    caption: str
    crop: Box | None
    width: int
    height: int
    notes: tuple[str, ...] = ()

    @property
    def cropped(self) -> Image.Image:
        """The photo as training sees it, RGB: its crop, or all of it."""
        image = open_image(self.path)
        return image.crop(self.crop) if self.crop else image


@dataclass(frozen=True)
class Added:
    """What became of photos that were given: kept, or refused with the file's name and the reason."""

    kept: tuple[Photo, ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def reasons(self) -> str:
        """Why each file was refused, a sentence each; the file's name comes first where the reason lacks it."""
        return " ".join(reason if reason.startswith(name) else f"{name} {reason}" for name, reason in self.refused)


@dataclass(frozen=True)
class Subject:
    slug: str
    name: str
    class_noun: str
    identifier: str
    photos: tuple[Photo, ...]
    created: str
    refused: tuple[tuple[str, str], ...] = field(default=(), compare=False)  # of what it was made with: (file, why)

    @property
    def trigger(self) -> str:
        """The words that call the subject in a prompt, such as "sks girl"."""
        return f"{self.identifier} {self.class_noun}"

    @property
    def instance_prompt(self) -> str:
        return f"a picture of {self.trigger}"

    def named_in(self, caption: str) -> bool:
        """Whether the caption has the identifier, as whole words in capitals or not, whatever stands beside it."""
        words = r"\s+".join(map(re.escape, self.identifier.split()))
        return re.search(rf"(?<!\w){words}(?!\w)", caption, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Lora:
    slug: str
    name: str
    subject: str
    family: str
    trigger: str
    rank: int
    alpha: float
    steps: int
    path: Path  # the .safetensors
    sha256: str
    created: str
    preview: Path | None = None
    left_out: str = ""  # what its file, of another tool, has that the studio makes nothing of
    base_resolution: int | None = None  # native side of the family it was taught on; None: an earlier version's

    def fits(self, family: ModelFamily) -> bool:
        """Whether the family can draw with it; a full fine-tune, which has no rank, is of its own family alone."""
        return self.family == family.name or bool(self.rank) and self.family in family.loras_of

    def remark(self, family: ModelFamily) -> str:
        """What became of one that was taught on the family's earlier weights, in a sentence; else empty."""
        if self.family != family.name or not family.was_earlier(self.base_resolution):
            return ""
        return (
            f"Trained when {family.title} drew {family.earlier_resolution} px: it draws as before, now at "
            f"{family.resolution} px."
        )


@dataclass(frozen=True)
class Outfit:
    """A picture of clothes, and how they act.

    `original` is what they were cut out of; `block_scales` are those that come with it, by the family's name.
    """

    slug: str
    name: str
    path: Path
    sha256: str
    created: str
    original: Path | None = None
    block_scales: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    slug: str
    name: str
    prompt: str


@dataclass(frozen=True)
class Picture:
    """A drawn image and its recipe; `id` is its file's name without the ending."""

    id: str
    path: Path
    recipe: Recipe
    favourite: bool
    created: str

    @property
    def image(self) -> Image.Image:
        with Image.open(self.path) as image:
            return image.convert("RGB")


@dataclass(frozen=True)
class PictureSet:
    """Outfits by scenes by seeds; `cells` are ids of pictures by "row-column-number"."""

    id: str
    title: str
    request: SetRequest
    cells: Mapping[str, str]
    created: str


@dataclass(frozen=True)
class RunRecord:
    id: str
    kind: str
    title: str
    status: str
    request: Mapping[str, Any]
    created: str
    twin: str = ""  # the run it was started together with
    base_resolution: int | None = None  # native side of its family when it began; None: an earlier version's
