"""Several LoRAs for one drawing: a character and a style, each with its weights; and what makes one LoRA of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MOST_RANK, DrawRequest, MergeRequest
from studio.contracts.sampling import LORA_SCALES, LoraUse
from studio.library import Lora
from studio.session import Studio
from studio.ui.wiring import Wiring

ROWS = 2  # LoRAs beside the one under Who
NOBODY, NONE = "Nobody", "None"  # of the one under Who, and of the others
NAMES = ("texts", *(f"{what}_{row}" for row in range(ROWS) for what in ("lora", "scale", "texts")))
FIELDS = len(NAMES)
MOST_TOGETHER = 1.5  # scale of the LoRAs of one subject


@dataclass(frozen=True)
class MoreLoras:
    """The folded part of Draw. `fields` go beside the form of DrawRequest: see `together`."""

    fields: Mapping[str, Any]
    name: gr.Textbox
    rank: gr.Number
    merge: gr.Button

    @property
    def unsaid(self) -> list[gr.Number]:
        """Numbers that are empty at first. Gradio shows a 0 there until they are told to be None."""
        return [self.rank, *(self.fields[name] for name in NAMES if name.startswith("texts"))]

    @property
    def choices(self) -> list[gr.Dropdown]:
        return [self.fields[f"lora_{row}"] for row in range(ROWS)]


def more_loras() -> MoreLoras:
    """Lays it out; `connect` wires it."""
    fields: dict[str, Any] = {}
    with gr.Accordion("More LoRAs", open=False, elem_classes=["more-loras"]):
        for row in range(ROWS):
            with gr.Row(elem_classes=["pair"]):
                fields[f"lora_{row}"] = gr.Dropdown(
                    [(NONE, "")], value="", label="Together with", scale=3, min_width=140
                )
                fields[f"scale_{row}"] = gr.Slider(
                    *LORA_SCALES, 1.0, step=0.05, label="Its scale", scale=3, min_width=140, buttons=[]
                )
        gr.HTML(
            '<p class="faint">In the text encoders they weigh as much, unless you say otherwise:</p>',
            apply_default_css=False,
        )
        with gr.Row(elem_classes=["even"]):
            fields["texts"] = _texts("Who")
            fields |= {f"texts_{row}": _texts(called) for row, called in enumerate(("Second", "Third"))}
        with gr.Row(elem_classes=["pair"]):
            name = gr.Textbox(
                label="Name of both as one", placeholder="Mika in pixels", scale=3, min_width=140, max_length=200
            )
            rank = gr.Number(
                None,
                label="Rank",
                placeholder="exact",
                precision=0,
                minimum=1,
                maximum=MOST_RANK,
                scale=3,
                min_width=140,
            )
        merge = gr.Button("Merge into one LoRA", size="md")
    return MoreLoras({name: fields[name] for name in NAMES}, name, rank, merge)


def _texts(label: str) -> gr.Number:
    low, high = LORA_SCALES
    return gr.Number(None, label=label, placeholder="as much", minimum=low, maximum=high, step=0.05, min_width=90)


def connect(wiring: Wiring, part: MoreLoras, form: Mapping[str, Any], family: gr.Dropdown) -> None:
    """Merging, and the LoRAs to choose from as the library and the family change."""
    given = [form["lora"], form["lora_scale"], part.name, part.rank, *part.fields.values()]
    wiring.listen(
        part.merge.click, merge, [family, *given], [form["lora"], form["lora_scale"], *part.fields.values(), part.name]
    )


def merge(desk: Studio, family: str, lora: str, scale: float, name: str, rank: int | None, *beside: Any) -> list[Any]:
    """All that is chosen becomes one LoRA, which the form takes in their place."""
    uses = uses_in(lora, scale, dict(zip(NAMES, beside, strict=True)))
    if len(uses) < 2:
        raise ValueError("Choose at least two LoRAs: one under Who, and another under Together with.")
    if not (name or "").strip():
        raise ValueError("Give the LoRA that they become a name.")
    _warn_of_twins(desk, uses)
    made = desk.merge_loras(MergeRequest(list(uses), name, int(rank) if rank else None))
    gr.Info(f"{made.name} is in the library, of rank {made.rank}.")
    chosen = desk.families[family]
    _, _, nothing = apart(DrawRequest("nothing"))  # the weights are in it: none of them counts a second time
    return [gr.Dropdown(lora_choices(desk, chosen), value=made.slug), 1.0, *updates_of(desk, chosen, nothing), ""]


def _warn_of_twins(desk: Studio, uses: Sequence[LoraUse]) -> None:
    """LoRAs of one subject add up: at twice the weight nothing is left of the picture."""
    known = {lora.slug: lora for lora in desk.library.loras()}
    weights: dict[str, float] = {}
    for use in uses:
        if subject := known[use.slug].trigger if use.slug in known else "":
            weights[subject] = weights.get(subject, 0.0) + use.unet
    for trigger, weight in weights.items():
        if weight > MOST_TOGETHER:
            gr.Warning(
                escape(
                    f"The LoRAs of {trigger} add up to a scale of {weight:g}, which is likely too much: "
                    "together they draw best near 1."
                )
            )


def uses_in(lora: str | None, scale: float, beside: Mapping[str, Any]) -> tuple[LoraUse, ...]:
    """Every LoRA that is chosen, with its weights."""
    rows = [(lora, scale, beside["texts"])]
    rows += [tuple(beside[f"{what}_{row}"] for what in ("lora", "scale", "texts")) for row in range(ROWS)]
    return tuple(LoraUse(slug, weight, weight if texts is None else texts) for slug, weight, texts in rows if slug)


def together(request: DrawRequest, beside: Mapping[str, Any]) -> DrawRequest:
    """The request with all LoRAs that are chosen; as simple as it can be said."""
    slug = request.lora if isinstance(request.lora, str) else None
    uses = uses_in(slug, request.lora_scale, beside)
    if not uses or (len(uses) == 1 and slug and beside["texts"] is None):
        return request
    return replace(request, lora=list(uses), lora_scale=1.0)


def apart(request: DrawRequest) -> tuple[str, float, list[Any]]:
    """The other way round: the LoRA under Who with its scale, and values of the fields beside."""
    if isinstance(request.lora, str) or not request.loras:
        return request.lora or "", request.lora_scale, [None, *("", 1.0, None) * ROWS]
    first, *others = request.loras
    rows = [*others[:ROWS], *[None] * (ROWS - len(others))]
    values: list[Any] = [_apart_texts(first)]
    for use in rows:
        values += ["", 1.0, None] if use is None else [use.slug, use.unet, _apart_texts(use)]
    return first.slug, first.unet, values


def _apart_texts(use: LoraUse) -> float | None:
    return None if use.text_encoder == use.unet else use.text_encoder


def updates_of(desk: Studio, family: ModelFamily, values: Sequence[Any]) -> list[Any]:
    """Updates of the fields beside, in their order, with what there is to choose from."""
    choices = lora_choices(desk, family, NONE)
    return [
        gr.Dropdown(choices, value=value) if name.startswith("lora_") else value
        for name, value in zip(NAMES, values, strict=True)
    ]


def renewed(desk: Studio, family: ModelFamily, chosen: Sequence[str]) -> list[gr.Dropdown]:
    """The choices under Together with; what is chosen stays where it is still there."""
    choices = lora_choices(desk, family, NONE)
    here = {slug for _, slug in choices}
    return [gr.Dropdown(choices, value=slug if slug in here else "") for slug in chosen]


def lora_named(desk: Studio, slug: str | None) -> Lora | None:
    """The LoRA, or None for nobody, and for one that is gone."""
    return next((lora for lora in desk.library.loras() if lora.slug == slug), None) if slug else None


def called(lora: Lora | None, family: ModelFamily) -> str:
    """Who, in words: the LoRA's trigger, or somebody the family knows."""
    return lora.trigger if lora else f"a {next(iter(family.words().get('nouns', ())), 'girl')}"


def first_words(lora: Lora | None, family: ModelFamily) -> str:
    """How a prompt begins before anybody has typed one."""
    return f"{family.prompt_start} {called(lora, family)}"


def lora_choices(desk: Studio, family: ModelFamily, none: str = NOBODY) -> list[tuple[str, str]]:
    """The LoRAs that fit this family, its own first and then those of others, newest first, after none at all."""
    fitting = sorted(
        (lora for lora in desk.library.loras() if lora.fits(family)), key=lambda lora: lora.family != family.name
    )
    names = [_name_of(lora, desk, family) for lora in fitting]
    told = [
        name if names.count(name) == 1 else f"{name} of {lora.created[:16].replace('T', ' ')}"
        for name, lora in zip(names, fitting, strict=True)
    ]
    return [(none, ""), *((name, lora.slug) for name, lora in zip(told, fitting, strict=True))]


def _name_of(lora: Lora, desk: Studio, family: ModelFamily) -> str:
    """Its name, and of another family's that it is one's."""
    home = desk.families.get(lora.family)
    return lora.name if home is None or lora.family == family.name else f"{lora.name} ({home.title})"
