"""Endpoints of LoRAs as files: taken in, handed out, published, merged."""

from __future__ import annotations

import asyncio

from studio.contracts.requests import MergeRequest
from studio.session import Studio
from studio.ui.form_values import uploaded
from studio.ui.serializers import sent, told_lora
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    for handler in (loras, remove_lora, export_lora, import_lora, publish):
        wiring.endpoint(handler.__name__, handler)
    wiring.endpoint("merge_loras", merge_loras, MergeRequest, at_once=1)


def loras(desk: Studio) -> list:
    """Every trained LoRA, newest first."""
    return [told_lora(lora, desk.families) for lora in desk.library.loras()]


def remove_lora(desk: Studio, lora: str) -> list:
    """Remove a LoRA for good; pictures drawn with it stay. The LoRAs that are left."""
    desk.library.remove_lora(lora)
    return loras(desk)


async def export_lora(desk: Studio, lora: str, layout: str = "diffusers") -> dict:
    """A LoRA as a file for other tools: layout "diffusers" or "kohya"; of a full fine-tune "single file" or "diffusers"
    (a zip of the folder). "file" is fetched by gradio_client."""
    return {"file": sent(await asyncio.to_thread(desk.export_lora, lora, layout))}


async def import_lora(desk: Studio, file: dict, name: str | None = None, family: str | None = None) -> dict:
    """Take an uploaded LoRA of diffusers, kohya or others into the library, if it fits the family and has an effect."""
    path = uploaded([file])[0]
    name = name or str(file.get("orig_name") or path.name).removesuffix(".safetensors")
    return told_lora(await asyncio.to_thread(desk.import_lora, path, name, family), desk.families)


async def merge_loras(desk: Studio, request: MergeRequest) -> dict:
    """One LoRA that does what several do together, each with its weight: exactly, or as near as a rank lets it."""
    return told_lora(await asyncio.to_thread(desk.merge_loras, request), desk.families)


async def publish(
    desk: Studio, lora: str, repository: str, token: str, private: bool = True, pictures: list | None = None
) -> dict:
    """Upload a LoRA to the Hugging Face Hub with a model card; `pictures` are ids of what the card shows. "url"."""
    return {"url": await asyncio.to_thread(desk.publish, lora, repository, token, private, pictures or ())}
