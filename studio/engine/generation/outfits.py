"""What outfits make of a drawing: which adapter looks at each, how much it acts in every layer, when, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageChops
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from studio.contracts.block_scales import by_layer
from studio.contracts.events import Event, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import BLEED, DRIFT, EFFECT
from studio.contracts.requests import MOST_PIXELS, DrawRequest
from studio.contracts.sampling import OutfitUse
from studio.engine.adapters.ip_adapter import ImagePrompt, adapter_of, look
from studio.engine.models.loading import file_of
from studio.engine.models.memory import is_out_of_memory
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.vision.grounded_sam import CLOTHING, outline
from studio.engine.vision.picture_metrics import outfit_effect, palette_bleed, style_drift
from studio.imaging.masks import box_of, closed, feathered, grown, lowered, meeting, united, without
from studio.imaging.photos import content_of, open_image

if TYPE_CHECKING:
    from studio.library import Lora, Outfit

# Of the picture's height: how far a garment may grow, since a coat is wider than the shirt it takes the place of; which
# gaps it may span, as a skirt does between legs; the rim of a head that stays; and how far trousers come down over
# shoes. With a room of 0.03 the kind of garment was right in 65% of Pocket's pictures, with this in 78.
ROOM, GAP, RIM, HEM = 0.1, 0.1, 0.02, 0.02
FACE = "face"
# Phrases: sleeves may be longer than before; no outfit is a face, and few pictures of outfits show shoes.
BODY, HEAD, SHOES = "person", (FACE, "hair"), "shoes"
SOFT = 64  # a picture's side has so many widths of the seam between what is worn and the rest
LARGEST = 1536  # pixels, of an outfit's side: an image encoder sees 224
UNLIKE = 20  # of 255, in any channel: more than a scan's or a JPEG's own noise
GROUND, MARGIN = (244, 244, 242), 1.15  # of an outfit that is cut out: its ground, and its side in sizes of the clothes
Draw = Callable[[DrawRequest, list[Tensor]], Image.Image]  # the list takes the latents after each step
Worn = Sequence[tuple["Outfit", OutfitUse]]


@dataclass(frozen=True)
class FirstPass:
    """A picture without its outfits, from the same seed, and its latents after each step.

    Masks (L) say where clothing is in it, None for nowhere, and where there may be some.
    """

    image: Image.Image
    latents: Sequence[Tensor]
    clothing: Image.Image | None
    room: Image.Image | None

    @property
    def nbytes(self) -> int:
        """Bytes of the latents and of the pictures, roughly."""
        return sum(one.nbytes for one in self.latents) + 5 * self.image.width * self.image.height


@dataclass(frozen=True)
class KeepOutside:
    """What stays of another picture outside of a mask (L): its latents after each step, and its pixels."""

    image: Image.Image
    latents: Sequence[Tensor]
    inside: Image.Image

    def blended(self, step: int, latents: Tensor) -> Tensor:
        """The latents [1, channels, height, width] after a step, with the other picture's outside of the mask.

        As in blended latent diffusion (Avrahami et al. 2022).
        """
        inside = torch.from_numpy(np.array(self.inside, dtype=np.float32) / 255)[None, None]
        share = adaptive_avg_pool2d(inside, (latents.shape[-2], latents.shape[-1])).to(latents)
        return torch.lerp(self.latents[step].to(latents), latents, share)

    def restored(self, image: Image.Image) -> Image.Image:
        """The picture inside of the mask, and outside, to the pixel, the other one.

        A decoder normalises over the whole picture, so what changes inside shifts the colours everywhere; what it
        shifted outside, where the latents are the same, is taken back inside.
        """
        new, old = (np.asarray(one.convert("RGB"), dtype=np.float32) for one in (image, self.image))
        outside = np.asarray(self.inside) == 0
        shift = (old - new)[outside].mean(axis=0) if outside.any() else 0.0
        mended = Image.fromarray((new + shift).clip(0, 255).round().astype(np.uint8))
        soft = ImageChops.darker(feathered(self.inside, max(image.size) / SOFT), self.inside)
        return Image.composite(mended, self.image, soft)


def first_pass_of(
    request: DrawRequest, loras: Sequence[Lora], draw: Draw, *, pipelines: PipelineCache, family: ModelFamily
) -> FirstPass:
    """The picture of a request without its outfits, drawn once for all outfits. Called while no pipeline is lent."""
    asked = replace(request, outfit=None)
    key = (repr(asked), pipelines.fingerprint(family), *(lora.sha256 for lora in loras))

    def make() -> FirstPass:
        latents: list[Tensor] = []
        image = draw(asked, latents)
        clothing = outline(image, CLOTHING, pipelines=pipelines, family=family)
        room = clothing and room_for(image, clothing, pipelines=pipelines, family=family)[0]
        return FirstPass(image, latents, clothing, room)

    return pipelines.pictures.get(key, make)


def room_for(
    image: Image.Image, clothing: Image.Image, *, pipelines: PipelineCache, family: ModelFamily
) -> tuple[Image.Image, Image.Image]:
    """Where clothes may be, and what of the wearer stays whatever fades round that; both are masks (L).

    They may be where they are, and on the body between head and shoes, with some room round both.
    """

    def found(*phrases: str) -> Image.Image:
        masks = [outline(image, phrase, pipelines=pipelines, family=family) for phrase in phrases]
        return reduce(united, filter(None, masks), Image.new("L", image.size))

    def pixels(share: float) -> int:
        return round(min(share * image.height, MOST_PIXELS))

    head, shoes = closed(found(*HEAD), pixels(GAP)), found(SHOES)  # a strip between face and hair is no room
    kept = without(united(grown(head, pixels(RIM)), lowered(shoes, pixels(HEM))), clothing)
    worn = united(clothing, without(found(BODY), kept))
    room = closed(grown(meeting(worn, clothing), pixels(ROOM)), pixels(GAP))
    return without(room, kept), without(united(head, lowered(shoes, 2 * pixels(HEM))), clothing)


def dressed(
    outfits: Worn, bare: FirstPass, tell: Callable[[Event], None], *, pipelines: PipelineCache, family: ModelFamily
) -> tuple[list[ImagePrompt], KeepOutside | None]:
    """Outfits as prompts, and what stays of the bare picture where they all act inside of the garment. Called while the
    pipeline is not lent.
    """
    garment, inside = bare.room, [use.inside_garment for _, use in outfits]
    if garment is None and any(inside):
        tell(StageReported("No clothing is in the picture, so the outfit acts in all of it"))
    prompts = prompts_of(outfits, garment, pipelines=pipelines, family=family)
    return prompts, KeepOutside(bare.image, bare.latents, garment) if garment is not None and all(inside) else None


def prompts_of(
    outfits: Worn, where: Image.Image | None, *, pipelines: PipelineCache, family: ModelFamily
) -> list[ImagePrompt]:
    """Outfits as prompts; those that act inside of the garment act in the mask (L) alone."""
    prompts = []
    for outfit, use in outfits:
        adapter, image = adapter_of(family, use), open_image(outfit.path)
        prompts.append(
            ImagePrompt(
                file_of(adapter.weights),
                look(image, content_of(image), adapter, pipelines=pipelines, family=family),
                by_layer(use.block_scales or 0.0, family.blocks),
                use.start,
                use.end,
                where if use.inside_garment else None,
            )
        )
    return prompts


def beside_the_outfit(
    bare: FirstPass, worn: Image.Image, *, pipelines: PipelineCache, family: ModelFamily
) -> dict[str, float]:
    """What outfits did to a picture, by the names of a recipe's estimates.

    "palette bleed" and "style drift" are of the rest, outside of the clothes and the body in them; "outfit effect" is
    of the clothes.

    Nothing where memory is too short for it: the picture is there.
    """
    try:
        return _beside_the_outfit(bare, worn, pipelines, family)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return {}


def _beside_the_outfit(
    bare: FirstPass, worn: Image.Image, pipelines: PipelineCache, family: ModelFamily
) -> dict[str, float]:
    clothing = [one for one in (bare.clothing, outline(worn, CLOTHING, pipelines=pipelines, family=family)) if one]
    garments = reduce(united, clothing) if clothing else None
    dressed = united(garments, bare.room) if garments and bare.room else garments
    with pipelines.lend(family) as pipeline:
        drift = style_drift(bare.image, worn, dressed, pipeline)
    told = {BLEED: round(palette_bleed(bare.image, worn, dressed), 2), DRIFT: round(drift, 4)}
    return told if garments is None else {**told, EFFECT: round(outfit_effect(bare.image, worn, garments), 2)}


def cut_out(image: Image.Image, *, pipelines: PipelineCache, family: ModelFamily) -> Image.Image | None:
    """The clothes of a picture alone on plain ground, square, RGB; None where there are none."""
    image = image.convert("RGB")
    image.thumbnail((LARGEST, LARGEST))
    alone = _standing_out(image)
    # Laid flat, nobody wears them: detectors know clothes on people, and take a part for the whole.
    worn = alone is None or outline(image, FACE, pipelines=pipelines, family=family) is not None
    mask = (outline(image, CLOTHING, pipelines=pipelines, family=family) if worn else None) or alone
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
