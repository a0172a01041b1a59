"""Latents of all training pictures, computed once: float16 [count, 4, side, side] beside a count of finished rows.

They are written chunk by chunk, so that an interrupted run goes on, and so that training may begin on the first
thousands while the rest is still being made. Means are enough: the VAE's latents deviate by a few percent.
"""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.lib.format import open_memmap
from PIL import Image
from torch import Tensor

from pocketworld.recipes.data import held_out_pictures, to_tensor, training_pictures

SIZES = (64, 128)  # pixels: the UNet begins on halved pictures
CHUNK = 32
FLUSH_EVERY = 64 * CHUNK


class Latents:
    """The finished rows of one file; `len` grows while another process is still encoding."""

    def __init__(self, work: Path, size: int, name: str = "training"):
        self.file = work / "latents" / f"{name}-{size}.npy"
        self.rows = np.load(self.file, mmap_mode="r")

    def __len__(self) -> int:
        return json.loads(self.file.with_suffix(".json").read_text())["rows"]

    def take(self, indices: np.ndarray) -> Tensor:
        """Float32 [count, 4, side, side]."""
        return torch.from_numpy(self.rows[indices].astype(np.float32))


def train(work: Path, device: str = "cpu") -> None:
    """Encode what is not encoded yet: held-out pictures first, then the training ones, small sizes first."""
    vae = AutoencoderKL.from_pretrained(work / "vae" / "weights").eval()
    vae.to(device, memory_format=torch.channels_last)
    for size in SIZES:
        _encode(vae, held_out_pictures(work).pixels, work / "latents" / f"held-out-{size}.npy", size)
        _encode(vae, training_pictures(work).pixels, work / "latents" / f"training-{size}.npy", size)


def _encode(vae: AutoencoderKL, pixels: np.ndarray, file: Path, size: int) -> None:
    progress = file.with_suffix(".json")
    side = size // 2 ** (len(vae.config.block_out_channels) - 1)
    if progress.exists():
        start, rows = json.loads(progress.read_text())["rows"], open_memmap(file, "r+")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        start, rows = 0, open_memmap(file, "w+", np.float16, (len(pixels), 4, side, side))
    for first in range(start, len(pixels), CHUNK):
        last = min(first + CHUNK, len(pixels))
        rows[first:last] = _means(vae, _resized(pixels[first:last], size))
        if last % FLUSH_EVERY == 0 or last == len(pixels):
            rows.flush()
            temporary = progress.with_suffix(".tmp")
            temporary.write_text(json.dumps({"rows": last}))
            temporary.replace(progress)


@torch.inference_mode()
def _means(vae: AutoencoderKL, pixels: np.ndarray) -> np.ndarray:
    pictures = to_tensor(pixels).to(vae.device, memory_format=torch.channels_last)
    with torch.autocast(vae.device.type, torch.bfloat16):
        return vae.encode(pictures).latent_dist.mean.float().cpu().numpy()


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    if pixels.shape[1] == size:
        return pixels
    small = [Image.fromarray(picture).resize((size, size), Image.Resampling.BOX) for picture in pixels]
    return np.stack([np.asarray(picture) for picture in small])
