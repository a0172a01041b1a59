"""How much pictures resemble the subject, and how well they follow their prompts, measured by CLIP.

CLIP-I is the mean cosine between pictures and photos, CLIP-T the one between pictures and their prompts (Ruiz et al.
2023, section 4.2). Both are read against the base's own pictures of the same prompts and seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from studio.contracts.family import ModelFamily
from studio.engine.models.pipeline_cache import PipelineCache


class Clip:
    """An image tower and a text tower with one space in common; `network` is what moves between devices."""

    def __init__(self, vision: Any, text: Any, processor: Any, tokenizer: Any) -> None:
        self.network = vision
        self._text, self._processor, self._tokenizer = text, processor, tokenizer

    @classmethod
    def published(cls, source: Path) -> Clip:
        """The CLIP of a folder as transformers saves one."""
        network = CLIPModel.from_pretrained(source, use_safetensors=True).requires_grad_(False).eval()
        processor, tokenizer = CLIPImageProcessorPil.from_pretrained(source), CLIPTokenizer.from_pretrained(source)
        return cls(network, network, processor, tokenizer)

    @torch.no_grad()
    def images(self, pictures: Sequence[Image.Image]) -> Tensor:
        """[count, width], of length 1 each."""
        pixels = self._processor(images=[picture.convert("RGB") for picture in pictures], return_tensors="pt")
        seen = self.network.vision_model(pixel_values=pixels.pixel_values.to(self.network.device, self.network.dtype))
        return normalize(self.network.visual_projection(seen.pooler_output).float().cpu(), dim=-1)

    @torch.no_grad()
    def texts(self, prompts: Sequence[str]) -> Tensor:
        """[count, width], of length 1 each."""
        tokens = self._tokenizer(list(prompts), padding="max_length", truncation=True, return_tensors="pt").input_ids
        read = self._text.text_model(input_ids=tokens.to(self._text.device))
        return normalize(self._text.text_projection(read.pooler_output).float().cpu(), dim=-1)


@contextmanager
def clip_of(pipelines: PipelineCache, family: ModelFamily) -> Iterator[Clip]:
    """The family's scorer for as long as the block lasts: a CLIP of its own, or the one it was trained with."""
    if family.scorer:
        with pipelines.lend_helper(Clip.published, family.scorer) as clip:
            yield clip
        return
    with pipelines.lend(family) as pipeline:
        yield Clip(pipeline.image_encoder, pipeline.text_encoder_2, pipeline.feature_extractor, pipeline.tokenizer_2)


def subject_fidelity(pictures: Tensor, photos: Tensor) -> float:
    """CLIP-I of embeddings, [n, width] and [m, width]: the mean cosine of every picture and every photo."""
    return float((pictures @ photos.T).mean())


def prompt_fidelity(pictures: Tensor, prompts: Tensor) -> float:
    """CLIP-T of embeddings, both [n, width]: the mean cosine of each picture and its own prompt."""
    return float((pictures * prompts).sum(1).mean())


def diversity(pictures: Tensor) -> float:
    """How unlike each other pictures are: the mean of 1 - cosine over all pairs of embeddings, [n, width]."""
    if len(pictures) < 2:
        return 0.0
    apart = 1 - pictures @ pictures.T
    return float(apart.sum() / (len(pictures) * (len(pictures) - 1)))


def drift(after: Tensor, before: Tensor) -> float:
    """How far pictures moved, both [n, width]: the mean of 1 - cosine of each and the one it was."""
    return float(1 - (after * before).sum(1).mean())
