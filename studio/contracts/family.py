"""Base-model families as data. No code asks which family it has; it reads what the family says.

A user adds one of their own with a YAML file of the same field names (see `load_family`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from studio.contracts.block_scales import by_layer

ASSETS = Path(__file__).resolve().parents[2] / "assets"


# What a family that says nothing else begins with.
DRAWING = {"steps": 30, "guidance": 5.0, "scheduler": "DDIM"}
REPAINTING = {"strength": 1.0, "fill": "original"}
TRAINING = {
    "method": "LoRA",
    "rank": 16,
    "alpha": 16.0,
    "dropout": 0.0,
    "targets": "attention",
    "steps": 800,
    "learning_rate": 1e-4,
    "text_encoder_learning_rate": 0.0,
    "optimiser": "AdamW",
    "schedule": "cosine",
    "warm_up": 10,
    "snr_gamma": 5.0,
    "noise_offset": 0.0,
    "batch_size": 1,
    "accumulation": 1,
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
_ID_PHOTO = {
    "portrait": True,
    "buckets": False,
    "folded": True,
    "when": "Head and shoulders on plain ground, for passport pictures and avatars.",
}
_IP = "h94/IP-Adapter"
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_TRANSFORMERS = (*_ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
TARGETS = MappingProxyType(
    {  # of a LoRA: what people call them -> names of modules, or their ends
        "attention": _ATTENTION,
        "transformers": _TRANSFORMERS,
        "everything": (*_TRANSFORMERS, "conv1", "conv2", "conv_shortcut", "time_emb_proj"),
    }
)
CLIP = "openai/clip-vit-large-patch14"
GROUNDING_DINO = "IDEA-Research/grounding-dino-tiny"
SAMS = {
    "SAM huge": "facebook/sam-vit-huge",
    "SAM large": "facebook/sam-vit-large",
    "SAM base": "facebook/sam-vit-base",
    "SAM 2.1 large": "facebook/sam2.1-hiera-large",
    "SAM 3": "facebook/sam3",
}
# Block scales of an outfit, by the layout of the UNet: where InstantStyle (Wang et al. 2024) found style and layout,
# and last the dict of the reference.
_STYLE, _LAYOUT = {"up": {"block_0": [0.0, 1.0, 0.0]}}, {"down": {"block_2": [0.0, 1.0]}}
_SDXL_OUTFITS = {
    "Style": _STYLE,
    "Layout": _LAYOUT,
    "Style and layout": {**_LAYOUT, **_STYLE},
    "Whole picture": 1.0,
    "Both, gently": {"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}},
}
_SD15_OUTFITS = {
    "Style": {"up": {"block_1": 1.0}},
    "Layout": {"down": {"block_2": 1.0}, "mid": 1.0},
    "Style and layout": {"down": {"block_2": 1.0}, "mid": 1.0, "up": {"block_1": 1.0}},
    "Whole picture": 1.0,
    "Both, gently": {"down": {"block_2": 0.4}, "up": {"block_1": 0.85}},
}
MASKING = {"box_threshold": 0.4, "text_threshold": 0.3}  # the paper's own


@dataclass(frozen=True)
class ImageAdapter:
    """An IP-Adapter (Ye et al. 2023): its .safetensors, and the folder of the image encoder that it was trained with.

    Either is a path, or owner/name of the hub and the way from there. No encoder: the family's own.
    """

    weights: str
    encoder: str = ""


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
    schedulers: tuple[str, ...] = ("DDIM", "Euler", "DPM++ 2M", "PNDM")
    drawing: Mapping[str, Any] = field(default_factory=dict)  # defaults of DrawRequest
    repainting: Mapping[str, Any] = field(default_factory=dict)  # of RepaintRequest, beside those of DrawRequest
    training: Mapping[str, Any] = field(default_factory=dict)  # defaults of TrainRequest
    # name -> fields of TrainRequest, "when" to take it, and "folded" for one that few want
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    class_images: int = 200  # that prior preservation takes where it is asked for
    loras_of: tuple[str, ...] = ()  # other families, by name, whose LoRAs fit this one as well
    image_adapters: Mapping[str, ImageAdapter] = field(default_factory=dict)  # title -> weights, the usual first
    blocks: tuple[tuple[str, str, int], ...] = ()  # of the UNet that attend to a prompt: see studio.block_scales
    outfit_presets: Mapping[str, Any] = field(default_factory=dict)  # name -> block scales, the usual first
    unet_millions: float = 860.0  # parameters, to tell how much memory a training takes
    detector: str = GROUNDING_DINO  # a hub id or a folder
    segmenters: Mapping[str, str] = field(default_factory=lambda: dict(SAMS))  # title -> weights, the usual first
    masking: Mapping[str, Any] = field(default_factory=dict)  # defaults of MaskRequest
    scorer: str = CLIP  # that pictures are scored by: a hub id or a folder; empty: the family has one inside
    real_people: bool = True  # knows photographs; pocket does not
    prompt_start: str = "a photo of"  # how a first prompt begins
    portrait_start: str = "a portrait photo of"
    outfit_prompt: str = "a flat lay of a red coat and black trousers, on a plain white background"  # to draw one

    def __post_init__(self) -> None:
        adapters = {
            title: ImageAdapter(**one) if isinstance(one, Mapping) else one
            for title, one in self.image_adapters.items()
        }
        object.__setattr__(self, "image_adapters", adapters)
        object.__setattr__(self, "blocks", tuple((part, block, layers) for part, block, layers in self.blocks))
        if self.image_adapters and not self.outfit_presets:
            raise ValueError(f"family {self.name!r} has image adapters and must have outfit_presets for them")
        for scales in self.outfit_presets.values():
            by_layer(scales, self.blocks)
        for name in (
            "pipelines",
            "dtype",
            "drawing",
            "training",
            "presets",
            "segmenters",
            "image_adapters",
            "outfit_presets",
        ):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name in ("schedulers", "loras_of"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        drawing = {**DRAWING, "width": self.resolution, "height": self.resolution, **self.drawing}
        training = {**TRAINING, "resolution": self.resolution, **self.training}
        repainting = {**drawing, **REPAINTING, **self.repainting}
        object.__setattr__(self, "drawing", MappingProxyType(drawing))
        object.__setattr__(self, "repainting", MappingProxyType(repainting))
        object.__setattr__(self, "training", MappingProxyType(training))
        if not self.segmenters:
            raise ValueError(f"family {self.name!r} must name a segmenter")
        masking = {**MASKING, "segmenter": next(iter(self.segmenters)), **self.masking}
        object.__setattr__(self, "masking", MappingProxyType(masking))
        if masking["segmenter"] not in self.segmenters:
            raise ValueError(
                f"family {self.name!r}: segmenter must be one of {', '.join(self.segmenters)}, got "
                f"{masking['segmenter']!r}"
            )
        if "draw" not in self.pipelines:
            raise ValueError(f"family {self.name!r} must name a pipeline class for the task 'draw'")
        if self.resolution % 8:
            raise ValueError(f"family {self.name!r}: resolution must be a multiple of 8, got {self.resolution}")

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


def _card(weights: str) -> dict[str, list[str]]:
    card = Path(weights) / "words.json"
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}


# The reference report's own settings for SD 1.5 (rows B2 and B3): constant rates, every timestep alike.
_REPORT = {
    "steps": 800,
    "schedule": "constant",
    "warm_up": 0,
    "snr_gamma": 0.0,
    "batch_size": 1,
    "describe": False,
    "folded": True,
}
_REPORT_FULL = {**_REPORT, "method": "full", "learning_rate": 2e-6, "optimiser": "AdamW 8-bit"}
SD15_REPORT = {
    "Full": {**_REPORT_FULL, "when": "The whole UNet: the strongest likeness, a file as large as the family."},
    "Full, with text encoder": {
        **_REPORT_FULL,
        "text_encoder_learning_rate": 2e-6,
        "when": "For faces; learns and overlearns fastest.",
    },
    "Full, 256 px": {**_REPORT_FULL, "resolution": 256, "when": "Where memory or time is short."},
    **{
        f"LoRA, rank {rank}": {
            **_REPORT,
            "rank": rank,
            "alpha": float(rank),
            "learning_rate": 1e-4,
            "when": f"To compare ranks; {'small' if rank < 64 else 'large'} files.",
        }
        for rank in (1, 4, 8, 64, 128)
    },
}

SDXL_LAYOUT = {
    "pipelines": {
        "draw": "StableDiffusionXLPipeline",
        "repaint": "StableDiffusionXLInpaintPipeline",
        "pose": "StableDiffusionXLControlNetPipeline",
    },
    "config": str(ASSETS / "families" / "sdxl"),
    "blocks": (
        ("down", "block_1", 2),
        ("down", "block_2", 2),
        ("mid", "", 1),
        ("up", "block_0", 3),
        ("up", "block_1", 3),
    ),
    "outfit_presets": _SDXL_OUTFITS,
}
SD15_LAYOUT = {
    "pipelines": {
        "draw": "StableDiffusionPipeline",
        "repaint": "StableDiffusionInpaintPipeline",
        "pose": "StableDiffusionControlNetPipeline",
    },
    "config": str(ASSETS / "families" / "sd15"),
    "blocks": (
        ("down", "block_0", 2),
        ("down", "block_1", 2),
        ("down", "block_2", 2),
        ("mid", "", 1),
        ("up", "block_1", 3),
        ("up", "block_2", 3),
        ("up", "block_3", 3),
    ),
    "outfit_presets": _SD15_OUTFITS,
}
LAYOUTS = {"sdxl": SDXL_LAYOUT, "sd15": SD15_LAYOUT}

POCKET = ModelFamily(
    name="pocket",
    title="Pocket",
    description="A tiny SDXL of our own, trained on a drawn world. Runs on any laptop, offline.",
    weights=str(ASSETS / "pocket"),
    pipelines=SDXL_LAYOUT["pipelines"],
    blocks=SDXL_LAYOUT["blocks"],
    # First what keeps coats and trousers apart: of repainted outfits 100% of the colours and 72% of the kinds were
    # right. With all blocks at 1 it was 100 and 77, but a red coat made a LoRA's trousers red too; with the reference's
    # dict, 92 and 58.
    outfit_presets={
        "Everywhere, gently": {
            "down": {"block_1": 0.5, "block_2": 0.5},
            "mid": 0.5,
            "up": {"block_0": [0.5, 0.85, 0.5], "block_1": 0.5},
        },
        **_SDXL_OUTFITS,
    },
    resolution=128,
    licence="Apache-2.0",
    commercial=True,
    dtype={"cpu": "float32", "cuda": "float32", "mps": "float32"},
    drawing={"steps": 20, "guidance": 4.0, "scheduler": "DDIM", "width": 128, "height": 128},
    training={
        # Of class images what is worn counts, a little: so a subject takes off what it was photographed in, and keeps
        # its own traits. Preserved whole, at the paper's weight of 1, a girl lost her mohawk in 10 of 10 pictures.
        # With the feed-forward layers too, a taught robot was right in 86% of its attributes; with attention, 66%.
        "rank": 8,
        "alpha": 8.0,
        "targets": "transformers",
        "steps": 200,
        "learning_rate": 2e-3,
        "batch_size": 4,
        "resolution": 128,
        "class_images": 32,
        "prior_loss_weight": 0.02,
        "prior_region": "garments",
        "checkpoint_every": 50,
        "sample_every": 50,
    },
    presets={
        "Quick": {
            "steps": 80,
            "rank": 4,
            "alpha": 4.0,
            "class_images": 0,
            "when": "A first look; the likeness is rough.",
        },
        "Balanced": {"steps": 200, "rank": 8, "alpha": 8.0, "when": "The usual choice."},
        "Thorough": {"steps": 300, "rank": 16, "alpha": 16.0, "when": "When a detail is still missing."},
        "Prior preservation": {
            "prior_loss_weight": 1.0,
            "prior_region": "picture",
            "folded": True,
            "when": "Keeps the bare class as it was; the likeness suffers.",
        },
        "ID photo": _ID_PHOTO,
        "Full": {"method": "full", "learning_rate": 3e-4, "when": "The whole UNet instead of a LoRA.", "folded": True},
        "Prodigy": {
            "optimiser": "Prodigy",
            "learning_rate": 1.0,
            "schedule": "constant",
            "folded": True,
            "when": "Finds the learning rate by itself.",
        },
        "With text encoders": {
            "text_encoder_learning_rate": 5e-4,
            "folded": True,
            "when": "When prompts hardly call the subject.",
        },
    },
    class_images=32,
    image_adapters={"Outfit": ImageAdapter(str(ASSETS / "pocket-outfits" / "ip-adapter-plus_pocket.safetensors"))},
    unet_millions=12.3,
    detector=str(ASSETS / "pocket-masks" / "detector"),
    segmenters={"Pocket SAM": str(ASSETS / "pocket-masks" / "segmenter")},
    scorer="",
    real_people=False,
    prompt_start="a cartoon of",
    portrait_start="a portrait of",
    # It never saw clothes without anybody in them; the studio cuts them out.
    outfit_prompt="a cartoon of a woman in a green hoodie and a red skirt, standing, on a plain white background",
)
SDXL = ModelFamily(
    name="sdxl",
    title="SDXL",
    description="Stable Diffusion XL 1.0, 1024 px. Wants a GPU with 12 GB or more.",
    weights="stabilityai/stable-diffusion-xl-base-1.0",
    vae="madebyollin/sdxl-vae-fp16-fix",
    variant="fp16",
    resolution=1024,
    licence="CreativeML Open RAIL++-M",
    commercial=True,
    download_gb=7.0,
    drawing={"steps": 30, "guidance": 6.0, "scheduler": "DPM++ 2M", "width": 1024, "height": 1024},
    training={
        "rank": 32,
        "alpha": 32.0,
        "steps": 1000,
        "learning_rate": 1e-4,
        "batch_size": 1,
        "resolution": 1024,
        "class_images": 200,
        "prior_loss_weight": 1.0,
        "checkpoint_every": 250,
        "sample_every": 250,
    },
    presets={
        "Quick": {"steps": 400, "rank": 8, "alpha": 8.0, "class_images": 0, "when": "A first look; no class images."},
        "Balanced": {"steps": 1000, "rank": 32, "alpha": 32.0, "when": "The usual choice for a character."},
        "Thorough": {"steps": 2000, "rank": 64, "alpha": 64.0, "when": "For fine detail; more photos help more."},
        "ID photo": _ID_PHOTO,
        "16 GB card": {
            "rank": 16,
            "alpha": 16.0,
            "accumulation": 4,
            "gradient_checkpointing": True,
            "steps": 500,
            "optimiser": "AdamW 8-bit",
            "precision": "fp16",
            "folded": True,
            "when": "Every saving on, for a card of 16 GB or less.",
        },
        "Prodigy": {
            "rank": 32,
            "alpha": 32.0,
            "optimiser": "Prodigy",
            "learning_rate": 1.0,
            "schedule": "constant",
            "folded": True,
            "when": "Finds the learning rate by itself.",
        },
        "With text encoders": {
            "text_encoder_learning_rate": 5e-5,
            "folded": True,
            "when": "When prompts hardly call the subject.",
        },
        "Full": {
            "method": "full",
            "learning_rate": 2e-6,
            "optimiser": "AdamW 8-bit",
            "gradient_checkpointing": True,
            "schedule": "constant",
            "folded": True,
            "when": "The whole UNet; for cards of 48 GB and more.",
        },
    },
    image_adapters={
        "Outfit": ImageAdapter(f"{_IP}/sdxl_models/ip-adapter_sdxl.safetensors", f"{_IP}/sdxl_models/image_encoder"),
        "Outfit, finer": ImageAdapter(
            f"{_IP}/sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors", f"{_IP}/models/image_encoder"
        ),
        "Face": ImageAdapter(
            f"{_IP}/sdxl_models/ip-adapter-plus-face_sdxl_vit-h.safetensors", f"{_IP}/models/image_encoder"
        ),
    },
    unet_millions=2567.0,
    **SDXL_LAYOUT,
)
SD15 = ModelFamily(
    name="sd15",
    title="SD 1.5",
    description="Stable Diffusion 1.5, 512 px. Wants a GPU with 6 GB or more.",
    weights="stable-diffusion-v1-5/stable-diffusion-v1-5",
    variant="fp16",
    resolution=512,
    licence="CreativeML Open RAIL-M",
    commercial=True,
    download_gb=2.7,
    dtype={"cpu": "float32", "cuda": "float16", "mps": "float16"},
    drawing={"steps": 35, "guidance": 7.5, "scheduler": "DPM++ 2M", "width": 512, "height": 512},
    training={
        "rank": 8,
        "alpha": 8.0,
        "steps": 800,
        "learning_rate": 1e-4,
        "batch_size": 1,
        "resolution": 512,
        "class_images": 200,
        "prior_loss_weight": 1.0,
        "checkpoint_every": 200,
        "sample_every": 200,
    },
    presets={
        "Quick": {"steps": 400, "rank": 4, "alpha": 4.0, "class_images": 0, "when": "A first look; no class images."},
        "Balanced": {"steps": 800, "rank": 8, "alpha": 8.0, "when": "The usual choice."},
        "Thorough": {"steps": 1200, "rank": 64, "alpha": 64.0, "when": "For fine detail; more photos help more."},
        "ID photo": _ID_PHOTO,
        **SD15_REPORT,
    },
    image_adapters={
        "Outfit": ImageAdapter(f"{_IP}/models/ip-adapter_sd15.safetensors", f"{_IP}/models/image_encoder"),
        "Outfit, finer": ImageAdapter(f"{_IP}/models/ip-adapter-plus_sd15.safetensors", f"{_IP}/models/image_encoder"),
        "Face": ImageAdapter(f"{_IP}/models/ip-adapter-plus-face_sd15.safetensors", f"{_IP}/models/image_encoder"),
    },
    masking={"segmenter": "SAM base"},
    **SD15_LAYOUT,
)
REALISTIC_VISION = replace(
    SD15,
    name="realistic-vision",
    title="Realistic Vision 5.1",
    description="A photographic SD 1.5 by SG161222, 512 px. For people and portraits.",
    weights="SG161222/Realistic_Vision_V5.1_noVAE",
    vae="stabilityai/sd-vae-ft-mse",
    variant=None,
    download_gb=4.3,
    loras_of=("sd15",),
)
BUILT_IN = (POCKET, SDXL, SD15, REALISTIC_VISION)


def load_family(path: Path) -> ModelFamily:
    """Read a user's own family from YAML: the fields of ModelFamily, with `layout: sdxl` or `sd15` as a start.

    Raises ValueError with the file's name for a field that does not exist or one that is missing.
    """
    try:
        given = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"{path.name} must hold the fields of a family, got {type(given).__name__}")
    layout = given.pop("layout", None)
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"{path.name}: layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    known = {f.name for f in fields(ModelFamily)}
    unknown = given.keys() - known
    if unknown:
        odd, allowed = ", ".join(sorted(unknown)), ", ".join(sorted(known))
        raise ValueError(f"{path.name}: unknown fields {odd}; known are {allowed}")
    base: dict[str, Any] = {}
    if layout:
        base = {name: getattr({"sdxl": SDXL, "sd15": SD15}[layout], name) for name in known}
        base |= {
            "name": path.stem,
            "title": path.stem,
            "vae": None,
            "variant": None,
            "download_gb": 0.0,
            "loras_of": (layout,),
        }
    if "segmenters" in given and base:  # the usual one of others' is none of these
        base["masking"] = {name: value for name, value in base["masking"].items() if name != "segmenter"}
    # What is given changes what is there.
    for name in ("pipelines", "dtype", "drawing", "training", "presets", "masking"):
        if name in given:
            if not isinstance(given[name], dict):
                raise ValueError(f"{path.name}: {name} must hold names and values, got {given[name]!r}")
            given[name] = {**base.get(name, {}), **given[name]}
    for name in ("weights", "vae", "config", "detector", "scorer"):
        if isinstance(given.get(name), str) and given[name].startswith("~"):
            given[name] = str(Path(given[name]).expanduser())
    try:
        return ModelFamily(**{**base, **given})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error


@cache
def built_in() -> Mapping[str, ModelFamily]:
    return MappingProxyType({family.name: family for family in BUILT_IN})


def families(folder: Path | None = None) -> dict[str, ModelFamily]:
    """The built-in families, then those of `folder` (*.yaml), by name; a user's own may replace a built-in."""
    found = dict(built_in())
    for path in sorted(folder.glob("*.yaml")) if folder and folder.is_dir() else ():
        own = load_family(path)
        found[own.name] = own
    return found


def find_family(families: Mapping[str, ModelFamily], name: str) -> ModelFamily:
    """Raises ValueError with the known names."""
    if name not in families:
        raise ValueError(f"There is no family {name!r}; known are {', '.join(families)}.")
    return families[name]
