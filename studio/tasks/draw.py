"""How outfits are worn: checked against the family, and every choice left open made before the work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from studio.contracts.block_scales import Scales, by_layer
from studio.contracts.family import ModelFamily
from studio.contracts.requests import DrawRequest, RepaintRequest, SetRequest, WearRequest
from studio.contracts.sampling import OutfitUse
from studio.contracts.validation import is_there
from studio.library import Library, Outfit

Asked = TypeVar("Asked", DrawRequest, SetRequest, RepaintRequest, WearRequest)


def settled(request: Asked, library: Library, family: ModelFamily) -> Asked:
    """The request with every outfit's adapter and block scales said: its own, else the family's usual ones.

    Raises ValueError, in a sentence, for what is not there and for scales that do not fit the family's blocks.
    """
    known = {outfit.slug: outfit for outfit in library.outfits()} if _wears(request) else {}
    if isinstance(request, SetRequest):
        rows = [
            [_settled(use, known, family) for use in request.cell("", row, 0).outfits] or None
            for row in request.outfits or ()
        ]
        return replace(request, outfits=rows)
    return replace(request, outfit=[_settled(use, known, family) for use in request.outfits] or None)


def usual_scales(outfit: Outfit, family: ModelFamily) -> Scales:
    """How an outfit acts where nobody says otherwise: as it was kept with this family, else the family's usual way."""
    return outfit.block_scales.get(family.name, next(iter(family.outfit_presets.values()), 1.0))


def presets_for(family: ModelFamily, own: Mapping[str, Scales]) -> dict[str, Scales]:
    """Every preset to choose from: the family's, then the library's own for it."""
    return {**family.outfit_presets, **own}


def check_scales(scales: Scales, family: ModelFamily) -> None:
    """Raises ValueError, naming the blocks that the family has, for scales that do not fit them."""
    if not family.image_adapters:
        raise ValueError(f"{family.title} has no IP-Adapter, so it cannot wear an outfit; choose another family.")
    by_layer(scales, family.blocks)


def _wears(request: Asked) -> bool:
    return any(request.outfits or ())


def _settled(use: OutfitUse, known: Mapping[str, Outfit], family: ModelFamily) -> OutfitUse:
    is_there("outfit", use.slug, known)
    chosen: dict[str, Any] = {
        "adapter": use.adapter or next(iter(family.image_adapters), None),
        "block_scales": usual_scales(known[use.slug], family) if use.block_scales is None else use.block_scales,
    }
    check_scales(chosen["block_scales"], family)
    is_there("image adapter", chosen["adapter"], family.image_adapters)
    return replace(use, **chosen)
