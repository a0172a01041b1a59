"""Grounding DINO (Liu et al. 2023): phrases and a picture -> boxes, as transformers ships it. No compiled op."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

from studio.contracts.box import Box
from studio.engine.models.lru import recent

KEPT_PICTURES = 4  # whose image features stay in memory
SAME = 0.7  # IoU from which on two boxes of one phrase are the same thing


@dataclass(frozen=True)
class Found:
    """A box (left, top, right, bottom; pixels) that a phrase names, and how sure the detector is, 0 to 1."""

    phrase: str
    score: float
    box: Box


class Detector:
    """Finds what phrases name. The image features of the last pictures are kept: other words cost no new look."""

    def __init__(self, source: Path) -> None:
        self.processor = AutoProcessor.from_pretrained(source)
        with warnings.catch_warnings():  # of widths that a compiled op would like better: none is used
            warnings.filterwarnings("ignore", message="You'd better set embed_dim")
            self.network = (
                AutoModelForZeroShotObjectDetection.from_pretrained(
                    source,
                    dtype=torch.float32,
                    use_safetensors=True,
                    disable_custom_kernels=True,
                )
                .requires_grad_(False)
                .eval()
            )
        backbone = self.network.model.backbone
        self._eyes = backbone.conv_encoder = Remembering(backbone.conv_encoder)
        self._stop = self.processor.tokenizer.convert_tokens_to_ids(".")

    def find(
        self, image: Image.Image, key: str, phrases: Sequence[str], box_threshold: float, text_threshold: float
    ) -> tuple[list[Found], dict[str, float]]:
        """Boxes of every phrase, surest first; and for each phrase the best score anywhere, found or not.

        `key` names the picture's content. A box must reach `box_threshold` by the phrase's best word, and
        `text_threshold` by its words in the mean.
        """
        found: list[Found] = []
        best: dict[str, float] = {}
        for phrase in phrases:  # one at a time: in one caption they dilute one another, and the backbone is remembered
            boxes, peak, mean = self._look(image, key, phrase)
            best[phrase] = float(peak.max())
            mine = (peak >= box_threshold) & (mean >= text_threshold)
            ranked = sorted(zip(peak[mine].tolist(), boxes[mine].tolist(), strict=True), reverse=True)
            found += _apart([Found(phrase, score, _pixels(box, image.size)) for score, box in ranked])
        return found, best

    @torch.no_grad()
    def _look(self, image: Image.Image, key: str, phrase: str) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes [queries, 4] as parts of the sides, and the best and mean score of the phrase's words, [queries]."""
        inputs = self.processor(images=image, text=f"{phrase}.", return_tensors="pt").to(self.network.device)
        with self._eyes.on(key):
            answer = self.network(**inputs)
        scores = answer.logits[0].sigmoid().float().cpu()
        words = _words_of(inputs.input_ids[0].tolist(), self._stop, scores.shape[1])
        centre, size = answer.pred_boxes[0].float().cpu().split(2, 1)
        named = scores[:, words]
        return torch.cat([centre - size / 2, centre + size / 2], 1), named.amax(1), named.mean(1)


class Remembering(nn.Module):
    """The image backbone with a memory of the last pictures, by the key that `on` sets."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.key = ""
        self._kept: OrderedDict[str, Any] = OrderedDict()

    @contextmanager
    def on(self, key: str) -> Iterator[None]:
        """Look at the picture of this key for the length of the block."""
        self.key = key
        try:
            yield
        finally:
            self.key = ""

    def forward(self, pixel_values: Tensor, pixel_mask: Tensor) -> Any:
        return recent(self._kept, self.key, lambda: self.backbone(pixel_values, pixel_mask), KEPT_PICTURES)


def overlap(one: Box, other: Box) -> float:
    """IoU of two boxes, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared
    return shared / both if both else 0.0


def _apart(ranked: Sequence[Found]) -> list[Found]:
    """Without those that are nearly the same box as a surer one."""
    kept: list[Found] = []
    for found in ranked:
        if all(overlap(found.box, other.box) < SAME for other in kept):
            kept.append(found)
    return kept


def _words_of(ids: Sequence[int], stop: int, longest: int) -> list[int]:
    """The places of the phrase's words in its caption: between the first token and the full stop."""
    end = ids.index(stop, 1) if stop in ids[1:] else len(ids) - 1
    # Where the caption is longer than the detector reads, the place of [CLS] stands for it: nothing is there.
    return list(range(1, min(end, longest))) or [0]


def _pixels(box: Sequence[float], size: tuple[int, int]) -> Box:
    """A box in parts of the sides, in whole pixels and inside of the picture."""
    left, top, right, bottom = (min(max(value, 0.0), 1.0) for value in box)
    width, height = size
    x0, y0 = min(int(left * width), width - 1), min(int(top * height), height - 1)
    return x0, y0, max(x0 + 1, round(right * width)), max(y0 + 1, round(bottom * height))
