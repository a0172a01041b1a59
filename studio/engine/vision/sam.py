"""Segment Anything (Kirillov et al. 2023; SAM 2, SAM 3 alike): a picture, boxes and points -> masks.

transformers prepares pictures for SAM 2 and 3 with torchvision only, which the studio does without: PIL scales them
here, and SAM's own PIL processor does the rest for all three.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForMaskGeneration, SamImageProcessorPil

from studio.engine.models.lru import recent
from studio.engine.vision.grounding_dino import KEPT_PICTURES
from studio.imaging.masks import Candidate, overlap_of

SAME = 0.95  # IoU from which on two candidates are the same shape
Points = Sequence[tuple[float, float, int]]  # x, y in pixels, and 1 for "this" or 0 for "not this"


class Segmenter:
    """Finds the shape of what a box or points mean. The image features of the last pictures are kept."""

    def __init__(self, source: Path) -> None:
        settings, _ = SamImageProcessorPil.get_image_processor_dict(source)
        size = settings["size"]
        side = size.get("longest_edge") or size["height"]
        self._square = "longest_edge" not in size  # SAM 2 and 3 squeeze a picture into their square; SAM fills it up
        self.processor = SamImageProcessorPil(
            size={"longest_edge": side},
            pad_size={"height": side, "width": side},
            image_mean=settings["image_mean"],
            image_std=settings["image_std"],
        )
        self.network = (
            AutoModelForMaskGeneration.from_pretrained(
                source,
                dtype=torch.float32,
                use_safetensors=True,
            )
            .requires_grad_(False)
            .eval()
        )
        self._side = side
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def shapes(
        self, image: Image.Image, key: str, box: Sequence[float] | None = None, points: Points = ()
    ) -> list[Candidate]:
        """Candidates for the one thing that is meant, each of the picture's size, the likeliest first; may be empty.

        A box, or several points, mean one shape: SAM's single answer leads, and its three others follow by score. One
        point alone may mean a part or the whole, so that only the three are asked (section 3 of the paper).
        """
        features = self._features(image, key)
        where = self._where(image, box, points)
        masks: list[Candidate] = []
        for several in (False, True) if box is not None or len(points) > 1 else (True,):
            masks += _distinct(self._answer(image, features, where, several), masks)
        return masks

    @torch.no_grad()
    def _features(self, image: Image.Image, key: str) -> Any:
        def see() -> Any:
            ready = image.resize((self._side, self._side), Image.Resampling.BILINEAR) if self._square else image
            pixels = self.processor(ready, return_tensors="pt")["pixel_values"]
            return self.network.get_image_embeddings(pixels.to(self.network.device))

        return recent(self._kept, key, see, KEPT_PICTURES)

    def _where(self, image: Image.Image, box: Sequence[float] | None, points: Points) -> dict[str, torch.Tensor]:
        across, down = self._scale(image)
        device, where = self.network.device, {}
        if box is not None:
            scaled = [box[0] * across, box[1] * down, box[2] * across, box[3] * down]
            where["input_boxes"] = torch.tensor([[scaled]], dtype=torch.float32, device=device)
        if points:
            places = [[x * across, y * down] for x, y, _ in points]
            where["input_points"] = torch.tensor([[places]], dtype=torch.float32, device=device)
            where["input_labels"] = torch.tensor([[[label for _, _, label in points]]], device=device)
        return where

    def _scale(self, image: Image.Image) -> tuple[float, float]:
        """Pixels of SAM's square for one of the picture, across and down."""
        longest = max(image.size)
        sides = image.size if self._square else (longest, longest)
        return self._side / sides[0], self._side / sides[1]

    @torch.no_grad()
    def _answer(
        self, image: Image.Image, features: Any, where: dict[str, torch.Tensor], several: bool
    ) -> list[Candidate]:
        answer = self.network(image_embeddings=features, multimask_output=several, **where)
        across, down = self._scale(image)
        reshaped = (round(image.height * down), round(image.width * across))
        found = []
        for mask, score in zip(answer.pred_masks[0, 0].float().cpu(), answer.iou_scores[0, 0].tolist(), strict=True):
            # One at a time: at 40 megapixels each takes 160 MB while it is scaled.
            inside = self.processor.post_process_masks(
                mask[None, None, None], [(image.height, image.width)], [reshaped]
            )[0][0, 0]
            if inside.any():
                found.append(Candidate(Image.fromarray(inside.byte().mul(255).numpy()), min(max(score, 0.0), 1.0)))
        return sorted(found, key=lambda candidate: candidate.score, reverse=True)


def _distinct(found: Sequence[Candidate], before: Sequence[Candidate]) -> list[Candidate]:
    """Without those that are nearly the same shape as one before them."""
    kept: list[Candidate] = []
    for candidate in found:
        if all(overlap_of(candidate.image, other.image) < SAME for other in (*before, *kept)):
            kept.append(candidate)
    return kept
