"""What Stable Diffusion's layouts have in common: a UNet, CLIP's text encoders, diffusion's noise, kohya's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import diffusers
import torch
from torch import Tensor

from studio.engine.models import prompt_chunks
from studio.engine.models.driver import Capabilities, Conditioning, Words, is_text_encoder
from studio.engine.models.noise import DiffusionNoise
from studio.engine.models.schedulers import build_scheduler, clean_latents
from studio.engine.models.single_file import original_module, save_single_file

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
TRANSFORMERS = (*ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
KINDS = ("", "Inpaint", "Img2Img", "ControlNet", "ControlNetInpaint", "ControlNetImg2Img", "PAG")
# What `encode_prompt` gives, in its order, under the names that a call takes it.
EMBEDDINGS = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")


def pipelines_of(start: str) -> frozenset[str]:
    """diffusers' names of the pipelines of one layout."""
    return frozenset(f"{start}{kind}Pipeline" for kind in KINDS)


class UNetDriver:
    """The part of a driver that SD 1.5 and SDXL share."""

    capabilities = Capabilities()
    denoiser = "unet"
    targets: Mapping[str, Sequence[str]] = MappingProxyType(
        {
            "attention": ATTENTION,
            "transformers": TRANSFORMERS,
            "everything": (*TRANSFORMERS, "conv1", "conv2", "conv_shortcut", "time_emb_proj"),
        }
    )
    text_targets: Sequence[str] = ("q_proj", "k_proj", "v_proj", "out_proj")  # of a CLIP's attention

    def pipeline_class(self, name: str) -> type:
        return getattr(diffusers, name)

    def encode(self, pipeline: Any, words: Words) -> Conditioning:
        if words.weighted and isinstance(words.prompts, str):
            return self._encode_weighted(pipeline, words, words.prompts)
        found = pipeline.encode_prompt(
            prompt=words.prompts if isinstance(words.prompts, str) else list(words.prompts),
            device=pipeline._execution_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=words.guided,
            negative_prompt=words.negative,
        )
        return {name: tensor for name, tensor in zip(EMBEDDINGS, found, strict=False) if tensor is not None}

    def _encode_weighted(self, pipeline: Any, words: Words, prompt: str) -> Conditioning:
        """As the pipeline does it, to the last bit, where both texts fit and weigh nothing."""
        encoders, device = self.encoders(pipeline), pipeline._execution_device
        texts = [prompt] if words.negative is None else [prompt, words.negative]
        stand = [prompt_chunks.as_it_stands(text, encoders[0].tokenizer) for text in texts]
        if None not in stand:
            return self.encode(pipeline, Words(stand[0] or "", stand[-1] if stand[1:] else None, words.guided))
        length = prompt_chunks.length_of(encoders, texts)
        found = prompt_chunks.embeddings(encoders, prompt, length, device)
        against: tuple[Tensor | None, ...] = ()
        if words.guided and words.negative is None and pipeline.config.get("force_zeros_for_empty_prompt"):
            against = tuple(None if one is None else torch.zeros_like(one) for one in found)
        elif words.guided:
            against = prompt_chunks.embeddings(encoders, words.negative or "", length, device)
        named = {**dict(zip(EMBEDDINGS[::2], found, strict=True)), **dict(zip(EMBEDDINGS[1::2], against, strict=False))}
        dtype = encoders[-1].network.dtype
        return {name: tensor.to(device, dtype) for name, tensor in named.items() if tensor is not None}

    def encoders(self, pipeline: Any) -> list[prompt_chunks.Encoder]:
        """The text encoders in the order in which their embeddings lie beside each other."""
        return [prompt_chunks.Encoder(pipeline.tokenizer, pipeline.text_encoder, penultimate=False)]

    def conditioning(self, pipeline: Any, texts: Conditioning, size: tuple[int, int]) -> Conditioning:
        return texts

    def guidance(self, scale: float | None) -> dict[str, Any]:
        return {"guidance_scale": scale}

    def cell(self, pipeline: Any) -> int:
        return pipeline.vae_scale_factor

    def tell_size_as(self, denoiser: Any, size: int, was: int) -> None:
        """It is told no sizes."""

    def latents(self, pipeline: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
        vae = pipeline.vae
        # SDXL's own VAE overflows in half precision; its configuration says so.
        upcast = vae.dtype == torch.float16 and vae.config.get("force_upcast", False)
        kept_dtype = vae.dtype
        if upcast:
            vae.to(torch.float32)
        posterior = vae.encode(pixels.to(pipeline._execution_device, vae.dtype)).latent_dist
        if upcast:
            vae.to(kept_dtype)
        shift, scale = vae.config.get("shift_factor") or 0.0, vae.config.scaling_factor
        return ((posterior.mean - shift) * scale).float(), (posterior.std * scale).float()

    def spatial(self, latents: Tensor, width: int, height: int) -> Tensor:
        return latents

    def packed(self, latents: Tensor) -> Tensor:
        return latents

    def noise(self, pipeline: Any) -> DiffusionNoise:
        return DiffusionNoise(pipeline.scheduler)

    def predict(self, pipeline: Any, noisy: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        return pipeline.unet(
            noisy,
            times,
            conditioning["prompt_embeds"],
            added_cond_kwargs=self.added(conditioning),
            return_dict=False,
        )[0]

    def added(self, conditioning: Conditioning) -> dict[str, Tensor] | None:
        """What the UNet takes beside the text."""
        return None

    def scheduler(self, name: str | None, own: Any) -> Any:
        return build_scheduler(name, own)

    def clean(self, scheduler: Any, predicted: Tensor, timestep: Tensor, sample: Tensor) -> Tensor:
        return clean_latents(scheduler, predicted, timestep, sample)

    def sees_masks(self, pipeline: Any) -> bool:
        return pipeline.unet.config.in_channels > pipeline.vae.config.latent_channels

    def mask_of_step(self, mask: Tensor, guided: bool) -> dict[str, Tensor]:
        return {"mask": torch.cat([mask, mask]) if guided else mask}

    def lora_names(self, pipeline: Any, component: str, module: str) -> Iterable[str]:
        """Those of diffusers' first files, of PEFT's and ComfyUI's, and of all that write kohya's."""
        if is_text_encoder(component):
            plain = module.removeprefix("text_model.")
            numbered = f"lora_te{_number(component)}"
            starts = (numbered, "lora_te") if numbered == "lora_te1" else (numbered,)
            for one in (plain, f"text_model.{plain}"):
                yield from (one, f"{component}.{one}", *(_underscored(start, one) for start in starts))
            return
        original = original_module(module, pipeline.unet)
        yield from (module, _underscored("lora_unet", module))
        yield from (f"diffusion_model.{original}", _underscored("lora_unet", original))

    def kohya_name(self, pipeline: Any, component: str, module: str) -> str:
        """sd-scripts names text encoders' layers as transformers did before its version 5."""
        if is_text_encoder(component):
            return _underscored(f"lora_te{_number(component)}", f"text_model.{module.removeprefix('text_model.')}")
        return _underscored("lora_unet", module)

    def save_single_file(self, pipeline: Any, path: Path, metadata: Mapping[str, str]) -> None:
        save_single_file(pipeline, path, metadata)


def _number(component: str) -> str:
    """kohya numbers text encoders from 1 on."""
    return component.removeprefix("text_encoder").strip("_") or "1"


def _underscored(start: str, module: str) -> str:
    return f"{start}_{module}".replace(".", "_")
