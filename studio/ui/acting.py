"""How outfits act: presets, a slider for every layer of the UNet that attends to them, and the dict, all live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.block_scales import MOST, Scales, as_dict, as_text, by_layer, read
from studio.desk import Studio
from studio.families import ModelFamily
from studio.requests import OutfitUse
from studio.ui import pieces
from studio.ui.forms import Wiring
from studio.wearing import presets_for, usual_scales

ALL = "All outfits"
PARTS = {"down": "going down", "mid": "the middle", "up": "coming up"}
Acts = dict[str, dict[str, Any]]  # slug of an outfit, "" for all others -> fields of OutfitUse


@dataclass(frozen=True)
class Acting:
    """The folded part of Dress. `acts` is its state; `outputs` are what `shown` fills."""

    acts: gr.State
    outfit: gr.Dropdown
    outputs: tuple[Any, ...]


def acting(wiring: Wiring, family: gr.Dropdown) -> Acting:
    """Lays it out and wires it."""
    acts = gr.State({})
    with gr.Column(elem_classes=["controls", "acting-fold"]), gr.Accordion("How it acts", open=False):
        with gr.Row(elem_classes=["acting-top"]):
            outfit = gr.Dropdown([(ALL, "")], value="", label="Of", min_width=160, scale=2)
            adapter = gr.Dropdown([], label="Image adapter", min_width=160, scale=2)
            inside = gr.Checkbox(True, label="Inside the clothes alone", min_width=200, scale=2,
                                 info="The rest keeps its colours and its look.")
        with gr.Row(elem_classes=["acting-columns"]):
            blocks = pieces.piece("", "blocks-piece")
            with gr.Column(min_width=260, scale=0, elem_classes=["acting-text"]):
                text = gr.Textbox(label="As diffusers takes it", lines=4, max_lines=10, buttons=["copy"],
                                  elem_id="block-scales", max_length=2000)
                with gr.Row(elem_classes=["pair"]):
                    start = gr.Slider(0.0, 0.95, 0.0, step=0.05, label="From", min_width=110, buttons=[])
                    end = gr.Slider(0.05, 1.0, 1.0, step=0.05, label="Until", min_width=110, buttons=[])
                gr.HTML('<p class="faint">Parts of the drawing: 0 is its beginning, 1 its end.</p>',
                        apply_default_css=False)
                name = gr.Textbox(label="Keep it as", placeholder="Sleeves only", max_length=60)
                with gr.Row(elem_classes=["pair"]):
                    keep = gr.Button("Keep as a preset", size="sm", min_width=110)
                    bring = gr.Button("Keep with the outfit", size="sm", min_width=110)
    made = Acting(acts, outfit, (adapter, inside, blocks, text, start, end))
    every = [acts, outfit, family]
    wiring.listen(outfit.change, shown, every, list(made.outputs))
    wiring.on_act(blocks, act_on_blocks, every, [acts, *made.outputs])
    for event in (text.submit, text.blur):
        wiring.listen(event, write_scales, [text, *every], [acts, *made.outputs])
    for field, component in (("adapter", adapter), ("inside_garment", inside)):
        wiring.listen(component.input, _noting(field), [component, *every], acts)
    for field, component in (("start", start), ("end", end)):
        wiring.listen(component.release, _noting(field), [component, *every], acts)
    wiring.listen(keep.click, keep_preset, [name, *every], [name, *made.outputs])
    wiring.listen(bring.click, keep_with_outfit, every, None)
    return made


def uses(slugs: Sequence[str], acts: Acts, family: ModelFamily) -> list[OutfitUse]:
    """Each outfit with what was said about it, else about all of them; what was said for another family's blocks and
    adapters is left out."""
    return [OutfitUse(slug, **_for(family, acts.get(slug, acts.get("", {})))) for slug in slugs]


def _for(family: ModelFamily, said: Mapping[str, Any]) -> dict[str, Any]:
    here = {"block_scales": lambda scales: _fits(scales, family),
            "adapter": lambda title: title in family.image_adapters}
    return {name: value for name, value in said.items() if name not in here or here[name](value)}


def shown(desk: Studio, acts: Acts, outfit: str, family: str) -> tuple:
    """The fields and the picture of the UNet, for one outfit or for all that have nothing of their own."""
    chosen = desk.families[family]
    told, scales = acts.get(outfit, acts.get("", {})), scales_of(desk, acts, outfit, chosen)
    adapters = list(chosen.image_adapters)
    adapter = told.get("adapter") if told.get("adapter") in adapters else next(iter(adapters), None)
    return (
        gr.Dropdown(adapters, value=adapter, visible=len(adapters) > 1), told.get("inside_garment", True),
        blocks_view(scales, chosen, presets_for(chosen, desk.library.block_presets(chosen.name)),
                    desk.library.block_presets(chosen.name)),
        as_text(scales), told.get("start", 0.0), told.get("end", 1.0),
    )


def scales_of(desk: Studio, acts: Acts, outfit: str, family: ModelFamily) -> Scales:
    """What was set for the outfit, else for all, else what comes with it; of another family's blocks: the usual."""
    for slug in (outfit, ""):
        said = acts.get(slug, {}).get("block_scales")
        if said is not None and _fits(said, family):
            return said
    known = {one.slug: one for one in desk.library.outfits()}
    return usual_scales(known[outfit], family) if outfit in known else next(iter(family.outfit_presets.values()), 1.0)


def _fits(scales: Scales, family: ModelFamily) -> bool:
    try:
        by_layer(scales, family.blocks)
    except ValueError:
        return False
    return True


def act_on_blocks(desk: Studio, act: dict, acts: Acts, outfit: str, family: str) -> tuple:
    """A preset, one slider, or a preset of the library's own that goes."""
    chosen, what = desk.families[family], act.get("act")
    if what == "preset":
        presets = presets_for(chosen, desk.library.block_presets(chosen.name))
        scales = presets.get(str(act.get("name")), scales_of(desk, acts, outfit, chosen))
    elif what == "scale":
        layers = by_layer(scales_of(desk, acts, outfit, chosen), chosen.blocks)
        scales = as_dict({**layers, str(act.get("layer")): float(act.get("value", 0.0))}, chosen.blocks)
    elif what == "forget":
        desk.keep_block_scales(None, family, preset=str(act.get("name")))
        return acts, *shown(desk, acts, outfit, family)
    else:
        return (gr.skip(),) * 7
    by_layer(scales, chosen.blocks)
    acts = _with(acts, outfit, "block_scales", scales)
    return acts, *shown(desk, acts, outfit, family)


def write_scales(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> tuple:
    """The dict as it was typed. Raises ValueError, naming the blocks there are, for one that does not fit."""
    chosen = desk.families[family]
    scales = read(text, chosen.blocks)
    if by_layer(scales, chosen.blocks) == by_layer(scales_of(desk, acts, outfit, chosen), chosen.blocks):
        return (gr.skip(),) * 7  # somebody has looked at it
    acts = _with(acts, outfit, "block_scales", scales)
    return acts, *shown(desk, acts, outfit, family)


def keep_preset(desk: Studio, name: str, acts: Acts, outfit: str, family: str) -> tuple:
    """The scales as a preset of the library, beside the family's own."""
    if not (name or "").strip():
        raise ValueError("Give the preset a name under Keep it as.")
    desk.keep_block_scales(scales_of(desk, acts, outfit, desk.families[family]), family, preset=name.strip())
    return "", *shown(desk, acts, outfit, family)


def keep_with_outfit(desk: Studio, acts: Acts, outfit: str, family: str) -> None:
    """The scales come along with the outfit from now on."""
    if not outfit:
        raise ValueError("Choose an outfit under Of first: then this is kept with it.")
    desk.keep_block_scales(scales_of(desk, acts, outfit, desk.families[family]), family, outfit=outfit)
    gr.Info(escape(f"{desk.library.outfit(outfit).name} brings this along from now on."))


def _noting(field: str) -> Any:
    def note(desk: Studio, value: Any, acts: Acts, outfit: str, family: str) -> Acts:
        changed = _with(acts, outfit, field, value)
        OutfitUse("x", **changed[outfit])  # says at once what cannot be
        return changed
    return note


def _with(acts: Acts, outfit: str, field: str, value: Any) -> Acts:
    return {**acts, outfit: {**acts.get(outfit, acts.get("", {})), field: value}}


def blocks_view(scales: Scales, family: ModelFamily, presets: Mapping[str, Scales], own: Mapping[str, Scales]) -> str:
    """Presets as buttons, and the UNet from top to bottom and up again with a slider for each layer."""
    if not family.image_adapters:
        return pieces.note(f"{family.title} has no IP-Adapter, so it cannot wear outfits; choose another family.")
    layers = by_layer(scales, family.blocks)
    chips = "".join(_preset(name, by_layer(preset, family.blocks) == layers, name in own)
                    for name, preset in presets.items() if _fits(preset, family))
    roles = {layer: role for role in ("Layout", "Style") if role in family.outfit_presets
             for layer, scale in by_layer(family.outfit_presets[role], family.blocks).items() if scale}
    parts = ""
    for part, called in PARTS.items():
        rows = "".join(_layer(f"{part}.{block}.{layer}" if block else part, block, layer, layers, roles)
                       for known, block, count in family.blocks if known == part for layer in range(count))
        parts += f'<div class="unet-part {part}"><h4>{called}</h4>{rows}</div>' if rows else ""
    return f'<div class="acting"><div class="chips">{chips}</div><div class="unet">{parts}</div></div>'


def _preset(name: str, taken: bool, own: bool) -> str:
    named = pieces.attributes(type="button", class_=f"chip{' taken' if taken else ''}", data_act="preset",
                              data_name=name, aria_pressed="true" if taken else "false")
    forget = pieces.button(f"Forget {name}", "forget", "close", quiet=True, name=name) if own else ""
    return f"<button{named}>{escape(name)}</button>{forget}"


def _layer(name: str, block: str, layer: int, layers: Mapping[str, float], roles: Mapping[str, str]) -> str:
    called = f"{block.replace('_', ' ')}, {layer + 1}" if block else "mid"
    role = f"<em>{roles[name].lower()}</em>" if name in roles else ""
    field = pieces.attributes(type="range", min=0, max=min(MOST, 2), step=0.05, value=f"{layers[name]:g}",
                              data_act="scale", data_layer=name, aria_label=f"Scale of {name}")
    loud = " loud" if layers[name] else ""
    return f'<label class="unet-layer{loud}"><span>{called} {role}</span><input{field}>' \
        f"<output>{layers[name]:.2g}</output></label>"
