"""The UNet: SDXL's layout with 8 x 8 latents at its deepest, trained from scratch on cached latents.

A network that hears the prompt everywhere learns to listen where pixels are nearly drawn, and at its deepest hardly at
all: without the prompt in the style and layout blocks, the error stayed the same to four digits, and no picture prompt
could be put in there (Wang et al. 2024 found in SDXL that these blocks decide style and layout). So in part of the
steps the prompt is heard in deep blocks alone, and the rest hears the empty one; what counts then is garments, at
the noise at which they are decided.

The first samples are pictures of half the size, three times as many for the same work: colours, scenes and where a
figure stands are learnt there. Later ones are squares, tall and wide, one frame a step, so that a picture of any shape
comes out whole. SDXL's own size conditioning (Podell et al. 2023, section 2.2) tells them apart.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from pocketworld.canvas import PARTS
from pocketworld.training.data import Frame
from pocketworld.training.diffusion import Diffusion
from pocketworld.training.latents import FRAMES, HALVED, SQUARE, Latents
from pocketworld.training.loop import Loop
from pocketworld.training.muon import MuonAndAdamW
from pocketworld.training.texts import Texts, for_training

MINUTES = 90.0
BATCH, HALVED_BATCH = 24, 48  # of each process on a CPU
ON_A_GPU = 8  # times as many at once
SMALL_SAMPLES = 32_000  # halved ones, before the first of full size
# Figures fill a quarter of a picture, and scenes are learnt long before faces are.
EMPHASIS = {"background": 1.0, "face": 4.0, "hair": 4.0}
FIGURE_EMPHASIS = 3.0  # of all other parts
VALIDATE_EVERY = 200
VALIDATION_PICTURES = 96
DEEP = ("down_blocks.2", "mid_block", "up_blocks.0")
STYLE_AND_LAYOUT = ("down_blocks.2.attentions.1", "up_blocks.0.attentions.1")
WORN = {"background": 1.0, "top": 12.0, "bottom": 12.0}


@dataclass(frozen=True)
class Hearing:
    """Of how many steps it is true that the prompt is heard in these blocks alone (names begin so), where errors count
    then, and from which timestep on."""

    share: float
    blocks: tuple[str, ...]
    emphasis: Mapping[str, float] = field(default_factory=lambda: EMPHASIS)
    earliest: int = 0


# The bundled UNet was taught the style and layout blocks with shares of 0.3, 0.1 and 0.6, and then finished with 0.6,
# 0.05 and 0.35. Once they have learnt to hear, a sixth of the steps is for them, and the rest for the pictures.
HEARINGS = (Hearing(0.82, ("",)), Hearing(0.03, DEEP), Hearing(0.15, STYLE_AND_LAYOUT, WORN, earliest=400))


def new_unet(channels: tuple[int, ...] = (32, 96, 192), heads: tuple[int, ...] = (1, 1, 3)) -> UNet2DConditionModel:
    """Three levels as in SDXL: the first without attention, the deepest with all of the style and layout blocks.

    `attention_head_dim` is diffusers' name for the number of heads (its issue 2011 keeps the wrong name).
    """
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=channels,
        layers_per_block=2,
        transformer_layers_per_block=1,
        attention_head_dim=heads,
        cross_attention_dim=192,
        use_linear_projection=True,
        norm_num_groups=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=6 * 32 + 128,
    )


class PlainAttention:
    """Attention as three products. On CPUs torch's fused kernel runs backwards in slow scalar code: 1.5x the step.

    `instead` of a prompt it attends to other states, [1, tokens, width], where there are any.
    """

    instead: Tensor | None = None

    def __call__(
        self,
        attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask=None,
        temb=None,
    ) -> Tensor:
        """[batch, pixels, channels] -> the same; attends to `encoder_hidden_states` [batch, tokens, width] if given."""
        batch, _, channels = hidden_states.shape
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if self.instead is not None and encoder_hidden_states is not None:
            context = self.instead.to(context).expand(batch, -1, -1)

        def by_head(states: Tensor) -> Tensor:
            split = states.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            return split.flatten(0, 1)

        query = by_head(attention.to_q(hidden_states)) * attention.scale
        key, value = by_head(attention.to_k(context)), by_head(attention.to_v(context))
        shares = torch.bmm(query, key.mT).softmax(-1, dtype=query.dtype)
        mixed = torch.bmm(shares, value).unflatten(0, (batch, -1)).transpose(1, 2)
        return attention.to_out[0](mixed.reshape(batch, -1, channels))


def hear_in(unet: UNet2DConditionModel, blocks: tuple[str, ...], nothing: Tensor) -> None:
    """The prompt reaches the blocks whose names begin so, and `nothing`, [1, tokens, width], all others."""
    for name, processor in unet.attn_processors.items():
        processor.instead = None if name.startswith(blocks) else nothing


def size_conditioning(frame: Frame, count: int) -> Tensor:
    """SDXL's time ids [count, 6]: original height and width, crop corner, target height and width, in pixels."""
    width, height = frame
    return torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32).expand(count, -1)


def emphasis(parts: np.ndarray, sides: tuple[int, int], weigh: Mapping[str, float] = EMPHASIS) -> Tensor:
    """Weights [count, 1, *sides], 1 on average, from part ids [count, height, width]; sides are height and width."""
    weights = torch.full((len(PARTS),), FIGURE_EMPHASIS)
    for name, weight in weigh.items():
        weights[PARTS[name]] = weight
    pooled = nn.functional.adaptive_avg_pool2d(weights[torch.from_numpy(parts).long()][:, None], sides)
    return pooled / pooled.mean()


class Batches:
    """Random training batches, each of one of the frames: latents, where their errors count, captions."""

    def __init__(self, work: Path, frames: Mapping[Frame, float], rng: np.random.Generator):
        self.latents = {frame: Latents(work, frame) for frame in frames}
        self.shares = np.array(list(frames.values())) / sum(frames.values())
        self.rng, self.ready = rng, dict.fromkeys(frames, 0)

    def draw(self, count: int, weigh: Mapping[str, float] = EMPHASIS) -> tuple[Frame, Tensor, Tensor, list[str]]:
        frame = list(self.latents)[int(self.rng.choice(len(self.shares), p=self.shares))]
        rows = self.latents[frame]
        if self.rng.random() < 0.02 or not self.ready[frame]:
            self.ready[frame] = len(rows)  # another process may still be encoding
        indices = np.sort(self.rng.integers(self.ready[frame], size=count))
        words = random.Random(int(self.rng.integers(1 << 32)))
        captions = [for_training(words.choice(rows.captions(index)), words) for index in indices]
        latents = rows.take(indices)
        return frame, latents, emphasis(rows.parts[indices], latents.shape[-2:], weigh), captions


def predict(
    unet: nn.Module, noisy: Tensor, timesteps: Tensor, conditioning: tuple[Tensor, Tensor], frame: Frame
) -> Tensor:
    """The UNet's answer, [batch, 4, height / 8, width / 8], from bfloat16 products; the rest may be on the CPU."""
    device = next(unet.parameters()).device
    states, pooled = (part.to(device) for part in conditioning)
    added = {"text_embeds": pooled, "time_ids": size_conditioning(frame, len(noisy)).to(device)}
    with torch.autocast(device.type, torch.bfloat16):
        return unet(noisy.to(device), timesteps.to(device), states, added_cond_kwargs=added, return_dict=False)[0]


class Validation:
    """Plain v-error on held-out squares at fixed noise, over everything and over faces: comparable between runs."""

    def __init__(self, work: Path, texts: Texts, diffusion: Diffusion, count: int = VALIDATION_PICTURES):
        generator = torch.Generator().manual_seed(0)
        held_out = Latents(work, SQUARE, "held-out")
        latents = held_out.take(np.arange(count))
        noise = torch.randn(latents.shape, generator=generator)
        self.timesteps = torch.linspace(20, 999, count).long()
        self.noisy, self.velocity = diffusion.noisy_and_target(latents, noise, self.timesteps)
        self.conditioning = texts([held_out.captions(index)[0] for index in range(count)])
        faces = torch.from_numpy(held_out.parts[:count] == PARTS["face"]).float()[:, None]
        self.faces = nn.functional.adaptive_avg_pool2d(faces, latents.shape[-2:])

    @torch.no_grad()
    def __call__(self, unet: nn.Module) -> tuple[float, float]:
        """Mean over everything, and over faces."""
        predicted = predict(unet, self.noisy, self.timesteps, self.conditioning, SQUARE)
        squares = (predicted.float().cpu() - self.velocity).square().mean(1, keepdim=True)
        return squares.mean().item(), ((squares * self.faces).sum() / self.faces.sum()).item()


def train(work: Path, minutes: float = MINUTES, device: str = "cpu") -> None:
    """Train into work/unet: checkpoint, journal, and the averaged weights as a diffusers folder."""
    torch.manual_seed(0)
    unet, texts, diffusion = new_unet().to(device), Texts(work / "clip", device), Diffusion()
    unet.set_attn_processor({name: PlainAttention() for name in unet.attn_processors})
    nothing = texts([""])[0]
    optimiser = MuonAndAdamW(unet, muon_lr=0.02, adamw_lr=1e-3)
    loop = Loop(work / "unet", unet, optimiser, minutes=minutes, warmup=100, ema_decay=0.99)
    batches: dict[bool, Batches] = {}  # a training that goes on needs no small pictures any more
    validate = Validation(work, texts, diffusion)
    for step in loop:
        small = loop.samples < SMALL_SAMPLES
        if small not in batches:
            batches[small] = Batches(work, {HALVED: 1} if small else FRAMES, loop.rng)
        heard = HEARINGS[int(loop.rng.choice(len(HEARINGS), p=[one.share for one in HEARINGS]))]
        count = (HALVED_BATCH if small else BATCH) * (ON_A_GPU if device == "cuda" else 1)
        frame, latents, weights, captions = batches[small].draw(count, heard.emphasis)
        noise, timesteps = torch.randn_like(latents), diffusion.timesteps(len(latents))
        timesteps = heard.earliest + timesteps * (1000 - heard.earliest) // 1000
        noisy, velocity = diffusion.noisy_and_target(latents, noise, timesteps)
        with torch.autocast(device, torch.bfloat16):
            conditioning = texts(captions)
        hear_in(unet, heard.blocks, nothing)
        predicted = predict(unet, noisy, timesteps, conditioning, frame)
        loss = diffusion.loss(predicted, velocity, timesteps, weights)
        loop.descend(loss, samples=len(latents))
        if step % VALIDATE_EVERY == VALIDATE_EVERY - 1:
            with loop.averaged():
                loop.journal(**_validated(unet, validate, nothing))
    with loop.averaged():
        loop.journal(**_validated(unet, validate, nothing))
        unet.save_pretrained(work / "unet" / "weights")


def _validated(unet: UNet2DConditionModel, validate: Validation, nothing: Tensor) -> dict[str, float]:
    """The error with the prompt heard everywhere, of faces too; in deep blocks alone, in style and layout, nowhere."""
    told = {}
    for name, blocks in (("deep", DEEP), ("style_and_layout", STYLE_AND_LAYOUT), ("unheard", ("nowhere",))):
        hear_in(unet, blocks, nothing)
        told[name], _ = validate(unet)
    hear_in(unet, ("",), nothing)
    told["validation"], told["faces"] = validate(unet)
    return told
