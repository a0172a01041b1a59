"""SDXL's layout (Podell et al. 2023): two text encoders, a pooled text and sizes beside the text. Pocket has it too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from studio.engine.models.driver import Conditioning
from studio.engine.models.prompt_chunks import Encoder
from studio.engine.models.single_file import original_module
from studio.engine.models.unet import UNetDriver, pipelines_of


class SDXLDriver(UNetDriver):
    """The driver of SDXL, whose UNet takes a pooled text and sizes beside the text."""

    pipelines = pipelines_of("StableDiffusionXL")
    architecture, kohya_base = "stable-diffusion-xl-v1-base", "sdxl_base_v1-0"

    def encoders(self, pipeline: Any) -> list[Encoder]:
        """Both, of which an img2img checkpoint may have the second alone."""
        both = ((pipeline.tokenizer, pipeline.text_encoder), (pipeline.tokenizer_2, pipeline.text_encoder_2))
        return [Encoder(tokenizer, network, penultimate=True) for tokenizer, network in both if tokenizer is not None]

    def conditioning(self, pipeline: Any, texts: Conditioning, size: tuple[int, int]) -> Conditioning:
        """The texts with the sizes that a drawing has by default: neither enlarged nor cropped."""
        pooled, (width, height) = texts["pooled_prompt_embeds"], size
        ids = pipeline._get_add_time_ids(
            (height, width),
            (0, 0),
            (height, width),
            dtype=pooled.dtype,
            text_encoder_projection_dim=pooled.shape[-1],
        )
        return {**texts, "time_ids": ids.to(pooled.device)}

    @torch.no_grad()
    def tell_size_as(self, denoiser: Any, size: int, was: int) -> None:
        """Its size conditioning is linear in the sizes' embedding, so that the difference goes into a bias."""
        layer = denoiser.add_embedding.linear_1
        now, before = (
            denoiser.add_time_proj(torch.tensor([side, side, 0, 0, side, side], device=layer.bias.device)).flatten()
            for side in (size, was)
        )
        difference = (before - now).to(layer.weight.dtype)
        layer.bias += layer.weight[:, -len(difference) :] @ difference

    def added(self, conditioning: Conditioning) -> dict[str, Tensor]:
        return {"text_embeds": conditioning["pooled_prompt_embeds"], "time_ids": conditioning["time_ids"]}

    def kohya_name(self, pipeline: Any, component: str, module: str) -> str:
        """sd-scripts teaches SDXL's UNet in its original code, and names its layers after that."""
        named = original_module(module, pipeline.unet) if component == self.denoiser else module
        return super().kohya_name(pipeline, component, named)
