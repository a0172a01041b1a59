"""Several LoRAs for one drawing: a character and a style, each with its weights; and what makes one LoRA of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MOST_RANK, DrawRequest, MergeRequest
from studio.contracts.sampling import LORA_SCALES, LoraUse
from studio.library import Lora
from studio.session import Studio
from studio.ui import subject_actions
from studio.ui.wiring import Wiring
from studio.words import prompt_check, reading, triggers

ROWS = 2  # LoRAs beside the one under Who
NOBODY, NONE = "Nobody", "None"  # of the one under Who, and of the others
MOST_TOGETHER = 1.5  # scale of the LoRAs of one subject


class MoreLorasView(TypedDict, total=False):
    """The fields of more LoRAs."""

    texts: float | None
    lora_0: gr.Dropdown
    scale_0: float
    texts_0: float | None
    lora_1: gr.Dropdown
    scale_1: float
    texts_1: float | None


class MergedView(MoreLorasView, total=False):
    """The form once several LoRAs have become one."""

    lora: gr.Dropdown
    lora_scale: float
    merged_name: str


NAMES = tuple(MoreLorasView.__annotations__)


@dataclass(frozen=True)
class MoreLoras:
    """The folded part of Draw. `fields` go beside the form of DrawRequest: see `together`."""

    fields: Mapping[str, Any]
    name: gr.Textbox
    rank: gr.Number
    merge: gr.Button

    @property
    def parts(self) -> dict[str, Any]:
        """All components by the names that handlers know them under."""
        return {"merged_name": self.name, "rank": self.rank, **self.fields}

    @property
    def choices(self) -> dict[str, Any]:
        """The lists of LoRAs alone, by name."""
        return {name: self.fields[name] for name in NAMES if name.startswith("lora_")}


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
    parts = {**form, **part.parts, "family": family}
    wiring.listen(part.merge.click, merge, parts, others=part.fields)


def merge(
    desk: Studio, family: str, lora: str, lora_scale: float, merged_name: str, rank: int | None, **beside: Any
) -> MergedView:
    """All that is chosen becomes one LoRA, which the form takes in their place."""
    uses = uses_in(lora, lora_scale, beside)
    if len(uses) < 2:
        raise ValueError("Choose at least two LoRAs: one under Who, and another under Together with.")
    if not (merged_name or "").strip():
        raise ValueError("Give the LoRA that they become a name.")
    _warn_of_twins(desk, uses)
    made = desk.merge_loras(MergeRequest(list(uses), merged_name, int(rank) if rank else None))
    gr.Info(f"{made.name} is in the library, of rank {made.rank}.")
    chosen = desk.families[family]
    _, _, nothing = apart(DrawRequest("nothing"))  # the weights are in it: none of them counts a second time
    return {
        "lora": gr.Dropdown(lora_choices(desk, chosen), value=made.slug),
        "lora_scale": 1.0,
        "merged_name": "",
        **updates_of(desk, chosen, nothing),
    }


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


def apart(request: DrawRequest) -> tuple[str, float, dict[str, Any]]:
    """The other way round: the LoRA under Who with its scale, and values of the fields beside."""
    if isinstance(request.lora, str) or not request.loras:
        slug = request.lora if isinstance(request.lora, str) else ""
        return slug, request.lora_scale, _rows(None, [])
    first, *others = request.loras
    return first.slug, first.unet, _rows(_apart_texts(first), others)


def _rows(texts: float | None, uses: Sequence[LoraUse]) -> dict[str, Any]:
    values: dict[str, Any] = {"texts": texts}
    for row in range(ROWS):
        use = uses[row] if row < len(uses) else None
        told = ("", 1.0, None) if use is None else (use.slug, use.unet, _apart_texts(use))
        values |= zip((f"lora_{row}", f"scale_{row}", f"texts_{row}"), told, strict=True)
    return values


def _apart_texts(use: LoraUse) -> float | None:
    return None if use.text_encoder == use.unet else use.text_encoder


def updates_of(desk: Studio, family: ModelFamily, values: Mapping[str, Any]) -> MoreLorasView:
    """Updates of the fields beside, with what there is to choose from."""
    choices = lora_choices(desk, family, NONE)
    told: dict[str, Any] = {
        name: gr.Dropdown(choices, value=value) if name.startswith("lora_") else value for name, value in values.items()
    }
    return MoreLorasView(**told)


def renewed(desk: Studio, family: ModelFamily, chosen: Mapping[str, str]) -> MoreLorasView:
    """The choices under Together with; what is chosen stays where it is still there."""
    here = {slug for _, slug in lora_choices(desk, family, NONE)}
    return updates_of(desk, family, {name: slug if slug in here else "" for name, slug in chosen.items()})


def lora_named(desk: Studio, slug: str | None) -> Lora | None:
    """The LoRA, or None for nobody, and for one that is gone."""
    return next((lora for lora in desk.library.loras() if lora.slug == slug), None) if slug else None


def called(lora: Lora | None, family: ModelFamily) -> str:
    """Who, in words: the LoRA's trigger, or somebody the family knows."""
    return lora.trigger if lora and lora.trigger else f"a {next(iter(family.words().get('nouns', ())), 'girl')}"


def first_words(lora: Lora | None, family: ModelFamily) -> str:
    """How a prompt begins before anybody has typed one."""
    return f"{family.prompt_start} {called(lora, family)}"


def listed_now(desk: Studio, family: ModelFamily) -> str:
    """What there is to choose from, as one value to compare: LoRAs, outfits and scenes.

    A tab that opens says nothing where it is as it was: an answer that comes late must not undo a newer choice.
    """
    outfits = [(one.slug, one.name) for one in desk.library.outfits()]
    return repr((lora_choices(desk, family), outfits, [(one.slug, one.name) for one in desk.library.scenes()]))


def calling_who(desk: Studio, family: ModelFamily, prompt: str, lora: str, beside: Iterable[str] = ()) -> str:
    """The prompt calls whoever is chosen under Who, and nobody else; all other words stay. The same when called twice.

    `beside` are slugs of LoRAs that are chosen together with it: their triggers stay. An empty prompt gets its first
    words.
    """
    chosen = lora_named(desk, lora)
    if not prompt.strip():
        return first_words(chosen, family)
    kept = [chosen, *(lora_named(desk, slug) for slug in beside)]
    meant = {one.trigger.lower() for one in kept if one}
    nouns = prompt_check.nouns_in(family.words())
    somebody = [one.trigger for one in _of_somebody(desk, nouns)]
    others = [trigger for trigger in somebody if trigger.lower() not in meant]
    if chosen is None or not triggers.calls_somebody(chosen.trigger, nouns):
        prompt = triggers.calling(prompt, called(None, family), others, joins=False)  # a style is somebody's
        here = chosen is None or not chosen.trigger or triggers.has(prompt, chosen.trigger)
        return prompt if here or chosen is None else f"{prompt}, {chosen.trigger}"
    plain = [called(None, family), *triggers.plain_calls(somebody)]
    return triggers.calling(prompt, chosen.trigger, others, plain)


def _of_somebody(desk: Studio, nouns: Iterable[str]) -> list[Lora]:
    """The library's LoRAs whose triggers call a subject; `nouns` are class nouns that the family knows."""
    return [one for one in desk.library.loras() if triggers.calls_somebody(one.trigger, nouns)]


def prompt_note(
    desk: Studio,
    family: ModelFamily,
    prompt: str,
    lora: str | None,
    beside: Iterable[str] = (),
    *,
    choices: bool = False,
) -> str:
    """What should be known of a prompt before it is drawn from: words, triggers, what is not read; "" for nothing.

    `beside` are slugs of LoRAs that are chosen together with the one under Who; `choices` says whether one text may
    be several prompts here.
    """
    kept = {one.trigger: one.name for slug in (lora, *beside) if (one := lora_named(desk, slug)) and one.trigger}
    words = family.words()
    others = {one.trigger: one.name for one in _of_somebody(desk, prompt_check.nouns_in(words))}
    notes = (
        reading.prompt_note(prompt, subject_actions.vocabulary(family), choices),
        prompt_check.note(prompt, words, " ".join(kept), family.title),
        triggers.note(prompt, kept, others) if prompt.strip() else "",
    )
    return " ".join(said for said in notes if said)


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
