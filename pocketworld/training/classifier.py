"""Training of the judge: renders alone, never a drawn picture, of everything that the renderer can draw.

Unlike the family, the judge sees the unseen words too (fox, mohawk, emblems, every fur), for it has to
recognise them. What it is tested on comes from seeds of its own.
"""

import copy
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pocketworld.attributes import ATTRIBUTES, UNSEEN, classes
from pocketworld.judge import BUNDLED, PIXELS, AttributeNet, Judge, obeys
from pocketworld.render import render
from pocketworld.training.augment import augment
from pocketworld.training.loop import Loop, training_record
from pocketworld.training.muon import MuonAndAdamW
from pocketworld.vocabulary import EMBLEMS, GARMENT_COLOURS, UNSEEN_HAIR, UNSEEN_NOUNS
from pocketworld.world import Spec, sample

TEST_SEED = 1_000_003
COLOURS = tuple(GARMENT_COLOURS)


def sample_anything(rng: random.Random) -> Spec:
    """Any spec at all: what training sees, what it does not, and the words kept for subjects."""
    spec = sample(rng, held_out=rng.random() < 0.3)
    if spec.fur and rng.random() < 0.3:
        spec = replace(spec, noun=rng.choice((spec.noun, *UNSEEN_NOUNS)), fur=rng.choice(COLOURS))
    if spec.hair_colour and rng.random() < 0.12:
        spec = replace(spec, hair=rng.choice(UNSEEN_HAIR))
    if rng.random() < 0.2:
        spec = replace(spec, emblem=rng.choice(tuple(EMBLEMS)))
    return spec


def train(work: Path, minutes: float = 25, *, folder: Path = BUNDLED, batch: int = 64, seed: int = 0) -> None:
    """Train in work/judge, test on 3000 held-out renders, save weights and record into `folder`."""
    torch.manual_seed(seed)
    net = AttributeNet()
    optimiser = MuonAndAdamW(net, muon_lr=0.02, adamw_lr=2e-3, outer_layers=("stem", "queries", "place", "heads"))
    loop = Loop(work / "judge", net.train(), optimiser, minutes=minutes, seed=seed)
    for _ in loop:
        pictures, labels = draw(_specs(loop.rng, batch))
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(augment(pictures, loop.rng))
        loss, right = _loss(logits, labels)
        loop.descend(loss, samples=batch, right=right)
        if loop.step % 300 == 299:
            with loop.averaged():
                loop.journal(**accuracy(_settled(net, loop.rng), count=300))
    if not loop.finished:
        return
    with loop.averaged():
        judge = _settled(net, loop.rng)
        judge.accuracy = accuracy(judge, count=3000)
        judge.save(folder, {"tested_on": 3000, **training_record(work / "judge")})


def _specs(rng: np.random.Generator, count: int) -> list[Spec]:
    seeded = random.Random(int(rng.integers(1 << 40)))
    return [sample_anything(seeded) for _ in range(count)]


@torch.no_grad()
def _settled(net: AttributeNet, rng: np.random.Generator) -> Judge:
    """A judge of the net's present weights, whose batch norms have seen what those weights make of pictures.

    Training's running statistics are those of the weights before averaging.
    """
    net = copy.deepcopy(net).train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over all batches
    for _ in range(8):
        net(augment(draw(_specs(rng, 64))[0], rng))
    return Judge(net, {})


def draw(specs: list[Spec]) -> tuple[Tensor, Tensor]:
    """Render the specs -> pixels [count, 3, 128, 128] from -1 to 1, class numbers [count, attributes]."""
    pictures = np.stack([np.asarray(render(spec, PIXELS, truth=False).image) for spec in specs])
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(), torch.tensor([classes(spec) for spec in specs])


def _loss(logits: list[Tensor], labels: Tensor) -> tuple[Tensor, float]:
    """Mean cross entropy over what the pictures show, and the part read right."""
    losses, right, told = [], 0, 0
    for part, label in zip(logits, labels.unbind(1), strict=True):
        losses.append(F.cross_entropy(part, label, ignore_index=UNSEEN, reduction="sum") / len(label))
        right += part.argmax(1).eq(label).sum().item()
        told += label.ne(UNSEEN).sum().item()
    return torch.stack(losses).mean() * 4, right / told


def accuracy(judge: Judge, count: int, seed: int = TEST_SEED) -> dict[str, float]:
    """How often the judge reads each attribute right on fresh renders, among those that show it."""
    rng = random.Random(seed)
    specs = [sample_anything(rng) for _ in range(count)]
    readings = judge.read([render(spec, PIXELS, truth=False).image for spec in specs])
    right: dict[str, list[bool]] = {name: [] for name in ATTRIBUTES}
    for spec, reading in zip(specs, readings, strict=True):
        for name, obeyed in obeys(spec, reading).items():
            right[name].append(obeyed)
    return {name: round(sum(values) / len(values), 4) for name, values in right.items() if values}
