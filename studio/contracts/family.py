"""A base model as checked data: what the studio must know to teach it and draw with it.

No code asks which family it has; it reads what the family says. Families are YAML files of these field names: ours in
assets/families, and a user's own (see studio.library.family_files).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from studio.contracts.block_scales import by_layer
from studio.contracts.requests import DrawRequest, MaskRequest, RepaintRequest, TrainRequest
from studio.contracts.sampling import SCHEDULERS
from studio.contracts.validation import is_there, known_only, multiple_of_8, of_type, one_of, within

ASSETS = Path(__file__).resolve().parents[2] / "assets"
TASKS = ("draw", "repaint", "pose")  # that a family names a pipeline class for
DEVICES, DTYPES = ("cpu", "cuda", "mps"), ("float32", "float16", "bfloat16")

# What a family that says nothing else begins with.
DRAWING = {"steps": 30, "guidance": 5.0, "scheduler": "DDIM"}
REPAINTING = {"strength": 1.0, "masked_content": "original"}
TRAINING = {
    "method": "LoRA",
    "rank": 16,
    "alpha": 16.0,
    "dropout": 0.0,
    "targets": "attention",
    "steps": 800,
    "learning_rate": 1e-4,
    "text_encoder_learning_rate": 0.0,
    "optimizer": "AdamW",
    "lr_scheduler": "cosine",
    "lr_warmup_steps": 10,
    "snr_gamma": 5.0,
    "noise_offset": 0.0,
    "batch_size": 1,
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": False,
    "precision": "auto",
    "more_resolutions": "",
    "buckets": False,
    "portrait": False,
    "describe": True,
    "garment_weight": 1.0,
    "class_images": 200,
    "prior_loss_weight": 1.0,
    "prior_region": "picture",
    "class_checks": 0,
    "checkpoint_every": 200,
    "sample_every": 200,
    "pick_best": True,
}
TARGETS = ("attention", "transformers", "everything")  # of a LoRA; which modules they are, a layout's driver says
CLIP = "openai/clip-vit-large-patch14"
CLIP_TOKENIZER = ASSETS / "families" / "clip"  # the folder of the tokenizer.json that SDXL and SD 1.5 share
GROUNDING_DINO = "IDEA-Research/grounding-dino-tiny"
SAMS = {
    "SAM huge": "facebook/sam-vit-huge",
    "SAM large": "facebook/sam-vit-large",
    "SAM base": "facebook/sam-vit-base",
    "SAM 2.1 large": "facebook/sam2.1-hiera-large",
    "SAM 3": "facebook/sam3",
}
MASKING = {"box_threshold": 0.4, "text_threshold": 0.3}  # the paper's own


@dataclass(frozen=True)
class ImageAdapter:
    """An IP-Adapter (Ye et al. 2023): its .safetensors, and the folder of the image encoder that it was trained with.

    Either is a path, or owner/name of the hub and the way from there. No encoder: the family's own.
    """

    weights: str
    encoder: str = ""

    def __post_init__(self) -> None:
        for one in fields(self):
            of_type(one.name, getattr(self, one.name), str(one.type))


@dataclass(frozen=True)
class Preset:
    """A training that people choose by its name: fields of TrainRequest, and when to take it."""

    training: Mapping[str, Any]
    when: str = ""
    folded: bool = False  # few want it

    def __post_init__(self) -> None:
        of_type("when", self.when, "str")
        of_type("folded", self.folded, "bool")
        object.__setattr__(self, "training", MappingProxyType(dict(self.training)))
        _check_defaults(TrainRequest("x"), self.training)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Preset:
        """From one mapping with everything in it, as YAML has it."""
        known_only("field", given, ("when", "folded", *_defaults_of(TrainRequest)))
        about = {name: given[name] for name in ("when", "folded") if name in given}
        return cls({name: value for name, value in given.items() if name not in about}, **about)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), _fields_of(self))

    def to_json(self) -> dict[str, Any]:
        """One mapping with everything in it."""
        return {**self.training, "when": self.when, **({"folded": True} if self.folded else {})}


@dataclass(frozen=True)
class ModelFamily:
    """One base model and everything the studio needs to know to teach it and draw with it."""

    name: str
    title: str
    description: str
    weights: str  # a hub id, a folder, or one .safetensors file
    pipelines: Mapping[str, str]  # task -> diffusers pipeline class; "draw" is always there
    resolution: int  # native side, pixels
    licence: str
    commercial: bool
    download_gb: float = 0.0
    config: str | None = None  # folder of published configurations, for a single file opened offline
    vae: str | None = None  # overrides the family's own, e.g. the fp16-fix VAE
    variant: str | None = None
    dtype: Mapping[str, str] = field(default_factory=lambda: {"cpu": "float32", "cuda": "bfloat16", "mps": "float16"})
    schedulers: tuple[str, ...] = SCHEDULERS
    unfit_schedulers: Mapping[str, str] = field(default_factory=dict)  # name -> why not; the rest of all are offered
    drawing: Mapping[str, Any] = field(default_factory=dict)  # defaults of DrawRequest
    repainting: Mapping[str, Any] = field(default_factory=dict)  # of RepaintRequest, beside those of DrawRequest
    training: Mapping[str, Any] = field(default_factory=dict)  # defaults of TrainRequest
    presets: Mapping[str, Preset] = field(default_factory=dict)
    class_images: int = 200  # that prior preservation takes where it is asked for
    loras_of: tuple[str, ...] = ()  # other families, by name, whose LoRAs fit this one as well
    image_adapters: Mapping[str, ImageAdapter] = field(default_factory=dict)  # title -> weights, the usual first
    blocks: tuple[
        tuple[str, str, int], ...
    ] = ()  # of the UNet that attend to a prompt: see studio.contracts.block_scales
    outfit_presets: Mapping[str, Any] = field(default_factory=dict)  # name -> block scales, the usual first
    unet_millions: float = 860.0  # parameters, to tell how much memory a training takes
    detector: str = GROUNDING_DINO  # a hub id or a folder
    segmenters: Mapping[str, str] = field(default_factory=lambda: dict(SAMS))  # title -> weights, the usual first
    masking: Mapping[str, Any] = field(default_factory=dict)  # defaults of MaskRequest
    scorer: str = CLIP  # that pictures are scored by: a hub id or a folder; empty: the family has one inside
    sides: tuple[int, int] | None = None  # least and most, in pixels, of pictures that it draws whole; None: any
    earlier_resolution: int | None = None  # native side of earlier weights, whose LoRAs fit today's as well
    real_people: bool = True  # knows photographs; pocket does not
    prompt_start: str = "a photo of"  # how a first prompt begins
    portrait_start: str = "a portrait photo of"
    outfit_prompt: str = "a flat lay of a red coat and black trousers, on a plain white background"  # to draw one

    def __post_init__(self) -> None:
        for one in fields(self):
            of_type(one.name, getattr(self, one.name), str(one.type))
        within("resolution", self.resolution, 64, 2048)
        multiple_of_8("resolution", self.resolution)
        within("earlier_resolution", self.earlier_resolution, 64, 2048)
        self._settle_sides()
        within("class_images", self.class_images, 0, 2000)
        self._settle_pipelines()
        self._settle_schedulers()
        self._settle_outfits()
        self._settle_defaults()
        self._settle_presets()

    def _settle_sides(self) -> None:
        if self.sides is None:
            return
        if len(self.sides) != 2 or [type(side) for side in self.sides] != [int, int]:
            raise ValueError(
                f"sides must be the least and the most in pixels, such as [192, 256], got {self.sides!r:.80}"
            )
        least, most = self.sides
        within("resolution", self.resolution, least, most)
        self._set(sides=(least, most))

    def _settle_pipelines(self) -> None:
        with _inside("pipelines"):
            known_only("task", self.pipelines, TASKS)
        if "draw" not in self.pipelines:
            raise ValueError(f"family {self.name!r} must name a pipeline class for the task 'draw'")
        with _inside("dtype"):
            known_only("device", self.dtype, DEVICES)
            for device, dtype in self.dtype.items():
                one_of(device, dtype, DTYPES)
        self._set(pipelines=MappingProxyType(dict(self.pipelines)), dtype=MappingProxyType(dict(self.dtype)))
        self._set(loras_of=tuple(self.loras_of))

    def _settle_schedulers(self) -> None:
        for name in (*self.schedulers, *self.unfit_schedulers):
            one_of("a scheduler", name, SCHEDULERS)
        unfit = MappingProxyType(dict(self.unfit_schedulers))
        self._set(schedulers=tuple(name for name in self.schedulers if name not in unfit), unfit_schedulers=unfit)

    def _settle_outfits(self) -> None:
        adapters = {}
        for title, one in self.image_adapters.items():
            with _inside(f"image_adapters: {title}"):
                if isinstance(one, Mapping):
                    known_only("field", one, [known.name for known in fields(ImageAdapter)])
                    of_type("weights", one.get("weights"), "str")
                    one = ImageAdapter(**one)
                adapters[title] = one
        for block in self.blocks:
            if not isinstance(block, list | tuple) or [type(part) for part in block] != [str, str, int]:
                raise ValueError(f"each of blocks must be part, block and number of layers, got {block!r:.80}")
        self._set(image_adapters=MappingProxyType(adapters), blocks=tuple(tuple(block) for block in self.blocks))
        self._set(outfit_presets=MappingProxyType(dict(self.outfit_presets)))
        if self.image_adapters and not self.outfit_presets:
            raise ValueError(f"family {self.name!r} has image adapters and must have outfit_presets for them")
        for name, scales in self.outfit_presets.items():
            with _inside(f"outfit_presets: {name}"):
                by_layer(scales, self.blocks)

    def _settle_defaults(self) -> None:
        """What requests begin with: what the family says, and for the rest what every family does."""
        if not self.segmenters:
            raise ValueError(f"family {self.name!r} must name a segmenter")
        side = self.resolution
        drawing = {**DRAWING, "width": side, "height": side, **self.drawing}
        of_a_picture = {name: value for name, value in drawing.items() if name not in ("width", "height")}
        given = {
            "drawing": (DrawRequest("x"), drawing),
            "repainting": (RepaintRequest("x", "x"), {**of_a_picture, **REPAINTING, **self.repainting}),
            "training": (TrainRequest("x"), {**TRAINING, "resolution": side, **self.training}),
            "masking": (MaskRequest("x", "x"), {**MASKING, "segmenter": next(iter(self.segmenters)), **self.masking}),
        }
        for name, (request, defaults) in given.items():
            with _inside(name):
                _check_defaults(request, defaults)
                if "scheduler" in defaults:
                    one_of("scheduler", defaults["scheduler"], self.schedulers)
                if "segmenter" in defaults:
                    one_of("segmenter", defaults["segmenter"], tuple(self.segmenters))
            self._set(**{name: MappingProxyType(defaults)})
        self._set(segmenters=MappingProxyType(dict(self.segmenters)))

    def _settle_presets(self) -> None:
        presets = {}
        for name, one in self.presets.items():
            with _inside(f"presets: {name}"):
                if not isinstance(one, Preset):
                    of_type("it", one, "Mapping")
                    one = Preset.of(one)
                _check_defaults(TrainRequest("x"), {**self.training, **one.training})  # they are taken together
                presets[name] = one
        self._set(presets=MappingProxyType(presets))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def check_scheduler(self, name: str | None) -> None:
        """Raises ValueError, with the reason where the family gives one, for a scheduler that it does not offer."""
        if name is not None and name in self.unfit_schedulers:
            why = self.unfit_schedulers[name].rstrip(".")
            raise ValueError(f"{self.title} has no scheduler {name}: {why}. Known are {', '.join(self.schedulers)}.")
        if name is not None:
            is_there("scheduler", name, self.schedulers)

    def was_earlier(self, resolution: int | None) -> bool:
        """Whether what was made when the family drew so many pixels a side is of its earlier weights; None: untold."""
        return self.earlier_resolution is not None and (resolution or self.earlier_resolution) != self.resolution

    def size_like(self, width: int, height: int) -> tuple[int, int]:
        """The size that it draws whole and that is most like this one; this one itself where it is such."""
        if self.sides is None or all(self.sides[0] <= side <= self.sides[1] for side in (width, height)):
            return width, height
        least, most = self.sides
        scale = self.resolution / max(width, height)
        across, down = (min(max(round(side * scale / 8) * 8, least), most) for side in (width, height))
        return across, down

    def check_size(self, width: int | None, height: int | None) -> None:
        """Raises ValueError, with a size to take, for a picture that it would not draw whole."""
        asked = (width or self.drawing["width"], height or self.drawing["height"])
        if self.sides is not None and (like := self.size_like(*asked)) != asked:
            raise ValueError(
                f"{self.title} draws whole figures in pictures of {self.sides[0]} to {self.sides[1]} px a side, got "
                f"{asked[0]} x {asked[1]}; try {like[0]} x {like[1]}."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), _fields_of(self))

    @property
    def is_local(self) -> bool:
        """Whether the weights lie on this disk already, as a folder or a file."""
        return Path(self.weights).exists()

    def words(self) -> dict[str, list[str]]:
        """What a small family knows, by kind ("nouns", "scenes", ...); empty for one that knows the open world."""
        return _card(self.weights)

    def validation_prompts(self, trigger: str) -> list[str]:
        """The subject in three places, to see how a training comes along."""
        places = self.words().get("places", [])[:5:2] or ["on the beach", "in a forest", "on a street at night"]
        return [f"{self.prompt_start} {trigger}, {place}" for place in places]

    def portrait(self, trigger: str) -> str:
        """The prompt of an ID photo."""
        return f"{self.portrait_start} {trigger} on a plain white background"

    def portraits(self, trigger: str) -> list[str]:
        """The subject in three ID photos, to see how a training for these comes along."""
        start = f"{self.portrait_start} {trigger}"
        return [
            self.portrait(trigger),
            f"{start}, smiling, on a plain grey background",
            f"{start} on a plain yellow background",
        ]

    def things(self) -> dict[str, list[str]]:
        """What a small family's detector can find, by kind; empty for one that knows the open world."""
        return _card(self.detector)


def _fields_of(record: Preset | ModelFamily) -> dict[str, Any]:
    """What the record travels as: its fields, since mappings that cannot be changed do not pickle."""
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _made(kind: type[Preset | ModelFamily], values: Mapping[str, Any]) -> Preset | ModelFamily:
    return kind(**values)


def _card(weights: str) -> dict[str, list[str]]:
    card = Path(weights) / "words.json"
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}


NOT_A_FAMILYS = ("seed", "family", "lora", "outfit", "box")  # fields of None that are chosen for each request


@cache
def _defaults_of(request: type) -> dict[str, str]:
    """The fields that a family may decide, with their types: those that are None until it does."""
    return {one.name: str(one.type) for one in fields(request) if one.default is None and one.name not in NOT_A_FAMILYS}


def _check_defaults(request: Any, defaults: Mapping[str, Any]) -> None:
    """That a request may be made with these: by their names, their types, and the request's own check."""
    known = _defaults_of(type(request))
    known_only("field", defaults, known)
    for name, value in defaults.items():
        of_type(name, value, known[name].replace(" | None", ""))
    replace(request, **defaults)


@contextmanager
def _inside(where: str) -> Iterator[None]:
    """Says of an error where in the family it is."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def find_family(families: Mapping[str, ModelFamily], name: str) -> ModelFamily:
    """Raises ValueError with the known names."""
    if name not in families:
        raise ValueError(f"There is no family {name!r}; known are {', '.join(families)}.")
    return families[name]
