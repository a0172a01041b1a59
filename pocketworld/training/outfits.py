"""The IP-Adapter: a picture of an outfit as a second prompt (Ye et al. 2023), in the layout of its "plus" version.

The UNet, the texts and the image encoder stay as they are; a resampler of the image encoder's patches and a key and a
value for every cross-attention learn. What the studio will ask is what it learns on: outfits alone, laid flat, on a
mannequin or cut out of another character's picture, and prompts that do not name the garments. Its scales are drawn
at random, so that each block learns to carry its part even where the others are silent (Wang et al. 2024).
"""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.unet_loader_utils import _maybe_expand_lora_scales
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from pocketworld.canvas import PARTS
from pocketworld.captions import caption
from pocketworld.render import OUTFIT_GROUND, outfit, render
from pocketworld.training.data import held_out_pictures, training_pictures
from pocketworld.training.diffusion import Diffusion
from pocketworld.training.latents import SQUARE, Latents
from pocketworld.training.loop import Loop
from pocketworld.training.muon import OUTER_LAYERS, MuonAndAdamW
from pocketworld.training.texts import Texts, for_training
from pocketworld.training.unet import WORN, emphasis, size_conditioning
from pocketworld.world import Spec, sample

MINUTES = 60.0
BATCH = 24
TOKENS, WIDTH, DEPTH = 16, 192, 4  # of the resampler; diffusers takes any depth for 4
FILE = "ip-adapter-plus_pocket.safetensors"
SILENT = ("top", "bottom", "emblem")  # what the outfit's picture says instead of the caption
SILENCED, UNSEEN = 0.85, 0.08  # captions without garments; pictures left out, which guidance needs
STYLE, LAYOUT = {"up": {"block_0": [0.0, 1.0, 0.0]}}, {"down": {"block_2": [0.0, 1.0]}}
# How often, and with which scales of the blocks. The deepest ones learn slowest: with all of them at work, the errors
# are gone before they have a part in it.
SCALES = (
    (0.2, 1.0),
    (0.55, {"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}}),  # the reference's own
    (0.05, STYLE),
    (0.2, STYLE | LAYOUT),
)
DECIDED = 400  # where deep blocks act alone: from this timestep on garments are decided
VALIDATE_EVERY, VALIDATION_PICTURES = 200, 96


class Adapter(nn.Module):
    """What learns, inside the UNet it is made for: `state` has the names of the published files."""

    def __init__(self, unet: UNet2DConditionModel, embed: int, file: Path | None = None):
        super().__init__()
        begun = _read(file) if file else _blank(unet, embed)
        unet._load_ip_adapter_weights([begun], low_cpu_mem_usage=False)
        self.projection = unet.encoder_hid_proj
        self.processors = [one for one in unet.attn_processors.values() if hasattr(one, "to_k_ip")]
        self.layers = nn.ModuleList(self.processors)
        self._unet = [unet]  # not a part: it stays as it is
        for parameter in self.parameters():
            parameter.requires_grad_(True)

    def scale(self, scales: float | dict) -> None:
        """As `set_ip_adapter_scale` of a pipeline: a number for all blocks, or a dict by block; 0 elsewhere."""
        expanded = _maybe_expand_lora_scales(self._unet[0], [scales], default_scale=0.0)[0]
        for name, processor in self._unet[0].attn_processors.items():
            if hasattr(processor, "to_k_ip"):
                found = (
                    expanded
                    if not isinstance(expanded, dict)
                    else next((scale for block, scale in expanded.items() if name.startswith(block)), 0.0)
                )
                processor.scale = [found]

    def state(self) -> dict[str, Tensor]:
        """image_proj.* and ip_adapter.*, as `load_ip_adapter` reads them."""
        projection = self.projection.image_projection_layers[0].state_dict()
        state = {
            f"image_proj.{_published(name)}": value
            for name, value in projection.items()
            if ".attn.to_k." not in name and ".attn.to_v." not in name
        }
        for layer in range(DEPTH):
            pair = [projection[f"layers.{layer}.attn.{part}.weight"] for part in ("to_k", "to_v")]
            state[f"image_proj.layers.{layer}.0.to_kv.weight"] = torch.cat(pair)
        for number, processor in enumerate(self.processors):
            for part in ("to_k_ip", "to_v_ip"):
                state[f"ip_adapter.{2 * number + 1}.{part}.weight"] = getattr(processor, part)[0].weight
        return {name: value.detach().float().contiguous() for name, value in state.items()}


def _read(file: Path) -> dict[str, dict[str, Tensor]]:
    """A published file's state, in single precision."""
    state: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, value in load_file(file).items():
        part, _, rest = name.partition(".")
        state[part][rest] = value.float()
    return state


def _published(name: str) -> str:
    """diffusers' name of a resampler's weight -> the one in the authors' files."""
    for ours, theirs in (
        (".attn.to_q.", ".0.to_q."),
        (".attn.to_out.0.", ".0.to_out."),
        (".ln0.", ".0.norm1."),
        (".ln1.", ".0.norm2."),
        (".ff.0.", ".1.0."),
        (".ff.1.net.0.proj.", ".1.1."),
        (".ff.1.net.2.", ".1.3."),
    ):
        name = name.replace(ours, theirs)
    return name


def _blank(unet: UNet2DConditionModel, embed: int) -> dict[str, dict[str, Tensor]]:
    """A state of the published form before any training: values are 0, so that it begins by changing nothing."""

    def random_(*shape: int) -> Tensor:
        return torch.randn(shape) * shape[-1] ** -0.5

    out = unet.config.cross_attention_dim
    projection = {
        "latents": random_(1, TOKENS, WIDTH),
        "proj_in.weight": random_(WIDTH, embed),
        "proj_in.bias": torch.zeros(WIDTH),
        "proj_out.weight": random_(out, WIDTH),
        "proj_out.bias": torch.zeros(out),
        "norm_out.weight": torch.ones(out),
        "norm_out.bias": torch.zeros(out),
    }
    for layer in range(DEPTH):
        before = f"layers.{layer}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            projection |= {f"{before}.{norm}.weight": torch.ones(WIDTH), f"{before}.{norm}.bias": torch.zeros(WIDTH)}
        projection |= {
            f"{before}.0.to_q.weight": random_(WIDTH, WIDTH),
            f"{before}.0.to_kv.weight": random_(2 * WIDTH, WIDTH),
            f"{before}.0.to_out.weight": random_(WIDTH, WIDTH),
            f"{before}.1.1.weight": random_(4 * WIDTH, WIDTH),
            f"{before}.1.3.weight": random_(WIDTH, 4 * WIDTH),
        }
    attention = [module for name, module in unet.named_modules() if name.endswith("attn2")]
    keys = {}
    for number, module in enumerate(attention):
        shape = module.to_k.weight.shape
        keys |= {
            f"{2 * number + 1}.to_k_ip.weight": random_(*shape),
            f"{2 * number + 1}.to_v_ip.weight": torch.zeros(shape),
        }
    return {"image_proj": projection, "ip_adapter": keys}


class Eyes:
    """The family's image encoder; calling it gives what a pipeline hands to a "plus" adapter."""

    def __init__(self, clip: Path, device: str = "cpu"):
        self.processor = CLIPImageProcessorPil.from_pretrained(clip / "feature_extractor")
        encoder = CLIPVisionModelWithProjection.from_pretrained(clip / "image_encoder")
        self.encoder = encoder.eval().requires_grad_(False).to(device)

    @torch.no_grad()
    def __call__(self, images: list[Image.Image | None]) -> Tensor:
        """Penultimate states, [count, patches + 1, width]; None is the empty picture of the unguided half."""
        size = self.encoder.config.image_size
        pixels = torch.zeros(len(images), 3, size, size)
        shown = [number for number, image in enumerate(images) if image is not None]
        if shown:
            pixels[shown] = self.processor(
                images=[images[number] for number in shown], return_tensors="pt"
            ).pixel_values
        seen = self.encoder(pixels.to(self.encoder.device), output_hidden_states=True)
        return seen.hidden_states[-2].float()


def reference(spec: Spec, rng: random.Random) -> Image.Image:
    """The spec's clothes in a picture of their own: laid flat, on a mannequin, or cut out of someone else's picture."""
    kind = rng.random()
    if kind < 0.65:
        return outfit(replace(spec, jitter=rng.randrange(1 << 30)), worn=kind < 0.3)
    other = _someone_in(spec, rng)
    drawn = render(other)
    inside = np.isin(drawn.parts, [PARTS["top"], PARTS["bottom"], PARTS["shoes"]])
    plain = Image.new("RGB", drawn.image.size, OUTFIT_GROUND)
    plain.paste(drawn.image, mask=Image.fromarray(inside.astype(np.uint8) * 255))
    box = Image.fromarray(inside).getbbox()
    if box is None:
        return outfit(spec)
    side = round(1.15 * max(box[2] - box[0], box[3] - box[1]))
    left, top = (box[0] + box[2] - side) // 2, (box[1] + box[3] - side) // 2
    square = Image.new("RGB", (side, side), OUTFIT_GROUND)
    square.paste(plain, (-left, -top))
    return square


def _someone_in(spec: Spec, rng: random.Random) -> Spec:
    """Another character, elsewhere, in the clothes of the spec."""
    while (other := sample(rng)).noun is None or other.framing != "full figure":
        pass
    worn = {name: getattr(spec, name) for name in ("top", "top_colour", "bottom", "bottom_colour", "shoes", "emblem")}
    return replace(other, **worn, accessory="none")


class Batches:
    """Pairs: latents of a character's picture, where their errors count, a caption, and its outfit's picture."""

    def __init__(self, work: Path, rng: np.random.Generator, held_out: bool = False):
        self.pictures = (held_out_pictures if held_out else training_pictures)(work)
        self.latents, self.rng = Latents(work, SQUARE, "held-out" if held_out else "training"), rng
        self.dressed = np.array(
            [
                number
                for number, spec in enumerate(self.pictures.specs[: len(self.latents)])
                if spec["top"] is not None and spec["framing"] != "portrait"
            ]
        )

    def draw(
        self, count: int, silenced: float = SILENCED, unseen: float = UNSEEN
    ) -> tuple[Tensor, Tensor, list[str], list[Image.Image | None]]:
        rows = np.sort(self.rng.choice(self.dressed, size=count))
        words = random.Random(int(self.rng.integers(1 << 32)))
        captions, references = [], []
        for row in rows:
            spec = Spec(**self.pictures.specs[row])
            silent = SILENT if words.random() < silenced else ()
            captions.append(for_training(caption(spec, words, silent), words))
            references.append(None if words.random() < unseen else reference(spec, words))
        latents = self.latents.take(rows)
        return latents, emphasis(self.pictures.parts[rows], latents.shape[-2:], WORN), captions, references


def predict(
    unet: UNet2DConditionModel, noisy: Tensor, timesteps: Tensor, conditioning: tuple[Tensor, Tensor], seen: Tensor
) -> Tensor:
    """The UNet's answer, [batch, 4, 32, 32], given what the image encoder saw, [batch, patches + 1, width]."""
    device = noisy.device
    states, pooled = (part.to(device) for part in conditioning)
    added = {
        "text_embeds": pooled,
        "time_ids": size_conditioning(SQUARE, len(noisy)).to(device),
        "image_embeds": [seen[:, None].to(device)],
    }
    # torch's fused attention runs backwards in slow scalar code on a CPU.
    with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        return unet(noisy, timesteps, states, added_cond_kwargs=added, return_dict=False)[0]


def scales(rng: np.random.Generator) -> float | dict:
    """One of SCALES, as often as it says."""
    return SCALES[int(rng.choice(len(SCALES), p=[share for share, _ in SCALES]))][1]


def train(work: Path, minutes: float = MINUTES, device: str = "cpu") -> None:
    """Train into work/outfits: checkpoint, journal, and the file that `load_ip_adapter` takes."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_pretrained(work / "unet" / "weights").requires_grad_(False).to(device).eval()
    texts, eyes, diffusion = Texts(work / "clip", device), Eyes(work / "clip", device), Diffusion()
    adapter = Adapter(unet, eyes.encoder.config.hidden_size).to(device)
    optimiser = MuonAndAdamW(adapter, muon_lr=0.01, adamw_lr=1e-3, outer_layers=(*OUTER_LAYERS, "latents", "proj_out"))
    loop = Loop(work / "outfits", adapter, optimiser, minutes=minutes, warmup=50, ema_decay=0.99)
    batches, validate = Batches(work, loop.rng), Validation(work, texts, eyes, diffusion)
    for step in loop:
        latents, weights, captions, references = batches.draw(BATCH)
        latents, noise, timesteps = (
            latents.to(device),
            torch.randn_like(latents).to(device),
            diffusion.timesteps(len(latents)).to(device),
        )
        acting = scales(loop.rng)
        if isinstance(acting, dict):
            timesteps = DECIDED + timesteps * (1000 - DECIDED) // 1000
        noisy, velocity = diffusion.noisy_and_target(latents, noise, timesteps)
        adapter.scale(acting)
        predicted = predict(unet, noisy, timesteps, texts(captions), eyes(references))
        loss = diffusion.loss(predicted, velocity, timesteps.cpu(), weights)
        loop.descend(loss, samples=len(latents))
        if step % VALIDATE_EVERY == VALIDATE_EVERY - 1:
            with loop.averaged():
                loop.journal(**validate(unet, adapter))
    with loop.averaged():
        loop.journal(**validate(unet, adapter))
        folder = work / "outfits" / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        save_file(adapter.state(), folder / FILE)


class Validation:
    """v-error on held-out pairs at fixed noise: without the adapter, with it, by the reference's dict, and with the
    picture of another outfit, which must be worse than none."""

    def __init__(self, work: Path, texts: Texts, eyes: Eyes, diffusion: Diffusion, count: int = VALIDATION_PICTURES):
        generator = torch.Generator().manual_seed(0)
        batches = Batches(work, np.random.default_rng(0), held_out=True)
        latents, self.weights, captions, references = batches.draw(count, silenced=1.0, unseen=0.0)
        self.timesteps = torch.linspace(20, 999, count).long()
        noise = torch.randn(latents.shape, generator=generator)
        self.noisy, self.velocity = diffusion.noisy_and_target(latents, noise, self.timesteps)
        self.conditioning, self.seen = texts(captions), eyes(references)

    @torch.no_grad()
    def __call__(self, unet: UNet2DConditionModel, adapter: Adapter) -> dict[str, float]:
        ways = {
            "off": (0.0, self.seen),
            "validation": (1.0, self.seen),
            "dict": (SCALES[1][1], self.seen),
            "wrong": (1.0, self.seen.roll(1, 0)),
        }
        told = {}
        for name, (scale, seen) in ways.items():
            adapter.scale(scale)
            device = next(unet.parameters()).device
            predicted = predict(unet, self.noisy.to(device), self.timesteps.to(device), self.conditioning, seen)
            told[name] = ((predicted.float().cpu() - self.velocity).square() * self.weights).mean().item()
        return told
