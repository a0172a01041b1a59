"""Specs drawn at random, the characters that have a name, and the subjects that training never sees."""

import random
from dataclasses import replace

from pocketworld.spec import Spec, has_unseen_words, is_held_out, looks_held_out, wears_held_out
from pocketworld.vocabulary import (
    ACCESSORIES,
    BOTTOMS,
    COLOURED_ACCESSORIES,
    EXPRESSIONS,
    FRAMINGS,
    FURS,
    GARMENT_COLOURS,
    HAIR,
    HAIR_COLOURS,
    NAMES,
    NOUNS,
    OBJECTS,
    POSES,
    SCENES,
    SHOES,
    SKINS,
    TOPS,
)

__all__ = [
    "CHARACTERS",
    "SUBJECTS",
    "Spec",
    "has_unseen_words",
    "is_held_out",
    "portray",
    "sample",
    "subject",
    "wears_held_out",
]

COLOURS = tuple(GARMENT_COLOURS)
OBJECT_SHARE = 0.06
NAMED_SHARE = 0.12  # of figures: characters with a name
USUAL_SHARE = 0.8  # of these: in the outfit they always wear
FREE_SHARE = 0.4  # of figures: in no named pose
NOUN_WEIGHTS = (4, 4, 3, 3, 3, 3, 3, 3)
FRAMING_WEIGHTS = (78, 12, 5, 5)
ACCESSORY_WEIGHTS = (10, 2, 2, 2, 2, 2)
SKIRTED = ("girl", "woman", "cat", "rabbit", "fox")  # who wears dresses and skirts


def sample(rng: random.Random, held_out: bool = False) -> Spec:
    """A random spec: one that training may see, or only combinations that it never sees.

    Those of the second kind are nobody's with a name: a name says what training has shown often.
    """
    while True:
        spec = _any_spec(rng)
        if is_held_out(spec) == held_out:
            return replace(spec, name=None) if held_out else spec


def _any_spec(rng: random.Random) -> Spec:
    if rng.random() < OBJECT_SHARE:
        return Spec(
            object=rng.choice(OBJECTS),
            object_colour=rng.choice(COLOURS),
            **_place(rng),
            jitter=rng.randrange(1 << 30),
        )
    acting = _place(rng) | _acting(rng) | {"jitter": rng.randrange(1 << 30)}
    if rng.random() < NAMED_SHARE:
        character = CHARACTERS[rng.choice(NAMES)]
        other = {} if rng.random() < USUAL_SHARE else _clothes(rng, character.noun) | _accessory(rng)
        return _consistent(replace(character, **acting, **other))
    noun = rng.choices(NOUNS, NOUN_WEIGHTS)[0]
    return _consistent(Spec(noun=noun, **_looks(rng, noun), **_clothes(rng, noun), **_accessory(rng), **acting))


def _looks(rng: random.Random, noun: str) -> dict:
    if noun in FURS:
        return {"fur": rng.choice(FURS[noun])}
    hair = rng.choice(HAIR if noun in ("boy", "man") else HAIR[:-1])
    colour = None if hair == "bald" else rng.choice(tuple(HAIR_COLOURS))
    return {"skin": rng.choice(tuple(SKINS)), "hair": hair, "hair_colour": colour}


def _clothes(rng: random.Random, noun: str) -> dict:
    skirted = noun in SKIRTED
    top = rng.choice(TOPS if skirted else [top for top in TOPS if top != "dress"])
    bottom = None if top == "dress" else rng.choice(BOTTOMS if skirted else BOTTOMS[:2])
    return {
        "top": top,
        "top_colour": rng.choice(COLOURS),
        "bottom": bottom,
        "bottom_colour": bottom and rng.choice(COLOURS),
        "shoes": rng.choice(SHOES),
    }


def _accessory(rng: random.Random) -> dict:
    accessory = rng.choices(ACCESSORIES, ACCESSORY_WEIGHTS)[0]
    colour = rng.choice(COLOURS) if accessory in COLOURED_ACCESSORIES else None
    return {"accessory": accessory, "accessory_colour": colour}


def _place(rng: random.Random) -> dict:
    scene = rng.choice(SCENES)
    return {"scene": scene, "ground_colour": rng.choice(COLOURS) if scene == "plain" else None}


def _acting(rng: random.Random) -> dict:
    return {
        "expression": rng.choice(EXPRESSIONS),
        "pose": None if rng.random() < FREE_SHARE else rng.choice(POSES),
        "framing": rng.choices(FRAMINGS, FRAMING_WEIGHTS)[0],
    }


def _consistent(spec: Spec) -> Spec:
    """The spec without what its framing or its pose cannot show."""
    if spec.framing == "from behind":
        spec = replace(spec, expression=None)
        if spec.accessory == "glasses":
            spec = replace(spec, accessory="none")
    if spec.accessory == "umbrella" and spec.pose in ("arms raised", "hands on hips"):
        spec = replace(spec, pose="standing")  # one hand holds the umbrella
    if spec.scene != "plain":
        spec = replace(spec, ground_colour=None)
    return spec


def _characters() -> dict[str, Spec]:
    """A character for every name, the kinds in turn; no two look alike, and training may see all of them."""
    rng, characters, looks = random.Random(14), {}, set()
    for number, name in enumerate(NAMES):
        noun = NOUNS[number % len(NOUNS)]
        while True:
            accessory = _accessory(rng) if rng.random() < 0.5 else {}
            spec = Spec(name=name, noun=noun, **_looks(rng, noun), **_clothes(rng, noun), **accessory)
            look = (noun, spec.fur, spec.hair, spec.hair_colour, spec.top, spec.top_colour)
            free = spec.accessory != "umbrella" and look not in looks
            if free and not looks_held_out(spec):
                break
        looks.add(look)
        characters[name] = spec
    return characters


CHARACTERS: dict[str, Spec] = _characters()


def _clad(top: str, bottom: str | None, shoes: str = "white") -> dict:
    """Outfit fields from "red t-shirt" and "black pants"."""
    top_colour, top = top.split(" ", 1)
    bottom_colour, bottom = bottom.split(" ", 1) if bottom else (None, None)
    return {
        "top": top,
        "top_colour": top_colour,
        "bottom": bottom,
        "bottom_colour": bottom_colour,
        "shoes": shoes,
    }


# Characters that training never sees; each has at least one feature it has no picture of.
SUBJECTS: dict[str, Spec] = {
    "fox": Spec(noun="fox", fur="orange", **_clad("purple t-shirt", "black shorts")),
    "mohawk girl": Spec(
        noun="girl",
        skin="pale",
        hair="mohawk",
        hair_colour="pink",
        **_clad("teal jacket", "black skirt", "black"),
    ),
    "purple robot": Spec(noun="robot", fur="purple", **_clad("yellow hoodie", "grey pants", "black")),
    "teal cat": Spec(noun="cat", fur="teal", **_clad("red sweater", "white shorts", "brown")),
    "star boy": Spec(
        noun="boy",
        skin="tan",
        hair="mohawk",
        hair_colour="green",
        emblem="star",
        **_clad("blue t-shirt", "brown pants", "red"),
    ),
    "blue rabbit": Spec(noun="rabbit", fur="blue", **_clad("orange dress", None, "brown")),
    "heart alien": Spec(noun="alien", fur="pink", emblem="heart", **_clad("white sweater", "purple pants")),
    "bolt woman": Spec(
        noun="woman",
        skin="dark",
        hair="bun",
        hair_colour="white",
        emblem="bolt",
        **_clad("black t-shirt", "red skirt", "red"),
    ),
    "mohawk man": Spec(
        noun="man",
        skin="tan",
        hair="mohawk",
        hair_colour="blue",
        **_clad("orange hoodie", "green shorts", "black"),
    ),
    "grey fox": Spec(
        noun="fox",
        fur="grey",
        accessory="scarf",
        accessory_colour="red",
        **_clad("green jacket", "blue pants", "brown"),
    ),
    "green rabbit": Spec(
        noun="rabbit",
        fur="green",
        emblem="star",
        accessory="glasses",
        **_clad("purple t-shirt", "yellow pants"),
    ),
    "orange robot": Spec(noun="robot", fur="orange", emblem="heart", **_clad("blue sweater", "black shorts")),
    "heart cup": Spec(object="cup", object_colour="teal", emblem="heart"),
}


def subject(name: str) -> Spec:
    """The fixed identity of a named subject, in its own outfit; KeyError names what there is."""
    if name not in SUBJECTS:
        raise KeyError(f"no subject {name!r}; there are {', '.join(SUBJECTS)}")
    return SUBJECTS[name]


def portray(subject: Spec, rng: random.Random, **overrides) -> Spec:
    """A picture of the subject: random pose, scene, expression and framing; identity and outfit fixed.

    An override of top drops an emblem and, for a dress, the bottom.
    """
    chosen = _place(rng) | (_acting(rng) if subject.noun else {}) | {"jitter": rng.randrange(1 << 30)}
    chosen["framing"] = rng.choices(FRAMINGS, (85, 15, 0, 0))[0] if subject.noun else "full figure"
    if "top" in overrides:
        chosen["emblem"] = None
    if overrides.get("top") == "dress":
        chosen |= {"bottom": None, "bottom_colour": None}
    if overrides.get("scene") == "plain" and "ground_colour" not in overrides:
        chosen["ground_colour"] = rng.choice(COLOURS)
    return _consistent(replace(subject, **(chosen | overrides)))
