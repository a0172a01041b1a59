"""What outfits make of a drawing: which adapter looks at each, how much it acts in every layer, when, and where."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from studio.block_scales import by_layer
from studio.engine.image_prompts import Prompting, look
from studio.engine.keeping import recent
from studio.engine.loading import file_of
from studio.engine.masking import CLOTHING, outline
from studio.engine.pipelines import PipelineCache
from studio.events import Event, StageReported
from studio.families import ModelFamily
from studio.library.images import content_of
from studio.library.photos import open_image
from studio.masks import box_of, feathered, grown
from studio.requests import DrawRequest

if TYPE_CHECKING:
    from studio.library import Lora, Outfit

ROOM = 0.04  # of the picture's height that a garment may grow by: a coat is wider than the shirt it takes the place of
KEPT_GARMENTS = 256
UNLIKE = 20  # of 255, in any channel: more than a scan's or a JPEG's own noise
GROUND, MARGIN = (244, 244, 242), 1.15  # of an outfit that is cut out: its ground, and its side in sizes of the clothes
Draw = Callable[[DrawRequest], Image.Image]


def dressed(request: DrawRequest, loras: Sequence[Lora], outfits: Sequence[Outfit], draw: Draw,
            tell: Callable[[Event], None], *, pipelines: PipelineCache, family: ModelFamily) -> list[Prompting]:
    """The outfits of a picture's request as prompts. `draw` is asked for the picture without them, once, where one of
    them acts inside of the garment: the same for any outfit. Called while the pipeline is not lent.
    """
    garment = None
    if any(use.inside_garment for use in request.outfits):
        garment = _garment(request, loras, draw, pipelines, family)
        if garment is None:
            tell(StageReported("No clothing is in the picture, so the outfit acts in all of it"))
    prompts = []
    for use, outfit in zip(request.outfits, outfits, strict=True):
        adapter = family.image_adapters[use.adapter or next(iter(family.image_adapters))]
        scales = next(iter(family.outfit_presets.values())) if use.block_scales is None else use.block_scales
        image = open_image(outfit.path)
        prompts.append(Prompting(
            file_of(adapter.weights), look(image, content_of(image), adapter, pipelines=pipelines, family=family),
            by_layer(scales, family.blocks), use.start, use.end, garment if use.inside_garment else None,
        ))
    return prompts


def cut_out(image: Image.Image, *, pipelines: PipelineCache, family: ModelFamily) -> Image.Image | None:
    """The clothes of a picture alone on plain ground, square, RGB; None where there are none."""
    image = image.convert("RGB")
    mask = outline(image, CLOTHING, pipelines=pipelines, family=family) or _standing_out(image)
    box = box_of(mask) if mask else None
    if mask is None or box is None:
        return None
    plain = Image.new("RGB", image.size, GROUND)
    plain.paste(image, mask=feathered(mask, max(1.0, min(image.size) / 400)))
    side = round(MARGIN * max(box[2] - box[0], box[3] - box[1]))
    square = Image.new("RGB", (side, side), GROUND)
    square.paste(plain, ((side - box[0] - box[2]) // 2, (side - box[1] - box[3]) // 2))
    return square


def _standing_out(image: Image.Image) -> Image.Image | None:
    """What stands out from plain ground, as clothes do that are laid flat; None where the ground is not plain."""
    pixels = np.asarray(image, dtype=np.int16)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground = np.median(rim, axis=0).astype(np.int16)
    if (np.abs(rim - ground).max(axis=1) > UNLIKE).mean() > 0.05:
        return None
    return Image.fromarray(((np.abs(pixels - ground).max(axis=2) > UNLIKE) * 255).astype(np.uint8))


def _garment(request: DrawRequest, loras: Sequence[Lora], draw: Draw, pipelines: PipelineCache, family: ModelFamily
             ) -> Image.Image | None:
    """Where clothing is in the picture without outfits, and some room round it; None for nowhere."""
    bare = replace(request, outfit=None)
    with pipelines.lend(family) as pipeline:
        kept: OrderedDict[tuple, Image.Image | None] = \
            pipelines.loaded(pipeline).beside.setdefault("garments", OrderedDict())
    key = (repr(bare), *(lora.sha256 for lora in loras))

    def find() -> Image.Image | None:
        found = outline(draw(bare), CLOTHING, pipelines=pipelines, family=family)
        return None if found is None else grown(found, round(ROOM * (request.height or 0)))

    return recent(kept, key, find, KEPT_GARMENTS)
