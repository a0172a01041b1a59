"""A linear layer with its LoRA as one operation.

Behind PEFT's layer every product, sum and cast of the low-rank path is a node of autograd's graph: fifteen for each of
some hundred layers, which at small sizes costs more than the products do. Here the frozen weight gets no gradient and
nothing but the input and its projection to the rank is kept for the way back.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn


def speed_up(layer: nn.Module, name: str) -> None:
    """Let PEFT's layer around a linear one compute what it computes, with the adapter of that name, in one operation.

    For layers whose inputs are not dropped out. Others are left as they are.
    """
    if type(layer) is not Linear or not isinstance(layer.lora_dropout[name], nn.Identity):
        return
    base, down, up, scale = layer.base_layer, layer.lora_A[name], layer.lora_B[name], layer.scaling[name]

    def forward(x: Tensor, *_: Any, **__: Any) -> Tensor:
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        return _Adapted.apply(x.to(dtype), base.weight.to(dtype), base.bias, down.weight, up.weight, scale)

    layer.forward = forward  # type: ignore[method-assign]


class _Adapted(torch.autograd.Function):
    """x W' + b + scale (x A') B', for x of [..., in], W [out, in], A [rank, in] and B [out, rank]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
                ) -> Tensor:
        down, up = down.to(x.dtype), up.to(x.dtype)
        flat = x.reshape(-1, x.shape[-1])
        low = torch.mm(flat, down.t())
        out = torch.mm(flat, weight.t()) if bias is None else torch.addmm(bias.to(x.dtype), flat, weight.t())
        out.addmm_(low, up.t(), alpha=scale)
        ctx.save_for_backward(flat, low, weight, down, up)
        ctx.scale, ctx.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:  # type: ignore
        flat, low, weight, down, up = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        of_low = torch.mm(grad, up).mul_(ctx.scale)
        of_up = torch.mm(grad.t(), low).mul_(ctx.scale)
        of_x = torch.mm(grad, weight).addmm_(of_low, down).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return of_x, None, None, torch.mm(of_low.t(), flat), of_up, None
