"""A layout that has nothing of Stable Diffusion's: a transformer over packed patches, words as bytes, flow matching.

It proves that the engine teaches and draws through a driver alone. Tiny, with random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKL, DiffusionPipeline, FlowMatchEulerDiscreteScheduler, ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.image_processor import VaeImageProcessor
from diffusers.loaders import Flux2LoraLoaderMixin, PeftAdapterMixin
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, scaled_dot_product_attention

from studio.contracts.family import ModelFamily
from studio.engine.models.driver import Capabilities, Conditioning, Words

WIDTH, TOKENS, CHANNELS, PATCH = 16, 24, 4, 2
SIDE = 64
ATTENTION = ("to_q", "to_k", "to_v", "to_out")


class ByteEncoder(ModelMixin, ConfigMixin):
    """Reads a text's first bytes, each as a vector."""

    @register_to_config
    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.bytes = nn.Embedding(256, width)

    def forward(self, texts: list[str]) -> Tensor:
        rows = [list(text.encode()[:TOKENS].ljust(TOKENS, b" ")) for text in texts]
        return self.bytes(torch.tensor(rows, device=self.device))


class Block(nn.Module):
    """Attention among words and patches, and a layer for each of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_q, self.to_k, self.to_v, self.to_out = (nn.Linear(width, width) for _ in range(4))
        self.ff = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, states: Tensor) -> Tensor:
        normed = self.norm(states)
        seen = scaled_dot_product_attention(*(to(normed)[:, None] for to in (self.to_q, self.to_k, self.to_v)))
        states = states + self.to_out(seen[:, 0])
        return states + self.ff(self.norm(states))


class FlowTransformer(ModelMixin, ConfigMixin, PeftAdapterMixin):
    """Takes patches [batch, patches, channels], where they lie, [patches, 2], words, and how much is noise, 0 to 1."""

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(self, width: int = WIDTH, channels: int = CHANNELS * PATCH**2, layers: int = 2) -> None:
        super().__init__()
        self.proj_in, self.proj_out = nn.Linear(channels, width), nn.Linear(width, channels)
        self.place, self.time = nn.Linear(2, width), nn.Linear(1, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.gradient_checkpointing = False

    def forward(self, patches: Tensor, places: Tensor, words: Tensor, sigma: Tensor) -> Tensor:
        states = self.proj_in(patches) + self.place(places) + self.time(sigma[:, None, None])
        states = torch.cat([words, states], dim=1)
        for block in self.blocks:
            checkpointed = torch.is_grad_enabled() and self.gradient_checkpointing
            states = self._gradient_checkpointing_func(block, states) if checkpointed else block(states)
        return self.proj_out(states[:, words.shape[1] :])


class FlowPipeline(DiffusionPipeline, Flux2LoraLoaderMixin):
    """As the pipelines of the newer families: no negative prompt, no guidance, latents packed into a row of patches."""

    model_cpu_offload_seq = "text_encoder->transformer->vae"

    def __init__(
        self,
        transformer: FlowTransformer,
        vae: AutoencoderKL,
        text_encoder: ByteEncoder,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, vae=vae, text_encoder=text_encoder, scheduler=scheduler)
        self.processor = VaeImageProcessor(vae_scale_factor=2)

    @torch.no_grad()
    def __call__(
        self,
        words: Tensor,
        num_inference_steps: int,
        width: int,
        height: int,
        generator: list[torch.Generator],
        callback_on_step_end: Callable[..., dict] | None = None,
    ) -> SimpleNamespace:
        rows, columns = height // 4, width // 4
        shape = (rows * columns, CHANNELS * PATCH**2)
        latents = torch.stack([torch.randn(shape, generator=one) for one in generator])
        self.scheduler.set_timesteps(num_inference_steps)
        for number, time in enumerate(self.scheduler.timesteps):
            said = self.transformer(latents, places(rows, columns), words, (time / 1000).expand(len(latents)))
            latents = self.scheduler.step(said, time, latents, return_dict=False)[0]
            if callback_on_step_end:
                latents = callback_on_step_end(self, number, time, {"latents": latents})["latents"]
        pixels = self.vae.decode(pixel_shuffle(unpacked(latents, rows, columns), PATCH), return_dict=False)[0]
        return SimpleNamespace(images=self.processor.postprocess(pixels))


def places(rows: int, columns: int) -> Tensor:
    """[rows * columns, 2], from 0 to 1."""
    return torch.cartesian_prod(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns))


def unpacked(latents: Tensor, rows: int, columns: int) -> Tensor:
    return latents.transpose(1, 2).reshape(len(latents), -1, rows, columns)


class FlowNoise:
    """Straight ways from pictures to noise (Liu et al. 2022); `times` say how much of it there is."""

    def times(self, count: int, chances: torch.Generator) -> Tensor:
        return (torch.randperm(count, generator=chances) + torch.rand(count, generator=chances)) / count

    def noised(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        return torch.lerp(latents, noise, times[:, None, None, None])

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        return noise - latents

    def weights(self, times: Tensor, gamma: float) -> Tensor:
        return torch.ones_like(times)


class FlowDriver:
    pipelines = frozenset({"FlowPipeline"})
    capabilities = Capabilities(
        guidance=False,
        negative_prompt=False,
        ip_adapters=False,
        trains_text_encoders=False,
        kohya=False,
        single_file=False,
    )
    denoiser, architecture, kohya_base = "transformer", "toy-flow", ""
    targets = {
        "attention": ATTENTION,
        "transformers": (*ATTENTION, "ff.0", "ff.2"),
        "everything": (*ATTENTION, "ff.0", "ff.2", "proj_in", "proj_out"),
    }
    text_targets = ()

    def pipeline_class(self, name: str) -> type:
        return {"FlowPipeline": FlowPipeline}[name]

    def encode(self, pipeline: Any, words: Words) -> Conditioning:
        assert words.negative is None and not words.guided
        return {"words": pipeline.text_encoder([words.prompts] if isinstance(words.prompts, str) else words.prompts)}

    def conditioning(self, pipeline: Any, texts: Conditioning, size: tuple[int, int]) -> Conditioning:
        return texts

    def guidance(self, scale: float | None) -> dict[str, Any]:
        return {}

    def cell(self, pipeline: Any) -> int:
        return 4

    def tell_size_as(self, denoiser: Any, size: int, was: int) -> None:
        pass

    def latents(self, pipeline: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
        posterior = pipeline.vae.encode(pixels).latent_dist
        return pixel_unshuffle(posterior.mean, PATCH), pixel_unshuffle(posterior.std, PATCH)

    def spatial(self, latents: Tensor, width: int, height: int) -> Tensor:
        return unpacked(latents, height // 4, width // 4)

    def packed(self, latents: Tensor) -> Tensor:
        return latents.flatten(2).transpose(1, 2)

    def noise(self, pipeline: Any) -> FlowNoise:
        return FlowNoise()

    def predict(self, pipeline: Any, noisy: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        rows, columns = noisy.shape[2:]
        patches = self.packed(noisy)
        said = pipeline.transformer(patches, places(rows, columns), conditioning["words"], times.to(noisy))
        return unpacked(said, rows, columns)

    def scheduler(self, name: str | None, own: Any) -> Any:
        if name not in (None, "Euler"):
            raise ValueError(f"scheduler must be Euler, got {name!r}")
        return type(own).from_config(own.config)

    def clean(self, scheduler: Any, predicted: Tensor, timestep: Tensor, sample: Tensor) -> Tensor:
        return sample - timestep / 1000 * predicted

    def sees_masks(self, pipeline: Any) -> bool:
        return False

    def mask_of_step(self, mask: Tensor, guided: bool) -> dict[str, Tensor]:
        raise NotImplementedError("it has no pipeline that repaints")

    def lora_names(self, pipeline: Any, component: str, module: str) -> tuple[str, ...]:
        return ()

    def kohya_name(self, pipeline: Any, component: str, module: str) -> str:
        raise NotImplementedError("kohya never saw it")

    def save_single_file(self, pipeline: Any, path: Path, metadata: Any) -> None:
        raise NotImplementedError("it has no original code")


def make_flow(folder: Path) -> ModelFamily:
    """The layout's family, its weights saved in the folder."""
    torch.manual_seed(0)
    blocks: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 8),
    }
    vae = AutoencoderKL(latent_channels=CHANNELS, norm_num_groups=4, sample_size=SIDE, **blocks)
    FlowPipeline(FlowTransformer(), vae, ByteEncoder(), FlowMatchEulerDiscreteScheduler()).save_pretrained(folder)
    return ModelFamily(
        name="flow",
        title="Flow",
        description="A toy",
        weights=str(folder),
        pipelines={"draw": "FlowPipeline"},
        resolution=SIDE,
        licence="none",
        commercial=True,
        dtype={"cpu": "float32"},
        schedulers=("Euler",),
        drawing={"steps": 4, "scheduler": "Euler"},
        training={
            "rank": 2,
            "alpha": 2.0,
            "steps": 3,
            "learning_rate": 1e-2,
            "batch_size": 2,
            "class_images": 2,
            "checkpoint_every": 2,
            "sample_every": 3,
            "pick_best": False,
            "describe": False,
        },
    )
