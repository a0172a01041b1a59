"""Prompts with weights and of any length for CLIP's text encoders, read as Stable Diffusion web UI (A1111) reads them.

A text encoder takes so many tokens, its start and end among them. A longer prompt is read in chunks of that length,
whose embeddings stand behind each other; the pooled one is the first chunk's. A weight multiplies the embeddings of its
tokens, which are then brought back to the mean that they had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.words.prompt_syntax import Part, plain, weighted

FAR_BACK = 20  # tokens; a chunk ends at a comma rather than in a phrase, where there is one so near its end
SURE = 0.5  # how far a mean may move from what it was, as a share, before it says nothing about strength


@dataclass(frozen=True)
class Chunk:
    """Token ids without start, end and padding, with the weight of each."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


def as_it_stands(prompt: str, tokenizer: Any) -> str | None:
    """The text that the pipeline may encode by itself, since it weighs nothing and is read whole; else None."""
    text = plain(prompt)
    return text if text is not None and len(_ids(text, tokenizer)) <= room(tokenizer) else None


def room(tokenizer: Any) -> int:
    """How many tokens of a prompt fit between the start and the end."""
    return tokenizer.model_max_length - 2


def chunks_of(prompt: str, tokenizer: Any) -> list[Chunk]:
    """The prompt in chunks that the text encoder can take; at least one."""
    comma = _ids(",", tokenizer)[-1:]
    return [chunk for parts in weighted(prompt) for chunk in _chunks(parts, tokenizer, comma)]


def _chunks(parts: Sequence[Part], tokenizer: Any, comma: list[int]) -> Iterator[Chunk]:
    rows = [(token, weight) for text, weight in parts for token in _ids(text, tokenizer)]
    size, start = room(tokenizer), 0
    while len(rows) - start > size:
        end = start + size
        if rows[end][0] not in comma:
            phrases = [at + 1 for at in range(end - FAR_BACK, end) if at > start and rows[at][0] in comma]
            end = phrases[-1] if phrases else end
        yield _chunk(rows[start:end])
        start = end
    yield _chunk(rows[start:])


def _chunk(rows: Sequence[tuple[int, float]]) -> Chunk:
    return Chunk(tuple(token for token, _ in rows), tuple(weight for _, weight in rows))


def _ids(text: str, tokenizer: Any) -> list[int]:
    return tokenizer(text, add_special_tokens=False, verbose=False).input_ids


@dataclass(frozen=True)
class Encoder:
    """A text encoder with its tokenizer; `penultimate` takes the last layer but one, as SDXL does."""

    tokenizer: Any
    network: Any
    penultimate: bool

    def read(self, prompt: str, length: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Embeddings [1, chunks x tokens, width] of so many chunks, empty ones last; and the pooled one, [1, width]."""
        chunks = chunks_of(prompt, self.tokenizer)
        chunks += [Chunk()] * (length - len(chunks))
        told = self.network(self._padded(chunks).to(device), output_hidden_states=True)
        states = told.hidden_states[-2] if self.penultimate else told[0]
        states = _stressed(states, self._weights(chunks).to(states))
        pooled = told[0][:1] if told[0].ndim == 2 else None
        return states.reshape(1, -1, states.shape[-1]), pooled

    def _padded(self, chunks: Sequence[Chunk]) -> Tensor:
        start, end, pad = (getattr(self.tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad"))
        most = room(self.tokenizer)
        return torch.tensor([[start, *one.ids, end, *[pad] * (most - len(one.ids))] for one in chunks])

    def _weights(self, chunks: Sequence[Chunk]) -> Tensor:
        most = room(self.tokenizer)
        return torch.tensor([[1.0, *one.weights, *[1.0] * (most + 1 - len(one.weights))] for one in chunks])


def _stressed(states: Tensor, weights: Tensor) -> Tensor:
    """The embeddings of each chunk times the weights, [chunks, tokens], at the mean that they had.

    Where the mean is so small that the weights turn it, it is no measure of strength, and is left as it comes.
    """
    stressed = states * weights[..., None]
    before, after = (one.float().mean((1, 2), keepdim=True) for one in (states, stressed))
    ratio = before / after
    return stressed * torch.where((ratio - 1).abs() < SURE, ratio, 1.0).to(states)


def embeddings(
    encoders: Sequence[Encoder], prompt: str, length: int, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """What all text encoders say of a prompt, beside each other, in so many chunks; and the pooled text of the last."""
    read = [encoder.read(prompt, length, device) for encoder in encoders]
    return torch.cat([states for states, _ in read], dim=-1), read[-1][1]


def length_of(encoders: Sequence[Encoder], prompts: Sequence[str]) -> int:
    """In how many chunks the longest of the prompts is read."""
    return max(len(chunks_of(prompt, encoder.tokenizer)) for encoder in encoders for prompt in prompts)
