"""A linear layer with its LoRA as one operation.

Behind PEFT's layer every product, sum and cast of the low-rank path is a node of autograd's graph: fifteen for each of
some hundred layers, which at small sizes costs more than the products do. Here the frozen weight gets no gradient, and
of what lies between only the projection to the rank is kept for the way back.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn


def speed_up(layer: nn.Module, name: str) -> None:
    """Let PEFT's layer around a linear one compute what it computes, with the adapter of that name, in one operation.

    Its scale is that of now. Layers whose inputs are dropped out, and other kinds, are left as they are.
    """
    if type(layer) is not Linear or not isinstance(layer.lora_dropout[name], nn.Identity):
        return
    base, down, up, scale = layer.base_layer, layer.lora_A[name], layer.lora_B[name], layer.scaling[name]
    usual = layer.forward

    def forward(x: Tensor, *given: Any, **named: Any) -> Tensor:
        casts = torch.is_autocast_enabled(x.device.type)
        # Offloaded weights come through hooks of their module; and in another type the LoRA computes in its own.
        if hasattr(base, "_hf_hook") or not (casts or x.dtype == down.weight.dtype == base.weight.dtype):
            return usual(x, *given, **named)
        dtype = torch.get_autocast_dtype(x.device.type) if casts else x.dtype
        return _Adapted.apply(x.to(dtype), base.weight, base.bias, down.weight, up.weight, scale)

    layer.forward = forward


class _Adapted(torch.autograd.Function):
    """x W' + b + scale (x A') B', for x of [..., in], W [out, in], A [rank, in] and B [out, rank], in the type of x."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        flat, whole = x.reshape(-1, x.shape[-1]), weight.to(x.dtype)
        low = torch.mm(flat, down.to(x.dtype).t())
        out = torch.mm(flat, whole.t()) if bias is None else torch.addmm(bias.to(x.dtype), flat, whole.t())
        out.addmm_(low, up.to(x.dtype).t(), alpha=scale)
        ctx.save_for_backward(flat, low, weight, down, up)
        ctx.scale, ctx.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        flat, low, weight, down, up = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        of_low = torch.mm(grad, up.to(grad.dtype)).mul_(ctx.scale)
        of_up = torch.mm(grad.t(), low).mul_(ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = torch.mm(grad, weight.to(grad.dtype)).addmm_(of_low, down.to(grad.dtype)).view(ctx.shape)
        return of_x, None, None, torch.mm(of_low.t(), flat), of_up, None
