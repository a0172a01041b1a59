"""What a photo shows, in words: garments, their colours, the place. Told by CLIP, by asking it which words fit best.

Garments that a caption names are learnt as garments, not as part of the subject, so that it can take them off again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from studio.engine.evaluation import Clip

# For families that know the open world; a small one tells its own words.
EVERYDAY: Mapping[str, Sequence[str]] = {
    "tops": ("t-shirt", "shirt", "jacket", "coat", "dress", "hoodie", "sweater", "tank top", "suit", "armour", "apron"),
    "bottoms": ("jeans", "pants", "shorts", "skirt", "leggings"),
    "colours": ("red", "blue", "green", "yellow", "purple", "orange", "white", "black", "pink", "brown", "grey"),
    "accessories": ("hat", "glasses", "scarf", "umbrella", "crown", "bag"),
    "places": ("on the beach", "in a forest", "on a street", "in a kitchen", "in the snow", "in a park", "in a room",
               "on a plain background", "at night", "in a city"),
}
ORDER = ("places", "tops", "bottoms", "accessories", "tops", "places")  # what is asked for; some again, knowing more


@dataclass(frozen=True)
class Shown:
    """What a caption names, each as it is written; empty: nothing of the kind."""

    tops: str = ""
    bottoms: str = ""
    accessories: str = ""
    places: str = ""

    @property
    def words(self) -> str:
        """After "a girl": " in a red jacket and black pants, with a hat, on the beach"."""
        worn = " and ".join(filter(None, (self.tops, self.bottoms)))
        parts = [f" in {worn}" if worn else "", f" with {self.accessories}" if self.accessories else ""]
        return "".join(parts) + (f", {self.places}" if self.places else "")


def describe(clip: Clip, images: Sequence[Image.Image], start: str, noun: str,
             words: Mapping[str, Sequence[str]]) -> list[Shown]:
    """What each picture of a `noun` shows, in the words of a family; its prompts begin with `start`."""
    known = {**EVERYDAY, **words} if not words else dict(words)
    seen = clip.images(images)
    kept: dict[str, Tensor] = {}
    return [_told(clip, picture, f"{start} {noun}", known, kept) for picture in seen]


def _told(clip: Clip, picture: Tensor, before: str, known: Mapping[str, Sequence[str]], kept: dict[str, Tensor]
          ) -> Shown:
    shown = Shown()
    for kind in ORDER:
        options = [Shown(**{**vars(shown), kind: option}) for option in _options(kind, known)]
        if kind == "bottoms" and shown.tops.endswith("dress"):
            continue
        texts = [before + option.words for option in options]
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        if new:
            kept.update(zip(new, clip.texts(new), strict=True))
        fits = torch.stack([kept[text] for text in texts]) @ picture
        shown = options[int(fits.argmax())]
    return shown


def _options(kind: str, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield ""
    colours = known.get("colours", ())
    for word in known.get(kind, ()):
        if kind == "places":
            yield word
        elif kind == "accessories":
            yield _with_article(word)
        else:
            yield from (_with_article(f"{colour} {word}") for colour in colours)


def _with_article(words: str) -> str:
    if words.endswith("s") and not words.endswith("ss"):
        return words
    return ("an " if words[:1] in "aeiou" else "a ") + words
