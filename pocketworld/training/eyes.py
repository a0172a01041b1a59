"""Eyes first: a vision backbone learns what lies where, before it has to serve boxes and masks.

A detector from scratch stays long at "the usual box of a jacket", for matched boxes say little about pixels; here every
cell of every feature map is told which things, colours and kinds of figure fill it, and how far; and where the boxes of
all parts are that the picture has.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocketworld.canvas import PARTS
from pocketworld.phrases import CLOTHING, COLOURS, FIGURE, box_of
from pocketworld.training.augment import worn
from pocketworld.training.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.training.loop import Loop, load_average
from pocketworld.training.muon import MuonAndAdamW
from pocketworld.vocabulary import ACCESSORIES, BOTTOMS, NOUNS, OBJECTS, TOPS, UNSEEN_NOUNS
from pocketworld.world import Spec

BATCH = 32
SIDE = 128  # pixels
NOTHING = "nothing"
WORDS = (NOTHING, "body", "face", "hair", "shoes", *TOPS, *BOTTOMS, *ACCESSORIES[1:], *OBJECTS)
TINTS = (NOTHING, *COLOURS)
KINDS = (NOTHING, *NOUNS, *UNSEEN_NOUNS)
GROUPS = (CLOTHING, FIGURE, ("top",), ("bottom",), ("hair",), ("face",), ("shoes",), ("accessory",), ("object",))
COUNTS = (len(WORDS), len(TINTS), len(KINDS), 4 * len(GROUPS))
Look = Callable[[Tensor], list[Tensor]]  # pixels -> feature maps [batch, channels, height, width]


class Eyes(nn.Module):
    """A backbone and, for the time of this training, a linear reader on each of its feature maps."""

    def __init__(self, backbone: nn.Module, look: Look, channels: list[int]):
        super().__init__()
        self.backbone, self.look = backbone, look
        self.readers = nn.ModuleList(nn.Conv2d(count, sum(COUNTS), 1) for count in channels)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        return [read(features) for read, features in zip(self.readers, self.look(pixels), strict=True)]


def told(specs: list[dict], parts: np.ndarray) -> Tensor:
    """What fills every pixel: int64 [batch, 3, height, width], numbers of WORDS, TINTS and KINDS."""
    tables = torch.tensor([_table(Spec(**spec)) for spec in specs])  # [batch, 3, parts]
    codes = torch.from_numpy(np.array(parts)).long()
    flat = codes.flatten(1)[:, None].expand(-1, 3, -1)
    return tables.gather(2, flat).unflatten(2, codes.shape[1:])


def _table(spec: Spec) -> list[list[int]]:
    """For each part its word, its tint and the kind of figure it belongs to."""
    named = {
        "body": ("body", spec.fur),
        "face": ("face", spec.fur),
        "hair": ("hair", spec.hair_colour),
        "top": (spec.top, spec.top_colour),
        "bottom": (spec.bottom, spec.bottom_colour),
        "shoes": ("shoes", spec.shoes),
        "accessory": (spec.accessory, spec.accessory_colour),
        "object": (spec.object, spec.object_colour),
    }
    rows = [[0] * len(PARTS) for _ in range(3)]
    for part, (word, tint) in named.items():
        rows[0][PARTS[part]] = WORDS.index(word) if word in WORDS else 0
        rows[1][PARTS[part]] = TINTS.index(tint) if tint in TINTS else 0
        rows[2][PARTS[part]] = KINDS.index(spec.noun) if spec.noun in KINDS and part != "object" else 0
    return rows


def boxes_of(parts: np.ndarray) -> Tensor:
    """The box of each of GROUPS in every picture, corners as parts of the sides: [batch, groups, 4]; nan: not there."""
    boxes = torch.full((len(parts), len(GROUPS), 4), torch.nan)
    for picture, codes in enumerate(np.array(parts)):
        for group, names in enumerate(GROUPS):
            mask = np.isin(codes, [PARTS[name] for name in names])
            if mask.any():
                boxes[picture, group] = torch.tensor(box_of(mask)) / len(codes)
    return boxes


def eyes_loss(answers: list[Tensor], labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of every cell against the shares of what fills it, and how far off it places the boxes.

    Also tells how often the largest share is named, and the mean error of a box's side.
    """
    coarse = labels[:, :, ::2, ::2]
    losses, right, off = [], [], []
    for answer in answers:
        *classes, places = answer.float().split(COUNTS, 1)
        apart = places.unflatten(1, (len(GROUPS), 4)) - boxes[..., None, None]
        off.append(apart.abs().nanmean())
        losses.append(4 * off[-1])
        for number, (logits, count) in enumerate(zip(classes, COUNTS, strict=False)):
            shares = F.one_hot(coarse[:, number], count).permute(0, 3, 1, 2).float()
            shares = F.adaptive_avg_pool2d(shares, logits.shape[-2:])
            losses.append(F.cross_entropy(logits, shares))
            if number == 0:
                there = shares[:, 0] < 0.5
                right.append((logits.argmax(1) == shares.argmax(1))[there].float().mean())
    return torch.stack(losses).mean(), torch.stack(right).mean(), torch.stack(off).mean()


def open_eyes(
    work: Path, minutes: float, backbone: nn.Module, look: Look, *, name: str, outer_layers: tuple[str, ...]
) -> bool:
    """Teach the backbone in work/<name> for so long; it ends with the averaged weights. False: it was stopped."""
    with torch.no_grad():
        channels = [features.shape[1] for features in look(torch.zeros(1, 3, SIDE, SIDE))]
    eyes = Eyes(backbone.requires_grad_(True), look, channels)
    pictures, held_out = training_pictures(work), held_out_pictures(work)
    optimiser = MuonAndAdamW(eyes, muon_lr=0.02, adamw_lr=1e-3, outer_layers=("readers", *outer_layers))
    loop = Loop(work / name, eyes.train(), optimiser, minutes=minutes, warmup=50)
    for step in loop:
        chosen = np.sort(loop.rng.integers(len(pictures), size=BATCH))
        pixels = worn(to_tensor(pictures.pixels[chosen]), loop.rng)
        with torch.autocast("cpu", torch.bfloat16):
            answers = eyes(pixels)
        parts = pictures.parts[chosen]
        loss, right, off = eyes_loss(answers, told([pictures.specs[i] for i in chosen], parts), boxes_of(parts))
        loop.descend(loss, samples=BATCH, right=right.item(), off=off.item())
        if step % 300 == 299:
            with loop.averaged():
                loop.journal(validation=validate(eyes, held_out))
    load_average(work / name, eyes)
    return loop.finished


@torch.no_grad()
def validate(eyes: Eyes, pictures: Pictures, count: int = 64) -> float:
    """How often the word that fills a cell is named, on held-out pictures."""
    answers = eyes(to_tensor(pictures.pixels[:count]))
    parts = pictures.parts[:count]
    return eyes_loss(answers, told(pictures.specs[:count], parts), boxes_of(parts))[1].item()
