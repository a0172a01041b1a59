"""Style LoRAs: the family's UNet learns to draw its world in another look, as a file that joins a character's LoRA.

The world's pictures are drawn anew in the style, so that nothing but the look differs from what the UNet knows.
Captions begin with the words that call it.
"""

import json
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from pocketworld.styles import STYLES
from pocketworld.training.data import Pictures, to_tensor, training_pictures
from pocketworld.training.diffusion import Diffusion
from pocketworld.training.latents import SQUARE
from pocketworld.training.loop import Loop
from pocketworld.training.texts import Texts, for_training
from pocketworld.training.unet import emphasis, predict

MINUTES = 12.0  # of each
BATCH, PICTURES, RANK = 12, 1500, 8
LEARNING_RATE = 1e-3
# Where pixels are drawn the UNet has convolutions alone.
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "conv_shortcut", "conv_out")


class Styled:
    """The first of the training pictures in a style: latents, where errors count, captions."""

    def __init__(self, style: str, pictures: Pictures, vae: AutoencoderKL, count: int = PICTURES):
        self.style, self.pictures = style, pictures
        drawn = np.stack([np.asarray(STYLES[style](Image.fromarray(pixels))) for pixels in pictures.pixels[:count]])
        with torch.inference_mode():
            self.latents = torch.cat(
                [
                    vae.encode(to_tensor(drawn[first : first + 50])).latent_dist.mean
                    for first in range(0, len(drawn), 50)
                ]
            ).clone()

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, list[str]]:
        rows = np.sort(rng.integers(len(self.latents), size=count))
        words = random.Random(int(rng.integers(1 << 32)))
        captions = [for_training(words.choice(self.pictures.captions[row]), words) for row in rows]
        latents = self.latents[torch.from_numpy(rows)]
        named = [f"{self.style}, {caption}" if caption else "" for caption in captions]
        return latents, emphasis(self.pictures.parts[rows], latents.shape[-2:]), named


def train(work: Path, minutes: float = MINUTES) -> None:
    """Train each style into work/styles/<its name>: checkpoint, journal, and the LoRA as diffusers reads it."""
    texts, diffusion, pictures = Texts(work / "clip"), Diffusion(), training_pictures(work, SQUARE[0], PICTURES)
    vae = AutoencoderKL.from_pretrained(work / "vae" / "weights").eval().requires_grad_(False)
    for style in STYLES:
        torch.manual_seed(0)
        unet = UNet2DConditionModel.from_pretrained(work / "unet" / "weights").requires_grad_(False)
        _learn(unet, Styled(style, pictures, vae), texts, diffusion, work / "styles" / style.replace(" ", "-"), minutes)


def _learn(
    unet: UNet2DConditionModel, styled: Styled, texts: Texts, diffusion: Diffusion, folder: Path, minutes: float
) -> None:
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(TARGETS)))
    optimiser = torch.optim.AdamW(
        [one for one in unet.parameters() if one.requires_grad],
        lr=LEARNING_RATE,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        fused=True,
    )
    loop = Loop(folder, unet, optimiser, minutes=minutes, warmup=20, ema_decay=0.99)
    for _ in loop:
        latents, weights, captions = styled.draw(BATCH, loop.rng)
        noise, timesteps = torch.randn_like(latents), diffusion.timesteps(len(latents))
        noisy, velocity = diffusion.noisy_and_target(latents, noise, timesteps)
        predicted = predict(unet, noisy, timesteps, texts(captions), SQUARE)
        loop.descend(diffusion.loss(predicted, velocity, timesteps, weights), samples=len(latents))
    with loop.averaged():
        save(unet, styled.style, loop.step, folder / f"{folder.name}.safetensors")


def save(unet: nn.Module, style: str, steps: int, file: Path) -> None:
    """The LoRA in half precision, in diffusers' names, with what it is in the header."""
    learnt = {
        f"unet.{name}": value.detach().half().contiguous() for name, value in get_peft_model_state_dict(unet).items()
    }
    config = {"unet.r": RANK, "unet.lora_alpha": RANK, "unet.target_modules": list(TARGETS)}
    save_file(
        learnt,
        file,
        {
            "format": "pt",
            "base": "pocket",
            "trigger": style,
            "rank": str(RANK),
            "alpha": str(RANK),
            "steps": str(steps),
            "modelspec.sai_model_spec": "1.0.0",
            "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
            "modelspec.implementation": "diffusers",
            "modelspec.title": f"{style.capitalize()} (Pocket)",
            "modelspec.trigger_phrase": style,
            "lora_adapter_metadata": json.dumps(config, sort_keys=True),
        },
    )
