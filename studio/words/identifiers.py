"""Identifier tokens (Ruiz et al. 2023, section 3.2): rare, short in tokens, and without a meaning of their own.

Reads the family's own tokenizer with the light `tokenizers` library; no torch, no transformers.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from studio.contracts.family import CLIP_TOKENIZER
from studio.words.prompt_check import GRAMMAR

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)
GOOD, FAIR, BAD = "good", "fair", "bad"
CLIPS_LONGEST, NO_LIMIT = 77, 100_000  # tokens; a tokenizer without a limit says a very large one
# Each is one token of CLIP's vocabulary, rare there and without a meaning; for a family whose tokenizer is not here.
WELL_KNOWN = ("sks", "ohwx", "olis", "phol", "nlwx", "nmwx", "ssnhq", "kprc")
COMMON_RANK = 30_000  # of CLIP's 49,408 tokens: merges below it are words that captions use
LETTERS = re.compile(r"[a-z]{3,5}")
CRUDE = frozenset({"fck", "sht", "wtf", "kkk", "kkkk", "pms", "xxx"})  # rare, and not for somebody's name
LONGEST = 40
# Neighbouring consonants of ordinary words: with a vowel and only these, a token can be read aloud.
PAIRS = frozenset(
    """
    bb bl br bs ch ck cl cr cs ct dd dg dl dr ds dw ff fl fr fs ft gg gh gl gn gr gs hn hr ht kl kn kr ks lb lc ld lf
    lg lk ll lm lp ls lt lv mb mm mn mp ms nc nd ng nj nk nn ns nt nv nx pd ph pl pp pr ps pt rb rc rd rf rg rk rl rm
    rn rp rr rs rt rv rw sc sh sk sl sm sn sp ss st sw tb tc th tl tr ts tt tw wd wh wk wl wn wr ws xp xt zz
""".split()
)


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
    """One family's tokenizer, and the `longest` text that its text encoder takes: in tokens, start and end included."""

    def __init__(self, tokenizer: Tokenizer, words: Iterable[str] = (), longest: int = CLIPS_LONGEST) -> None:
        self._tokenizer, self.longest = tokenizer, longest
        self._known = {part for word in words for part in word.lower().split()}
        self._size = tokenizer.get_vocab_size()
        self._specials = set(tokenizer.get_added_tokens_decoder())

    def tokens(self, text: str) -> list[int]:
        """Token ids of the text, without the marks of its start and end."""
        return [id for id in self._tokenizer.encode(text.lower()).ids if id not in self._specials]

    @property
    def room(self) -> int:
        """How many tokens of a text are read at once."""
        return self.longest - 2

    def beyond(self, text: str) -> str:
        """The words at the end of the text that the text encoder does not take; "" where it takes all."""
        words = list(re.finditer(r"\S+", text))
        if len(self.tokens(text)) <= self.room:
            return ""
        cut = next(word for word in words if len(self.tokens(text[: word.end()])) > self.room)
        return text[cut.start() :]

    @property
    def is_small(self) -> bool:
        """Whether it holds little more than the words of its family's own world."""
        return self._size <= COMMON_RANK

    def is_ordinary(self, text: str) -> bool:
        """Whether captions use the word: a small family lists its words, a large one has it early in its merges."""
        if text.lower() in self._known:
            return True
        ids = self.tokens(text)
        if len(ids) != 1:
            return False
        return reads_like_a_word(text) if self.is_small else ids[0] < COMMON_RANK

    @cached_property
    def rare_tokens(self) -> tuple[str, ...]:
        """Whole words of 3 to 5 letters that are one token and rare; the rarest first."""
        vocabulary = self._tokenizer.get_vocab()
        whole = {token.removesuffix("</w>"): id for token, id in vocabulary.items() if token.endswith("</w>")}
        words = [word for word in sorted(whole, key=whole.__getitem__, reverse=True) if LETTERS.fullmatch(word)]
        if not self.is_small:  # people wrote of everything there: with a vowel it is likely somebody's name
            words = [word for word in words if word in WELL_KNOWN or not re.search(r"[aeiouy]", word)]
        return tuple(
            word
            for word in words
            if word not in CRUDE
            and not reads_like_a_word(word)
            and len(self.tokens(word)) == 1
            and not self.is_ordinary(word)
        )


def vocabulary_of(weights: str, words: Mapping[str, Sequence[str]], config: str | None = None) -> Vocabulary | None:
    """The tokenizer in a family's folder of weights, else that of its published configuration; None for neither."""
    listed = (*sorted(GRAMMAR), *(word for kind in words.values() for word in kind))
    published = [Path(config) / "tokenizer"] if config else []
    for told in (Path(weights) / "tokenizer", *published):
        folder = vocabulary_folder(told) if told in published else told
        if not folder.is_dir():
            continue
        try:
            changed = max(file.stat().st_mtime_ns for file in folder.iterdir())
            return _loaded(folder, listed, _longest(told), changed)
        except Exception as error:  # the tokenizers library raises a bare Exception for a damaged file
            log.warning("the tokenizer in %s cannot be read: %s", folder, error)
    return None


def _longest(tokenizer: Path) -> int:
    """What the folder of a tokenizer says of how long a text may be, in tokens; CLIP's length where it says nothing."""
    config = tokenizer / "tokenizer_config.json"
    said = json.loads(config.read_text(encoding="utf-8")).get("model_max_length") if config.is_file() else None
    return said if isinstance(said, int) and 2 < said < NO_LIMIT else CLIPS_LONGEST


def vocabulary_folder(tokenizer: Path) -> Path:
    """Where the vocabulary of a folder's tokenizer lies: there, or with CLIP's where it only says how it pads."""
    own = any((tokenizer / name).is_file() for name in ("tokenizer.json", "vocab.json"))
    return tokenizer if own or not (tokenizer / "tokenizer_config.json").is_file() else CLIP_TOKENIZER


def propose(vocabulary: Vocabulary | None, taken: Iterable[str] = (), count: int = 5) -> list[Proposal]:
    """Identifiers nobody here has taken yet, the best first."""
    used = {token.lower() for token in taken}
    if vocabulary is None:
        reason = "a token that people have long used for this: rare in CLIP's vocabulary"
        return [Proposal(token, reason) for token in WELL_KNOWN if token not in used][:count]
    # The well-known ones first where the family has them too: prompts then read the same in every family.
    rare = vocabulary.rare_tokens
    tokens = [token for token in WELL_KNOWN if token in rare] + [token for token in rare if token not in WELL_KNOWN]
    reason = (
        "one token of this family, and no caption uses it: free to become your subject"
        if vocabulary.is_small
        else "one token of this family, among its rarest: free to become your subject"
    )
    return [Proposal(token, reason) for token in tokens if token not in used][:count]


def check(identifier: str, vocabulary: Vocabulary | None, taken: Iterable[str] = ()) -> Verdict:
    """Whether the identifier will learn well, with the reason."""
    identifier = identifier.strip()
    if not identifier:
        return Verdict(BAD, "Choose an identifier: a short made-up word such as sks.")
    if not identifier.isascii() or not identifier.isalnum():
        return Verdict(BAD, "Use plain letters and digits without spaces: anything else splits into many tokens.")
    if len(identifier) > LONGEST:
        return Verdict(BAD, f"{len(identifier)} letters split into many tokens: take a short made-up word such as sks.")
    verdict = _by_tokens(identifier, vocabulary)
    if verdict.level != BAD and identifier.lower() in {token.lower() for token in taken}:
        return Verdict(FAIR, f"Another subject is called {identifier} already: drawn together, they would mix.")
    return verdict


def _by_tokens(identifier: str, vocabulary: Vocabulary | None) -> Verdict:
    if vocabulary is None:
        if identifier.lower() in WELL_KNOWN:
            return Verdict(GOOD, "A well-known rare token.")
        return Verdict(FAIR, "The family's tokenizer is not on this disk yet, so this cannot be looked up.")
    count = len(vocabulary.tokens(identifier))
    if vocabulary.is_ordinary(identifier):
        return Verdict(BAD, f"'{identifier}' is an ordinary word to this family: its own meaning would be overwritten.")
    if count == 1 and reads_like_a_word(identifier):
        return Verdict(FAIR, f"'{identifier}' is one token, but reads like a word: what it means would be overwritten.")
    if count == 1:
        return Verdict(GOOD, "One rare token: nothing else is lost by giving it your subject.")
    if count <= 3:
        return Verdict(FAIR, f"It splits into {count} tokens; a single one learns faster.")
    return Verdict(BAD, f"It splits into {count} tokens: too many to learn from a handful of photos.")


def from_name(name: str, vocabulary: Vocabulary | None, taken: Iterable[str] = ()) -> Proposal:
    """An identifier made from a name: its letters moved along the alphabet until they mean nothing (Caesar shift).

    Raises ValueError for a name without Latin letters.
    """
    plain = unicodedata.normalize("NFKD", name.lower())
    letters = "".join(sign for sign in plain if sign.isascii() and sign.isalpha())[:4]
    if not letters:
        raise ValueError(f"The name {name[:40]!r} has no Latin letters to make an identifier of; take a proposed one.")
    letters = letters if len(letters) > 2 else (letters * 3)[:3]  # one or two letters always mean something
    used = {token.lower() for token in taken}
    shifted = [(by, token) for by in range(1, 26) if (token := _shift(letters, by)) not in used]
    ranks = {GOOD: 0, FAIR: 1, BAD: 2}

    def cost(entry: tuple[int, str]) -> tuple[int, bool, int, int]:
        shift, token = entry
        tokens = len(vocabulary.tokens(token)) if vocabulary else 0
        return ranks[check(token, vocabulary).level], reads_like_a_word(token), tokens, shift

    shift, token = min(shifted, key=cost)
    return Proposal(
        token, f"{letters} with each letter moved {shift} along the alphabet: easy to find again, rare to read"
    )


def _shift(letters: str, by: int) -> str:
    return "".join(chr((ord(sign) - ord("a") + by) % 26 + ord("a")) for sign in letters)


def reads_like_a_word(token: str) -> bool:
    """Whether it can be read aloud, and so is likely a word or a name of some language."""
    token = token.lower()
    if token in WELL_KNOWN or not re.search(r"[aeiouy]", token) or re.search(r"q(?!u)", token):
        return False
    return all(
        pair in PAIRS
        for pair in map("".join, zip(token, token[1:]))  # noqa: B905 - the last has no next
        if not re.search(r"[^a-z]|[aeiouy]", pair)
    )


@lru_cache(maxsize=8)
def _loaded(folder: Path, words: tuple[str, ...], longest: int, _changed: int) -> Vocabulary:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if file.is_file():
        return Vocabulary(Tokenizer.from_file(str(file)), words, longest)
    return Vocabulary(_from_merges(folder), words, longest)


def _from_merges(folder: Path) -> Tokenizer:
    """CLIP's tokenizer from vocab.json and merges.txt, as the hub's folders of SDXL and SD 1.5 have it."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    merges = [
        (first, second)
        for line in (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#version")
        for first, second in (line.split(),)
    ]
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer
