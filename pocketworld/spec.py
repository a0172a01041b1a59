"""What a picture shows, in words: specs, and which of them are held out of training."""

import zlib
from dataclasses import dataclass

from pocketworld.vocabulary import FURS, PEOPLE, UNSEEN_HAIR, UNSEEN_NOUNS

HELD_OUT_PERCENT = 8


@dataclass(frozen=True)
class Spec:
    """One picture in words; None where a field does not apply. `jitter` seeds all that has no word.

    A figure without a pose holds its limbs at angles from the jitter, or at those in `limbs`, in the order of
    `skeleton.LIMBS`. `name` is that of one of the world's characters.
    """

    name: str | None = None
    noun: str | None = None
    skin: str | None = None
    fur: str | None = None
    hair: str | None = None
    hair_colour: str | None = None
    expression: str | None = None
    top: str | None = None
    top_colour: str | None = None
    bottom: str | None = None
    bottom_colour: str | None = None
    accessory: str = "none"
    accessory_colour: str | None = None
    shoes: str | None = None
    emblem: str | None = None
    pose: str | None = None
    limbs: tuple[float, ...] | None = None
    scene: str = "plain"
    ground_colour: str | None = None
    framing: str = "full figure"
    object: str | None = None
    object_colour: str | None = None
    jitter: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.limbs, list):  # as JSON has it
            object.__setattr__(self, "limbs", tuple(self.limbs))

    @property
    def is_person(self) -> bool:
        return self.noun in PEOPLE


def is_held_out(spec: Spec) -> bool:
    """True where training must not see the spec.

    That is so for every unseen word, and for about 8% each of characters (noun, hair, hair colour, fur),
    outfits (top, bottom, their colours) and placements (noun, named pose, scene), chosen by a CRC-32 of the words.
    """
    if has_unseen_words(spec):
        return True
    if spec.object:
        return False
    return looks_held_out(spec) or wears_held_out(spec) or _chosen("placement", spec.noun, spec.pose, spec.scene)


def looks_held_out(spec: Spec) -> bool:
    """True where training shows no such character, whatever it wears; an alien has one colour only and is always seen."""
    return spec.noun != "alien" and _chosen("character", spec.noun, spec.hair, spec.hair_colour, spec.fur)


def wears_held_out(spec: Spec) -> bool:
    """True where nobody wears this top and this bottom in these colours together in training, whoever they are."""
    return _chosen("outfit", spec.top, spec.top_colour, spec.bottom, spec.bottom_colour)


def has_unseen_words(spec: Spec) -> bool:
    """True for what only subjects have: the fox, the mohawk, emblems, fur outside the animal's list."""
    odd_fur = spec.noun in FURS and spec.fur not in FURS[spec.noun]
    return spec.noun in UNSEEN_NOUNS or spec.hair in UNSEEN_HAIR or spec.emblem is not None or odd_fur


def _chosen(*words: str | None) -> bool:
    key = "|".join(word or "" for word in words)
    return zlib.crc32(key.encode()) % 100 < HELD_OUT_PERCENT
