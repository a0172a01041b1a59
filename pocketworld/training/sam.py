"""Segment Anything made small (Kirillov et al. 2023): a box or points on a picture -> masks, learnt from the world."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import SamConfig, SamImageProcessorPil, SamModel, SamProcessor

from pocketworld.phrases import box_of, things
from pocketworld.training.augment import worn
from pocketworld.training.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.training.eyes import open_eyes
from pocketworld.training.loop import Loop
from pocketworld.training.muon import MuonAndAdamW
from pocketworld.world import Spec

MINUTES = 60.0
EYES = 0.12  # of the minutes go to the vision encoder alone
BATCH = 16
PROMPTS = 6  # things asked of each picture
SIDE = 128  # pixels
POINTS = 3  # at most, in a prompt of points
OUTER_LAYERS = ("embed", "token", "head", "upscale")
JITTER = 0.09  # of a box's side: a detector's boxes are not exact


def new_sam(width: int = 128, layers: int = 6, decoder: int = 96, patch: int = 8) -> SamModel:
    """16 x 16 tokens, all of them attending to all; masks come out at 64 x 64."""
    torch.manual_seed(0)
    vision = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 32,
        "mlp_dim": 3 * width,
        "output_channels": decoder,
        "num_pos_feats": decoder // 2,
        "image_size": SIDE,
        "patch_size": patch,
        "window_size": 0,
        "global_attn_indexes": list(range(layers)),
        "initializer_range": 0.02,
    }
    prompt = {"hidden_size": decoder, "image_size": SIDE, "patch_size": patch, "mask_input_channels": 8}
    mask = {"hidden_size": decoder, "mlp_dim": 2 * decoder, "num_attention_heads": 4, "iou_head_hidden_dim": decoder}
    sam = SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask))
    # transformers draws the random frequencies of places with half the width as their scale, where the paper's code has
    # 1: so fast that neighbouring places have nothing in common, and no box was ever learnt.
    torch.nn.init.normal_(sam.shared_image_embedding.positional_embedding, std=1.0)
    return sam


def new_processor() -> SamProcessor:
    """The longer side to SIDE pixels, the shorter filled up; pixels from -1 to 1."""
    return SamProcessor(
        SamImageProcessorPil(
            size={"longest_edge": SIDE},
            pad_size={"height": SIDE, "width": SIDE},
            mask_size={"longest_edge": 2 * SIDE},
            mask_pad_size={"height": 2 * SIDE, "width": 2 * SIDE},
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
        )
    )


class Prompts:
    """Random things of a batch of pictures, as boxes or as points, and their masks."""

    def __init__(self, specs: list[dict], parts: np.ndarray, rng: np.random.Generator):
        found = [_apart(things(Spec(**spec), part)) for spec, part in zip(specs, parts, strict=True)]
        chosen = [[masks[i] for i in rng.integers(len(masks), size=PROMPTS)] for masks in found]
        self.masks = torch.from_numpy(np.stack([np.stack(masks) for masks in chosen])).float()  # [batch, prompts, h, w]
        self.boxes = torch.tensor([[_loose(box_of(mask), rng) for mask in masks] for masks in chosen])
        points = [[_points(mask, rng) for mask in masks] for masks in chosen]
        self.points = torch.tensor(np.array([[place for place, _ in row] for row in points]), dtype=torch.float32)
        self.labels = torch.tensor(np.array([[label for _, label in row] for row in points]))


def _apart(found: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Each mask once, however many phrases mean it; hair thrice, being the hardest to tell from its head's box; the
    head itself never, since long hair has the same box."""
    once = {mask.tobytes(): mask for phrase, mask in found.items() if phrase != "head"}
    return [*once.values(), *2 * [found[phrase] for phrase in ("hair",) if phrase in found]]


def _loose(box: tuple[int, int, int, int], rng: np.random.Generator) -> list[float]:
    x0, y0, x1, y1 = box
    sides = np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
    return np.clip(np.array(box) + rng.normal(0, JITTER, 4) * sides, 0, SIDE).astype(np.float32).tolist()


def _points(mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """POINTS places (x, y) and labels: on the thing (1), as the first always is, beside it (0), or none there (-10)."""
    places, labels = np.zeros((POINTS, 2), np.float32), np.full(POINTS, -10)
    for number in range(int(rng.integers(1, POINTS + 1))):
        inside = number == 0 or rng.random() < 0.5
        rows, columns = np.nonzero(mask if inside else _beside(mask, rng))
        at = rng.integers(len(rows))
        places[number], labels[number] = (columns[at] + 0.5, rows[at] + 0.5), int(inside)
    return places, labels


def _beside(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where a point says "not this": mostly in the thing's own box, as people click where a mask runs over."""
    x0, y0, x1, y1 = box_of(mask)
    near = np.zeros_like(mask)
    near[y0:y1, x0:x1] = ~mask[y0:y1, x0:x1]
    return near if near.any() and rng.random() < 0.7 else ~mask


@dataclass(frozen=True)
class Asking:
    """What a batch is asked with, and whether one answer is wanted or three.

    A box says what is meant, and one answer will do; one point does not, and three are wanted (section 3).
    """

    boxes: bool
    points: bool
    several: bool


ASKINGS = (  # and how often each is taken
    (Asking(boxes=True, points=False, several=False), 0.45),
    (Asking(boxes=True, points=False, several=True), 0.15),
    (Asking(boxes=False, points=True, several=True), 0.2),
    (Asking(boxes=True, points=True, several=False), 0.2),
)


def sam_loss(sam: SamModel, pixels: Tensor, prompts: Prompts, asking: Asking) -> tuple[Tensor, Tensor]:
    """Focal, dice and IoU errors of the best of the candidates, as the paper has them; and its mean IoU."""
    where = {"input_boxes": prompts.boxes} if asking.boxes else {}
    where |= {"input_points": prompts.points, "input_labels": prompts.labels} if asking.points else {}
    with torch.autocast("cpu", torch.bfloat16):
        answer = sam(pixel_values=pixels, multimask_output=asking.several, **where)
    wanted = F.interpolate(prompts.masks, answer.pred_masks.shape[-2:], mode="area")[:, :, None]
    logits = answer.pred_masks.float()
    wanted = wanted.expand_as(logits)
    share = logits.sigmoid()
    ce = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focal = (ce * (share - wanted).square()).mean((-1, -2))
    overlap = (share * wanted).sum((-1, -2))
    dice = 1 - (2 * overlap + 1) / (share.sum((-1, -2)) + wanted.sum((-1, -2)) + 1)
    iou = _iou(logits > 0, wanted > 0.5)
    errors = 20 * focal + dice
    best, which = errors.min(-1)
    told = (answer.iou_scores.float() - iou).square().mean(-1)
    return (best + 0.2 * told).mean(), iou.gather(-1, which[..., None]).mean()


def _iou(found: Tensor, wanted: Tensor) -> Tensor:
    union = (found | wanted).sum((-1, -2)).clamp_min(1)
    return (found & wanted).sum((-1, -2)) / union


@torch.no_grad()
def validate(sam: SamModel, pictures: Pictures, count: int = 64) -> float:
    """Mean IoU for boxes on held-out pictures, some things of each, at the pictures' own size."""
    rng = np.random.default_rng(0)
    prompts = Prompts(pictures.specs[:count], pictures.parts[:count], rng)
    answer = sam(pixel_values=to_tensor(pictures.pixels[:count]), input_boxes=prompts.boxes, multimask_output=False)
    large = F.interpolate(answer.pred_masks[:, :, 0].float(), (SIDE, SIDE), mode="bilinear", align_corners=False)
    return _iou(large > 0, prompts.masks > 0.5).mean().item()


def train(work: Path, minutes: float = MINUTES, *, name: str = "sam", sam: SamModel | None = None) -> None:
    """Train into work/<name>: checkpoint, journal, and the averaged weights as a transformers folder."""
    sam = sam or new_sam()
    begun = (work / name / "checkpoint.pt").exists()  # its eyes are open, here or where it was unpacked from
    if not (
        begun
        or open_eyes(
            work,
            EYES * minutes,
            sam.vision_encoder,
            lambda pixels: [sam.vision_encoder(pixels).last_hidden_state],
            name=f"{name}-eyes",
            outer_layers=OUTER_LAYERS,
        )
    ):
        return
    pictures, held_out = training_pictures(work), held_out_pictures(work)
    optimiser = MuonAndAdamW(sam, muon_lr=0.015, adamw_lr=1e-3, outer_layers=OUTER_LAYERS)
    loop = Loop(work / name, sam.train(), optimiser, minutes=(1 - EYES) * minutes, warmup=50)
    askings, shares = zip(*ASKINGS, strict=True)
    for step in loop:
        chosen = np.sort(loop.rng.integers(len(pictures), size=BATCH))
        pixels = worn(to_tensor(pictures.pixels[chosen]), loop.rng)
        prompts = Prompts([pictures.specs[i] for i in chosen], pictures.parts[chosen], loop.rng)
        loss, iou = sam_loss(sam, pixels, prompts, askings[loop.rng.choice(len(askings), p=shares)])
        loop.descend(loss, samples=BATCH, iou=iou.item())
        if step % 400 == 399:
            with loop.averaged():
                loop.journal(validation=validate(sam, held_out))
    with loop.averaged():
        loop.journal(validation=validate(sam, held_out))
        sam.save_pretrained(work / name / "weights")
        new_processor().save_pretrained(work / name / "weights")
