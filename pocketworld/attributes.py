"""What can be asked of a picture: the attributes of a spec, as words and as class numbers."""

from pocketworld.spec import Spec
from pocketworld.vocabulary import (
    ACCESSORIES,
    BOTTOMS,
    EMBLEMS,
    EXPRESSIONS,
    FRAMINGS,
    GARMENT_COLOURS,
    HAIR,
    HAIR_COLOURS,
    NOUNS,
    OBJECTS,
    POSES,
    SCENES,
    SKINS,
    TOPS,
    UNSEEN_HAIR,
    UNSEEN_NOUNS,
)

UNSEEN = -100  # the class number of what the picture does not show; torch's cross entropy leaves it out
_COLOURS = tuple(GARMENT_COLOURS)

# Attribute -> the words it takes. "none" is a thing to see (no accessory, no emblem), never "cannot be seen".
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "noun": NOUNS + UNSEEN_NOUNS + OBJECTS,
    "skin": tuple(SKINS),
    "fur": _COLOURS,
    "hair": HAIR + UNSEEN_HAIR,
    "hair_colour": tuple(HAIR_COLOURS),
    "expression": EXPRESSIONS,
    "top": TOPS,
    "top_colour": _COLOURS,
    "bottom": BOTTOMS,
    "bottom_colour": _COLOURS,
    "accessory": ACCESSORIES,
    "accessory_colour": _COLOURS,
    "emblem": ("none", *EMBLEMS),
    "pose": POSES,
    "scene": SCENES,
    "ground_colour": _COLOURS,
    "framing": FRAMINGS,
    "object_colour": _COLOURS,
}
OUTFIT_ATTRIBUTES = ("top", "top_colour", "bottom", "bottom_colour")
CLASSES = sum(len(words) for words in ATTRIBUTES.values())


def visible(spec: Spec) -> dict[str, str]:
    """The attributes that a picture of the spec shows, as words; what it hides or lacks is left out."""
    portrait, behind = spec.framing == "portrait", spec.framing == "from behind"
    said = {name: getattr(spec, name) for name in ATTRIBUTES if name != "emblem"}
    said["noun"] = spec.noun or spec.object
    said["emblem"] = spec.emblem or "none"
    if portrait:
        said |= {"bottom": None, "bottom_colour": None, "pose": None}
    if behind:
        said |= {"emblem": None, "expression": None, "noun": None if spec.is_person else said["noun"]}
    if spec.object:
        said |= {"framing": None, "accessory": None}
    return {name: word for name, word in said.items() if word is not None}


def classes(spec: Spec) -> list[int]:
    """A class number for every attribute in `ATTRIBUTES`; UNSEEN where the picture does not tell."""
    words = visible(spec)
    return [options.index(words[name]) if name in words else UNSEEN for name, options in ATTRIBUTES.items()]
