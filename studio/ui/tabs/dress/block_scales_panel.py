"""How outfits act: presets, a slider for every layer of the UNet that attends to them, and the dict, all live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.contracts.block_scales import MOST, Scales, as_dict, as_text, by_layer, read
from studio.contracts.family import ModelFamily
from studio.contracts.sampling import OutfitUse
from studio.session import Studio
from studio.tasks.draw import presets_for, usual_scales
from studio.ui import html
from studio.ui.wiring import Wiring

ALL = "All outfits"
PARTS = {"down": "going down", "mid": "the middle", "up": "coming up"}
Acts = dict[str, dict[str, Any]]  # slug of an outfit, "" for all others -> fields of OutfitUse


@dataclass(frozen=True)
class Acting:
    """The folded part of Dress. `acts` is its state; `outputs` are what `shown` fills."""

    acts: gr.State
    outfit: gr.Dropdown
    text: gr.Textbox
    outputs: tuple[Any, ...]


def acting(wiring: Wiring, family: gr.Dropdown) -> Acting:
    """Lays it out and wires it."""
    acts = gr.State({})
    with gr.Column(elem_classes=["controls", "acting-fold"]), gr.Accordion("How it acts", open=False):
        with gr.Row(elem_classes=["acting-top"]):
            outfit = gr.Dropdown([(ALL, "")], value="", label="Of", min_width=160, scale=2)
            adapter = gr.Dropdown([], label="Image adapter", min_width=160, scale=2)
            inside = gr.Checkbox(
                True,
                label="Inside the clothes alone",
                min_width=200,
                scale=2,
                info="The rest keeps its colours and its look.",
            )
        with gr.Row(elem_classes=["acting-columns"]):
            blocks = html.piece("", "blocks-piece")
            with gr.Column(min_width=260, scale=0, elem_classes=["acting-text"]):
                text = gr.Textbox(
                    label="As diffusers takes it",
                    lines=4,
                    max_lines=10,
                    buttons=["copy"],
                    elem_id="block-scales",
                    max_length=2000,
                )
                with gr.Row(elem_classes=["pair"]):
                    start = gr.Slider(0.0, 0.95, 0.0, step=0.05, label="From", min_width=110, buttons=[])
                    end = gr.Slider(0.05, 1.0, 1.0, step=0.05, label="Until", min_width=110, buttons=[])
                gr.HTML(
                    '<p class="faint">Parts of the drawing: 0 is its beginning, 1 its end.</p>', apply_default_css=False
                )
                name = gr.Textbox(label="Keep it as", placeholder="Sleeves only", max_length=60)
                with gr.Row(elem_classes=["pair"]):
                    keep = gr.Button("Keep as a preset", size="sm", min_width=110)
                    bring = gr.Button("Keep with the outfit", size="sm", min_width=110)
                usual = gr.Button("As usual again", size="sm", elem_classes=["quiet"])
    made = Acting(acts, outfit, text, (adapter, inside, blocks, text, start, end))
    every = [acts, outfit, family]
    wiring.listen(outfit.change, shown, every, list(made.outputs))
    wiring.on_act(blocks, act_on_blocks, every, [acts, *made.outputs])
    for event in (text.submit, text.blur):
        wiring.listen(event, write_scales, [text, *every], [acts, *made.outputs])
    for field, component in (("adapter", adapter), ("inside_garment", inside)):
        wiring.listen(component.input, _noting(field), [component, *every], acts)
    for component in (start, end):
        wiring.listen(component.release, note_span, [start, end, *every], [acts, start, end])
    wiring.listen(keep.click, keep_preset, [name, text, *every], [name, acts, *made.outputs])
    wiring.listen(bring.click, keep_with_outfit, [text, *every], None)
    wiring.listen(usual.click, as_usual, every, [acts, *made.outputs])
    return made


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


def shown(desk: Studio, acts: Acts, outfit: str, family: str) -> tuple:
    """The fields and the picture of the UNet, for one outfit or for all that have nothing of their own."""
    chosen = desk.families[family]
    told, scales = said_of(outfit, acts, chosen), scales_of(desk, acts, outfit, chosen)
    own, adapters = desk.library.block_presets(chosen.name), list(chosen.image_adapters)
    return (
        gr.Dropdown(adapters, value=told.get("adapter", next(iter(adapters), None)), visible=len(adapters) > 1),
        told.get("inside_garment", True),
        blocks_view(scales, chosen, presets_for(chosen, own), own),
        as_text(scales),
        told.get("start", 0.0),
        told.get("end", 1.0),
    )


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
        desk.keep_preset(str(act.get("name")), None, family)
        return acts, *shown(desk, acts, outfit, family)
    else:
        return (gr.skip(),) * 7
    by_layer(scales, chosen.blocks)
    acts = _with(acts, outfit, "block_scales", scales)
    return acts, *shown(desk, acts, outfit, family)


def written(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> Acts:
    """With the dict as it was typed, where it says anything new. Raises ValueError, naming the blocks there are, for
    one that does not fit."""
    chosen = desk.families[family]
    scales = read(text, chosen.blocks)
    if by_layer(scales, chosen.blocks) == by_layer(scales_of(desk, acts, outfit, chosen), chosen.blocks):
        return acts
    return _with(acts, outfit, "block_scales", scales)


def write_scales(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> tuple:
    """The dict as it was typed, everywhere."""
    told = written(desk, text, acts, outfit, family)
    return (gr.skip(),) * 7 if told is acts else (told, *shown(desk, told, outfit, family))


def keep_preset(desk: Studio, name: str, text: str, acts: Acts, outfit: str, family: str) -> tuple:
    """The scales as a preset of the library, beside the family's own."""
    if not (name or "").strip():
        raise ValueError("Give the preset a name under Keep it as.")
    acts = written(desk, text, acts, outfit, family)
    desk.keep_preset(name, scales_of(desk, acts, outfit, desk.families[family]), family)
    return "", acts, *shown(desk, acts, outfit, family)


def keep_with_outfit(desk: Studio, text: str, acts: Acts, outfit: str, family: str) -> None:
    """The scales come along with the outfit from now on."""
    if not outfit:
        raise ValueError("Choose an outfit under Of first: then this is kept with it.")
    acts = written(desk, text, acts, outfit, family)
    kept = desk.edit_outfit(outfit, block_scales=scales_of(desk, acts, outfit, desk.families[family]), family=family)
    gr.Info(escape(f"{kept.name} brings these blocks along from now on."))


def as_usual(desk: Studio, acts: Acts, outfit: str, family: str) -> tuple:
    """Nothing of its own any more, neither said here nor kept with it."""
    if outfit:
        desk.edit_outfit(outfit, family=family, as_usual=True)
    acts = {slug: said for slug, said in acts.items() if slug != outfit}
    return acts, *shown(desk, acts, outfit, family)


def _noting(field: str) -> Any:
    def note(desk: Studio, value: Any, acts: Acts, outfit: str, family: str) -> Acts:
        return _with(acts, outfit, field, value)

    return note


def note_span(desk: Studio, start: float, end: float, acts: Acts, outfit: str, family: str) -> tuple:
    """From when until when it acts; what cannot be is told, and as it was."""
    if start >= end:
        gr.Warning("From must be before Until.")
        told = said_of(outfit, acts, desk.families[family])
        return acts, told.get("start", 0.0), told.get("end", 1.0)
    return _with(_with(acts, outfit, "start", start), outfit, "end", end), start, end


def _with(acts: Acts, outfit: str | None, field: str, value: Any) -> Acts:
    outfit = outfit or ""
    return {**acts, outfit: {**acts.get(outfit, {}), field: value}}


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
