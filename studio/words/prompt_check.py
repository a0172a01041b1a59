"""What a small family does not know: a gentle note about the words of a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

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
LONGEST_LIST = 4  # unknown words that a note names


def note(prompt: str, words: Mapping[str, Sequence[str]], trigger: str = "", family: str = "This family") -> str:
    """A sentence naming the prompt's words that the family does not know, and the nearest it does; "" if none.

    `words` is ModelFamily.words(): a family that gives none knows the open world, and gets no note.
    """
    known = _single_words(phrase for phrases in words.values() for phrase in phrases)
    if not known:
        return ""
    reads = known | GRAMMAR | _single_words([trigger, *words])  # a kind's own name, such as "hair", is read too
    unknown = [word for word in dict.fromkeys(_split(prompt)) if not _reads(word, reads)]
    if not unknown:
        return ""
    named = unknown[:LONGEST_LIST]
    rest = len(unknown) - len(named)
    nearest = [f"'{near}' for '{word}'" for word in named if (near := _nearest(word, known))]
    advice = f"try {', '.join(nearest)}." if nearest else "it will draw the rest of the prompt."
    return f"{family} does not know {_listed(named, rest)}; {advice}"


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
