"""Identifier tokens (Ruiz et al. 2023, section 3.2): rare, short in tokens, and without a meaning of their own.

Reads the family's own tokenizer with the light `tokenizers` library; no torch, no transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from studio.wording import GRAMMAR

if TYPE_CHECKING:
    from tokenizers import Tokenizer

GOOD, FAIR, BAD = "good", "fair", "bad"
# Rare single tokens of CLIP's vocabulary, for a family whose tokenizer is not on this disk yet.
WELL_KNOWN = ("sks", "ohwx", "zwx", "olis", "phol", "kuxr", "qlz")
COMMON_RANK = 30_000  # of CLIP's 49,408 tokens: merges below it are words that captions use
LETTERS = re.compile(r"[a-z]{3,5}")


@dataclass(frozen=True)
class Proposal:
    """An identifier worth taking, and why."""

    token: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """How good an identifier is: level "good", "fair" or "bad", with a sentence."""

    level: str
    reason: str


class Vocabulary:
    """One family's tokenizer, as far as identifiers ask."""

    def __init__(self, tokenizer: Tokenizer, words: Iterable[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._known = {part for word in words for part in word.lower().split()}
        self._size = tokenizer.get_vocab_size()
        self._specials = set(tokenizer.get_added_tokens_decoder())

    def tokens(self, text: str) -> list[int]:
        """Token ids of the text, without the marks of its start and end."""
        return [id for id in self._tokenizer.encode(text.lower()).ids if id not in self._specials]

    def is_ordinary(self, text: str) -> bool:
        """Whether captions use the word: a small family lists its words, a large one has it early in its merges."""
        if text.lower() in self._known:
            return True
        ids = self.tokens(text)
        return self._size > COMMON_RANK and len(ids) == 1 and ids[0] < COMMON_RANK

    def rare_tokens(self) -> list[str]:
        """Whole words of 3 to 5 letters that are one token and rare; the rarest first."""
        vocabulary = self._tokenizer.get_vocab()
        whole = {token.removesuffix("</w>"): id for token, id in vocabulary.items() if token.endswith("</w>")}
        words = [word for word in sorted(whole, key=whole.__getitem__, reverse=True) if LETTERS.fullmatch(word)]
        return [word for word in words if len(self.tokens(word)) == 1 and not self.is_ordinary(word)
                and not _reads_like_a_word(word)]


def vocabulary_of(weights: str, words: Mapping[str, Sequence[str]]) -> Vocabulary | None:
    """The tokenizer of a family's folder; None when the weights are not a folder on this disk."""
    folder = Path(weights) / "tokenizer"
    if not folder.is_dir():
        return None
    return _loaded(folder, (*sorted(GRAMMAR), *(word for kind in words.values() for word in kind)))


def propose(vocabulary: Vocabulary | None, taken: Iterable[str] = (), count: int = 5) -> list[Proposal]:
    """Identifiers nobody here has taken yet, the best first."""
    used = {token.lower() for token in taken}
    if vocabulary is None:
        reason = "a token that people have long used for this: rare in every CLIP vocabulary"
        return [Proposal(token, reason) for token in WELL_KNOWN if token not in used][:count]
    # The well-known ones first where the family has them too: prompts then read the same in every family.
    rare = vocabulary.rare_tokens()
    tokens = [token for token in WELL_KNOWN if token in rare] + [token for token in rare if token not in WELL_KNOWN]
    reason = "one token of this family, and no caption uses it: free to become your subject"
    return [Proposal(token, reason) for token in tokens if token not in used][:count]


def check(identifier: str, vocabulary: Vocabulary | None, taken: Iterable[str] = ()) -> Verdict:
    """Whether the identifier will learn well, with the reason."""
    identifier = identifier.strip()
    if not identifier:
        return Verdict(BAD, "Choose an identifier: a short made-up word such as sks.")
    if not identifier.isascii() or not identifier.isalnum():
        return Verdict(BAD, "Use plain letters and digits without spaces: anything else splits into many tokens.")
    if identifier.lower() in {token.lower() for token in taken}:
        return Verdict(FAIR, f"Another subject is called {identifier} already: drawn together, they would mix.")
    if vocabulary is None:
        if identifier.lower() in WELL_KNOWN:
            return Verdict(GOOD, "A well-known rare token.")
        return Verdict(FAIR, "The family's tokenizer is not on this disk yet, so this cannot be looked up.")
    count = len(vocabulary.tokens(identifier))
    if vocabulary.is_ordinary(identifier):
        return Verdict(BAD, f"'{identifier}' is an ordinary word to this family: its own meaning would be overwritten.")
    if count == 1:
        return Verdict(GOOD, "One rare token: nothing else is lost by giving it your subject.")
    if count <= 3:
        return Verdict(FAIR, f"It splits into {count} tokens; a single one learns faster.")
    return Verdict(BAD, f"It splits into {count} tokens: too many to learn from a handful of photos.")


def from_name(name: str, vocabulary: Vocabulary | None, taken: Iterable[str] = ()) -> Proposal:
    """An identifier made from a name: its letters moved along the alphabet until they mean nothing (Caesar shift).

    Raises ValueError for a name without Latin letters.
    """
    letters = "".join(sign for sign in name.lower() if sign.isascii() and sign.isalpha())[:4]
    if not letters:
        raise ValueError(f"The name {name!r} has no Latin letters to make an identifier from; take a proposed one.")
    shifted = [(shift, _shift(letters, shift)) for shift in range(1, 26)]
    ranks = {GOOD: 0, FAIR: 1, BAD: 2}

    def cost(entry: tuple[int, str]) -> tuple[int, int, int]:
        shift, token = entry
        tokens = len(vocabulary.tokens(token)) if vocabulary else 0
        return ranks[check(token, vocabulary, taken).level], tokens, shift

    shift, token = min(shifted, key=cost)
    return Proposal(token, f"{letters} with each letter moved {shift} along the alphabet: easy to find again, rare to read")


def _shift(letters: str, by: int) -> str:
    return "".join(chr((ord(sign) - ord("a") + by) % 26 + ord("a")) for sign in letters)


def _reads_like_a_word(token: str) -> bool:
    """Vowels amid consonants are pronounceable, and so are likely a name or a word of some language."""
    return bool(re.search(r"[^aeiouy][aeiouy]+[^aeiouy]", token)) and token not in WELL_KNOWN


@lru_cache(maxsize=8)
def _loaded(folder: Path, words: tuple[str, ...]) -> Vocabulary:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if file.is_file():
        return Vocabulary(Tokenizer.from_file(str(file)), words)
    return Vocabulary(_from_merges(folder), words)


def _from_merges(folder: Path) -> Tokenizer:
    """CLIP's tokenizer from vocab.json and merges.txt, as the hub's folders of SDXL and SD 1.5 have it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    merges = [tuple(line.split()) for line in (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
              if line and not line.startswith("#version")]
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>",
                                     unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer
