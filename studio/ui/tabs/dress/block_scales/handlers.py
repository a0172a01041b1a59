"""What happens under How it acts: presets, sliders and the dict say the same, of one outfit or of all."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from studio.contracts.block_scales import Scales, as_dict, by_layer, read
from studio.session import Studio
from studio.tasks.draw import presets_for
from studio.ui.tabs.dress.block_scales.layout import BlockScales
from studio.ui.tabs.dress.block_scales.views import (
    Acts,
    ActsView,
    Kept,
    ScalesView,
    Span,
    said_of,
    scales_of,
    shown,
)
from studio.ui.wiring import Wiring


def connect_block_scales(wiring: Wiring, made: BlockScales, family: gr.Dropdown) -> None:
    """Says what happens where."""
    parts, listen = {**made.parts, "family": family}, wiring.listen
    listen(parts["outfit"].change, look, parts)
    wiring.acts(parts["blocks"], {"preset": take_preset, "scale": scale, "forget": forget}, parts)
    for event in (parts["text"].submit, parts["text"].blur):
        listen(event, write_scales, parts)
    listen(parts["adapter"].input, note_adapter, parts, parts["acts"])
    listen(parts["inside"].input, note_inside, parts, parts["acts"])
    for edge in ("start", "end"):
        listen(parts[edge].release, note_span, parts)
    listen(made.keep.click, keep_preset, parts)
    listen(made.bring.click, keep_with_outfit, parts)
    listen(made.usual.click, as_usual, parts)


def look(desk: Studio, acts: Acts, outfit: str, family: str) -> ScalesView:
    return shown(desk, acts, outfit, family)


def take_preset(desk: Studio, act: dict, acts: Acts, outfit: str, family: str) -> ActsView:
    chosen = desk.families[family]
    presets = presets_for(chosen, desk.library.block_presets(chosen.name))
    scales = presets.get(str(act.get("name")), scales_of(desk, acts, outfit, chosen))
    return _scaled(desk, scales, acts, outfit, family)


def scale(desk: Studio, act: dict, acts: Acts, outfit: str, family: str) -> ActsView:
    """One layer by its slider."""
    chosen = desk.families[family]
    layers = by_layer(scales_of(desk, acts, outfit, chosen), chosen.blocks)
    scales = as_dict({**layers, str(act.get("layer")): float(act.get("value", 0.0))}, chosen.blocks)
    return _scaled(desk, scales, acts, outfit, family)


def forget(desk: Studio, act: dict, acts: Acts, outfit: str, family: str) -> ActsView:
    """A preset of the library's own goes."""
    desk.keep_preset(str(act.get("name")), None, family)
    return _acts_view(desk, acts, outfit, family)


def _scaled(desk: Studio, scales: Scales, acts: Acts, outfit: str, family: str) -> ActsView:
    by_layer(scales, desk.families[family].blocks)
    return _acts_view(desk, _with(acts, outfit, "block_scales", scales), outfit, family)


def _acts_view(desk: Studio, acts: Acts, outfit: str, family: str) -> ActsView:
    return {"acts": acts, **shown(desk, acts, outfit, family)}


def write_scales(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> ActsView:
    """The dict as it was typed, everywhere."""
    told = written(desk, text, acts, outfit, family)
    return {} if told is acts else _acts_view(desk, told, outfit, family)


def keep_preset(desk: Studio, preset_name: str, text: str, acts: Acts, outfit: str, family: str) -> Kept:
    """The scales as a preset of the library, beside the family's own."""
    if not (preset_name or "").strip():
        raise ValueError("Give the preset a name under Keep it as.")
    acts = written(desk, text, acts, outfit, family)
    desk.keep_preset(preset_name, scales_of(desk, acts, outfit, desk.families[family]), family)
    return {"preset_name": "", **_acts_view(desk, acts, outfit, family)}


def as_usual(desk: Studio, acts: Acts, outfit: str, family: str) -> ActsView:
    """Nothing of its own any more, neither said here nor kept with it."""
    if outfit:
        desk.edit_outfit(outfit, family=family, as_usual=True)
    return _acts_view(desk, {slug: said for slug, said in acts.items() if slug != outfit}, outfit, family)


def note_adapter(desk: Studio, adapter: str, acts: Acts, outfit: str) -> Acts:
    return _with(acts, outfit, "adapter", adapter)


def note_inside(desk: Studio, inside: bool, acts: Acts, outfit: str) -> Acts:
    return _with(acts, outfit, "inside_garment", inside)


def note_span(desk: Studio, start: float, end: float, acts: Acts, outfit: str, family: str) -> Span:
    """From when until when it acts; what cannot be is told, and as it was."""
    if start >= end:
        gr.Warning("From must be before Until.")
        told = said_of(outfit, acts, desk.families[family])
        return {"acts": acts, "start": told.get("start", 0.0), "end": told.get("end", 1.0)}
    return {"acts": _with(_with(acts, outfit, "start", start), outfit, "end", end), "start": start, "end": end}


def written(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> Acts:
    """With the dict as it was typed, where it says anything new. Raises ValueError, naming the blocks there are, for
    one that does not fit."""
    chosen = desk.families[family]
    scales = read(text, chosen.blocks)
    if by_layer(scales, chosen.blocks) == by_layer(scales_of(desk, acts, outfit, chosen), chosen.blocks):
        return acts
    return _with(acts, outfit, "block_scales", scales)


def keep_with_outfit(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> None:
    """The scales come along with the outfit from now on."""
    if not outfit:
        raise ValueError("Choose an outfit under Of first: then this is kept with it.")
    acts = written(desk, text, acts, outfit, family)
    kept = desk.edit_outfit(outfit, block_scales=scales_of(desk, acts, outfit, desk.families[family]), family=family)
    gr.Info(escape(f"{kept.name} brings these blocks along from now on."))


def _with(acts: Acts, outfit: str | None, field: str, value: Any) -> Acts:
    outfit = outfit or ""
    return {**acts, outfit: {**acts.get(outfit, {}), field: value}}
