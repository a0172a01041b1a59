"""SDXL and SD 1.5 from their published configurations, and IP-Adapters, with random weights: speed and plumbing need
no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file

from studio.contracts.family import ASSETS
from studio.engine.models.loading import shared_tokenizers


def random_pipeline(layout: str, sizes: Mapping[str, Mapping[str, Any]] | None = None, device: str = "cpu") -> Any:
    """The diffusers pipeline of a layout, "sdxl" or "sd15", its networks made on `device`.

    `sizes`: component -> what its configuration says in place of the published one.
    """
    published, sizes = ASSETS / "families" / layout, sizes or {}
    index = json.loads((published / "model_index.json").read_text(encoding="utf-8"))
    torch.manual_seed(0)
    parts: dict[str, Any] = dict(shared_tokenizers(published))
    made = {name: part for name, part in index.items() if isinstance(part, list) and part[0] and name not in parts}
    for name, (library, kind_name) in made.items():
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


def save_random_eyes(folder: Path, width: int, side: int) -> None:
    """An image encoder of an adapter's own, as the hub has them: `width` channels, pictures of `side` pixels."""
    torch.manual_seed(2)
    config = transformers.CLIPVisionConfig(
        hidden_size=width,
        projection_dim=width,
        intermediate_size=width,
        num_attention_heads=2,
        num_hidden_layers=2,
        image_size=side,
        patch_size=16,
    )
    transformers.CLIPVisionModelWithProjection(config).save_pretrained(folder)


def save_random_adapter(unet: Any, file: Path, width: int, seed: int, plus: bool = False) -> None:
    """An IP-Adapter for a UNet and for eyes of that width, in the form of the published files, plain or with a
    resampler."""
    noise = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=noise)

    out, state = unet.config.cross_attention_dim, {}
    if plus:
        state = {
            "latents": random(1, 4, width),
            "proj_in.weight": random(width, width),
            "proj_in.bias": random(width),
            "proj_out.weight": random(out, width),
            "proj_out.bias": random(out),
            "norm_out.weight": random(out),
            "norm_out.bias": random(out),
        }
        for layer in range(4):
            for norm in ("0.norm1", "0.norm2", "1.0"):
                state |= {f"layers.{layer}.{norm}.weight": random(width), f"layers.{layer}.{norm}.bias": random(width)}
            state |= {
                f"layers.{layer}.0.to_q.weight": random(64, width),
                f"layers.{layer}.0.to_kv.weight": random(128, width),
                f"layers.{layer}.0.to_out.weight": random(width, 64),
                f"layers.{layer}.1.1.weight": random(4 * width, width),
                f"layers.{layer}.1.3.weight": random(width, 4 * width),
            }
    else:
        state = {
            "proj.weight": random(4 * out, width),
            "proj.bias": random(4 * out),
            "norm.weight": random(out),
            "norm.bias": random(out),
        }
    named = {f"image_proj.{name}": tensor for name, tensor in state.items()}
    attention = [module for name, module in unet.named_modules() if name.endswith("attn2")]
    for number, module in enumerate(attention):
        for part in ("k", "v"):
            named[f"ip_adapter.{2 * number + 1}.to_{part}_ip.weight"] = random(*module.to_k.weight.shape)
    save_file(named, file)
