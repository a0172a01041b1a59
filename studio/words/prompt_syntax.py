"""How a prompt is written: weights as Stable Diffusion web UI (A1111) reads them, and several prompts in one text."""

from __future__ import annotations

import re

SYNTAX = "2"  # written into recipes; 1, which none names, read brackets as letters
ROUND, SQUARE = 1.1, 1 / 1.1  # what a pair of brackets weighs
MOST_WEIGHT = 10.0  # beyond it nothing is left of a picture
BREAK = re.compile(r"\s*\bBREAK\b\s*")
TOKEN = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|\)|\]|[^\\()\[\]:]+|:")
CHOICE = re.compile(r"\{([^{}|]*(?:\|[^{}|]*)+)\}")
WILDCARD = re.compile(r"__[\w\-/* ]+?__")
MOST_PROMPTS = 64  # that one text may stand for

Part = tuple[str, float]


def weighted(prompt: str) -> list[list[Part]]:
    """The prompt's words with their weights, and a list more after each BREAK.

    `(word)` weighs 1.1, `[word]` 1 / 1.1, `(word:1.3)` 1.3; brackets may lie in each other; `\\(` is a bracket itself.
    """
    return [_parts(piece) for piece in BREAK.split(prompt)]


def _parts(prompt: str) -> list[Part]:
    parts: list[list] = []
    rounds: list[int] = []
    squares: list[int] = []

    def weigh(start: int, weight: float) -> None:
        for part in parts[start:]:
            part[1] *= weight

    for found in TOKEN.finditer(prompt):
        token, weight = found.group(), found.group(1)
        if token.startswith("\\"):
            parts.append([token[1:] or "\\", 1.0])
        elif token == "(":
            rounds.append(len(parts))
        elif token == "[":
            squares.append(len(parts))
        elif weight is not None and rounds:
            weigh(rounds.pop(), float(weight))
        elif token == ")" and rounds:
            weigh(rounds.pop(), ROUND)
        elif token == "]" and squares:
            weigh(squares.pop(), SQUARE)
        else:
            parts.append([token, 1.0])
    for start in rounds:
        weigh(start, ROUND)
    for start in squares:
        weigh(start, SQUARE)
    joined: list[Part] = []
    for text, weight in parts:
        weight = max(-MOST_WEIGHT, min(MOST_WEIGHT, weight))
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + text, weight)
        else:
            joined.append((text, weight))
    return joined or [("", 1.0)]


def plain(prompt: str) -> str | None:
    """The prompt without escapes, where it weighs nothing and breaks nowhere; else None."""
    pieces = weighted(prompt)
    return pieces[0][0][0] if len(pieces) == 1 and len(pieces[0]) == 1 and pieces[0][0][1] == 1.0 else None


def words_of(prompt: str) -> str:
    """The words that are drawn from, without weights and brackets."""
    return " ".join("".join(text for text, _ in parts) for parts in weighted(prompt))


def several(prompt: str) -> list[str]:
    """The prompts that a text stands for: one for each line, and for each of the words in `{red|blue}`.

    Raises ValueError for more than MOST_PROMPTS.
    """
    prompts: list[str] = []
    for line in [line.strip() for line in prompt.splitlines() if line.strip()] or [prompt]:
        prompts += _chosen(line, MOST_PROMPTS - len(prompts))
    return prompts


def _chosen(line: str, most: int) -> list[str]:
    lines = [line]
    while any(CHOICE.search(text) for text in lines):  # a choice may lie in a choice: the inner ones go first
        lines = list(dict.fromkeys(one for text in lines for one in _first_chosen(text)))
        if len(lines) > MOST_PROMPTS:
            break
    if len(lines) > most:
        raise ValueError(
            f"A prompt may stand for at most {MOST_PROMPTS} others; take out lines, or words between {{ and }}."
        )
    return lines


def _first_chosen(text: str) -> list[str]:
    """A text for each word of the first choice that has none inside."""
    found = CHOICE.search(text)
    if found is None:
        return [text]
    return [text[: found.start()] + word.strip() + text[found.end() :] for word in found.group(1).split("|")]


def wildcards(prompt: str) -> list[str]:
    """Names of word lists, such as `__hair__`, which only other programs read."""
    return list(dict.fromkeys(WILDCARD.findall(prompt)))
