"""What the family's own CLIP says: how like each other pictures are, and which caption is nearest to a render."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from pocketworld.captions import full_caption
from pocketworld.render import render
from pocketworld.world import Spec


@torch.no_grad()
def embed_images(pipeline: Any, images: list[Image.Image]) -> Tensor:
    """Unit embeddings [count, 128] by the family's image encoder."""
    pixels = pipeline.feature_extractor(images, return_tensors="pt").pixel_values
    return F.normalize(pipeline.image_encoder(pixels).image_embeds, dim=-1)


def likeness(pipeline: Any, pictures: list[Image.Image], photos: list[Image.Image]) -> float:
    """CLIP-I (Ruiz et al. 2023): mean cosine between every picture and every photo."""
    similarity = embed_images(pipeline, pictures) @ embed_images(pipeline, photos).T
    return float(torch.mean(similarity))


@torch.no_grad()
def retrieval(pipeline: Any, specs: list[Spec]) -> float:
    """How often CLIP's nearest caption to a render of a spec, of all the specs' captions, is its own."""
    side = pipeline.vae.config.sample_size
    images = embed_images(pipeline, [render(spec, side, truth=False).image for spec in specs])
    tokens = pipeline.tokenizer_2(
        [full_caption(spec) for spec in specs], padding="max_length", truncation=True, return_tensors="pt"
    )
    texts = F.normalize(pipeline.text_encoder_2(tokens.input_ids).text_embeds, dim=-1)
    return (images @ texts.T).argmax(1).eq(torch.arange(len(specs))).float().mean().item()
