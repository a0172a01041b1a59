"""How much an outfit acts in each block of the UNet, as diffusers writes it: a number, or a dict by block.

The blocks of a family are (part, block, layers) as the UNet lays them out, such as ("down", "block_2", 2); the middle
has no block of its own. What a dict does not name is 0.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

Scales = float | Mapping[str, Any]
Blocks = Sequence[tuple[str, str, int]]
LEAST, MOST = 0.0, 3.0


def names_of(blocks: Blocks) -> list[str]:
    """Every layer that has a scale: "down.block_2.0", "mid", "up.block_0.1"."""
    return [f"{part}.{block}.{layer}" if block else part for part, block, layers in blocks for layer in range(layers)]


def by_layer(scales: Scales, blocks: Blocks) -> dict[str, float]:
    """The scale of every layer. Raises ValueError, naming what the family has, for blocks and lists that do not fit."""
    names = names_of(blocks)
    if not isinstance(scales, Mapping):
        return dict.fromkeys(names, _number(scales, "a block scale"))
    found = dict.fromkeys(names, 0.0)
    parts = list(dict.fromkeys(part for part, _, _ in blocks))
    for part, within in scales.items():
        if part not in parts:
            raise ValueError(f"There is no part {part!r:.40} in this UNet; it has {', '.join(parts)}.")
        own = {block: layers for known, block, layers in blocks if known == part}
        if isinstance(within, Mapping):
            if "" in own:
                raise ValueError(f"{part} has no blocks of its own: give it a number, as in {{'{part}': 0.5}}.")
            for block, values in within.items():
                if block not in own:
                    raise ValueError(f"There is no {block!r:.40} in {part}; it has {', '.join(own)}.")
                found |= _listed(values, part, block, own[block])
        else:
            for block, layers in own.items():
                found |= _listed(within, part, block, layers)
    return found


def read(text: str, blocks: Blocks) -> Scales:
    """Block scales as people write them: a number, or a dict in JSON's or Python's way.

    Raises ValueError, in a sentence, for what cannot be read or does not fit the blocks.
    """
    try:
        scales = ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(
            "Write block scales as a number, or as a dict such as {'up': {'block_0': [0, 1, 0]}}; this "
            f"cannot be read: {text.strip()!r:.80}"
        ) from error
    by_layer(scales, blocks)
    return scales


def as_text(scales: Scales) -> str:
    """Block scales to copy: what Python, JSON and `read` take alike."""
    return json.dumps(scales)


def as_dict(layers: Mapping[str, float], blocks: Blocks) -> Scales:
    """The shortest way to write these scales: one number where all are alike, no block that is silent."""
    if len(set(layers.values())) == 1:
        return next(iter(layers.values()))
    told: dict[str, Any] = {}
    for part, block, count in blocks:
        if not block:
            if layers[part]:
                told[part] = layers[part]
            continue
        values = [layers[f"{part}.{block}.{layer}"] for layer in range(count)]
        if any(values):
            told.setdefault(part, {})[block] = values
    return told


def _listed(values: Any, part: str, block: str, layers: int) -> dict[str, float]:
    called = f"{part}.{block}" if block else part
    if isinstance(values, list | tuple):
        if len(values) not in (1, layers):
            raise ValueError(
                f"{called} has {layers} layers, so it takes a number or a list of {layers}; got {list(values)!r:.60}."
            )
        values = list(values) * layers if len(values) == 1 else values
    else:
        values = [values] * layers
    return {f"{part}.{block}.{layer}" if block else part: _number(value, called) for layer, value in enumerate(values)}


def _number(value: Any, called: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST <= value <= MOST:
        raise ValueError(f"{called} must be {LEAST:g} to {MOST:g}, got {value!r:.60}")
    return float(value)
