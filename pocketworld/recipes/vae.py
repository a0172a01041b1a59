"""The VAE: 128 px pictures to 32 x 32 x 4 latents of unit variance, so that scaling_factor is 1.

Three choices make a few minutes of one core enough: convolutions start as the identity, so that colours pass
from the first step; Muon; and the figure counts more than the scene, because faces are what blurs first.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from pocketworld.recipes.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.recipes.loop import Loop
from pocketworld.recipes.optim import MuonAndAdamW

MINUTES = 12.0
BATCH = 12
FIGURE_WEIGHT = 2.0  # added to 1 on the figure's pixels
KL_WEIGHT = 5e-4
SMOOTH_WEIGHT = 0.25


def new_vae(size: int = 128, channels: tuple[int, ...] = (32, 64, 96)) -> AutoencoderKL:
    """A small AutoencoderKL, started as the identity; every channel count after the first halves the picture."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=size,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        force_upcast=False,
    )
    start_as_identity(vae)
    return vae


@torch.no_grad()
def start_as_identity(vae: AutoencoderKL) -> None:
    """Shortcuts and up-samplers copy channels, down-samplers average 2 x 2, residual branches whisper.

    An ordinary start scrambles the colours, and the first minutes go into undoing that.
    """
    for name, layer in vae.named_modules():
        if not isinstance(layer, nn.Conv2d):
            continue
        outputs = torch.arange(layer.out_channels)
        inputs = outputs % layer.in_channels
        if name.endswith("conv2"):
            layer.weight.mul_(0.2)
        elif "conv_shortcut" in name:
            layer.weight.mul_(0.1)
            layer.weight[outputs, inputs, 0, 0] += 1
        elif "upsamplers" in name:
            layer.weight.mul_(0.1)
            layer.weight[outputs, inputs, 1, 1] += 1
        elif "downsamplers" in name:
            layer.weight.mul_(0.1)
            layer.weight[outputs, inputs, :2, :2] += 0.25
        else:
            continue
        if layer.bias is not None:
            layer.bias.zero_()
    for layer, scale in ((vae.encoder.conv_in, 0.6), (vae.decoder.conv_in, 0.5)):
        layer.weight.mul_(0.3)
        layer.weight[:, :, 1, 1] += scale * torch.randn(layer.weight.shape[:2])
    latents = vae.config.latent_channels
    vae.post_quant_conv.weight.copy_(torch.eye(latents)[:, :, None, None])
    vae.post_quant_conv.bias.zero_()
    vae.quant_conv.weight[latents:] *= 0.1
    vae.quant_conv.bias[latents:] = -5.0  # log variance: begin with little noise


def crops(pictures: Pictures, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Random half-width squares near the figure: [count, 3, s, s] in -1..1 and weights [count, 1, s, s]."""
    size = pictures.pixels.shape[1]
    side = size // 2
    pixels = np.empty((count, side, side, 3), np.uint8)
    parts = np.empty((count, side, side), np.uint8)
    for index in range(count):
        picture = rng.integers(len(pictures))
        top = rng.integers(0, side + 1)
        left = int(np.clip(rng.normal(side / 2, side / 4), 0, side))
        window = picture, slice(top, top + side), slice(left, left + side)
        mirrored = slice(None, None, -1 if rng.random() < 0.5 else 1)
        pixels[index] = pictures.pixels[window][:, mirrored]
        parts[index] = pictures.parts[window][:, mirrored]
    return to_tensor(pixels).to(memory_format=torch.channels_last), 1 + FIGURE_WEIGHT * torch.from_numpy(
        parts > 0
    ).float().unsqueeze(1)


def reconstruction_loss(rebuilt: Tensor, pictures: Tensor, weights: Tensor) -> Tensor:
    """Absolute, squared, edge and 4 x 4 mean errors, each averaged with the pixels' weights.

    All are [batch, 3, height, width] but the weights, [batch, 1, height, width].
    """
    error = rebuilt - pictures
    weights = weights / weights.mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weights[..., 1:, :]
    across = (error[..., 1:] - error[..., :-1]).abs() * weights[..., 1:]
    pixels = ((error.abs() + error.square()) * weights).mean()
    return pixels + 0.5 * (down.mean() + across.mean()) + 0.5 * F.avg_pool2d(error, 4).abs().mean()


def vae_loss(vae: AutoencoderKL, pictures: Tensor, weights: Tensor) -> tuple[Tensor, float]:
    """The loss and the error's mean square. A halved latent must decode to the halved picture as well.

    That takes fine texture out of the latents (Skorokhodov et al. 2025, "Improving the Diffusability of
    Autoencoders"): what is smooth is easy to diffuse, and small latents mean the same as large ones.
    """
    with torch.autocast(pictures.device.type, torch.bfloat16):
        posterior = vae.encode(pictures).latent_dist
        latents = posterior.mean + posterior.std * torch.randn_like(posterior.mean)
        rebuilt = vae.decode(latents).sample.float()
        halved = vae.decode(F.avg_pool2d(latents, 2)).sample.float()
    loss = reconstruction_loss(rebuilt, pictures, weights) + KL_WEIGHT * posterior.kl().mean() / latents[0].numel()
    smooth = (halved - F.avg_pool2d(pictures, 2)).abs().mean()
    return loss + SMOOTH_WEIGHT * smooth, (rebuilt.detach() - pictures).square().mean().item()


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold the latents' mean and deviation over `pictures` into the quantising convolutions."""
    latents = torch.cat([vae.encode(chunk).latent_dist.mean for chunk in pictures.split(32)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    inward, outward, count = vae.quant_conv, vae.post_quant_conv, len(mean)
    inward.weight[:count] /= deviation[:, None, None, None]
    inward.bias[:count] = (inward.bias[:count] - mean) / deviation
    inward.bias[count:] -= 2 * deviation.log()
    outward.bias += outward.weight[:, :, 0, 0] @ mean
    outward.weight *= deviation[None, :, None, None]


@torch.no_grad()
def psnr(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Decibels of the reconstruction from the latents' means; pictures are [count, 3, height, width] in -1..1."""
    rebuilt = torch.cat([vae.decode(vae.encode(chunk).latent_dist.mean).sample for chunk in pictures.split(32)])
    return 10 * torch.log10(4 / (rebuilt.clamp(-1, 1) - pictures).square().mean()).item()


def train(
    work: Path,
    minutes: float = MINUTES,
    device: str = "cpu",
    vae: AutoencoderKL | None = None,
    name: str = "vae",
) -> None:
    """Train into work/<name>: checkpoint, journal, and the averaged weights as a diffusers folder.

    Another `vae` than the family's and a `name` for it are for comparing configurations.
    """
    torch.manual_seed(0)
    vae = (vae or new_vae()).to(device, memory_format=torch.channels_last)  # a third faster on CPUs
    pictures = training_pictures(work, vae.config.sample_size)
    held_out = to_tensor(held_out_pictures(work, vae.config.sample_size).pixels[:64]).to(device)
    optimiser = MuonAndAdamW(vae, muon_lr=0.03, adamw_lr=2e-3)
    loop = Loop(work / name, vae, optimiser, minutes=minutes, warmup=20, ema_decay=0.995)
    for step in loop:
        cut, weights = crops(pictures, BATCH, loop.rng)
        loss, square = vae_loss(vae, cut.to(device), weights.to(device))
        loop.descend(loss, samples=BATCH, psnr=10 * np.log10(4 / square))
        if step % 400 == 399:
            with loop.averaged():
                loop.journal(validation=psnr(vae, held_out))
    with loop.averaged():
        normalise_latents(vae, to_tensor(pictures.pixels[:512]).to(device))
        loop.journal(validation=psnr(vae, held_out))
        vae.save_pretrained(work / name / "weights")
