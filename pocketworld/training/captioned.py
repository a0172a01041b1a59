"""What CLIP learns from: small renders, clothes alone, and their captions' tokens, made in one go."""

import random
from dataclasses import dataclass, replace

import numpy as np

from pocketworld.attributes import classes
from pocketworld.captions import caption, full_caption, outfit_caption
from pocketworld.render import outfit, render
from pocketworld.training.tokenizers import CONTEXT
from pocketworld.vocabulary import FURS, GARMENT_COLOURS
from pocketworld.world import Spec, sample

PIXELS = 64
WORDINGS = 4  # captions of each picture: one full, the others thinned at random


@dataclass
class Pool:
    """Pre-rendered pictures with their captions' tokens; row i of every array belongs together."""

    pictures: np.ndarray  # [count, 64, 64, 3] uint8
    outfits: np.ndarray  # [count, 64, 64, 3] uint8; black where the spec wears nothing
    labels: np.ndarray  # [count, attributes] class numbers
    tokens: np.ndarray  # [count, WORDINGS, CONTEXT]
    outfit_tokens: np.ndarray  # [count, CONTEXT]
    dressed: np.ndarray  # rows that have an outfit
    named: np.ndarray  # rows that show a character with a name
    odd_labels: np.ndarray  # [odd, attributes] class numbers of captions without a picture
    odd_tokens: np.ndarray  # [odd, CONTEXT]


def make_specs(count: int, seed: int, held_out: bool = False) -> list[Spec]:
    rng = random.Random(seed)
    return [sample(rng, held_out=held_out) for _ in range(count)]


def caption_corpus(count: int, seed: int = 0) -> list[str]:
    """Captions from which the tokenizers learn what is frequent."""
    rng = random.Random(seed)
    specs = make_specs(count, seed)
    return [caption(spec, rng) for spec in specs] + [outfit_caption(spec, rng) for spec in specs if spec.top]


def oddly_coloured(spec: Spec, rng: random.Random) -> Spec:
    """The creature in a colour outside its kind's list, for captions without a picture.

    Where every white animal that training shows is a rabbit, "white" alone would come to mean rabbit.
    """
    odd = [colour for colour in GARMENT_COLOURS if colour not in FURS[spec.noun]]
    return replace(spec, name=None, fur=rng.choice(odd))


def make_pool(specs: list[Spec], tokenizer, seed: int) -> Pool:
    """Render and caption the specs. Rare identifiers are left out: what nobody explains must not come to mean nothing."""
    rng = random.Random(seed)
    nothing = np.zeros((PIXELS, PIXELS, 3), np.uint8)
    texts, outfit_texts = [], []
    for spec in specs:
        wordings = [full_caption(spec)] + [caption(spec, rng) for _ in range(WORDINGS - 1)]
        texts += wordings
        outfit_texts.append(outfit_caption(spec, rng) if spec.top else "")
    odd = [oddly_coloured(spec, rng) for spec in specs if spec.noun in FURS]
    return Pool(
        pictures=np.stack([np.asarray(render(spec, PIXELS, truth=False).image) for spec in specs]),
        outfits=np.stack([np.asarray(outfit(spec, PIXELS)) if spec.top else nothing for spec in specs]),
        labels=np.array([classes(spec) for spec in specs]),
        tokens=_tokens(tokenizer, texts).reshape(len(specs), WORDINGS, CONTEXT),
        outfit_tokens=_tokens(tokenizer, outfit_texts),
        dressed=np.flatnonzero([spec.top is not None for spec in specs]),
        named=np.flatnonzero([spec.name is not None for spec in specs]),
        odd_labels=np.array([classes(spec) for spec in odd]),
        odd_tokens=_tokens(tokenizer, [caption(spec, rng) for spec in odd]),
    )


def _tokens(tokenizer, texts: list[str]) -> np.ndarray:
    padded = tokenizer(texts, padding="max_length", truncation=True, max_length=CONTEXT)
    return np.array(padded.input_ids, np.int64)
