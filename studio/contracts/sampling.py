"""How pictures are sampled: the fields that every request that draws has, once; among them LoRAs with their weights, and
outfits with how they act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

from studio.contracts.block_scales import LEAST, MOST
from studio.contracts.validation import needs_text, text, within

LORA_SCALES = (-2.0, 2.0)  # least and most
DRAW_STEPS, GUIDANCES = (1, 200), (0.0, 30.0)
MAX_SEED = 2**32 - 1
MOST_USES = 8
# By the names that people know; studio.engine.models.schedulers has the class of each.
SCHEDULERS = ("DDIM", "Euler", "Euler a", "DPM++ 2M", "DPM++ 2M Karras", "PNDM", "UniPC")


@dataclass(frozen=True)
class LoraUse:
    """One LoRA of a drawing, with its weight in the UNet and in the text encoders; 1.0 is as trained."""

    slug: str
    unet: float = 1.0
    text_encoder: float = 1.0

    def __post_init__(self) -> None:
        needs_text("lora", self.slug, longest=200)
        within(f"unet of {self.slug}", self.unet, *LORA_SCALES)
        within(f"text_encoder of {self.slug}", self.text_encoder, *LORA_SCALES)


@dataclass(frozen=True)
class OutfitUse:
    """One outfit of a drawing: by which adapter of the family, how much in each block, when and where it acts."""

    slug: str
    block_scales: float | dict | None = None  # as diffusers takes them; None: the family's usual ones
    adapter: str | None = None  # a title of the family's image adapters; None: the usual one
    start: float = 0.0  # of the denoising, 0 to 1
    end: float = 1.0
    inside_garment: bool = True  # it acts where clothing is; False: in the whole picture

    def __post_init__(self) -> None:
        needs_text("outfit", self.slug, longest=200)
        if not isinstance(self.block_scales, Mapping):
            within(f"block_scales of {self.slug}", self.block_scales, LEAST, MOST)
        within(f"start of {self.slug}", self.start, 0.0, 1.0)
        within(f"end of {self.slug}", self.end, 0.0, 1.0)
        if not isinstance(self.inside_garment, bool):
            raise ValueError(f"inside_garment of {self.slug} must be true or false, got {self.inside_garment!r:.40}")
        if self.start >= self.end:
            raise ValueError(f"{self.slug} must start before it ends, got {self.start:g} and {self.end:g}")


Use = TypeVar("Use", LoraUse, OutfitUse)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What every request that draws says beside what shall be drawn; a new field of sampling stands here, and no
    request repeats it.

    `lora` is a slug, or a list of slugs, of LoraUse, or of what these are as JSON.
    """

    negative_prompt: str = ""
    lora: str | list | None = None
    lora_scale: float = 1.0  # of all LoRAs together
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    seed: int | None = None
    family: str | None = None

    def __post_init__(self) -> None:
        text("negative_prompt", self.negative_prompt)
        object.__setattr__(self, "lora", as_uses("lora", LoraUse, self.lora))
        within("lora_scale", self.lora_scale, *LORA_SCALES)
        tuple(self.loras)  # refuses weights that lora_scale brings out of range
        within("steps", self.steps, *DRAW_STEPS)
        within("guidance", self.guidance, *GUIDANCES)
        within("seed", self.seed, 0, MAX_SEED)

    @property
    def loras(self) -> tuple[LoraUse, ...]:
        """Every LoRA with the weights that it draws with, `lora_scale` included."""
        return scaled((LoraUse(self.lora),) if isinstance(self.lora, str) else self.lora or (), self.lora_scale)

    def sampling(self) -> dict[str, Any]:
        """The fields above, by name: what another request, or a part of this one, is sampled with."""
        return {field.name: getattr(self, field.name) for field in fields(Sampling)}


class Wearing(Sampling):
    """The same of requests with a field `outfit` too: a slug or a list, as `lora` is one, of OutfitUse."""

    outfit: Any
    finds_clothes: ClassVar[bool] = True  # whether where an outfit acts is found by the studio, and not given

    def __post_init__(self) -> None:
        object.__setattr__(self, "outfit", as_uses("outfit", OutfitUse, self.outfit))
        super().__post_init__()

    @property
    def outfits(self) -> tuple[OutfitUse, ...]:
        """Every outfit with how it acts."""
        return (OutfitUse(self.outfit),) if isinstance(self.outfit, str) else tuple(self.outfit or ())

    def renamed(self, field: str, slugs: Mapping[str, str | None]) -> Any:
        """The same with other slugs in "lora" or "outfit", by those it has; what becomes None is left out."""
        given = getattr(self, field)
        if isinstance(given, str):
            return replace(self, **{field: slugs.get(given)})
        kept = [replace(use, slug=slug) for use in given or () if (slug := slugs.get(use.slug))]
        return replace(self, **{field: kept or None})


def as_uses(name: str, kind: type[Use], given: Any) -> Any:
    """A request's field as it keeps it: None or a slug as it is, a list as uses. Raises what `uses_in` raises."""
    return given if given is None or isinstance(given, str) else uses_in(name, kind, given)


def scaled(uses: Iterable[LoraUse], scale: float) -> tuple[LoraUse, ...]:
    """The same with all weights multiplied. Raises ValueError for what comes out of range."""
    return tuple(replace(use, unet=use.unet * scale, text_encoder=use.text_encoder * scale) for use in uses)


def uses_in(name: str, kind: type[Use], given: Any) -> tuple[Use, ...]:
    """What is used, one by one. Raises ValueError for anything but a list of slugs, of `kind`, or of its fields."""
    if not isinstance(given, list | tuple):
        raise ValueError(f"{name} must be a slug or a list, got {given!r:.80}")
    if len(given) > MOST_USES:
        raise ValueError(f"{name} may name at most {MOST_USES}, got {len(given)}")
    uses = []
    for one in given:
        if isinstance(one, Mapping):
            odd = one.keys() - {field.name for field in fields(kind)}
            one = {name: value for name, value in one.items() if value is not None}  # null is what is left out
            if odd or "slug" not in one:
                names = ", ".join(field.name for field in fields(kind))
                raise ValueError(f"each {name} has a slug and may have {names}; got {dict(one)!r:.80}")
            one = kind(**one)
        uses.append(one if isinstance(one, kind) else kind(one))
    slugs = [use.slug for use in uses]
    if twice := {slug for slug in slugs if slugs.count(slug) > 1}:
        raise ValueError(f"{name} names {', '.join(sorted(twice))} twice; name each once, with its weight.")
    return tuple(uses)
