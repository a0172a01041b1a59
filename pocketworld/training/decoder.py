"""The decoder, finished on what the UNet itself makes of latents.

The VAE learnt to draw from latents with plain noise on them. A UNet's errors are of another kind: an eye a little lower
than the other, a hem that wavers. So true latents are partly noised, the UNet draws them again as it would a picture
(SDEdit, Meng et al. 2022, at low strength), and the decoder learns to give the render all the same. The encoder stays,
and with it everything that has learnt its latents.
"""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from numpy.lib.format import open_memmap
from torch import Tensor

from pocketworld.training.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.training.diffusion import SCHEDULE
from pocketworld.training.latents import SQUARE, Latents
from pocketworld.training.loop import Loop
from pocketworld.training.texts import Texts
from pocketworld.training.unet import PlainAttention, predict
from pocketworld.training.vae import (
    FIGURE_WEIGHT,
    WHOLE,
    Adversary,
    Contest,
    ContestOptimiser,
    psnr,
    reconstruction_loss,
    with_noise,
)

MINUTES = 40.0
REDRAWN = 2_400  # pictures that the UNet draws again
STRENGTHS = (0.15, 0.25, 0.35)  # of the redrawing; from 0.5 on it is another picture
STEPS, GUIDANCE = 20, 4.0  # as the family draws
BATCH, CROP = 8, 16  # half of them redrawn; a side of the crops, in latents
ADVERSARY_SHARE = 0.5  # a bolder one than the VAE's own
ADVERSARY_FROM = 0.05
FACTOR = 8


@torch.no_grad()
def redraw(unet: UNet2DConditionModel, texts: Texts, latents: Tensor, captions: list[str], strength: float) -> Tensor:
    """Latents [count, 4, side, side] noised for the last `strength` of the steps and drawn again from there."""
    scheduler = DDIMScheduler(**SCHEDULE)
    scheduler.set_timesteps(STEPS)
    steps = scheduler.timesteps[STEPS - round(STEPS * strength) :]
    states = scheduler.add_noise(latents, torch.randn_like(latents), steps[:1].expand(len(latents)))
    asked, unasked = texts(captions), texts([""] * len(captions))
    conditioning = tuple(torch.cat(pair) for pair in zip(unasked, asked, strict=True))
    for step in steps:
        both = torch.cat([states, states])
        without, told = predict(unet, both, step.expand(len(both)), conditioning, SQUARE).float().cpu().chunk(2)
        states = scheduler.step(without + GUIDANCE * (told - without), step, states).prev_sample
    return states


def redrawn_latents(work: Path, device: str, count: int = REDRAWN) -> np.ndarray:
    """Row i is row i of the training latents, drawn again; made now where the work folder lacks it."""
    file, progress = work / "decoder" / "redrawn.npy", work / "decoder" / "redrawn.json"
    known = Latents(work)
    count = min(count, len(known))
    start = json.loads(progress.read_text())["rows"] if progress.exists() else 0
    if start >= count:
        return np.load(file, mmap_mode="r")
    file.parent.mkdir(parents=True, exist_ok=True)
    shape = (count, *known.rows.shape[1:])
    rows = open_memmap(file, "r+") if start else open_memmap(file, "w+", np.float16, shape)
    unet = UNet2DConditionModel.from_pretrained(work / "unet" / "weights").eval().to(device)
    unet.set_attn_processor({name: PlainAttention() for name in unet.attn_processors})
    texts, at_once = Texts(work / "clip", device), 16 if device == "cpu" else 256
    for first in range(start, count, at_once):
        last = min(first + at_once, count)
        torch.manual_seed(first)
        strength = STRENGTHS[first // at_once % len(STRENGTHS)]
        captions = [known.captions(index)[0] for index in range(first, last)]
        rows[first:last] = redraw(unet, texts, known.take(np.arange(first, last)), captions, strength).numpy()
        progress.write_text(json.dumps({"rows": last}))
    return rows


class Pairs:
    """Crops of latents, half of them redrawn, with the render that each should give."""

    def __init__(self, pictures: Pictures, latents: Latents, redrawn: np.ndarray, rng: np.random.Generator):
        self.pictures, self.latents, self.redrawn, self.rng = pictures, latents, redrawn, rng

    def draw(self, count: int, crop: int = CROP) -> tuple[Tensor, Tensor, Tensor]:
        """Latents [count, 4, crop, crop], pixels [count, 3, side, side] in -1..1, weights [count, 1, side, side]."""
        side, room = crop * FACTOR, SQUARE[0] // FACTOR - crop
        made = count // 2
        rows = [int(self.rng.integers(len(self.redrawn))) for _ in range(made)]
        rows += [int(self.rng.integers(min(len(self.pictures), len(self.latents)))) for _ in range(count - made)]
        latents, pixels, parts = [], [], []
        for number, row in enumerate(rows):
            top, left = int(self.rng.integers(room + 1)), int(np.clip(self.rng.normal(room / 2, room / 4), 0, room))
            source = self.redrawn if number < made else self.latents.rows
            latents.append(source[row][:, top : top + crop, left : left + crop].astype(np.float32))
            y, x = top * FACTOR, left * FACTOR
            pixels.append(self.pictures.pixels[row][y : y + side, x : x + side])
            parts.append(self.pictures.parts[row][y : y + side, x : x + side])
        given = torch.from_numpy(np.stack(latents))
        given = torch.cat([with_noise(given[:made], 0.1), with_noise(given[made:])])
        weights = 1 + FIGURE_WEIGHT * torch.from_numpy(np.stack(parts) > 0).float().unsqueeze(1)
        return given, to_tensor(np.stack(pixels)).to(memory_format=torch.channels_last), weights


def train(work: Path, minutes: float = MINUTES, device: str = "cpu") -> None:
    """Train the decoder of work/vae/weights into work/decoder, and lay it back there."""
    torch.manual_seed(0)
    redrawn = redrawn_latents(work, device)
    vae = AutoencoderKL.from_pretrained(work / "vae" / "weights").to(device, memory_format=torch.channels_last)
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    contest = Contest(vae, Adversary().to(device, memory_format=torch.channels_last))
    held_out = to_tensor(held_out_pictures(work, SQUARE[0]).pixels[:64]).to(device)
    optimiser = ContestOptimiser(contest, muon_lr=0.005, adamw_lr=6e-4)
    loop = Loop(work / "decoder", contest, optimiser, minutes=minutes, warmup=20, ema_decay=0.995)
    pairs = Pairs(training_pictures(work, SQUARE[0], len(redrawn)), Latents(work), redrawn, loop.rng)
    for step in loop:
        cut = (BATCH // 4, SQUARE[0] // FACTOR) if loop.rng.random() < WHOLE else (BATCH, CROP)
        latents, pictures, weights = (part.to(device) for part in pairs.draw(*cut))
        with torch.autocast(device, torch.bfloat16):
            rebuilt = vae.decode(latents).sample.float()
            loss = reconstruction_loss(rebuilt, pictures, weights)
            figures = {}
            if loop.fraction > ADVERSARY_FROM:
                loss, figures["judged"] = contest.adversary.contested(loss, rebuilt, ADVERSARY_SHARE)
            told_apart = contest.adversary.loss(pictures, rebuilt).float()
        loop.descend(loss + told_apart, samples=len(latents), told_apart=told_apart.item(), **figures)
        if step % 400 == 399:
            with loop.averaged():
                loop.journal(validation=psnr(vae, held_out))
    with loop.averaged():
        loop.journal(validation=psnr(vae, held_out))
        vae.save_pretrained(work / "vae" / "weights")
