"""Grounding DINO made small (Liu et al. 2023): phrases and a picture -> boxes, learnt from the world.

In stages, for in one go it did not converge on a CPU: first the backbone sees (`eyes`), then it stays as it is while
all cells are told which phrases fill them (`cell_loss`) and all queries which things they lie on (`query_loss`). One
caption serves a whole batch: many of its phrases are not in many of its pictures, and it learns to find nothing.
"""

import random
import string
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    SwinConfig,
)

from pocketworld.phrases import COLOURS, THINGS, box_of, overlap, phrases_of, things
from pocketworld.training.augment import worn
from pocketworld.training.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.training.eyes import Look, open_eyes
from pocketworld.training.loop import Loop
from pocketworld.training.muon import MuonAndAdamW
from pocketworld.training.tokenizers import PROMPT_WORDS
from pocketworld.world import Spec

MINUTES = 60.0
EYES = 0.2  # of the minutes go to the backbone alone
BATCH = 24
FOCUSED = 0.5  # of a batch's pictures are chosen for a phrase of its caption
MOST_FOCUSED, MOST_MORE = 3, 3  # phrases of a caption: that pictures are chosen for, and any others
PRESENT = 0.6  # of those others are drawn from a picture of the batch
OFTEN = ("hair", "hair", "clothing", "face")  # boxes that look like one another's: asked for more than other words
SIDE = 128  # pixels
MAPS = (16, 8, 4)  # cells along the sides of the backbone's feature maps
LIES_ON, LIES_WELL = 0.4, 0.8  # IoU of a query's box and a thing's: from where on its score rises, and where it is 1
WRONG = 2.0  # weight of queries that lie on no such thing: outside of these batches few pictures have it
HARDEST = 32  # cells of a picture, of those where a phrase is not
FILLED = 0.3  # of a cell, from which on it is told that a phrase is there
VALIDATED = ("clothing", "hair", "face", "hat", "scarf", "jacket", "sweater", "red top", "girl", "figure")
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
    tokenizer: BertTokenizer, width: int = 96, layers: int = 2, queries: int = 24
) -> GroundingDinoForObjectDetection:
    """Swin over 4 px patches, BERT of two layers, deformable attention between and behind them."""
    torch.manual_seed(0)
    backbone = SwinConfig(
        image_size=SIDE,
        patch_size=4,
        embed_dim=48,
        depths=[1, 2, 3, 1],
        num_heads=[2, 3, 6, 12],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
        drop_path_rate=0.0,
    )
    text = BertConfig(
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    dino = GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=backbone,
            text_config=text,
            d_model=width,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_ffn_dim=4 * width,
            decoder_ffn_dim=4 * width,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            num_queries=queries,
            num_feature_levels=3,
            max_text_len=48,
            dropout=0.0,
            fusion_droppath=0.0,
            disable_custom_kernels=True,
        )
    )
    for name, parameter in dino.named_parameters():
        if name.endswith(("vision_param", "text_param")):  # 1e-4 by default: made for parts that were trained apart
            nn.init.constant_(parameter, 0.5)
        if ("bbox_embed" in name or "reference_points_head" in name) and parameter.ndim == 2:
            # 0.02 by default: at this width boxes would hardly move, and queries not know where they look
            nn.init.xavier_uniform_(parameter, gain=0.05 if len(parameter) == 4 else 1.4)
    # A score is the plain product of two normalised vectors: 100 and more at first, and every step throws it about.
    nn.init.constant_(dino.model.encoder.layers[-1].text_enhancer_layer.layer_norm_after.weight, 0.5)
    return settled(dino)


def settled(dino: GroundingDinoForObjectDetection) -> GroundingDinoForObjectDetection:
    """With its backbone frozen: the eyes have learnt what they can, and half of every step would go into them."""
    dino.model.backbone.requires_grad_(False)
    return dino


class Catalogue:
    """Which pictures a phrase is true of, so that rare words are met as often as usual ones."""

    def __init__(self, specs: list[dict]):
        self.numbers: dict[str, list[int]] = {}
        self.plain: dict[str, str] = {}  # a phrase -> the word it has without its colour
        for number, spec in enumerate(specs):
            plain = ""
            for phrase in phrases_of(Spec(**spec)):
                plain = phrase if phrase in THINGS else plain
                self.plain[phrase] = plain
                self.numbers.setdefault(phrase, []).append(number)
        self.words = [*(word for word in THINGS if word in self.numbers), *OFTEN]
        self.coloured = sorted(phrase for phrase, word in self.plain.items() if phrase != word)

    def draw(self, rng: random.Random, count: int = BATCH) -> tuple[list[str], list[int]]:
        """Some phrases and pictures for a batch: of FOCUSED, each is one that a phrase is true of, or for a phrase
        with a colour, as often one that the bare word is true of."""
        wanted = rng.randint(1, MOST_FOCUSED)
        phrases = list({rng.choice(self.words if rng.random() < 0.6 else self.coloured): None for _ in range(wanted)})
        numbers = []
        for place in range(count):
            phrase = phrases[place % len(phrases)]
            if place >= FOCUSED * count:
                numbers.append(rng.choice(rng.choice(list(self.numbers.values()))))
            else:
                numbers.append(rng.choice(self.numbers[rng.choice((phrase, self.plain[phrase]))]))
        return phrases, numbers


def caption(focus: list[str], present: list[list[str]], rng: random.Random) -> list[str]:
    """The phrases in focus and up to MOST_MORE others: of the batch's pictures, of the world, or of nothing at all."""
    phrases = list(focus)
    for _ in range(rng.randint(0, MOST_MORE)):
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
    rng.shuffle(phrases)
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


def cells(phrases: list[str], found: list[dict[str, np.ndarray]]) -> Tensor:
    """How much of every cell of the backbone's maps each phrase fills: [batch, cells, phrases], 0 to 1."""
    nowhere = np.zeros((SIDE, SIDE), bool)
    masks = np.stack([np.stack([masks.get(phrase, nowhere) for phrase in phrases]) for masks in found])
    whole = torch.from_numpy(masks).float()
    return torch.cat([F.adaptive_avg_pool2d(whole, side).flatten(2) for side in MAPS], 2).transpose(1, 2)


def cell_loss(answer: Any, words: list[list[int]], shares: Tensor, labels: list[dict[str, Tensor]]) -> Tensor:
    """What the detector's encoder makes of every cell, against the phrases that fill it and their boxes.

    Grounding DINO's own loss tells one cell of each thing and no other; told all of them, its proposals are good after
    a few hundred steps, and the decoder has something to choose from. Of several phrases, the box is the narrowest's.
    """
    scores = answer.enc_outputs_class.float()
    filled = (shares > FILLED).float()
    named = []
    for number, places in enumerate(words):
        wanted = filled[:, :, number]
        ce = F.binary_cross_entropy_with_logits(
            scores[:, :, places], wanted[..., None].expand(-1, -1, len(places)), reduction="none"
        ).mean(2)
        there = (ce * wanted).sum(1) / wanted.sum(1).clamp_min(1)
        elsewhere = (ce * (1 - wanted)).topk(HARDEST, 1).values.mean(1)  # where another thing lies that looks like it
        named.append((there + elsewhere).mean())
    boxes = torch.zeros(len(labels), len(words), 4)
    for picture, label in enumerate(labels):
        boxes[picture, label["class_labels"]] = label["boxes"]
    area = torch.where(filled > 0, shares.sum(1, keepdim=True), torch.inf)
    smallest = area.argmin(2)
    told = filled.any(2)
    aims = boxes.gather(1, smallest[..., None].expand(-1, -1, 4))[told]
    found = answer.enc_outputs_coord_logits.float().sigmoid()[told]
    apart = (found - aims).abs().sum(1) * 5 + (1 - _overlaps(found, aims)[1]) * 2
    return 3 * torch.stack(named).mean() + (apart.mean() if len(aims) else 0.0)


def _overlaps(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes given by centre and size, pair by pair."""
    corners = [torch.cat([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], 1) for box in (one, other)]
    low, high = torch.maximum(*corners)[:, :2], torch.minimum(*corners)[:, 2:]
    shared = (high - low).clamp_min(0).prod(1)
    union = one[:, 2:].prod(1) + other[:, 2:].prod(1) - shared
    hull = (torch.maximum(*corners)[:, 2:] - torch.minimum(*corners)[:, :2]).prod(1)
    iou = shared / union.clamp_min(1e-6)
    return iou, iou - (hull - union) / hull.clamp_min(1e-6)


def query_loss(answer: Any, words: list[list[int]], labels: list[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """What the decoder makes of its queries: each that lies on a named thing should say how well, and lie closer.

    Grounding DINO matches one query to one thing and calls its neighbours wrong; a small decoder then long knows only
    that one of so many is right. Told that all which lie on it are, the better the closer, it learns at once, and the
    box of the best score is the best box; the studio drops the doubles. Also gives the mean IoU of the best query on
    each thing.
    """
    scores, boxes = answer.logits.float(), answer.pred_boxes.float()
    aims = torch.full((len(labels), len(words), 4), 2.0)  # a thing that is not there lies outside of every picture
    for picture, label in enumerate(labels):
        aims[picture, label["class_labels"]] = label["boxes"]
    queries = boxes.shape[1]
    pairs = _overlaps(
        boxes[:, :, None].expand(-1, -1, len(words), -1).flatten(0, 2),
        aims[:, None].expand(-1, queries, -1, -1).flatten(0, 2),
    )
    shared, general = (pair.view(len(labels), queries, len(words)) for pair in pairs)
    shared = shared.detach()
    there = aims[:, :, 0] < 2
    wanted = ((shared - LIES_ON) / (LIES_WELL - LIES_ON)).clamp(0, 1) * there[:, None]
    on = wanted > 0
    named = []
    for number, places in enumerate(words):
        ce = F.binary_cross_entropy_with_logits(
            scores[:, :, places], wanted[:, :, number, None].expand(-1, -1, len(places)), reduction="none"
        ).mean(2)
        mine = on[:, :, number].float()
        right = (ce * mine).sum(1) / mine.sum(1).clamp_min(1)
        wrong = (ce * (1 - mine)).topk(4, 1).values.mean(1)
        named.append((right + WRONG * wrong).mean())
    near = general.detach() >= general.detach().topk(4, 1).values[:, -1:]  # the nearest come closer, however far
    pulled = (near | on) & there[:, None]
    apart = (boxes[:, :, None] - aims[:, None]).abs().sum(3) * 5 + (1 - general) * 2
    best = shared.amax(1)[there]
    return (
        3 * torch.stack(named).mean() + (apart * pulled).sum() / pulled.sum().clamp_min(1),
        best.mean() if len(best) else torch.tensor(0.0),
    )


def places_of(phrases: list[str], tokenizer: BertTokenizer) -> list[list[int]]:
    """Where each phrase's words stand in the caption of them all."""
    places, at = [], 1
    for phrase in phrases:
        count = len(tokenizer(phrase, add_special_tokens=False).input_ids)
        places.append(list(range(at, at + count)))
        at += count + 1
    return places


def text_of(phrases: list[str]) -> str:
    return " ".join(f"{phrase}." for phrase in phrases)


def new_processor(tokenizer: BertTokenizer) -> GroundingDinoProcessor:
    size = {"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    images = GroundingDinoImageProcessorPil(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return GroundingDinoProcessor(images, tokenizer)


@torch.no_grad()
def validate(
    dino: GroundingDinoForObjectDetection, processor: GroundingDinoProcessor, pictures: Pictures, count: int = 64
) -> dict[str, float]:
    """On held-out pictures, one phrase at a time: how often a thing that is there is found (IoU above a half), and one
    that is not there is not, at the thresholds of the studio."""
    found, missed = [], []
    pixels = to_tensor(pictures.pixels[:count])
    truth = [things(Spec(**pictures.specs[i]), pictures.parts[i]) for i in range(count)]
    for phrase in VALIDATED:
        words = processor.tokenizer([text_of([phrase])] * count, return_tensors="pt")
        answer = dino(pixel_values=pixels, **words)
        told = processor.post_process_grounded_object_detection(
            answer, words.input_ids, threshold=0.4, text_threshold=0.3, target_sizes=[(SIDE, SIDE)] * count
        )
        for masks, boxes in zip(truth, told, strict=True):
            if phrase in masks:
                best = boxes["boxes"][boxes["scores"].argmax()].tolist() if len(boxes["boxes"]) else None
                found.append(best is not None and overlap(best, box_of(masks[phrase])) > 0.5)
            else:
                missed.append(not len(boxes["boxes"]))
    return {"found": float(np.mean(found)), "absent": float(np.mean(missed))}


def _maps(eyes: nn.ModuleList) -> Look:
    """The feature maps of pictures without padding, as the detector's encoder gets them.

    That is behind a projection with group normalisation, which wipes out what is the same in all cells, such as how
    wide a thing is, unless the backbone learns to send it in another way.
    """
    encoder, projections = eyes

    def look(pixels: Tensor) -> list[Tensor]:
        mask = torch.ones(len(pixels), *pixels.shape[-2:], dtype=torch.long)
        return [project(features) for project, (features, _) in zip(projections, encoder(pixels, mask), strict=True)]

    return look


def train(work: Path, minutes: float = MINUTES, *, name: str = "dino") -> None:
    """Train into work/<name>: checkpoint, journal, and the averaged weights with their processor."""
    tokenizer = new_tokenizer()
    dino, processor = new_dino(tokenizer), new_processor(tokenizer)
    eyes = nn.ModuleList([dino.model.backbone.conv_encoder, dino.model.input_proj_vision])
    begun = (work / name / "checkpoint.pt").exists()  # its eyes are open, here or where it was unpacked from
    if not (
        begun
        or open_eyes(
            work, EYES * minutes, eyes, _maps(eyes), name=f"{name}-eyes", outer_layers=("embed", "relative_position")
        )
    ):
        return
    settled(dino)
    pictures, held_out = training_pictures(work), held_out_pictures(work)
    catalogue = Catalogue(pictures.specs)
    optimiser = MuonAndAdamW(
        dino,
        muon_lr=0.003,
        adamw_lr=5e-4,
        outer_layers=("embeddings", "level_embed", "sampling_offsets", "attention_weights", "relative_position"),
    )
    loop = Loop(work / name, dino.train(), optimiser, minutes=(1 - EYES) * minutes, warmup=100, clip=0.5)
    for step in loop:
        rng = random.Random(int(loop.rng.integers(1 << 40)))
        focus, chosen = catalogue.draw(rng)
        found = [things(Spec(**pictures.specs[i]), pictures.parts[i]) for i in chosen]
        phrases = caption(focus, [list(masks) for masks in found], rng)
        words = tokenizer([text_of(phrases)] * BATCH, return_tensors="pt")
        labels = targets(phrases, found)
        with torch.autocast("cpu", torch.bfloat16):  # 1.6 times as fast
            answer = dino(pixel_values=worn(to_tensor(pictures.pixels[chosen]), loop.rng), **words)
        places = places_of(phrases, tokenizer)
        by_cells = cell_loss(answer, places, cells(phrases, found), labels)
        by_queries, closeness = query_loss(answer, places, labels)
        loop.descend(
            by_cells + by_queries,
            samples=BATCH,
            cells=by_cells.item(),
            queries=by_queries.item(),
            closeness=closeness.item(),
        )
        if step % 400 == 399:
            with loop.averaged():
                loop.journal(**validate(dino, processor, held_out))
    with loop.averaged():
        figures = validate(dino, processor, held_out)
        loop.journal(**figures, validation=(figures["found"] + figures["absent"]) / 2)
        dino.save_pretrained(work / name / "weights")
        processor.save_pretrained(work / name / "weights")
