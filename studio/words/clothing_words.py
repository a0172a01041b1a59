"""The words for clothes in a prompt, and the prompt without them."""

from __future__ import annotations

import re

from studio.contracts.family import ModelFamily

# Clothes, to be told from the rest of a prompt where a family does not list the words it knows.
WEARING, ELSEWHERE = ("dressed in", "in", "wearing"), ("with", "on", "at", "under", "near", "behind")
GARMENTS = (
    "dress",
    "jacket",
    "coat",
    "hoodie",
    "sweater",
    "shirt",
    "t-shirt",
    "blouse",
    "pants",
    "trousers",
    "jeans",
    "shorts",
    "skirt",
    "suit",
    "uniform",
    "robe",
    "cape",
    "outfit",
    "clothes",
    "shoes",
    "boots",
    "sneakers",
)


def without_clothes(prompt: str, family: ModelFamily) -> str:
    """The prompt without the part that says what somebody wears: what the outfit's picture says instead."""
    words = family.words()
    known = {*words.get("tops", ()), *words.get("bottoms", ()), *GARMENTS}
    garment = re.compile(rf"\b({'|'.join(map(re.escape, known))})(es|s)?\b", re.IGNORECASE)
    begins, turns = (re.compile(rf"(?<!\S)({'|'.join(words)})(?!\S)", re.IGNORECASE) for words in (WEARING, ELSEWHERE))
    clauses, dressing = [], False
    for clause in prompt.split(","):
        # "a girl with red hair in a blue jacket, black pants and white shoes on the beach": from the last "in" before a
        # garment to the last garment; a list of them goes on.
        worn = list(garment.finditer(clause))
        cuts = [0] if worn and dressing else []
        before = clause[: worn[0].start()] if worn else ""
        cuts += [found.start() for found in begins.finditer(before) if not turns.search(before, found.end())]
        dressing = bool(cuts)
        clause = clause[: cuts[-1]].rstrip() + clause[worn[-1].end() :] if cuts else clause
        clauses += [clause] if clause.strip() else []
    return ",".join(clauses).strip()
