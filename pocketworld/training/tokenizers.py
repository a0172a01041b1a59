"""The two tokenizers: CLIP's byte-level BPE with a vocabulary of about a thousand.

Every word that the world's captions use is one token, so that a prompt of forty words fits; so is the name of
every character, and every identifier in `RARE_IDENTIFIERS`: strings without a meaning, of which training teaches
only that they have none. Everything else, in any script, falls back on bytes.

Ids mirror CLIP's: bytes, bytes at a word's end, merges with the frequent ones first, then the two special
tokens. So the identifiers stand last among the words, where people look for rare tokens (Ruiz et al. 2023,
section 3.2), and "!" is 0, with which SDXL pads its second tokenizer.
"""

import json
import random
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from pocketworld.vocabulary import NAMES

CONTEXT = 48  # tokens, special ones included; the longest caption of the world takes about forty

RARE_IDENTIFIERS = tuple(
    "sks ohwx zwx xjy vrk qzv hjk wvn pqx zkt bnq vxl jqr kzw mxq tzb wqd xfv gqz ykx rvq lzx dvk qhx fzj "
    "nqw cvx hzq jvb kqf mzv pxw qbt rzk svq tvx uqz vqm wzj xqk yvz zqb bxv cqj dzx fqv gvx hqw jzx kvq "
    "lqx nvz pzq qxd rqx szv tqj vzk wxq xzp zvj oqx ivq".split()
)

# Words that no caption of the training world uses, and that people write all the same: the held-out ones, the
# everyday language of prompts, and of negative prompts.
HELD_OUT_WORDS = tuple("fox mohawk star heart moon flower lightning bolt emblem logo vixen".split())
PROMPT_WORDS = tuple(
    "photo photograph picture image painting portrait character figure person people clothing clothes "
    "outfit wearing holding full upper body face head close up shot masterpiece best quality high low "
    "worst resolution detailed blurry blur watermark text bad anatomy hands ugly deformed extra cropped "
    "style simple flat front view coat shirt trousers jeans boots shoes cap tie bag sunglasses beanie "
    "happy running sitting jumping dancing background bright dark light day sunset rain city room garden "
    "mountain sea sky grass tree house standing and or not no without very more than as like by for from "
    "his her their its it is are he she they there this that these those one two three left right big "
    "small young old new beautiful cute vest blouse polo tank sketch pencil pixel art".split()
)


def build(captions: Iterable[str], folder: Path) -> tuple[CLIPTokenizer, CLIPTokenizer]:
    """Learn the merges from `captions` and save both tokenizers as `folder`/tokenizer and /tokenizer_2."""
    words = _words_by_frequency(captions)
    vocabulary, merges = _merge(words)
    saved = []
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=CONTEXT, pad_token=pad)
        tokenizer.save_pretrained(folder / name)
        saved.append(CLIPTokenizer.from_pretrained(folder / name))
    return saved[0], saved[1]


def with_identifier(caption: str, nouns: Iterable[str], rng: random.Random) -> str:
    """Put a rare identifier before the first noun: "a girl on the beach" -> "a sks girl on the beach"."""
    words = caption.split(" ")
    known = set(nouns)
    for place, word in enumerate(words):
        if word.rstrip(",") in known:
            words.insert(place, rng.choice(RARE_IDENTIFIERS))
            return " ".join(words)
    return caption


def _words_by_frequency(captions: Iterable[str]) -> list[str]:
    """The captions' words, most frequent first, then the other prompt words, the names and the identifiers."""
    split = CLIPTokenizer().backend_tokenizer.pre_tokenizer
    counts: dict[str, int] = {}
    for caption in captions:
        for word, _ in split.pre_tokenize_str(caption.lower()):
            counts[word] = counts.get(word, 0) + 1
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    return list(dict.fromkeys([*frequent, *HELD_OUT_WORDS, *PROMPT_WORDS, *NAMES, *RARE_IDENTIFIERS]))


def _merge(words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-pair merges (Sennrich et al. 2016) until each word is one token -> ids, merges in order."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=1 << 16,  # no limit: it stops when every word is whole
        min_frequency=1,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(words, trainer)
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    tokens = [*alphabet, *(byte + "</w>" for byte in alphabet), *(left + right for left, right in merges)]
    tokens = [*_identifiers_last(dict.fromkeys(tokens)), "<|startoftext|>", "<|endoftext|>"]
    return {token: place for place, token in enumerate(tokens)}, merges


def _identifiers_last(tokens: Iterable[str]) -> list[str]:
    identifiers = [word + "</w>" for word in RARE_IDENTIFIERS]
    return [token for token in tokens if token not in set(identifiers)] + identifiers
