"""Articles before nouns, for prompts."""

from __future__ import annotations


def with_article(words: str) -> str:
    """The words with a or an before them."""
    return ("an " if words[:1].lower() in "aeiou" else "a ") + words
