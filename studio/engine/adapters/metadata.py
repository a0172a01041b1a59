"""What the header of a LoRA's file, or of a full fine-tune's, says it is: written and read here alone.

The keys are those that trainers and viewers agreed on: modelspec (Stability AI's), ss_ (kohya's sd-scripts), diffusers'
lora_adapter_metadata, and a few of ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from studio.contracts.family import ModelFamily
from studio.contracts.requests import FULL
from studio.engine.models.layouts import driver_of
from studio.engine.models.weights import metadata_of

MODELSPEC, TAGS, ADAPTED = "modelspec.", "ss_tag_frequency", "lora_adapter_metadata"
LONGEST_TRIGGER = 200


@dataclass(frozen=True)
class LoraMetadata:
    """What was learnt, on which base, and how it is called; of a file from elsewhere as much as that says.

    `modelspec` has the keys of that standard without their beginning, `tags` how often each tag of the captions came,
    by folder, and `adapted` PEFT's configuration of each network, under "unet.r" and the like.
    """

    trigger: str = ""
    base: str = ""  # a hub id, or the name of a family whose weights lie on a disk
    method: str = ""  # "LoRA" or "full"; empty where it is not told
    rank: int = 0
    alpha: float = 0.0
    steps: int = 0
    base_resolution: int = 0  # native side of the base in pixels; 0 where it is not told, as in files of before
    modelspec: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    adapted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether it is a full fine-tune, and no LoRA."""
        return self.method == FULL

    @property
    def architecture(self) -> str:
        """What it was made for, by modelspec's name; empty where it is not told."""
        return self.modelspec.get("architecture", "")

    def alpha_of(self, component: str, module: str, rank: int) -> float | None:
        """The alpha of a layer of that rank, by PEFT's configuration of its network: it is scaled by alpha / rank.

        A rank-stabilized LoRA (Kalajdzievski 2023) is scaled by alpha / sqrt(rank).
        """
        pattern = self.adapted.get(f"{component}.alpha_pattern")
        ends = pattern if isinstance(pattern, dict) else {}
        fitting = [value for end, value in ends.items() if f".{module}".endswith(f".{end}")]
        alpha = fitting[0] if fitting else self.adapted.get(f"{component}.lora_alpha")
        if not isinstance(alpha, int | float) or not math.isfinite(alpha):
            return None
        return alpha * (math.sqrt(rank) if self.adapted.get(f"{component}.use_rslora") else 1.0)

    @classmethod
    def of_family(
        cls, family: ModelFamily, name: str, trigger: str, *, method: str = "", **values: Any
    ) -> LoraMetadata:
        """Of something that is made here, of that name, for that family."""
        modelspec = {
            "sai_model_spec": "1.0.0",
            "architecture": driver_of(family).architecture + ("" if method == FULL else "/lora"),
            "implementation": "diffusers",
            "title": f"{name} ({family.title})",
            "trigger_phrase": trigger,
            "usage_hint": f"Say {trigger} in the prompt.",
        }
        base = family.weights if not family.is_local else family.name
        return cls(trigger, base, method, base_resolution=family.resolution, modelspec=modelspec, **values)

    def of_earlier_weights(self, family: ModelFamily) -> bool:
        """Whether it was made on the family when that drew its earlier resolution."""
        return self.base == family.name and family.was_earlier(self.base_resolution)

    def with_resolution(self, side: int | None) -> LoraMetadata:
        """The same, taught at that side in pixels."""
        return replace(self, modelspec={**self.modelspec, "resolution": f"{side}x{side}"})

    @classmethod
    def read(cls, path: Path) -> LoraMetadata:
        """Raises ValueError, in a sentence, for what is no safetensors file."""
        return cls.from_header(metadata_of(path))

    @classmethod
    def from_header(cls, told: Mapping[str, str]) -> LoraMetadata:
        """What is missing or cannot be read is left empty."""
        modelspec = {name.removeprefix(MODELSPEC): value for name, value in told.items() if name.startswith(MODELSPEC)}
        tags = _tags(told.get(TAGS, ""))
        return cls(
            trigger=(modelspec.get("trigger_phrase") or told.get("trigger") or told.get("activation text") or "")[
                :LONGEST_TRIGGER
            ],
            base=told.get("base", ""),
            method=told.get("method", ""),
            rank=int(_number(told, "rank", "ss_network_dim")),
            alpha=_number(told, "alpha", "ss_network_alpha"),
            steps=int(_number(told, "steps", "ss_steps")),
            base_resolution=int(_number(told, "base_resolution")),
            modelspec=modelspec,
            tags=tags,
            adapted=_mapping(told.get(ADAPTED, "")),
        )

    def header(self) -> dict[str, str]:
        """As every file of ours says it; what is not known is left out."""
        told = {
            "method": self.method,
            "steps": str(self.steps or ""),
            "rank": str(self.rank or ""),
            "alpha": str(self.alpha or ""),
            "base_resolution": str(self.base_resolution or ""),
            TAGS: json.dumps(self.tags) if self.tags else "",
            ADAPTED: json.dumps(self.adapted, sort_keys=True) if self.adapted else "",
        }
        ours = {"format": "pt", "base": self.base, "trigger": self.trigger, **self.modelspec_header()}
        return ours | {name: value for name, value in told.items() if value}

    def modelspec_header(self) -> dict[str, str]:
        """What any file of weights may say, a family's too."""
        return {f"{MODELSPEC}{name}": value for name, value in self.modelspec.items()}

    def kohya_header(self, name: str, base: str) -> dict[str, str]:
        """As sd-scripts says it of a LoRA of that name, on a base by its own words, such as "sd_v1"."""
        return {
            **self.modelspec_header(),
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(self.rank),
            "ss_network_alpha": str(self.alpha),
            "ss_base_model_version": base,
            "ss_output_name": name,
            "ss_steps": str(self.steps),
            TAGS: json.dumps(self.tags),
        }


def adapted_network(part: str, rank: int | None, alpha: float | None, targets: Iterable[str]) -> dict[str, Any]:
    """PEFT's configuration of one network, "unet" or "text_encoder", as diffusers keeps it in a header."""
    return {f"{part}.r": rank, f"{part}.lora_alpha": alpha, f"{part}.target_modules": list(targets)}


def _tags(text: str) -> dict[str, dict[str, int]]:
    folders = _mapping(text)
    whole = all(
        isinstance(tags, dict) and all(isinstance(count, int) for count in tags.values()) for tags in folders.values()
    )
    return folders if whole else {}


def _mapping(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _number(told: Mapping[str, str], *names: str) -> float:
    """The first of these that is a number from 0 on; 0 where none is."""
    for name in names:
        try:
            number = float(told.get(name, ""))
        except ValueError:
            continue
        if 0 <= number < float("inf"):
            return number
    return 0
