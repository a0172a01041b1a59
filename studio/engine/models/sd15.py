"""SD 1.5's layout (Rombach et al. 2022): one text encoder, and nothing beside the text."""

from __future__ import annotations

from typing import Any

from studio.engine.models.unet import UNetDriver, pipelines_of


class SD15Driver(UNetDriver):
    """The driver of SD 1.5, whose UNet takes nothing beside the text."""

    pipelines = pipelines_of("StableDiffusion")
    architecture, kohya_base = "stable-diffusion-v1", "sd_v1"

    def kohya_name(self, pipeline: Any, component: str, module: str) -> str:
        """With the one text encoder unnumbered."""
        return super().kohya_name(pipeline, component, module).replace("lora_te1_", "lora_te_", 1)
