"""SD 1.5's layout (Rombach et al. 2022): one text encoder, and nothing beside the text."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from studio.engine.models.unet import UNetDriver, pipelines_of


class SD15Driver(UNetDriver):
    """The driver of SD 1.5, whose UNet takes nothing beside the text."""

    pipelines = pipelines_of("StableDiffusion")
    architecture, kohya_base = "stable-diffusion-v1", "sd_v1"

    def kohya_names(self, learnt: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As of every UNet, with the one text encoder unnumbered."""
        named = super().kohya_names(learnt)
        return {name.replace("lora_te1_", "lora_te_"): tensor for name, tensor in named.items()}
