"""A LoRA's file, in any of the formats that they are passed around in, as pairs of matrices by the names of layers.

diffusers and PEFT call the matrices A and B, kohya's sd-scripts and LyCORIS down and up; older files of diffusers have
names of their own. What is no plain LoRA is refused by what it is: taken for one it would be silently wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from studio.engine.models.weights import read_header

WEIGHTS = ".safetensors"
PEFT, BUNDLED = "base_model.model.", "bundle_emb."
DOWN, UP, MIDDLE, ALPHA = "down", "up", "middle", "alpha"
ENDS = {
    ".lora_A.weight": DOWN,
    ".lora_B.weight": UP,
    ".lora_A.default.weight": DOWN,
    ".lora_B.default.weight": UP,
    ".lora_down.weight": DOWN,
    ".lora_up.weight": UP,
    ".lora_mid.weight": MIDDLE,
    ".lora.down.weight": DOWN,
    ".lora.up.weight": UP,
    ".lora_linear_layer.down.weight": DOWN,
    ".lora_linear_layer.up.weight": UP,
    "_lora.down.weight": DOWN,
    "_lora.up.weight": UP,
    ".alpha": ALPHA,
}
# diffusers' first names of a layer -> today's, by their ends.
FORMER = {
    "attn1.to_out": "attn1.to_out.0",
    "attn2.to_out": "attn2.to_out.0",
    "self_attn.to_q": "self_attn.q_proj",
    "self_attn.to_k": "self_attn.k_proj",
    "self_attn.to_v": "self_attn.v_proj",
    "self_attn.to_out": "self_attn.out_proj",
}
INSTEAD = (
    "the studio takes plain LoRAs. Merge it into its base with the tool that made it, and add the checkpoint as a "
    "family; or train a plain LoRA"
)
# What only files of that kind have in the names of tensors, what such a file is, and what its owner can do.
OTHER_KINDS = (
    ("hada_", "a LoHa (LyCORIS)", INSTEAD),
    ("lokr_", "a LoKr (LyCORIS)", INSTEAD),
    ("dora_scale|lora_magnitude_vector", "a DoRA, which scales whole weights", INSTEAD),
    ("oft_", "an OFT, which turns whole weights", INSTEAD),
    (r"\.diff(_b)?$", "a LoRA with whole weights beside it (diff)", INSTEAD),
    (r"\.[wb]_norm$", "a LyCORIS file that teaches norms too", INSTEAD),
    (r"^model\.diffusion_model\.", "a whole checkpoint", "add it as a family, not as a LoRA"),
    ("^(emb_params|string_to_param|clip_[lg]$)", "an embedding (textual inversion)", "the studio takes LoRAs"),
)


@dataclass(frozen=True)
class Matrices:
    """A layer of a LoRA: it adds alpha / rank * up @ down to its module's weight.

    `down` is [rank, in, ...], `up` [out, rank, ...]; an `alpha` of None: the file has none for this layer.
    """

    down: Tensor
    up: Tensor
    alpha: float | None = None

    @property
    def rank(self) -> int:
        return len(self.down)


@dataclass(frozen=True)
class LoraFile:
    """Layers by the names that the file has for them; `left_out` says what else lies in it."""

    layers: Mapping[str, Matrices]
    left_out: tuple[str, ...] = ()


def checked_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights, those in 8 bits widened.

    Raises ValueError, in a sentence, for a pickle, a truncated file, NaN and Inf.
    """
    read_header(path)  # refuses pickles under any name
    if path.suffix.lower() != WEIGHTS:
        raise ValueError(f"{path.name} is not a .safetensors file; the studio opens no other kind.")
    tensors = {
        name: tensor.float() if tensor.is_floating_point() and tensor.itemsize == 1 else tensor
        for name, tensor in load_file(path).items()
    }
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ValueError(
            f"{path.name} has values that are not numbers (NaN or Inf) in {len(broken)} of its {len(tensors)} "
            "tensors; its training broke down. Train it again with a lower learning rate."
        )
    return tensors


def read_lora_file(path: Path) -> LoraFile:
    """Raises ValueError as `checked_tensors` does, and for what is no plain LoRA, is not whole or has no effect."""
    tensors = checked_tensors(path)
    _check_kind(path, [name for name in tensors if not name.startswith(BUNDLED)])
    parts: dict[str, dict[str, Tensor]] = {}
    embeddings: set[str] = set()
    for name, tensor in tensors.items():
        if name.startswith(BUNDLED):
            embeddings.add(name.removeprefix(BUNDLED).partition(".")[0])
            continue
        layer, part = _taken_apart(name)
        if part is None:
            raise ValueError(
                f"{path.name} holds {name:.120}, which is no part of a plain LoRA; the studio takes plain LoRAs."
            )
        parts.setdefault(layer, {})[part] = tensor
    layers = {layer: _matrices(path, layer, found) for layer, found in parts.items()}
    if layers and not any(one.up.any() for one in layers.values()):
        raise ValueError(f"{path.name} has no effect: all its weights are zero. Train it for more steps.")
    left_out = []
    if embeddings:
        words = ", ".join(sorted(embeddings))
        left_out.append(f"its bundled embeddings ({words:.80}): the studio reads these words as any others")
    if any(name.startswith(PEFT) for name in tensors) and not any(one.alpha for one in layers.values()):
        left_out.append("its alpha, which PEFT keeps in adapter_config.json: it is taken to be the rank")
    return LoraFile(layers, tuple(left_out))


def _check_kind(path: Path, names: Iterable[str]) -> None:
    for mark, kind, remedy in OTHER_KINDS:
        if any(re.search(mark, name) for name in names):
            raise ValueError(f"{path.name} is {kind}: {remedy}.")


def _taken_apart(name: str) -> tuple[str, str | None]:
    """The layer's name and which part of it the tensor is; None where it is none."""
    for end, part in ENDS.items():
        if name.endswith(end):
            layer = name.removesuffix(end).removeprefix(PEFT).replace(".processor.", ".")
            former = next((old for old in FORMER if layer.endswith(old)), None)
            return (layer.removesuffix(former) + FORMER[former] if former else layer), part
    return name, None


def _matrices(path: Path, layer: str, found: Mapping[str, Tensor]) -> Matrices:
    down, up, middle, alpha = (found.get(part) for part in (DOWN, UP, MIDDLE, ALPHA))
    if down is None or up is None:
        raise ValueError(f"{path.name} is not whole: {layer:.120} lacks one of its two matrices. Fetch it again.")
    if middle is not None and middle.ndim == 4 and middle.shape[1] == len(down):  # LyCORIS' Tucker form
        down, middle = torch.einsum("abkl,bi->aikl", middle.float(), down.flatten(1).float()), None
    rank = len(down) if down.ndim >= 2 else 0
    if (
        not rank
        or middle is not None
        or up.ndim < 2
        or up.shape[1] != rank
        or (alpha is not None and alpha.numel() != 1)
    ):
        raise ValueError(f"{path.name} is not whole: the matrices of {layer:.120} do not fit each other.")
    # sd-scripts takes an alpha of 0 for none.
    return Matrices(down, up, (float(alpha) or None) if alpha is not None else None)
