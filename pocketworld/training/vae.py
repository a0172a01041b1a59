"""The VAE: 256 px pictures to 32 x 32 x 4 latents of unit variance, so that scaling_factor is 1.

What makes a short training on one core enough: convolutions start as the identity, so that colours pass from the first
step; Muon; and the figure counts more than the scene, because faces are what blurs first.

What makes the pictures clean. A UNet's latents are always a little wrong, and a decoder that has seen true ones alone
passes every error on as softness. So it learns with noise on its latents, and against an adversary (hinge loss on
patches, Rombach et al. 2022, appendix G) that knows a drawn line from a guessed one; `training/decoder.py` finishes it
on what the UNet itself redrew.

A VAE that goes on from a finished one keeps its latents near what they were: a UNet and LoRAs have learnt them.
"""

import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import spectral_norm

from pocketworld.training.data import Pictures, held_out_pictures, to_tensor, training_pictures
from pocketworld.training.loop import Loop
from pocketworld.training.muon import MuonAndAdamW

MINUTES = 60.0
PICTURES = 8_000  # as many different ones as the VAE needs; the UNet needs far more
BATCH = 8  # half-width crops; of whole pictures a quarter as many
WHOLE = 0.25  # of the steps see whole pictures: the decoder's group norms read all of one
FIGURE_WEIGHT = 2.0  # added to 1 on the figure's pixels
FLAT_WEIGHT = 3.0  # added to 1 on edges that are invented where the render is flat: the eye sees haze there first
MEAN_WEIGHT = 2.5e-4  # of the latents' squares: what is left of the KL once their deviation is fixed
LOG_VARIANCE = -6.2  # of the latents: a deviation of 0.045, for those who sample them, such as DreamBooth
SMOOTH_WEIGHT = 0.1
NEAR_WEIGHT = 0.5
NOISE = 0.35  # the most that is put on the latents, in their own deviations
ADVERSARY_SHARE = 0.3  # of its gradient on a decoded pixel, beside the reconstruction's
SHARPNESS = 8.0  # of the adversary's verdicts
SMALL_STEP = 0.03  # between neighbouring pixels, of 2: the adversary sees half of it already
ADVERSARY_FROM = 0.25  # of the budget; it learns for a little while before it is heard


def new_vae(size: int = 256, channels: tuple[int, ...] = (24, 32, 64, 96)) -> AutoencoderKL:
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
    vae.quant_conv.weight[latents:] = 0
    vae.quant_conv.bias[latents:] = LOG_VARIANCE


class Adversary(nn.Sequential):
    """Tells renders from decoded pictures, patch by patch: [batch, 3, height, width] -> [batch, 1, h / 4, w / 4].

    It looks at the steps from pixel to pixel as well, small ones enlarged: flat ground of a render has none, while a
    decoded one has some everywhere, too faint to be told from colours alone.
    """

    def __init__(self):
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in ((9, 32, 4, 2), (32, 64, 4, 2), (64, 96, 3, 1)):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, 1)), nn.LeakyReLU(0.2)]
        super().__init__(*layers, spectral_norm(nn.Conv2d(96, 1, 3, 1, 1)))

    def forward(self, pictures: Tensor) -> Tensor:
        """Verdicts, positive for drawn. Unscaled, a spectrally normed network can hardly tell soft from clean."""
        down = F.pad(_steps(pictures, -2), (0, 0, 0, 1))
        across = F.pad(_steps(pictures, -1), (0, 1))
        enlarged = [steps / (steps.abs() + SMALL_STEP) for steps in (down, across)]
        return SHARPNESS * super().forward(torch.cat([pictures, *enlarged], 1))

    def loss(self, drawn: Tensor, decoded: Tensor) -> Tensor:
        """Its own hinge loss; nothing of it reaches the decoder."""
        return F.relu(1 - self(drawn)).mean() + F.relu(1 + self(decoded.detach())).mean()

    def judged(self, decoded: Tensor) -> Tensor:
        """How little `decoded` looks drawn; nothing of it reaches the adversary."""
        frozen = {name: value.detach() for name, value in self.named_parameters()}
        return -functional_call(self, frozen, (decoded,)).mean()

    def contested(self, loss: Tensor, decoded: Tensor, share: float) -> tuple[Tensor, float]:
        """`loss` of the decoded pictures with the adversary's judgement added, and that judgement.

        Its gradient on a pixel is `share` of the loss's own, however sure it is (Esser et al. 2021, equation 7).
        """
        judged = self.judged(decoded).float()
        own, others = (torch.autograd.grad(one, decoded, retain_graph=True)[0].norm() for one in (loss, judged))
        return loss + share * own / (others + 1e-8) * judged, judged.item()


class Contest(nn.Module):
    """The VAE and its adversary as one model, so that one loop trains, averages and resumes both."""

    def __init__(self, vae: AutoencoderKL, adversary: Adversary):
        super().__init__()
        self.vae, self.adversary = vae, adversary


class ContestOptimiser(MuonAndAdamW):
    """Muon and AdamW for the VAE, and a gentle AdamW for the adversary beside them."""

    def __init__(self, contest: Contest, muon_lr: float, adamw_lr: float):
        super().__init__(contest.vae, muon_lr=muon_lr, adamw_lr=adamw_lr)
        self.adamw.add_param_group({"params": list(contest.adversary.parameters()), "lr": 5e-4, "betas": (0.5, 0.99)})


def crops(pictures: Pictures, count: int, rng: np.random.Generator, whole: bool = False) -> tuple[Tensor, Tensor]:
    """Squares near the figure, half as wide as the pictures or `whole`, half of them mirrored.

    Pixels [count, 3, side, side] in -1..1 and their weights [count, 1, side, side].
    """
    size = pictures.pixels.shape[1]
    side = size if whole else size // 2
    pixels = np.empty((count, side, side, 3), np.uint8)
    parts = np.empty((count, side, side), np.uint8)
    for index in range(count):
        picture = rng.integers(len(pictures))
        room = size - side
        top = rng.integers(0, room + 1)
        left = int(np.clip(rng.normal(room / 2, size / 8), 0, room))
        window = picture, slice(top, top + side), slice(left, left + side)
        mirrored = slice(None, None, -1 if rng.random() < 0.5 else 1)
        pixels[index] = pictures.pixels[window][:, mirrored]
        parts[index] = pictures.parts[window][:, mirrored]
    weights = 1 + FIGURE_WEIGHT * torch.from_numpy(parts > 0).float().unsqueeze(1)
    return to_tensor(pixels).to(memory_format=torch.channels_last), weights


def reconstruction_loss(rebuilt: Tensor, pictures: Tensor, weights: Tensor) -> Tensor:
    """Absolute, squared, edge and 4 x 4 mean errors, each averaged with the pixels' weights.

    All are [batch, 3, height, width] but the weights, [batch, 1, height, width].
    """
    error = rebuilt - pictures
    weights = weights / weights.mean()
    pixels = ((error.abs() + error.square()) * weights).mean()
    edges = sum((_steps(error, along).abs() * _edge_weights(pictures, weights, along)).mean() for along in (-2, -1))
    return pixels + 0.5 * edges + 0.5 * F.avg_pool2d(error, 4).abs().mean()


def _edge_weights(pictures: Tensor, weights: Tensor, along: int) -> Tensor:
    flat = (_steps(pictures, along) == 0).all(1, keepdim=True)
    return weights.narrow(along, 1, weights.shape[along] - 1) * (1 + FLAT_WEIGHT * flat)


def _steps(picture: Tensor, along: int) -> Tensor:
    """From each pixel to the next one along a dimension."""
    length = picture.shape[along] - 1
    return picture.narrow(along, 1, length) - picture.narrow(along, 0, length)


def with_noise(latents: Tensor, most: float = NOISE) -> Tensor:
    """Latents a little wrong, as a UNet's are: each of the batch by another amount, most of them by little."""
    amount = most * torch.rand(len(latents), 1, 1, 1, device=latents.device).square()
    return latents + amount * torch.randn_like(latents)


def vae_loss(
    vae: AutoencoderKL, pictures: Tensor, weights: Tensor, usual: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The loss without the adversary's, and the decoded pictures.

    A halved latent must decode to the halved picture as well. That takes fine texture out of the latents (Skorokhodov
    et al. 2025, "Improving the Diffusability of Autoencoders"): what is smooth is easy to diffuse. `usual` are latents
    that these may stray from only a little, [batch, 4, height / 8, width / 8].
    """
    with torch.autocast(pictures.device.type, torch.bfloat16):
        mean = vae.encode(pictures).latent_dist.mean
        rebuilt = vae.decode(with_noise(mean)).sample.float()
        halved = vae.decode(F.avg_pool2d(mean, 2)).sample.float()
    loss = reconstruction_loss(rebuilt, pictures, weights)
    loss = loss + MEAN_WEIGHT * mean.float().square().mean()
    loss = loss + SMOOTH_WEIGHT * (halved - F.avg_pool2d(pictures, 2)).abs().mean()
    if usual is not None:
        loss = loss + NEAR_WEIGHT * (mean.float() - usual).square().mean()
    return loss, rebuilt


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold the latents' mean and deviation over `pictures` into the quantising convolutions.

    What they deviate by in one picture stays `LOG_VARIANCE`: in units of the latents as they are afterwards.
    """
    latents = torch.cat([vae.encode(chunk).latent_dist.mean for chunk in pictures.split(32)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    inward, outward, count = vae.quant_conv, vae.post_quant_conv, len(mean)
    inward.weight[:count] /= deviation[:, None, None, None]
    inward.bias[:count] = (inward.bias[:count] - mean) / deviation
    outward.bias += outward.weight[:, :, 0, 0] @ mean
    outward.weight *= deviation[None, :, None, None]


@torch.no_grad()
def psnr(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Decibels of the reconstruction from the latents' means; pictures are [count, 3, height, width] in -1..1."""
    squares = [
        (vae.decode(vae.encode(chunk).latent_dist.mean).sample.clamp(-1, 1) - chunk).square().mean((1, 2, 3))
        for chunk in pictures.split(16)
    ]
    return 10 * torch.log10(4 / torch.cat(squares).mean()).item()


def train(
    work: Path,
    minutes: float = MINUTES,
    device: str = "cpu",
    vae: AutoencoderKL | None = None,
    name: str = "vae",
) -> None:
    """Train into work/<name>: checkpoint, journal, and the averaged weights as a diffusers folder.

    Goes on from the weights that lie there, if any. Another `vae` than the family's and a `name` for it are for
    comparing configurations.
    """
    torch.manual_seed(0)
    finished = vae is None and (work / name / "usual" / "config.json").exists()
    vae = AutoencoderKL.from_pretrained(work / name / "usual") if finished else vae or new_vae()
    vae = vae.to(device, memory_format=torch.channels_last)  # a third faster on CPUs
    usual = copy.deepcopy(vae.requires_grad_(False)).eval() if finished else None
    contest = Contest(vae.requires_grad_(True), Adversary().to(device, memory_format=torch.channels_last))
    size = vae.config.sample_size
    pictures = training_pictures(work, size, PICTURES)
    held_out = to_tensor(held_out_pictures(work, size).pixels[:64]).to(device)
    optimiser = ContestOptimiser(contest, *(0.01, 1e-3) if finished else (0.03, 2e-3))
    loop = Loop(work / name, contest, optimiser, minutes=minutes, warmup=20, ema_decay=0.995)
    for step in loop:
        whole = loop.rng.random() < WHOLE
        cut, weights = (part.to(device) for part in crops(pictures, BATCH // 4 if whole else BATCH, loop.rng, whole))
        loss, figures = _contested(contest, cut, weights, usual, loop.fraction)
        loop.descend(loss, samples=len(cut), **figures)
        if step % 400 == 399:
            with loop.averaged():
                loop.journal(validation=psnr(vae, held_out))
    with loop.averaged():
        if usual is None:
            normalise_latents(vae, to_tensor(pictures.pixels[:512]).to(device))
        loop.journal(validation=psnr(vae, held_out))
        vae.save_pretrained(work / name / "weights")


def _contested(
    contest: Contest, pictures: Tensor, weights: Tensor, usual: AutoencoderKL | None, spent: float
) -> tuple[Tensor, dict[str, float]]:
    """One step's loss, of both sides once their time has come, and its figures."""
    before = _latents(usual, pictures) if usual is not None else None
    loss, rebuilt = vae_loss(contest.vae, pictures, weights, before)
    square = (rebuilt.detach() - pictures).square().mean().item()
    figures = {"psnr": 10 * np.log10(4 / square)}
    if spent > ADVERSARY_FROM - 0.03:
        with torch.autocast(pictures.device.type, torch.bfloat16):
            if spent > ADVERSARY_FROM:
                loss, figures["judged"] = contest.adversary.contested(loss, rebuilt, ADVERSARY_SHARE)
            loss = loss + contest.adversary.loss(pictures, rebuilt).float()
    return loss, figures


@torch.no_grad()
def _latents(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    with torch.autocast(pictures.device.type, torch.bfloat16):
        return vae.encode(pictures).latent_dist.mean.float()
