"""Captions of a spec: natural sentences and tags, with attributes left out at random, or in full."""

import random
from collections.abc import Collection

from pocketworld.spec import Spec
from pocketworld.world import CHARACTERS

OPENINGS = ("a cartoon of", "a cartoon of", "a drawing of", "an illustration of", "a picture of", "")
PLACES = {
    "beach": ("on the beach", "at the beach"),
    "forest": ("in the forest", "in a forest"),
    "street at night": ("on a street at night", "in a city street at night"),
    "kitchen": ("in the kitchen", "in a kitchen"),
    "snow": ("in the snow", "on a snowy field"),
    "desert": ("in the desert", "in a desert"),
    "park": ("in the park", "in a park"),
}
POSE_WORDS = {"arms raised": "with arms raised", "hands on hips": "with hands on hips"}
VIEWS = {
    "from the side": ("seen from the side", "from the side"),
    "from behind": ("from behind", "seen from behind"),
}
NAME_SAID = 0.92  # how often a caption tells a character's name
OWN_SAID = 0.15  # and how often, beside the name, each thing that is the character's own
SKIN_WORDS = {"pale": "pale", "tan": "tan", "dark": "dark-skinned"}


def article(words: str) -> str:
    """The words with a or an before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def caption(spec: Spec, rng: random.Random, silent: Collection[str] = ()) -> str:
    """A caption as people may write it: sentence or tags, some attributes left out, sometimes most.

    Of the attributes that are `silent` ("top", "bottom", ...) it never tells. A character's name mostly stands for
    all that is its own.
    """
    keep = rng.choice((1.0, 1.0, 0.85, 0.5))
    named = spec.name is not None and rng.random() < NAME_SAID
    weights = _WEIGHT | (_beside_the_name(spec) if named else {})
    said = {
        name: words
        for name, words in _phrases(spec, rng).items()
        if rng.random() < keep * weights[name] and name not in silent
    }
    who = _who(spec, rng.random() < 0.5 * keep * weights["skin"], rng.random() < weights["fur"], named)
    opening = "a portrait of" if spec.framing == "portrait" else rng.choice(OPENINGS)
    if "expression" in said and spec.noun and rng.random() < 0.2:
        who = f"{said.pop('expression')} {who}"
    start = f"{opening} {article(who)}".strip()
    return _tags(start, said) if rng.random() < 0.3 else _sentence(start, said, rng)


def full_caption(spec: Spec) -> str:
    """The deterministic caption that says everything visible; pale skin and shoes go without saying."""
    opening = "a portrait of" if spec.framing == "portrait" else "a cartoon of"
    who = _who(spec, skin=spec.skin != "pale", fur=True, named=spec.name is not None)
    return _sentence(f"{opening} {article(who)}", _phrases(spec, None), None)


def outfit_caption(spec: Spec, rng: random.Random) -> str:
    """A caption of the outfit alone, as `outfit` draws it."""
    opening = rng.choice(("a picture of", "an outfit with", "clothing:", ""))
    clothes = _clothes(_phrases(spec, None) | {"expression": None})
    return f"{opening} {clothes}".strip()


# How often an attribute is said at all, before a caption is thinned as a whole.
_WEIGHT = {
    "skin": 1.0,
    "fur": 0.97,
    "hair": 0.97,
    "top": 0.97,
    "bottom": 0.93,
    "accessory": 0.97,
    "emblem": 0.9,
    "expression": 0.8,
    "pose": 0.8,
    "view": 0.97,
    "place": 0.95,
}


def _beside_the_name(spec: Spec) -> dict[str, float]:
    """How often a caption with a character's name tells its looks, and its clothes where they are the usual ones."""
    usual = CHARACTERS[spec.name]
    own = ["skin", "fur", "hair"]
    for name in ("top", "bottom", "accessory"):
        if all(getattr(spec, field) == getattr(usual, field) for field in (name, f"{name}_colour")):
            own.append(name)
    return dict.fromkeys(own, OWN_SAID)


def _who(spec: Spec, skin: bool, fur: bool, named: bool) -> str:
    if spec.object:
        emblem = f" with {article(spec.emblem)}" if spec.emblem else ""
        return f"{spec.object_colour} {spec.object}{emblem}"
    noun = f"{spec.name} {spec.noun}" if named else spec.noun
    if spec.is_person:
        return f"{SKIN_WORDS[spec.skin]} {noun}" if skin else noun
    return f"{spec.fur} {noun}" if fur else noun


def _phrases(spec: Spec, rng: random.Random | None) -> dict[str, str]:
    """What can be said of the spec, by attribute; without rng, the first wording of each."""
    pick = rng.choice if rng else (lambda options: options[0])
    ground = (f"on a plain {spec.ground_colour} background", f"on a {spec.ground_colour} background")
    said = {"place": pick(PLACES.get(spec.scene, ground))}
    if spec.scene == "plain" and not spec.ground_colour:
        said = {}
    if spec.noun is None:
        return said
    portrait, behind = spec.framing == "portrait", spec.framing == "from behind"
    if spec.hair:
        said["hair"] = _hair(spec)
    said["top"] = f"{spec.top_colour} {spec.top}"
    if spec.bottom and not portrait:
        said["bottom"] = f"{spec.bottom_colour} {spec.bottom}"
    if spec.accessory != "none":
        said["accessory"] = _accessory(spec)
    if spec.emblem and not behind:
        said["emblem"] = spec.emblem
    if spec.expression and not behind:
        said["expression"] = spec.expression
    if spec.pose and (not portrait or spec.pose in ("waving", "arms raised")):
        said["pose"] = POSE_WORDS.get(spec.pose, spec.pose)
    if spec.framing in VIEWS:
        said["view"] = pick(VIEWS[spec.framing])
    return said


def _hair(spec: Spec) -> str:
    if spec.hair == "bald":
        return "a bald head"
    if spec.hair in ("bun", "ponytail", "mohawk"):
        return article(f"{spec.hair_colour} {spec.hair}")
    return f"{spec.hair} {spec.hair_colour} hair"


def _accessory(spec: Spec) -> str:
    if spec.accessory == "glasses":
        return "wearing glasses"
    if spec.accessory == "crown":
        return "wearing a gold crown"
    verb = "holding" if spec.accessory == "umbrella" else "wearing"
    return f"{verb} {article(f'{spec.accessory_colour} {spec.accessory}')}"


def _clothes(said: dict[str, str | None]) -> str:
    top, bottom = said.get("top"), said.get("bottom")
    if top and said.get("emblem"):
        top = f"{top} with {article(said['emblem'])}"
    if bottom and bottom.endswith("skirt"):
        bottom = article(bottom)
    return " and ".join(part for part in (top and article(top), bottom) if part)


def _sentence(start: str, said: dict[str, str], rng: random.Random | None) -> str:
    pick = rng.choice if rng else (lambda options: options[0])
    text = start
    if "hair" in said:
        text += f" with {said['hair']}"
    if clothes := _clothes(said):
        text += f" {pick(('in', 'wearing'))} {clothes}"
    after = [said[name] for name in ("accessory", "expression", "pose", "view", "place") if name in said]
    if after == [said.get("place")]:
        return f"{text} {after[0]}" if rng and rng.random() < 0.7 or "top" not in said else f"{text}, {after[0]}"
    return ", ".join([text, *after])


def _tags(start: str, said: dict[str, str]) -> str:
    order = ("hair", "top", "bottom", "accessory", "expression", "pose", "view", "place")
    return ", ".join([start, *(said[name] for name in order if name in said)])
