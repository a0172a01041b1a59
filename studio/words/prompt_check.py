"""What a small family does not know: a gentle note about the words of a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from studio.words.prompt_syntax import WILDCARD, words_of

# Words that carry no picture of their own, or that every family reads past.
GRAMMAR = frozenset(
    """
    a an the this that these those some any one two three few many of in on at by to from for with without into onto
    over under near behind before beside between above below around through and or but not no as is are was be being
    has have having it its he she they them his her their who which while very quite really just only also
    wearing wears dressed holding holds carrying standing looking shown seen view side front
    outfit clothes clothing colour color colored coloured plain light bright
    cartoon drawing drawn picture image illustration photo style scene background character person
""".split()
)
# What people say for what a small family calls otherwise; used only where the family knows the second word.
SYNONYMS: Mapping[str, str] = {
    "ocean": "beach",
    "sea": "beach",
    "seaside": "beach",
    "shore": "beach",
    "sand": "desert",
    "dunes": "desert",
    "woods": "forest",
    "jungle": "forest",
    "trees": "forest",
    "tree": "forest",
    "city": "street",
    "town": "street",
    "road": "street",
    "garden": "park",
    "meadow": "park",
    "winter": "snow",
    "snowy": "snow",
    "ice": "snow",
    "lady": "woman",
    "guy": "man",
    "child": "girl",
    "kid": "boy",
    "kitten": "cat",
    "kitty": "cat",
    "bunny": "rabbit",
    "android": "robot",
    "mug": "cup",
    "pot": "teapot",
    "rucksack": "backpack",
    "bag": "backpack",
    "lantern": "lamp",
    "coat": "jacket",
    "blazer": "jacket",
    "parka": "jacket",
    "pullover": "sweater",
    "jumper": "sweater",
    "sweatshirt": "hoodie",
    "shirt": "t-shirt",
    "tshirt": "t-shirt",
    "tee": "t-shirt",
    "gown": "dress",
    "trousers": "pants",
    "jeans": "pants",
    "leggings": "pants",
    "cap": "hat",
    "spectacles": "glasses",
    "sunglasses": "glasses",
    "shawl": "scarf",
    "parasol": "umbrella",
    "tiara": "crown",
    "happy": "smiling",
    "smile": "smiling",
    "laughing": "smiling",
    "unhappy": "sad",
    "crying": "sad",
    "mad": "angry",
    "furious": "angry",
    "shocked": "surprised",
    "amazed": "surprised",
    "gray": "grey",
    "violet": "purple",
    "cyan": "teal",
    "turquoise": "teal",
    "golden": "yellow",
    "blond": "blonde",
    "crimson": "red",
    "scarlet": "red",
    "navy": "blue",
    "rose": "pink",
    "beige": "brown",
    "running": "walking",
    "jumping": "arms raised",
    "cheering": "arms raised",
}
# What people bring, by what a small family may have that is built alike; the first one that it knows is the nearest.
BUILT_ALIKE: Mapping[tuple[str, ...], str] = {
    ("girl", "woman"): """princess daughter sister schoolgirl fairy elf mermaid heroine witch doll""",
    ("woman", "girl"): """mother mom wife aunt queen grandmother granny nurse lady witch goddess sorceress actress""",
    ("boy", "man"): """son brother prince schoolboy baby toddler dwarf goblin hobbit child kid""",
    (
        "man",
        "boy",
    ): """father dad husband uncle king knight wizard pirate soldier samurai ninja cowboy grandfather viking
        superhero hero doctor chef astronaut sailor monk vampire person human actor guy""",
    ("cat", "rabbit"): """dog puppy fox wolf bear lion tiger leopard panther panda raccoon badger otter ferret weasel
        monkey ape horse pony cow pig sheep goat deer elephant dragon dinosaur lizard bird owl penguin duck frog animal
        pet creature kitten""",
    ("rabbit", "cat"): """hare mouse rat hamster hedgehog squirrel guinea-pig chinchilla kangaroo bunny""",
    ("robot",): """android cyborg droid machine mech automaton car truck train spaceship drone""",
    ("alien",): """monster ghost demon martian slime blob spirit zombie extraterrestrial octopus""",
    ("cup", "teapot"): """mug glass bottle bowl vase jug can tin candle pot goblet""",
    ("teapot", "cup"): """kettle pitcher watering-can""",
    ("backpack",): """bag handbag suitcase rucksack purse satchel shoe boot toy plush teddy""",
    ("lamp",): """lantern torch light chair clock tree flower plant mushroom""",
}
LONGEST_LIST = 4  # unknown words that a note names


def note(prompt: str, words: Mapping[str, Sequence[str]], trigger: str = "", family: str = "This family") -> str:
    """A sentence naming the prompt's words that the family does not know, and the nearest it does; "" if none.

    `words` is ModelFamily.words(): a family that gives none knows the open world, and gets no note.
    """
    known = _single_words(phrase for phrases in words.values() for phrase in phrases)
    if not known:
        return ""
    reads = known | GRAMMAR | _single_words([trigger, *words])  # a kind's own name, such as "hair", is read too
    said = WILDCARD.sub(" ", words_of(prompt))
    unknown = [word for word in dict.fromkeys(_split(said)) if not _reads(word, reads)]
    if not unknown:
        return ""
    named = unknown[:LONGEST_LIST]
    rest = len(unknown) - len(named)
    nearest = [f"'{near}' for '{word}'" for word in named if (near := _nearest(word, known))]
    advice = f"try {', '.join(nearest)}." if nearest else "it will draw the rest of the prompt."
    return f"{family} does not know {_listed(named, rest)}; {advice}"


def nouns_in(words: Mapping[str, Sequence[str]]) -> list[str]:
    """The class nouns among a family's words: of figures, then of objects."""
    return [*words.get("nouns", ()), *words.get("objects", ())]


def noun_note(noun: str, words: Mapping[str, Sequence[str]], family: str = "This family") -> str:
    """A sentence on a class noun that the family was not taught, with the nearest one that it draws; "" for one it was.

    Of several words the last counts: a "young dragon" is a dragon. `words` as for `note`.
    """
    ready = nouns_in(words)
    said = _split(noun)
    if not ready or not said or any(form in ready for form in (noun.strip().lower(), said[-1])):
        return ""
    nearest = _built_alike(said[-1], ready) or _nearest(said[-1], frozenset(ready))
    rest = ", ".join(ready)
    advice = f"the nearest that it draws is '{nearest}'" if nearest else f"it draws {rest}"
    return f"{family} never saw '{noun.strip()}' and would learn it from your pictures alone; {advice}."


def _built_alike(noun: str, ready: Sequence[str]) -> str | None:
    for kinds, members in BUILT_ALIKE.items():
        if {noun, noun.removesuffix("s")} & set(members.split()):
            return next((kind for kind in kinds if kind in ready), None)
    return None


def _split(text: str) -> list[str]:
    """Lower-case words; numbers and punctuation are left out."""
    return re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*", text.lower())


def _single_words(phrases: Iterable[str]) -> frozenset[str]:
    found = {word for phrase in phrases for word in (*_split(phrase), *phrase.lower().split())}
    return frozenset(found | {part for word in found for part in word.split("-")})


def _reads(word: str, known: frozenset[str]) -> bool:
    """Whether the word, or the singular or the parts of it, is known."""
    forms = {word, word.removesuffix("'s"), word.removesuffix("s"), word.removesuffix("es")}
    return bool(forms & known) or ("-" in word and all(_reads(part, known) for part in word.split("-") if part))


def _nearest(word: str, known: frozenset[str]) -> str | None:
    for form in (word, word.removesuffix("s")):
        meant = SYNONYMS.get(form)
        if meant and set(meant.split()) <= known:
            return meant
    close = get_close_matches(word, [other for other in sorted(known) if other[:1] == word[:1]], n=1, cutoff=0.75)
    return close[0] if close else None


def _listed(words: Sequence[str], more: int) -> str:
    quoted = [f"'{word}'" for word in words] + ([f"{more} more words"] if more else [])
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" or {quoted[-1]}"
