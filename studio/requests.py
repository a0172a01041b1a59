"""What may be asked of the studio: frozen requests that check themselves.

A field of None means "the family decides"; `resolved` fills it in when the work starts, and recipes and run
files store what was resolved. The page, the API, notebooks and tests all speak these types.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

MAX_SEED = 2**32 - 1
MAX_PROMPT = 2_000
DRAW_STEPS, GUIDANCES, LORA_SCALES = (1, 200), (0.0, 30.0), (-2.0, 2.0)  # least and most

AnyRequest = TypeVar("AnyRequest")


@dataclass(frozen=True)
class TrainRequest:
    """Teach one subject to a family as a DreamBooth LoRA (Ruiz et al. 2023, Hu et al. 2021)."""

    subject: str
    family: str | None = None
    rank: int | None = None
    alpha: float | None = None
    steps: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    resolution: int | None = None
    class_images: int | None = None  # pictures of the class drawn by the base; 0: no prior preservation
    prior_loss_weight: float | None = None
    checkpoint_every: int | None = None
    sample_every: int | None = None
    validation_prompt: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        _needs_text("subject", self.subject, longest=200)
        _within("rank", self.rank, 1, 256)
        _within("alpha", self.alpha, 0.01, 1024)
        _within("steps", self.steps, 1, 100_000)
        _within("learning_rate", self.learning_rate, 1e-8, 1.0)
        _within("batch_size", self.batch_size, 1, 64)
        _within("resolution", self.resolution, 64, 2048)
        _multiple_of_8("resolution", self.resolution)
        _within("class_images", self.class_images, 0, 2000)
        _within("prior_loss_weight", self.prior_loss_weight, 0.0, 10.0)
        _within("checkpoint_every", self.checkpoint_every, 1, 100_000)
        _within("sample_every", self.sample_every, 1, 100_000)
        _text("validation_prompt", self.validation_prompt)
        _within("seed", self.seed, 0, MAX_SEED)


@dataclass(frozen=True)
class DrawRequest:
    """Draw `count` pictures of a prompt; picture i takes seed + i, whatever the count."""

    prompt: str
    negative_prompt: str = ""
    lora: str | None = None
    lora_scale: float = 1.0
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1
    seed: int | None = None
    family: str | None = None

    def __post_init__(self) -> None:
        _needs_text("prompt", self.prompt, longest=MAX_PROMPT)
        _text("negative_prompt", self.negative_prompt)
        _within("lora_scale", self.lora_scale, *LORA_SCALES)
        _within("steps", self.steps, *DRAW_STEPS)
        _within("guidance", self.guidance, *GUIDANCES)
        _within("width", self.width, 64, 2048)
        _within("height", self.height, 64, 2048)
        _multiple_of_8("width", self.width)
        _multiple_of_8("height", self.height)
        _within("count", self.count, 1, 64)
        _within("seed", self.seed, 0, MAX_SEED)


def resolved(request: AnyRequest, defaults: Mapping[str, Any]) -> AnyRequest:
    """Fill each field of None with the family's default of that name; a seed nobody chose is drawn here."""
    chosen = {
        field.name: defaults[field.name]
        for field in fields(request)  # type: ignore[arg-type]
        if getattr(request, field.name) is None and field.name in defaults
    }
    if getattr(request, "seed", 0) is None:
        chosen["seed"] = secrets.randbelow(MAX_SEED)
    return replace(request, **chosen)  # type: ignore[type-var]


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} must be {low:g} to {high:g}, got {value:g}")


def _multiple_of_8(name: str, value: int | None) -> None:
    if value is not None and value % 8:
        raise ValueError(f"{name} must be a multiple of 8, got {value}; try {round(value / 8) * 8}")


def _text(name: str, value: str | None) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r}")
    if len(value) > MAX_PROMPT:
        raise ValueError(f"{name} must be at most {MAX_PROMPT} characters, got {len(value)}")


def _needs_text(name: str, value: str, longest: int) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must not be empty")
    if len(value) > longest:
        raise ValueError(f"{name} must be at most {longest} characters, got {len(value)}")
