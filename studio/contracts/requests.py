"""What may be asked of the studio: frozen requests that check themselves.

A field of None means "the family decides"; `resolved` fills it in before the work starts, and recipes and run
files store what was resolved. The page, the API, notebooks and tests all speak these types.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from studio.contracts.sampling import MAX_SEED, LoraUse, OutfitUse, Sampling, Wearing, as_uses, uses_in
from studio.contracts.validation import (
    MAX_PROMPT,
    box_in,
    multiple_of_8,
    needs_text,
    one_of,
    points_in,
    sides,
    text,
    within,
)

MOST_VALIDATION = 8
MOST_RESOLUTIONS = 4
LORA, FULL = METHODS = ("LoRA", "full")
ADAMW, ADAMW_8BIT, PRODIGY = OPTIMIZERS = ("AdamW", "AdamW 8-bit", "Prodigy")
NEEDS_BITSANDBYTES = (
    f"{ADAMW_8BIT} needs the package bitsandbytes: install it with pip install bitsandbytes, or choose {ADAMW}."
)
CONSTANT, COSINE = LR_SCHEDULERS = ("constant", "cosine")
WHOLE, GARMENTS = PRIOR_REGIONS = ("picture", "garments")
PRECISIONS = ("auto", "bf16", "fp16", "fp32")  # that a step computes in; what is learnt is always kept in fp32
MOST_PHRASES, LONGEST_PHRASE = 20, 60
STRENGTHS = (0.05, 1.0)  # least and most
MOST_RANK, MOST_ROWS = 256, 24
ORIGINAL, SURROUNDINGS = MASKED_CONTENTS = ("original", "surroundings")
MOST_PIXELS, MOST_SIDE, MOST_PICTURES = 512, 20_000, 64  # of a mask's edge, of a picture's side, and in one go

# Fields of a set that count in its id though they are None, since they did in the first sets; later ones do not.
_COUNT_IN_ID = ("lora", "steps", "guidance", "scheduler", "width", "height", "seed", "family")

Source = str | Path | Image.Image  # of a picture or a mask; of a resolved request, the file: see `path_of`
AnyRequest = TypeVar("AnyRequest")


@dataclass(frozen=True)
class TrainRequest:
    """Teach one subject to a family with DreamBooth (Ruiz et al. 2023): as a LoRA, or in all weights of the UNet."""

    subject: str
    family: str | None = None
    method: str | None = None  # "LoRA" (Hu et al. 2021) or "full"
    rank: int | None = None
    alpha: float | None = None  # None: the rank, or the family's where that decides both
    dropout: float | None = None  # of a LoRA's inputs
    targets: str | None = None  # a name of TARGETS, or names of modules with commas between
    steps: int | None = None
    learning_rate: float | None = None
    text_encoder_learning_rate: float | None = None  # 0: the text encoders stay as they are
    optimizer: str | None = None
    lr_scheduler: str | None = None
    lr_warmup_steps: int | None = None  # steps of the optimizer until the learning rate is whole
    snr_gamma: float | None = None  # of min-SNR weighting (Hang et al. 2023); 0: every timestep counts the same
    noise_offset: float | None = None
    batch_size: int | None = None
    gradient_accumulation_steps: int | None = None  # batches for one step of the optimizer
    gradient_checkpointing: bool | None = None  # saves memory, takes a third more time; where memory is short, always
    precision: str | None = None
    resolution: int | None = None
    more_resolutions: str | None = None  # further ones, with commas between, that every photo is taken in too
    buckets: bool | None = None  # photos keep their shape, in sizes of about the same area
    portrait: bool | None = None  # photos are cropped to head and shoulders, on plain ground
    describe: bool | None = None  # photos without a caption are learnt with one too: garments, place
    garment_weight: float | None = None  # of the loss inside of the photos' clothing, which masks find; 1: as elsewhere
    class_images: int | None = None  # pictures of the class drawn by the base; 0: no prior preservation
    prior_loss_weight: float | None = None
    prior_region: str | None = None  # what of class images counts: the "picture", or "garments", as masks find them
    class_checks: int | None = None  # pictures of the bare class at the end, to see how far it moved; 0: none
    checkpoint_every: int | None = None
    sample_every: int | None = None  # 0: no samples, but for checkpoints that are scored
    validation_prompt: str | None = None  # what samples show, a line for each; None: the subject in some places
    pick_best: bool | None = None  # score every checkpoint by its samples, and keep the best; else the last one
    seed: int | None = None

    def __post_init__(self) -> None:
        needs_text("subject", self.subject, longest=200)
        if isinstance(self.rank, int) and self.alpha is None:  # the family's is meant for the family's rank
            object.__setattr__(self, "alpha", float(self.rank))
        one_of("method", self.method, METHODS)
        within("rank", self.rank, 1, MOST_RANK)
        within("alpha", self.alpha, 0.01, 1024)
        within("dropout", self.dropout, 0.0, 0.9)
        text("targets", self.targets)
        within("steps", self.steps, 1, 100_000)
        within("learning_rate", self.learning_rate, 1e-8, 2.0)
        within("text_encoder_learning_rate", self.text_encoder_learning_rate, 0.0, 2.0)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("lr_scheduler", self.lr_scheduler, LR_SCHEDULERS)
        within("lr_warmup_steps", self.lr_warmup_steps, 0, 100_000)
        within("snr_gamma", self.snr_gamma, 0.0, 100.0)
        within("noise_offset", self.noise_offset, 0.0, 1.0)
        within("batch_size", self.batch_size, 1, 64)
        within("gradient_accumulation_steps", self.gradient_accumulation_steps, 1, 64)
        one_of("precision", self.precision, PRECISIONS)
        within("resolution", self.resolution, 64, 2048)
        multiple_of_8("resolution", self.resolution)
        if len(sides(self.more_resolutions)) > MOST_RESOLUTIONS:
            raise ValueError(f"more_resolutions may be at most {MOST_RESOLUTIONS}")
        for one in sides(self.more_resolutions):
            within("more_resolutions", one, 64, 2048)
            multiple_of_8("more_resolutions", one)
        within("garment_weight", self.garment_weight, 0.0, 1.0)
        within("class_images", self.class_images, 0, 2000)
        one_of("prior_region", self.prior_region, PRIOR_REGIONS)
        within("prior_loss_weight", self.prior_loss_weight, 0.0, 10.0)
        within("class_checks", self.class_checks, 0, 64)
        if self.class_checks == 1:
            raise ValueError("class_checks must be 0 or 2 to 64: one picture alone cannot vary; got 1")
        within("checkpoint_every", self.checkpoint_every, 1, 100_000)
        within("sample_every", self.sample_every, 0, 100_000)
        text("validation_prompt", self.validation_prompt)
        if len(self.validation_prompts) > MOST_VALIDATION:
            raise ValueError(
                f"validation_prompt may have at most {MOST_VALIDATION} lines, got {len(self.validation_prompts)}"
            )
        within("seed", self.seed, 0, MAX_SEED)
        text_rate = self.text_encoder_learning_rate
        if self.optimizer == PRODIGY and text_rate and self.learning_rate and text_rate != self.learning_rate:
            raise ValueError(
                f"{PRODIGY} finds one learning rate for all: set text_encoder_learning_rate to 0 or to "
                f"{self.learning_rate:g}, as learning_rate is; got {text_rate:g}."
            )

    @property
    def way(self) -> str:
        """What tells two trainings apart that are compared: with class images, or without; else nothing."""
        return "" if not self.class_checks else "with class images" if self.class_images else "without class images"

    @property
    def validation_prompts(self) -> tuple[str, ...]:
        """The lines of `validation_prompt`."""
        return tuple(line.strip() for line in (self.validation_prompt or "").splitlines() if line.strip())


@dataclass(frozen=True)
class DrawRequest(Wearing):
    """Draw `count` pictures of a prompt; picture i takes seed + i, whatever the count.

    A prompt of several lines, or with `{red|blue}` in it, is several prompts, with `count` pictures of each from the same
    seeds. `(word:1.2)`, `(word)` and `[word]` weigh words as A1111 has it.
    """

    prompt: str
    _: KW_ONLY
    outfit: str | list | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1

    def __post_init__(self) -> None:
        needs_text("prompt", self.prompt, longest=MAX_PROMPT)
        super().__post_init__()
        _check_size(self)
        within("count", self.count, 1, 64)


@dataclass(frozen=True)
class SetRequest(Sampling):
    """Every outfit in every scene, from each seed: a grid that goes on where it was left off.

    `prompt` says who; a cell adds its scene. `scenes` are slugs of the library's. Each of `outfits` is what DrawRequest
    takes, or None for whoever it is as they are. Every cell draws from the same seeds: `seed` and those after it.
    """

    prompt: str
    scenes: list
    outfits: list | None = None  # None: as they are, alone
    seeds: int = 1
    _: KW_ONLY
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        needs_text("prompt", self.prompt, longest=MAX_PROMPT)
        object.__setattr__(self, "outfits", [None] if self.outfits is None else self.outfits)
        for name, what in (("scenes", "scene"), ("outfits", "outfit")):
            given = getattr(self, name)
            if not isinstance(given, list | tuple):
                raise ValueError(f"{name} must be a list, got {given!r:.80}")
            if not given:
                raise ValueError(f"Choose at least one {what}; there is none in {name}.")
            if len(given) > MOST_ROWS:
                raise ValueError(f"{name} may be at most {MOST_ROWS}, got {len(given)}")
        for scene in self.scenes:
            needs_text("scene", scene, longest=200)
        rows = tuple(as_uses("outfit", OutfitUse, row or None) for row in self.outfits or ())
        object.__setattr__(self, "scenes", tuple(self.scenes))
        object.__setattr__(self, "outfits", rows)
        within("seeds", self.seeds, 1, MOST_ROWS)
        super().__post_init__()
        _check_size(self)
        object.__setattr__(self, "lora_scale", float(self.lora_scale))  # the id is of the text: 1 is 1.0

    @property
    def id(self) -> str:
        """The same for the same resolved request: asked for again, it goes on with the set that is there.

        A field that a later version adds counts only where it is given.
        """
        told = as_json(self)
        counting = {name: told[name] for name in _COUNT_IN_ID} | stated(told)
        return hashlib.sha256(json.dumps(counting, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def rows(self) -> tuple[tuple[OutfitUse, ...], ...]:
        """What is worn in each row; nothing where they are as they are."""
        return tuple((OutfitUse(row),) if isinstance(row, str) else tuple(row or ()) for row in self.outfits or ())

    @property
    def count(self) -> int:
        """How many pictures it is."""
        return len(self.rows) * len(self.scenes) * self.seeds

    @staticmethod
    def place(row: int, column: int, number: int) -> str:
        """The name of a cell: its outfit's row, its scene's column, the number of its seed."""
        return f"{row}-{column}-{number}"

    def cell(self, scene: str, outfit: Any, number: int) -> DrawRequest:
        """The drawing of one cell: in a scene, which is a prompt, from the seed of that number."""
        seed = None if self.seed is None else (self.seed + number) % (MAX_SEED + 1)
        prompt = f"{self.prompt}, {scene}" if scene else self.prompt
        sampled = {**self.sampling(), "seed": seed}
        return DrawRequest(prompt, outfit=outfit, width=self.width, height=self.height, **sampled)


@dataclass(frozen=True)
class MergeRequest:
    """One LoRA that does what several do together: of their ranks together, or of `rank` as near as that can be.

    `loras` is a list as DrawRequest takes it.
    """

    loras: list
    name: str
    rank: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "loras", uses_in("loras", LoraUse, self.loras))
        if not self.loras:
            raise ValueError("Name the LoRAs to merge, each with its weight.")
        needs_text("name", self.name, longest=200)
        within("rank", self.rank, 1, MOST_RANK)


@dataclass(frozen=True)
class MaskRequest:
    """Find in a picture what phrases name, and what points or a box mean; one mask for each thing found.

    `picture` is a file or a PIL image, which `start` puts into the library. `phrases` are separated by full stops or
    commas. `points` are (x, y, label) each, in pixels of the picture: label 1 for "this", 0 for "not this"; `box` is
    (left, top, right, bottom). Points and box together mean one thing.
    """

    picture: Source
    phrases: str = ""
    box_threshold: float | None = None
    text_threshold: float | None = None
    points: tuple[tuple[float, float, int], ...] = ()
    box: tuple[float, float, float, float] | None = None
    segmenter: str | None = None
    family: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", _source("picture", self.picture))
        text("phrases", self.phrases)
        within("box_threshold", self.box_threshold, 0.0, 1.0)
        within("text_threshold", self.text_threshold, 0.0, 1.0)
        object.__setattr__(self, "points", points_in(self.points))
        object.__setattr__(self, "box", box_in(self.box))
        if self.phrases.strip() and not self.terms:
            raise ValueError(
                f"Name what to find in words, such as 'clothing' or 'hair, hat'; got {self.phrases!r:.80}."
            )
        if len(self.terms) > MOST_PHRASES or any(len(term) > LONGEST_PHRASE for term in self.terms):
            raise ValueError(f"Name at most {MOST_PHRASES} things, in at most {LONGEST_PHRASE} letters each.")
        if not self.terms and not self.points and self.box is None:
            raise ValueError("Say what to find: a phrase such as 'clothing', a point or a box.")
        if self.points and self.box is None and not any(label for _, _, label in self.points):
            raise ValueError(
                "Points that only take away leave nothing: add a point on the thing itself, or a box round it."
            )

    @property
    def terms(self) -> tuple[str, ...]:
        """The phrases one by one, lower-case, each once; what holds neither letter nor digit is none."""
        parts = (" ".join(part.split()).lower() for part in re.split(r"[.,;\n]", self.phrases))
        return tuple(dict.fromkeys(part for part in parts if any(sign.isalnum() for sign in part)))


@dataclass(frozen=True)
class RepaintRequest(Wearing):
    """Repaint what a mask covers, and nothing else; picture i takes seed + i.

    `picture` and `mask` are files or PIL images of one size, which `start` puts into the library; the mask is white
    where it is repainted. An outfit acts inside of the mask.
    """

    finds_clothes = False
    picture: Source
    mask: Source
    prompt: str = ""
    _: KW_ONLY
    outfit: str | list | None = None
    strength: float | None = None  # how far from what is there: 1 begins anew
    masked_content: str | None = (
        None  # what stands under the mask at the beginning: the "original", or its "surroundings"
    )
    feather: int | None = None  # pixels round the mask in which new and old may be joined; None: by the picture's size
    # Pixels round the mask that are looked at, at the family's full resolution; None: the whole picture, unless it is
    # larger than what the family draws.
    padding: int | None = None
    count: int = 1

    def __post_init__(self) -> None:
        for name in ("picture", "mask"):
            object.__setattr__(self, name, _source(name, getattr(self, name)))
        text("prompt", self.prompt)
        object.__setattr__(self, "prompt", self.prompt or "")  # null is none at all
        super().__post_init__()
        within("strength", self.strength, *STRENGTHS)
        one_of("masked_content", self.masked_content, MASKED_CONTENTS)
        within("feather", self.feather, 0, MOST_PIXELS)
        within("padding", self.padding, 0, MOST_SIDE)
        within("count", self.count, 1, 64)


@dataclass(frozen=True)
class WearRequest(Wearing):
    """Dress whoever is in a picture, or in each of several, in an outfit: clothing is found, and repainted.

    `picture` is a file or a PIL image, or a list of them. A `prompt` or `lora` of None is what the picture was drawn
    with, clothes left out, where its recipe tells.
    """

    picture: Source | list
    outfit: str | list
    prompt: str | None = None
    _: KW_ONLY
    strength: float | None = None
    feather: int | None = None
    count: int = 1  # of each picture

    def __post_init__(self) -> None:
        given = self.picture if isinstance(self.picture, list | tuple) else [self.picture]
        if not 1 <= len(given) <= MOST_PICTURES:
            raise ValueError(f"picture may be 1 to {MOST_PICTURES} pictures, got {len(given)}")
        object.__setattr__(self, "picture", tuple(_source("picture", one) for one in given))
        if not self.outfit:
            raise ValueError("Choose an outfit to wear; there is none.")
        text("prompt", self.prompt)
        super().__post_init__()
        within("strength", self.strength, *STRENGTHS)
        within("feather", self.feather, 0, MOST_PIXELS)
        within("count", self.count, 1, 64)

    @property
    def pictures(self) -> tuple[Source, ...]:
        """Each picture to dress somebody in."""
        return tuple(self.picture) if isinstance(self.picture, list | tuple) else (self.picture,)

    @property
    def total(self) -> int:
        """How many pictures come of it, where clothes are found in all."""
        return self.count * len(self.pictures)


def as_json(request: Any) -> dict[str, Any]:
    """The request as run files and recipes keep it: its type's name and its fields."""
    return {"type": type(request).__name__, **asdict(request)}


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


def stated(data: Any) -> Any:
    """JSON data without keys whose value is None: what a request says, in whichever version it was written."""
    if isinstance(data, Mapping):
        return {name: stated(value) for name, value in data.items() if value is not None}
    return [stated(one) for one in data] if isinstance(data, list | tuple) else data


def path_of(source: Source) -> Path:
    """The file that a resolved request names. Raises TypeError for an image that `start` has not put into the library
    yet."""
    if isinstance(source, Image.Image):
        raise TypeError("an image in memory is put into the library before the work starts")
    return Path(source)


def _check_size(request: DrawRequest | SetRequest) -> None:
    for name in ("width", "height"):
        within(name, getattr(request, name), 64, 2048)
        multiple_of_8(name, getattr(request, name))


def _source(name: str, given: Any) -> Any:
    """A file, by its path as text, or a PIL image. Raises ValueError for anything else."""
    if isinstance(given, Path):
        return str(given)
    if not isinstance(given, Image.Image) and not (isinstance(given, str) and given):
        raise ValueError(f"{name} must be a file or a picture, got {given!r:.80}")
    return given
