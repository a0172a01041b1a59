"""The memory plan: which device, which precision, what is offloaded, chosen from what is free."""

from __future__ import annotations

from dataclasses import dataclass, replace

import psutil
import torch
from diffusers import DiffusionPipeline

from studio.contracts.family import ModelFamily

WORKING_GB = 5.0  # beside the weights: activations of one picture and its decoding, at 1024 px
OFFLOADS = ("none", "model", "sequential")


@dataclass(frozen=True)
class MemoryPlan:
    """How a family lives on this machine. `offload` is diffusers': none, model or sequential."""

    device: str
    device_name: str
    memory_gb: float
    dtype: str
    offload: str = "none"
    tiling: bool = False  # the VAE works in tiles

    @property
    def words(self) -> str:
        """For the page, such as "CPU, 24 GB, float32"."""
        said = [self.device_name, f"{self.memory_gb:.0f} GB", self.dtype]
        if self.offload != "none":
            said.append(f"{self.offload} offload")
        if self.tiling:
            said.append("VAE in tiles")
        return ", ".join(said)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The plan's type as torch has it."""
        return getattr(torch, self.dtype)

    def stepped_down(self) -> MemoryPlan | None:
        """The next plan that needs less memory; None when there is none."""
        if self.device == "cpu":
            return None if self.tiling else replace(self, tiling=True)
        if self.tiling and self.offload == OFFLOADS[-1]:
            return None
        return replace(self, tiling=True, offload=OFFLOADS[min(OFFLOADS.index(self.offload) + 1, 2)])


def choose_plan(device: str, family: ModelFamily | None = None, weight_bytes: int = 0) -> MemoryPlan:
    """The plan for a family whose weights take so many bytes; with no family yet, what the device is usually given."""
    dtype = family.dtype.get(device, "float32") if family else {"cuda": "bfloat16"}.get(device, "float32")
    if device != "cuda":
        name = "CPU" if device == "cpu" else "Apple GPU"
        return MemoryPlan(device, name, psutil.virtual_memory().total / 2**30, dtype)
    if dtype == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        dtype = "float16"
    free, total = (part / 2**30 for part in torch.cuda.mem_get_info())
    plan = MemoryPlan(device, torch.cuda.get_device_name(), total, dtype)
    weights = weight_bytes / 2**30
    working = WORKING_GB * ((family.resolution if family else 0) / 1024) ** 2
    if weights + working <= free:
        return plan
    return replace(plan, tiling=True, offload="model" if weights * 0.75 + working / 2 <= free else "sequential")


def free_bytes(device: str) -> int:
    """Memory that a new family may take."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else psutil.virtual_memory().available


def settle(pipeline: DiffusionPipeline, plan: MemoryPlan) -> None:
    """Put the pipeline where the plan says."""
    pipeline.set_progress_bar_config(disable=True)
    pipeline.remove_all_hooks()
    if plan.tiling:
        pipeline.vae.enable_tiling()
        pipeline.vae.enable_slicing()
    if plan.offload == "model":
        pipeline.enable_model_cpu_offload(device=plan.device)
    elif plan.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=plan.device)
    else:
        pipeline.to(plan.device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the accelerator or in the process."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
