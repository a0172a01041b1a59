"""Training pictures on disk: rendered once, then read by memory map.

A folder holds pixels.npy (uint8 [count, height, width, 3]), parts.npy (uint8 [count, height, width], values of
pocketworld.canvas.PARTS) and rows.jsonl (captions and spec of each picture). Picture i depends on the folder's
seed and i alone, so a larger set begins with the smaller one.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from pocketworld.captions import caption
from pocketworld.render import render
from pocketworld.world import sample

Frame = tuple[int, int]  # width and height of a picture, in pixels
TRAINING_PICTURES = 50_000
HELD_OUT_PICTURES = 512
CAPTIONS = 3
CHUNK = 250
Size = int | tuple[int, int]  # the side of a square, or width and height


class Pictures:
    """A rendered set: `pixels`, `parts`, `captions` (a list of CAPTIONS strings each) and `specs` (dicts)."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        self.parts = np.load(folder / "parts.npy", mmap_mode="r")
        with open(folder / "rows.jsonl", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.captions = [row["captions"] for row in rows]
        self.specs = [row["spec"] for row in rows]

    def __len__(self) -> int:
        return len(self.pixels)


def training_pictures(work: Path, size: Size = 128, count: int = TRAINING_PICTURES) -> Pictures:
    """Combinations that training may see, as squares or at (width, height); rendered now if the work folder lacks them."""
    return _open_or_make(work / f"pictures-{_named(size)}", count, size, held_out=False)


def held_out_pictures(work: Path, size: Size = 128, count: int = HELD_OUT_PICTURES) -> Pictures:
    """Combinations of attributes that training never sees."""
    return _open_or_make(work / f"held-out-{_named(size)}", count, size, held_out=True)


def to_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 [count, height, width, 3] -> float [count, 3, height, width] in -1..1."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pixels(tensor: Tensor) -> np.ndarray:
    """The way back: float [count, 3, height, width] in -1..1 -> uint8 [count, height, width, 3]."""
    return ((tensor.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def _open_or_make(folder: Path, count: int, size: Size, held_out: bool) -> Pictures:
    if not (folder / "rows.jsonl").exists():  # written last: a set without it is incomplete
        _make(folder, count, size, held_out)
    return Pictures(folder)


def _named(size: Size) -> str:
    return str(size) if isinstance(size, int) else "{}x{}".format(*size)


def _make(folder: Path, count: int, size: Size, held_out: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    width, height = (size, size) if isinstance(size, int) else size
    pixels = open_memmap(folder / "pixels.npy", "w+", np.uint8, (count, height, width, 3))
    parts = open_memmap(folder / "parts.npy", "w+", np.uint8, (count, height, width))
    temporary = folder / "rows.tmp"
    starts = range(0, count, CHUNK)
    with Pool() as pool, open(temporary, "w", encoding="utf-8") as file:
        chunks = pool.imap(partial(_draw_chunk, count=count, size=size, held_out=held_out), starts)
        for start, (chunk_pixels, chunk_parts, rows) in zip(starts, chunks, strict=True):
            pixels[start : start + CHUNK] = chunk_pixels
            parts[start : start + CHUNK] = chunk_parts
            file.writelines(json.dumps(row) + "\n" for row in rows)
    pixels.flush()
    parts.flush()
    temporary.replace(folder / "rows.jsonl")


def _draw_chunk(start: int, count: int, size: Size, held_out: bool) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    return drawn(range(start, min(start + CHUNK, count)), size, held_out)


def drawn(numbers: Iterable[int], size: Size, held_out: bool) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """Pictures of these numbers: pixels, parts, and rows of captions and spec. A number is the same at any size."""
    pixels, parts, rows = [], [], []
    for index in numbers:
        rng = random.Random(f"{'held out' if held_out else 'training'} {index}")
        spec = sample(rng, held_out=held_out)
        rendering = render(spec, size)
        pixels.append(np.asarray(rendering.image))
        parts.append(rendering.parts)
        rows.append({"captions": [caption(spec, rng) for _ in range(CAPTIONS)], "spec": asdict(spec)})
    return np.stack(pixels), np.stack(parts), rows
