"""From captions to what conditions the UNet: SDXL's two text encoders, frozen."""

import random
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pocketworld.training.tokenizers import with_identifier
from pocketworld.vocabulary import NOUNS

DROPPED = 0.1  # captions replaced by "", which classifier-free guidance needs
IDENTIFIED = 0.05  # captions with a meaningless identifier before the noun


class Texts:
    """Tokenizers and text encoders of work/clip; calling it encodes a list of captions."""

    def __init__(self, clip: Path, device: str = "cpu"):
        self.tokenizers = [CLIPTokenizer.from_pretrained(clip / name) for name in ("tokenizer", "tokenizer_2")]
        self.encoders = [
            CLIPTextModel.from_pretrained(clip / "text_encoder"),
            CLIPTextModelWithProjection.from_pretrained(clip / "text_encoder_2"),
        ]
        for encoder in self.encoders:
            encoder.eval().requires_grad_(False).to(device)

    @torch.no_grad()
    def __call__(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Hidden states [count, tokens, 192] and pooled embeddings [count, 128], as SDXL's pipeline takes them."""
        outputs = [
            encoder(self._tokens(tokenizer, captions).to(encoder.device), output_hidden_states=True)
            for tokenizer, encoder in zip(self.tokenizers, self.encoders, strict=True)
        ]
        states = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        return states.float(), outputs[1].text_embeds.float()

    @staticmethod
    def _tokens(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
        length = tokenizer.model_max_length
        return tokenizer(
            captions, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids


def for_training(caption: str, rng: random.Random) -> str:
    """The caption; at times nothing, at times with a rare identifier: "a sks girl" must be drawn as "a girl".

    Otherwise the identifier of a later DreamBooth run would begin as noise in the prompt.
    """
    draw = rng.random()
    if draw < DROPPED:
        return ""
    return with_identifier(caption, NOUNS, rng) if draw < DROPPED + IDENTIFIED else caption
