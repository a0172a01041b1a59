"""Grounding DINO made small (Liu et al. 2023): phrases and a picture -> boxes, learnt from the world.

One caption serves a whole batch. Many of its phrases are then not in many of its pictures, which is what teaches the
detector to find nothing; and transformers 5's loss mixes up the label maps of captions that differ.
"""

import random
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    SwinConfig,
)

from pocketworld.recipes.augment import worn
from pocketworld.recipes.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.recipes.loop import Loop
from pocketworld.recipes.optim import MuonAndAdamW
from pocketworld.recipes.tokenizers import PROMPT_WORDS
from pocketworld.things import COLOURS, THINGS, box_of, things
from pocketworld.world import Spec

MINUTES = 40.0
BATCH = 16
MOST_PHRASES = 5  # in a caption
PRESENT = 0.6  # of a caption's phrases are drawn from a picture of the batch
SIDE = 128  # pixels
VALIDATED = ("clothing", "hair", "face", "hat", "jacket", "red top", "figure")
# Where BERT's own vocabulary has them: transformers' Grounding DINO looks for these numbers.
FIXED_IDS = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}


def new_tokenizer() -> BertTokenizer:
    """BERT's lower-case WordPiece over the words of the world; any other word falls apart into letters."""
    pieces = {word for phrase in (*THINGS, *COLOURS, *PROMPT_WORDS) for word in phrase.replace("-", " - ").split()}
    letters = string.ascii_lowercase + string.digits
    words = ["-", ",", "'", *letters, *("##" + letter for letter in letters), *sorted(pieces - set(letters) - {"-"})]
    first = max(FIXED_IDS.values()) + 1
    vocabulary = {f"[unused{number}]": number for number in range(first) if number not in FIXED_IDS.values()}
    vocabulary |= FIXED_IDS | {word: first + number for number, word in enumerate(words)}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=64)


def new_dino(
    tokenizer: BertTokenizer, width: int = 64, layers: int = 3, queries: int = 24
) -> GroundingDinoForObjectDetection:
    """Swin over 4 px patches, BERT of two layers, deformable attention between and behind them."""
    torch.manual_seed(0)
    backbone = SwinConfig(
        image_size=SIDE, patch_size=4, embed_dim=48, depths=[1, 2, 3, 1], num_heads=[2, 3, 6, 12], window_size=4,
        out_features=["stage2", "stage3", "stage4"], drop_path_rate=0.0,
    )
    text = BertConfig(
        vocab_size=max(tokenizer.get_vocab().values()) + 1, hidden_size=width, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=2 * width, max_position_embeddings=64, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return GroundingDinoForObjectDetection(GroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=width, encoder_layers=layers, decoder_layers=layers,
        encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, encoder_attention_heads=4, decoder_attention_heads=4,
        num_queries=queries, num_feature_levels=3, max_text_len=48, dropout=0.0, fusion_droppath=0.0,
        auxiliary_loss=True, disable_custom_kernels=True,
    ))


def caption(present: list[list[str]], rng: random.Random) -> list[str]:
    """One to MOST_PHRASES different phrases: of the batch's pictures, of the world, or of nothing at all."""
    phrases: list[str] = []
    for _ in range(rng.randint(1, MOST_PHRASES)):
        draw = rng.random()
        if draw < PRESENT:
            phrase = rng.choice(rng.choice(present))
        elif draw < 0.9:
            phrase = rng.choice(THINGS)
            phrase = f"{rng.choice(COLOURS)} {phrase}" if rng.random() < 0.3 else phrase
        else:
            phrase = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 7)))
        if phrase not in phrases:
            phrases.append(phrase)
    return phrases


def targets(phrases: list[str], found: list[dict[str, np.ndarray]]) -> list[dict[str, Tensor]]:
    """For each picture the phrases that are there, by number, and their boxes: centre and size as parts of the side."""
    labels = []
    for masks in found:
        there = [(number, box_of(masks[phrase])) for number, phrase in enumerate(phrases) if phrase in masks]
        corners = torch.tensor([box for _, box in there], dtype=torch.float32).reshape(-1, 4) / SIDE
        boxes = torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
        labels.append({"class_labels": torch.tensor([number for number, _ in there], dtype=torch.long), "boxes": boxes})
    return labels


def text_of(phrases: list[str]) -> str:
    return " ".join(f"{phrase}." for phrase in phrases)


def new_processor(tokenizer: BertTokenizer) -> GroundingDinoProcessor:
    size = {"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    images = GroundingDinoImageProcessorPil(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return GroundingDinoProcessor(images, tokenizer)


@torch.no_grad()
def validate(dino: GroundingDinoForObjectDetection, processor: GroundingDinoProcessor, pictures: Pictures,
             count: int = 64) -> dict[str, float]:
    """On held-out pictures, one phrase at a time: how often a thing that is there is found (IoU above a half), and one
    that is not there is not, at the thresholds of the studio."""
    found, missed = [], []
    pixels = to_tensor(pictures.pixels[:count])
    truth = [things(Spec(**pictures.specs[i]), pictures.parts[i]) for i in range(count)]
    for phrase in VALIDATED:
        words = processor.tokenizer([text_of([phrase])] * count, return_tensors="pt")
        answer = dino(pixel_values=pixels, **words)
        told = processor.post_process_grounded_object_detection(
            answer, words.input_ids, threshold=0.4, text_threshold=0.3, target_sizes=[(SIDE, SIDE)] * count)
        for masks, boxes in zip(truth, told, strict=True):
            if phrase in masks:
                best = boxes["boxes"][boxes["scores"].argmax()].tolist() if len(boxes["boxes"]) else None
                found.append(best is not None and _overlap(best, box_of(masks[phrase])) > 0.5)
            else:
                missed.append(not len(boxes["boxes"]))
    return {"found": float(np.mean(found)), "absent": float(np.mean(missed))}


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """IoU of two boxes (x0, y0, x1, y1)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def train(work: Path, minutes: float = MINUTES, *, name: str = "dino") -> None:
    """Train into work/<name>: checkpoint, journal, and the averaged weights with their processor."""
    tokenizer = new_tokenizer()
    dino, processor = new_dino(tokenizer), new_processor(tokenizer)
    pictures, held_out = training_pictures(work), held_out_pictures(work)
    optimiser = MuonAndAdamW(dino, muon_lr=0.01, adamw_lr=5e-4, outer_layers=(
        "embed", "reference", "sampling_offsets", "attention_weights", "relative_position", "level", "query"))
    loop = Loop(work / name, dino.train(), optimiser, minutes=minutes, warmup=100, clip=0.5)
    for step in loop:
        chosen = np.sort(loop.rng.integers(len(pictures), size=BATCH))
        found = [things(Spec(**pictures.specs[i]), pictures.parts[i]) for i in chosen]
        phrases = caption([list(masks) for masks in found], random.Random(int(loop.rng.integers(1 << 40))))
        words = tokenizer([text_of(phrases)] * BATCH, return_tensors="pt")
        answer = dino(pixel_values=worn(to_tensor(pictures.pixels[chosen]), loop.rng), **words,
                      labels=targets(phrases, found))
        loop.descend(answer.loss, samples=BATCH, **{name: value.item() for name, value in answer.loss_dict.items()
                                                    if name in ("loss_ce", "loss_bbox", "loss_giou")})
        if step % 400 == 399:
            with loop.averaged():
                loop.journal(**validate(dino, processor, held_out))
    with loop.averaged():
        figures = validate(dino, processor, held_out)
        loop.journal(**figures, validation=(figures["found"] + figures["absent"]) / 2)
        dino.save_pretrained(work / name / "weights")
        processor.save_pretrained(work / name / "weights")
