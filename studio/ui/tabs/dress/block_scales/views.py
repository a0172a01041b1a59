"""What is shown of how outfits act: the UNet with a slider for every layer that attends to them, and the dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.block_scales import MOST, Scales, as_text, by_layer
from studio.contracts.family import ModelFamily
from studio.contracts.sampling import OutfitUse
from studio.session import Studio
from studio.tasks.draw import presets_for, usual_scales
from studio.ui import html

ALL = "All outfits"
PARTS = {"down": "going down", "mid": "the middle", "up": "coming up"}
Acts = dict[str, dict[str, Any]]  # slug of an outfit, "" for all others -> fields of OutfitUse


class ScalesView(TypedDict, total=False):
    """How one outfit acts, or all that have nothing of their own."""

    adapter: gr.Dropdown
    inside: bool
    blocks: str
    text: str
    start: float
    end: float


class ActsView(ScalesView, total=False):
    """The same, and what was said of each outfit."""

    acts: Acts


class Kept(ActsView, total=False):
    """The same once a preset is kept: its name can be typed anew."""

    preset_name: str


class Span(TypedDict):
    """From when until when it acts."""

    acts: Acts
    start: float
    end: float


def shown(desk: Studio, acts: Acts, outfit: str, family: str) -> ScalesView:
    """The fields and the picture of the UNet, for one outfit or for all that have nothing of their own."""
    chosen = desk.families[family]
    told, scales = said_of(outfit, acts, chosen), scales_of(desk, acts, outfit, chosen)
    own, adapters = desk.library.block_presets(chosen.name), list(chosen.image_adapters)
    usual = next(iter(adapters), None)
    return {
        "adapter": gr.Dropdown(adapters, value=told.get("adapter", usual), visible=len(adapters) > 1),
        "inside": told.get("inside_garment", True),
        "blocks": blocks_view(scales, chosen, presets_for(chosen, own), own),
        "text": as_text(scales),
        "start": told.get("start", 0.0),
        "end": told.get("end", 1.0),
    }


def uses(slugs: Sequence[str], acts: Acts, family: ModelFamily) -> list[OutfitUse]:
    """Each outfit as it is said to act."""
    return [OutfitUse(slug, **said_of(slug, acts, family)) for slug in slugs]


def said_of(outfit: str, acts: Acts, family: ModelFamily) -> dict[str, Any]:
    """What was said about the outfit, and for the rest about all; what is of another family's is left out."""
    here = {
        "block_scales": lambda scales: _fits(scales, family),
        "adapter": lambda title: title in family.image_adapters,
    }
    told = {}
    for slug in ("", outfit):
        told |= {name: value for name, value in acts.get(slug, {}).items() if name not in here or here[name](value)}
    return told


def scales_of(desk: Studio, acts: Acts, outfit: str, family: ModelFamily) -> Scales:
    """What was said about the outfit, or about all; else what comes with it, or the family's usual way."""
    said = said_of(outfit, acts, family).get("block_scales")
    if said is not None:
        return said
    known = {one.slug: one for one in desk.library.outfits()}
    return usual_scales(known[outfit], family) if outfit in known else next(iter(family.outfit_presets.values()), 1.0)


def _fits(scales: Scales, family: ModelFamily) -> bool:
    try:
        by_layer(scales, family.blocks)
    except ValueError:
        return False
    return True


def blocks_view(scales: Scales, family: ModelFamily, presets: Mapping[str, Scales], own: Mapping[str, Scales]) -> str:
    """Presets as buttons, and the UNet from top to bottom and up again with a slider for each layer."""
    if not family.image_adapters:
        return html.note(f"{family.title} has no IP-Adapter, so it cannot wear outfits; choose another family.")
    layers = by_layer(scales, family.blocks)
    chips = "".join(
        _preset(name, by_layer(preset, family.blocks) == layers, name in own)
        for name, preset in presets.items()
        if _fits(preset, family)
    )
    roles = {
        layer: role
        for role in ("Layout", "Style")
        if role in family.outfit_presets
        for layer, scale in by_layer(family.outfit_presets[role], family.blocks).items()
        if scale
    }
    parts = ""
    for part, called in PARTS.items():
        rows = "".join(
            _layer(f"{part}.{block}.{layer}" if block else part, block, layer, layers, roles)
            for known, block, count in family.blocks
            if known == part
            for layer in range(count)
        )
        parts += f'<div class="unet-part {part}"><h4>{called}</h4>{rows}</div>' if rows else ""
    return f'<div class="acting"><div class="chips">{chips}</div><div class="unet">{parts}</div></div>'


def _preset(name: str, taken: bool, own: bool) -> str:
    named = html.attributes(
        type="button",
        class_=f"chip{' taken' if taken else ''}",
        data_act="preset",
        data_name=name,
        aria_pressed="true" if taken else "false",
    )
    forget = html.button(f"Forget {name}", "forget", "close", quiet=True, name=name) if own else ""
    return f"<button{named}>{escape(name)}</button>{forget}"


def _layer(name: str, block: str, layer: int, layers: Mapping[str, float], roles: Mapping[str, str]) -> str:
    called = f"{block}[{layer}]" if block else "mid"  # as in the dict
    role = f"<em>{roles[name].lower()}</em>" if name in roles else ""
    field = html.attributes(
        type="range",
        min=0,
        max=min(MOST, 2),
        step=0.05,
        value=f"{layers[name]:g}",
        data_act="scale",
        data_layer=name,
        aria_label=f"Scale of {name}",
    )
    loud = " loud" if layers[name] else ""
    return (
        f'<label class="unet-layer{loud}"><span>{called} {role}</span><input{field}>'
        f"<output>{layers[name]:.2g}</output></label>"
    )
