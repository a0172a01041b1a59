"""SDXL and SD 1.5 from their published configurations with random weights: speed and plumbing need no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import diffusers
import torch
import transformers

from studio.families import ASSETS


def random_pipeline(layout: str, sizes: Mapping[str, Mapping[str, Any]] | None = None, device: str = "cpu") -> Any:
    """The diffusers pipeline of a layout, "sdxl" or "sd15", its networks made on `device`.

    `sizes`: component -> what its configuration says in place of the published one.
    """
    published, sizes = ASSETS / "families" / layout, sizes or {}
    index = json.loads((published / "model_index.json").read_text(encoding="utf-8"))
    torch.manual_seed(0)
    parts = {}
    for name, (library, kind_name) in [(n, part) for n, part in index.items() if isinstance(part, list) and part[0]]:
        kind = getattr({"diffusers": diffusers, "transformers": transformers}[library], kind_name)
        with torch.device(device):
            if name in ("tokenizer", "tokenizer_2", "scheduler"):
                parts[name] = kind.from_pretrained(published / name)
            elif library == "transformers":
                parts[name] = kind(kind.config_class.from_pretrained(published / name, **sizes.get(name, {})))
            else:
                parts[name] = kind.from_config({**kind.load_config(published / name), **sizes.get(name, {})})
    kept = {name: index[name] for name in ("force_zeros_for_empty_prompt", "requires_safety_checker") if name in index}
    empty: dict[str, Any] = {"safety_checker": None, "feature_extractor": None} if layout == "sd15" else {}
    return getattr(diffusers, index["_class_name"])(**parts, **kept, **empty)
