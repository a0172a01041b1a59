"""SDXL and SD 1.5 made tiny: the published layouts, few channels, random weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image, ImageDraw

from benchmarks.speed.random_weights import random_pipeline
from studio.contracts.family import ASSETS, ModelFamily
from studio.engine.models.loading import shared_tokenizers
from studio.engine.models.single_file import save_single_file
from studio.library import Library
from studio.library.family_files import built_in

SD15, SDXL = built_in()["sd15"], built_in()["sdxl"]

WIDTH, SECOND_WIDTH, SIDE = 32, 48, 64  # diffusers tells SDXL's two text encoders apart by their widths
CLIP = {"intermediate_size": WIDTH, "num_attention_heads": 2, "num_hidden_layers": 2}
FIRST_CLIP = {**CLIP, "hidden_size": WIDTH, "projection_dim": WIDTH}
SECOND_CLIP = {**CLIP, "hidden_size": SECOND_WIDTH, "projection_dim": SECOND_WIDTH}
VAE = {"block_out_channels": [8, 8, 8, 16], "norm_num_groups": 4, "layers_per_block": 1, "sample_size": SIDE}
UNETS = {
    "sdxl": {
        "block_out_channels": [16, 32, 32],
        "attention_head_dim": [2, 2, 2],
        "cross_attention_dim": WIDTH + SECOND_WIDTH,
        "transformer_layers_per_block": 1,
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + SECOND_WIDTH,
        "norm_num_groups": 8,
        "sample_size": 8,
    },
    "sd15": {
        "block_out_channels": [16, 32, 32, 32],
        "attention_head_dim": 2,
        "cross_attention_dim": WIDTH,
        "norm_num_groups": 8,
        "sample_size": 8,
    },
}
DRAWING = {"steps": 2, "guidance": 4.0, "scheduler": "DDIM", "width": SIDE, "height": SIDE}
TRAINING = {
    "rank": 2,
    "alpha": 2.0,
    "steps": 4,
    "learning_rate": 1e-2,
    "batch_size": 2,
    "resolution": SIDE,
    "class_images": 2,
    "prior_loss_weight": 1.0,
    "checkpoint_every": 2,
    "sample_every": 4,
    "pick_best": False,
    "describe": False,
}


def new_library(root: Path) -> Library:
    """A library with one subject of three photos."""
    library = Library(root)
    library.add_subject("Mika", "girl", "sks", photos=list(_photos()))
    return library


def _photos() -> Iterator[Image.Image]:
    for shade in (60, 120, 180):
        photo = Image.new("RGB", (256, 256), (240, 240 - shade, 200))
        ImageDraw.Draw(photo).ellipse((60, 40, 196, 216), fill=(shade, 80, 90))
        yield photo


def make_toys(layout: str, folder: Path, **unet: Any) -> tuple[ModelFamily, ModelFamily]:
    """The same random weights as a diffusers folder and as a single file, both as families; `unet` is what its
    configuration says beside the toy's own."""
    pipeline = toy_pipeline(layout, **unet)
    pipeline.save_pretrained(folder / "folder")
    save_single_file(pipeline, folder / "single.safetensors", {})
    # As ours under assets/families: neither weights nor vocabularies.
    without = shutil.ignore_patterns("*.safetensors", "tokenizer.json", "vocab.json", "merges.txt")
    shutil.copytree(folder / "folder", folder / "config", ignore=without)
    save_toy_clip(folder / "clip")
    toy = replace(
        {"sdxl": SDXL, "sd15": SD15}[layout],
        name=f"toy-{layout}",
        title=f"Toy {layout}",
        vae=None,
        variant=None,
        resolution=SIDE,
        dtype={"cpu": "float32"},
        drawing=DRAWING,
        training=TRAINING,
        scorer=str(folder / "clip"),
    )
    return (
        replace(toy, weights=str(folder / "folder")),
        replace(toy, weights=str(folder / "single.safetensors"), config=str(folder / "config")),
    )


def save_toy_clip(folder: Path) -> None:
    """A CLIP as the hub has them, with random weights."""
    vision = {**CLIP, "hidden_size": WIDTH, "image_size": SIDE, "patch_size": 16}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=FIRST_CLIP, vision_config=vision, projection_dim=WIDTH)
    transformers.CLIPModel(config).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    transformers.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size).save_pretrained(folder)
    shared_tokenizers(ASSETS / "families" / "sd15")["tokenizer"].save_pretrained(folder)


def toy_pipeline(layout: str, **unet: Any) -> Any:
    """Built from the published configurations, with the numbers above in place of theirs."""
    return random_pipeline(
        layout,
        {
            "unet": {**UNETS[layout], **unet},
            "vae": VAE,
            "text_encoder": FIRST_CLIP,
            "text_encoder_2": SECOND_CLIP,
        },
    )
