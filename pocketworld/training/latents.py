"""Latents of the UNet's training pictures, computed once, in every frame that it learns.

work/latents/<training or held-out>-<width>x<height>/ holds latents.npy (float16 [count, 4, height / 8, width / 8]),
parts.npy (uint8 [count, height / 4, width / 4], values of pocketworld.canvas.PARTS), captions.jsonl (CAPTIONS strings a
line) and progress.json (how many rows are finished). Row i shows what row i of `training.data` shows.

They are written chunk by chunk, so that an interrupted run goes on, and so that training may begin on the first
thousands while the rest is still being made. Means are enough: the VAE's latents deviate by a few percent.
"""

import json
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.lib.format import open_memmap
from torch import Tensor

from pocketworld.training.data import HELD_OUT_PICTURES, Frame, drawn, to_tensor

SQUARE: Frame = (256, 256)
# Frames of about the same area, so that a step costs the same in each, and of sides that the UNet halves evenly.
FRAMES: dict[Frame, int] = {
    SQUARE: 40_000,
    (224, 288): 8_000,
    (288, 224): 8_000,
    (192, 320): 8_000,
    (320, 192): 8_000,
}
HALVED: Frame = (128, 128)  # the UNet begins on pictures of half the size
HALVED_PICTURES = 24_000
PORTIONS = 8
CHUNK = 32
SMALLER = 4  # pictures' pixels to a side of parts.npy's


class Latents:
    """The finished rows of one folder; `len` grows while another process is still encoding."""

    def __init__(self, work: Path, frame: Frame = SQUARE, name: str = "training"):
        self.folder = folder_of(work, frame, name)
        self.rows = np.load(self.folder / "latents.npy", mmap_mode="r")
        self.parts = np.load(self.folder / "parts.npy", mmap_mode="r")
        self._captions: list[list[str]] = []

    def __len__(self) -> int:
        return json.loads((self.folder / "progress.json").read_text())["rows"]

    def take(self, indices: np.ndarray) -> Tensor:
        """Float32 [count, 4, height / 8, width / 8]."""
        return torch.from_numpy(self.rows[indices].astype(np.float32))

    def captions(self, index: int) -> list[str]:
        """The captions of a finished row."""
        if index >= len(self._captions):
            with open(self.folder / "captions.jsonl", encoding="utf-8") as file:
                self._captions = [json.loads(line) for line in file if line.endswith("\n")]
        return self._captions[index]


def folder_of(work: Path, frame: Frame, name: str) -> Path:
    return work / "latents" / f"{name}-{frame[0]}x{frame[1]}"


def train(work: Path, device: str = "cpu") -> None:
    """Encode what is not encoded yet: held-out pictures first, then a portion of every frame in turn."""
    vae = AutoencoderKL.from_pretrained(work / "vae" / "weights").eval()
    vae.to(device, memory_format=torch.channels_last)
    for frame in FRAMES:
        encode(vae, work, frame, "held-out", HELD_OUT_PICTURES)
    begun = (work / "unet" / "checkpoint.pt").exists()  # it has seen enough of the halved ones
    counts = FRAMES if begun else {HALVED: HALVED_PICTURES, **FRAMES}
    for portion in range(1, PORTIONS + 1):
        for frame, count in counts.items():
            encode(vae, work, frame, "training", count, count * portion // PORTIONS)


def encode(vae: AutoencoderKL, work: Path, frame: Frame, name: str, count: int, stop: int | None = None) -> None:
    """Draw and encode what is not there yet of the first `stop` of `count` pictures of a frame, by default all."""
    stop = count if stop is None else stop
    folder = folder_of(work, frame, name)
    progress = folder / "progress.json"
    width, height = frame
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    shapes = {
        "latents": (np.float16, (count, 4, height // factor, width // factor)),
        "parts": (np.uint8, (count, height // SMALLER, width // SMALLER)),
    }
    start = json.loads(progress.read_text())["rows"] if progress.exists() else 0
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        what: open_memmap(folder / f"{what}.npy", "r+" if start else "w+", *(() if start else made))
        for what, made in shapes.items()
    }
    _cut(folder / "captions.jsonl", start)
    starts = range(start, stop, CHUNK)
    with Pool() as pool, open(folder / "captions.jsonl", "a", encoding="utf-8") as captions:
        chunks = pool.imap(partial(_draw, count=stop, frame=frame, held_out=name == "held-out"), starts)
        for first, (pixels, parts, rows) in zip(starts, chunks, strict=True):
            last = first + len(pixels)
            files["latents"][first:last] = _means(vae, pixels)
            files["parts"][first:last] = parts[:, ::SMALLER, ::SMALLER]
            captions.writelines(json.dumps(row["captions"]) + "\n" for row in rows)
            captions.flush()
            _write(progress, {"rows": last})


def _draw(start: int, count: int, frame: Frame, held_out: bool) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    return drawn(range(start, min(start + CHUNK, count)), frame, held_out)


def _cut(file: Path, rows: int) -> None:
    """Drop lines of a chunk that was interrupted before it counted."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)[:rows] if file.exists() else []
    file.write_text("".join(lines), encoding="utf-8")


def _write(progress: Path, state: dict) -> None:
    temporary = progress.with_suffix(".tmp")
    temporary.write_text(json.dumps(state))
    temporary.replace(progress)


@torch.inference_mode()
def _means(vae: AutoencoderKL, pixels: np.ndarray) -> np.ndarray:
    pictures = to_tensor(pixels).to(vae.device, memory_format=torch.channels_last)
    with torch.autocast(vae.device.type, torch.bfloat16):
        return vae.encode(pictures).latent_dist.mean.float().cpu().numpy()
