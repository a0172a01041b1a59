"""The type that a training step computes in, and what else makes a step quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from peft.helpers import disable_input_dtype_casting
from torch.nn.attention import SDPBackend, sdpa_kernel


def scaler_like(scaler: Any, device: str) -> Any:
    """A fresh gradient scaler in the state of another."""
    made = torch.amp.GradScaler(device, enabled=scaler.is_enabled())
    if made.is_enabled():
        made.load_state_dict(scaler.state_dict())
    return made


def computed_in(precision: str, device: str) -> torch.dtype:
    """The type of a step's products. "auto" is bfloat16 where the device has it; elsewhere float32 is as quick."""
    named = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    if precision in named:
        return named[precision]
    of_cpu = getattr(torch.cpu, "get_capabilities", dict)()  # torch before 2.10 cannot tell
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if device == "cpu" and of_cpu.get("avx512_bf16", False) else torch.float32


@contextmanager
def quickest(device: str, denoiser: Any, dtype: torch.dtype) -> Iterator[None]:
    """What makes a step quicker, forwards and backwards, since checkpointing computes the one within the other.

    On a CPU torch's fused attention can be slow backwards: with plain attention a step took 0.74 of the CPU time at
    16x16 latents, and 0.98 at 32x32 (the least of 7 each, on a busy machine).
    """
    # Autocast casts the inputs of LoRA layers; PEFT would do it before, and to single precision.
    with disable_input_dtype_casting(denoiser, active=dtype != torch.float32), ExitStack() as stack:
        if device == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
