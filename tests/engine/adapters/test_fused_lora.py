"""The LoRA's own operation computes what PEFT's layers compute, forwards and backwards."""

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from studio.engine.adapters.fused_lora import speed_up


def adapted(bias: bool, dropout: float = 0.0):
    torch.manual_seed(3)
    network = nn.ModuleDict({"one": nn.Linear(12, 20, bias=bias)}).requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=4, lora_alpha=6, lora_dropout=dropout, target_modules=["one"]), network, "it")
    nn.init.normal_(network["one"].lora_B["it"].weight)
    return network["one"]


def outcome(layer, x, dtype):
    x = x.clone().requires_grad_(True)
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        told = layer(x)
    told.float().square().sum().backward()
    down, up = layer.lora_A["it"].weight, layer.lora_B["it"].weight
    return told, x.grad, down.grad, up.grad


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(12,), (5, 12), (2, 3, 12)])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2), (torch.float16, 3e-3)])
def test_outputs_and_gradients_are_those_of_peft(bias, shape, dtype, near):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    theirs = adapted(bias)
    ours = adapted(bias)
    speed_up(ours, "it")
    for mine, known in zip(outcome(ours, x, dtype), outcome(theirs, x, dtype), strict=True):
        assert mine.dtype == known.dtype
        assert (mine - known).abs().max() <= near * known.abs().max()


def test_weights_of_another_type_are_left_to_peft():
    layers = [adapted(True), adapted(True)]
    speed_up(layers[0], "it")
    for layer in layers:
        layer.base_layer.to(torch.bfloat16)
    x = torch.randn(3, 12, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    for mine, known in zip(*(outcome(layer, x, torch.float32) for layer in layers), strict=True):
        assert torch.equal(mine, known)


def test_a_layer_whose_inputs_are_dropped_out_stays_peft_s():
    layer = adapted(True, dropout=0.5).train()
    speed_up(layer, "it")
    assert "forward" not in vars(layer)
