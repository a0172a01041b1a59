"""What a photo shows, in words: the detector tells which garments, CLIP their colours and the place.

Garments that a caption names are learnt as garments, not as part of the subject, so that it can take them off again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image

from studio.contracts.family import ModelFamily
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.vision.clip_scores import Clip, clip_of
from studio.engine.vision.grounding_dino import Detector
from studio.imaging.photos import content_of
from studio.words.articles import with_article

if TYPE_CHECKING:
    from studio.library import Photo, Subject

# For families that know the open world; a small one tells its own words.
EVERYDAY: Mapping[str, Sequence[str]] = {
    "tops": ("t-shirt", "shirt", "jacket", "coat", "dress", "hoodie", "sweater", "tank top", "suit", "armour", "apron"),
    "bottoms": ("jeans", "pants", "shorts", "skirt", "leggings"),
    "colours": ("red", "blue", "green", "yellow", "purple", "orange", "white", "black", "pink", "brown", "grey"),
    "accessories": ("hat", "glasses", "scarf", "umbrella", "crown", "bag"),
    "places": (
        "on the beach",
        "in a forest",
        "on a street",
        "in a kitchen",
        "in the snow",
        "in a park",
        "in a room",
        "on a plain background",
        "at night",
        "in a city",
    ),
}
SURE = {"tops": 0.3, "bottoms": 0.3, "accessories": 0.5}  # from which score of the detector on a garment is named
ORDER = ("places", "tops", "bottoms", "accessories", "tops", "places")  # what is asked for; some again, knowing more


def caption_of(photo: Photo, subject: Subject, *, pipelines: PipelineCache, family: ModelFamily) -> str:
    """A whole caption for the photo: "a photo of sks girl in a red jacket, on the beach"."""
    words = words_for(photo.cropped, subject.class_noun, pipelines=pipelines, family=family)
    return f"{family.prompt_start} {subject.trigger}{words}"


def words_for(image: Image.Image, class_noun: str, *, pipelines: PipelineCache, family: ModelFamily) -> str:
    """Words for what a picture shows, as they follow its subject: " in a red jacket, on the beach"."""
    known = family.words() or EVERYDAY
    with pipelines.lend_helper(Detector, family.detector) as detector:
        known = {**known, **worn(detector, image, known)}
    with clip_of(pipelines, family) as clip:
        shown = describe(clip, image, f"{family.prompt_start} {with_article(class_noun)}", known)
    return shown.words


def worn(detector: Detector, image: Image.Image, known: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of each kind of garment the one word that the detector is surest of, where it is sure enough; else none."""
    asked = [word for kind in SURE for word in known.get(kind, ())]
    _, best = detector.find(image, content_of(image), asked, 1.0, 1.0)
    found: dict[str, list[str]] = {}
    for kind, sure in SURE.items():
        word = max(known.get(kind, ()), key=lambda one: best[one], default="")
        found[kind] = [word] if word and best[word] >= sure else []
    return found


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


def describe(clip: Clip, image: Image.Image, start: str, known: Mapping[str, Sequence[str]]) -> Shown:
    """What the picture shows, in the known words: of each kind what fits best, or nothing, beside what is told already.

    `start` is how its prompt begins, such as "a cartoon of a girl".
    """
    picture, shown = clip.images([image])[0], Shown()
    for kind in ORDER:
        if kind == "bottoms" and shown.tops.endswith("dress"):
            continue
        options = [replace(shown, **{kind: option}) for option in _options(kind, known)]
        if len(options) > 1:
            fits = clip.texts([start + option.words for option in options]) @ picture
            shown = options[int(fits.argmax())]
    return shown


def _options(kind: str, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if kind not in SURE or not known.get(kind):  # what the detector saw is there
        yield ""
    colours = known.get("colours", ())
    for word in known.get(kind, ()):
        if kind == "places":
            yield word
        elif kind == "accessories":
            yield _one(word)
        else:
            yield from (_one(f"{colour} {word}") for colour in colours)


def _one(words: str) -> str:
    """With an article, unless they are many: pants, glasses."""
    return words if words.endswith("s") and not words.endswith("ss") else with_article(words)
