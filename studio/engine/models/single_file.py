"""A diffusers pipeline as the one .safetensors file that checkpoints are passed around in, to load it back.

The names are those of the original code (CompVis/stable-diffusion, Stability-AI/generative-models), which
diffusers' loader reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.engine.models.weights import write_tensors

UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    ".fc1.": ".c_fc.",
    ".fc2.": ".c_proj.",
    ".self_attn": ".attn",
    "final_layer_norm": "ln_final",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding": "token_embedding",
}


def save_single_file(pipeline: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the pipeline of SDXL's or SD 1.5's layout as one file, in the types that its weights have."""
    tensors = {
        f"model.diffusion_model.{_unet_name(name, pipeline.unet)}": p for name, p in pipeline.unet.state_dict().items()
    }
    for name, p in pipeline.vae.state_dict().items():
        name = _vae_name(name, len(pipeline.vae.config.block_out_channels))
        tensors[f"first_stage_model.{name}"] = p[:, :, None, None] if "attn_1" in name and p.ndim == 2 else p
    second = getattr(pipeline, "text_encoder_2", None)
    first = "cond_stage_model.transformer." if second is None else "conditioner.embedders.0.transformer."
    for name, p in pipeline.text_encoder.state_dict().items():
        tensors[f"{first}text_model.{name.removeprefix('text_model.')}"] = p
    if second is not None:
        tensors |= {f"conditioner.embedders.1.model.{name}": p for name, p in _open_clip(second.state_dict()).items()}
    write_tensors({name: p.clone() for name, p in tensors.items()}, path, {"format": "pt", **metadata})


def original_module(name: str, unet: Any) -> str:
    """The original code's name of a module of diffusers' UNet; one that it never had keeps its own."""
    known = name in UNET or name.partition(".")[0] in ("down_blocks", "mid_block", "up_blocks")
    return _unet_name(f"{name}.weight", unet).removesuffix(".weight") if known else name


def _unet_name(name: str, unet: Any) -> str:
    per_block = unet.config.layers_per_block + 1
    top, leaf = name.rsplit(".", 1)
    if top in UNET:
        return f"{UNET[top]}.{leaf}"
    found = re.fullmatch(r"(down_blocks\.\d+|mid_block|up_blocks\.\d+)\.(\w+)\.(.+)", name)
    assert found, f"a UNet has no parameter {name}"
    side, kind, rest = found.groups()
    number, rest = rest.split(".", 1)
    if kind == "resnets":
        part = rest.rsplit(".", 1)[0]
        rest = rest.replace(part, RESNET[part])
    if side == "mid_block":
        return f"middle_block.{2 * int(number) if kind == 'resnets' else 1}.{rest}"
    side, block = side.split(".")
    place = int(block) * per_block + (per_block - 1 if kind.endswith("samplers") else int(number))
    if side == "down_blocks":
        within = {"resnets": f"0.{rest}", "attentions": f"1.{rest}", "downsamplers": f"0.op.{leaf}"}
        return f"input_blocks.{1 + place}.{within[kind]}"
    after = 2 if hasattr(unet.up_blocks[int(block)], "attentions") else 1
    within = {"resnets": f"0.{rest}", "attentions": f"1.{rest}", "upsamplers": f"{after}.conv.{leaf}"}
    return f"output_blocks.{place}.{within[kind]}"


def _vae_name(name: str, blocks: int) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        before, part = name.split("mid_block.attentions.0.")
        within, leaf = part.rsplit(".", 1)
        return f"{before}mid.attn_1.{VAE_ATTENTION[within]}.{leaf}"
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{blocks - 1 - int(found[1])}.block", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{blocks - 1 - int(found[1])}.upsample", name)


def _open_clip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for key, p in state.items():
        name = key.removeprefix("text_model.")
        for ours, theirs in OPEN_CLIP.items():
            name = name.replace(ours, theirs)
        if key == "text_projection.weight":
            found["text_projection"] = p.T
        elif "q_proj" in key:
            found[name.replace(".q_proj.", ".in_proj_")] = torch.cat(
                [state[key.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            )
        elif "k_proj" not in key and "v_proj" not in key:
            found[name] = p
    return found
