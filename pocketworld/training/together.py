"""Several processes train one model: each on batches of its own, with gradients averaged once a step.

    torchrun --nproc-per-node 2 -m pocketworld train unet --threads 1

On a busy CPU this beats threads by far: two threads wait for each other at each of a thousand operations, and two
processes once. Without torchrun everything here does nothing.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def join() -> tuple[int, int]:
    """This process's rank and how many there are: (0, 1) unless torchrun started it."""
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def average_gradients(parameters: list[Tensor], count: int) -> None:
    """Every process ends with the mean over all `count` of them."""
    if count == 1:
        return
    for parameter in parameters:  # what one process's batch did not touch another's may have
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [p.grad for p in parameters]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients]).div_(count)
    dist.all_reduce(flat)
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def as_first(values: list[float], count: int) -> list[float]:
    """The first process's values, so that all see one clock and stop at the same step."""
    if count == 1:
        return values
    shared = torch.tensor(values, dtype=torch.float64)
    dist.broadcast(shared, src=0)
    return shared.tolist()
