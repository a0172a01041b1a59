"""Attention that has drowned, laid anew: a UNet's transformer blocks whose input is the same whatever the picture.

In a network that learns with large steps, constants pile up in the residual stream. At the deepest blocks of the first
bundled UNet they were 99% of its power: each attention saw the same, and answered the same, at any timestep. Here such
a block begins again: what it reads is freed of its constant and scaled to a deviation of one, and what it writes keeps
the old block's constant, so that the rest of the network goes on as it was.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from pocketworld.training.diffusion import Diffusion
from pocketworld.training.latents import SQUARE, Latents
from pocketworld.training.loop import go_on_from, load_average, training_record
from pocketworld.training.texts import Texts
from pocketworld.training.unet import new_unet, predict

DROWNED = (
    "down_blocks.2.attentions.0",
    "down_blocks.2.attentions.1",
    "mid_block.attentions.0",
    "up_blocks.0.attentions.0",
    "up_blocks.0.attentions.1",
    "down_blocks.1.attentions.0",
    "down_blocks.1.attentions.1",
)
SEEN = 48  # held-out pictures, noised to timesteps from all over, that constants are measured on
WRITES = 0.3  # of the stream's deviation: how much a block that begins again writes


def revive_checkpoint(work: Path) -> None:
    """Revive the UNet of the work folder, and print the errors; its optimiser begins anew."""
    unet = new_unet()
    load_average(work / "unet", unet)
    for name, error in revive(unet.eval(), work).items():
        print(f"{name}: {error:.4f}")
    go_on_from(unet, training_record(work / "unet"), work / "unet")


@torch.no_grad()
def revive(unet: UNet2DConditionModel, work: Path, blocks: tuple[str, ...] = DROWNED) -> dict[str, float]:
    """Lay these blocks anew, in their order; gives the v-error after each, and as "before" the one there was."""
    torch.manual_seed(1)
    fresh, texts, diffusion = dict(new_unet().named_modules()), Texts(work / "clip"), Diffusion()
    held_out = Latents(work, SQUARE, "held-out")
    latents = held_out.take(np.arange(SEEN))
    timesteps = torch.linspace(20, 999, SEEN).long()
    noisy, velocity = diffusion.noisy_and_target(latents, torch.randn_like(latents), timesteps)
    conditioning = texts([held_out.captions(index)[0] for index in range(SEEN)])

    def error() -> float:
        found = predict(unet, noisy, timesteps, conditioning, SQUARE)
        return (found.float() - velocity).square().mean().item()

    errors = {"before": error()}
    for name in blocks:
        lay_anew(unet.get_submodule(name), fresh[name], error)
        errors[name] = error()
    return errors


@torch.no_grad()
def lay_anew(block: nn.Module, fresh: nn.Module, run: Callable[[], object]) -> None:
    """Give a transformer block of diffusers' the weights of a fresh one: what it reads has no constant and a deviation
    of one, and it writes its old constant and little more. `run` sends pictures through the network that it is in."""
    seen: dict[str, Tensor] = {}
    hook = block.register_forward_hook(
        lambda _module, given, answer: seen.update(read=given[0].float(), added=answer[0].float() - given[0].float())
    )
    try:
        run()
        written, deviation = seen["added"].mean((0, 2, 3)), seen["read"].std((0, 2, 3)).mean()
        block.load_state_dict(fresh.state_dict())
        normed = block.norm(seen["read"]).permute(0, 2, 3, 1).flatten(0, 2)
        scale = 1 / block.proj_in(normed).std(0)
        block.proj_in.weight.mul_(scale[:, None])
        block.proj_in.bias.mul_(scale)
        block.proj_in.bias.sub_(block.proj_in(normed).mean(0))
        run()
        block.proj_out.weight.mul_(WRITES * deviation / seen["added"].std((0, 2, 3)).mean())
        block.proj_out.bias.zero_()
        run()
        block.proj_out.bias.add_(written - seen["added"].mean((0, 2, 3)))
    finally:
        hook.remove()
