"""Draw: a prompt, a LoRA, and the stage on which the pictures appear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MAX_SEED, DrawRequest
from studio.contracts.sampling import LORA_SCALES
from studio.session import Studio
from studio.ui import html
from studio.ui.drawing_fields import drawing_fields
from studio.ui.loras import (
    NOBODY,
    MoreLoras,
    apart,
    connect,
    first_words,
    lora_choices,
    lora_named,
    more_loras,
    renewed,
    together,
    updates_of,
)
from studio.ui.polling import Polling
from studio.ui.progress import carried_out, pictures_of, run_of
from studio.ui.sidebar import told_anew
from studio.ui.stage import comparison_view, family_view, stage_view, words_view
from studio.ui.tabs.draw.lora_files import lora_files
from studio.ui.wiring import Wiring, filled
from studio.words import prompt_check


@dataclass(frozen=True)
class DrawTab:
    """What the rest of the page may touch."""

    tab: gr.Tab
    form: dict[str, Any]  # a component for each field of DrawRequest but the family
    more: MoreLoras
    stage: gr.HTML
    words: gr.HTML
    about: gr.Accordion
    card: gr.HTML
    run: gr.State
    quick: gr.Timer


def draw_tab(wiring: Wiring, family: gr.Dropdown, first: ModelFamily, polling: Polling, quick: gr.Timer) -> DrawTab:
    """Lays the tab out and wires it; `first` is the family whose defaults the form starts with.

    `quick` goes while something is drawn, `polling` always: a late answer of `look` may turn `quick` off just after a
    new drawing turned it on, and the next tick turns it on again. Both stand outside of the tabs: a timer in a tab
    that is not open does not tick.
    """
    with gr.Tab("Draw", id="draw", elem_classes=["tab-draw"]) as tab, gr.Row(elem_classes=["columns"]):
        run, seen = gr.State(""), gr.State(())
        with gr.Column(scale=4, min_width=300, elem_classes=["controls"]):
            form, more, words, remark, draw, random, reuse, about_family, card, remove, really = _controls(
                wiring, family, first
            )
        with gr.Column(scale=7, min_width=320, elem_classes=["stage-column"]):
            with gr.Column(visible=False, elem_classes=["comparison"]) as comparison:
                about = html.piece("", "comparison-piece")
                slider = gr.ImageSlider(
                    type="filepath",
                    interactive=False,
                    show_label=False,
                    buttons=[],
                    label="Without the LoRA, and with it",
                    elem_classes=["compare"],
                )
            stage = html.piece(stage_view(None, [], []), "stage-piece")
    made = DrawTab(tab, form, more, stage, words, about_family, card, run, quick)

    wiring.on(
        draw.click, DrawRequest, start, {**form, "family": family}, more.fields, outputs=[run, quick, stage, comparison]
    )
    polling.look(look, [run, seen], [stage, quick, seen])
    wiring.listen(quick.tick, look, [run, seen], [stage, quick, seen], trigger_mode="once")
    wiring.listen(form["lora"].change, words_for, [form["lora"], family], words)
    wiring.listen(
        form["prompt"].change, note_on, [form["prompt"], form["lora"], family], remark, trigger_mode="always_last"
    )
    wiring.listen(reuse.click, last_seed, run, form["seed"])
    wiring.listen(remove.click, ask_to_remove, form["lora"], [remove, really])
    wiring.listen(form["lora"].input, lambda desk: not_asked(), None, [remove, really])
    wiring.listen(
        really.click,
        remove_lora,
        [form["lora"], family, *more.choices],
        [form["lora"], words, remove, really, *more.choices],
    )
    connect(wiring, more, form, family)
    random.click(None, None, form["seed"], js="() => null", show_progress="hidden", api_visibility="private")
    wiring.on_act(stage, act_on_stage, [run, seen], [stage, seen, form["seed"]])
    wiring.on_act(stage, compare_begins, None, [comparison, about, slider])
    wiring.on_act(stage, compare, None, [about, slider])
    wiring.on_act(about, lambda desk, act: gr.Column(visible=False), None, comparison)
    return made


def _controls(wiring: Wiring, family: gr.Dropdown, first: ModelFamily) -> tuple:
    with gr.Row(elem_classes=["pair"]):
        lora = gr.Dropdown([(NOBODY, "")], value="", label="Who", scale=3, min_width=140, elem_id="draw-lora")
        lora_scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="LoRA scale", scale=3, min_width=140, buttons=[])
    prompt = gr.Textbox(
        label="Prompt",
        lines=3,
        max_lines=8,
        elem_id="prompt",
        max_length=2000,
        placeholder="Who, what they wear, what they do, and where",
    )
    words = html.piece("", "words-piece")
    remark = gr.HTML("", elem_classes=["prompt-note"], apply_default_css=False)
    worn = html.piece("", "worn-piece")
    with gr.Row(elem_classes=["trio"]):
        count = gr.Number(1, label="Pictures", precision=0, minimum=1, maximum=64, min_width=84, scale=2)
        seed = gr.Number(
            None, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=110, scale=3, placeholder="any"
        )
        random = gr.Button("Random", size="md", min_width=84, scale=2, elem_classes=["icon-die", "beside"])
        reuse = gr.Button("Reuse", size="md", min_width=84, scale=2, elem_classes=["icon-recycle", "beside"])
    draw = gr.Button("Draw", variant="primary", size="lg", elem_classes=["act-main"])
    with gr.Accordion("More", open=False):
        fields = drawing_fields(first)
        with gr.Row(elem_classes=["pair"]):
            remove = gr.Button("Remove this LoRA", size="sm", elem_classes=["quiet"])
            really = gr.Button("Really remove it", size="sm", variant="stop", visible=False)
    form = {
        **fields,
        "prompt": prompt,
        "lora": lora,
        "lora_scale": lora_scale,
        "count": count,
        "seed": seed,
        "outfit": gr.State(None),  # what a picture wore whose settings are here; outfits are chosen on Dress
    }
    wiring.listen(form["outfit"].change, worn_view, form["outfit"], worn)
    wiring.on_act(worn, lambda desk, act: None, None, form["outfit"])
    more = more_loras()
    lora_files(wiring, form, more, family)
    with gr.Accordion(knows(first), open=False, elem_id="family-words") as about:
        card = html.piece(family_view(first), "family-piece")
    return form, more, words, remark, draw, random, reuse, about, card, remove, really


def start(desk: Studio, request: DrawRequest, **beside: Any) -> tuple:
    run = desk.start(together(request, beside))
    return run.id, gr.Timer(active=True), shown(desk, run.id), gr.Column(visible=False)


def look(desk: Studio, run: str, seen: tuple) -> tuple:
    """The stage as it is now; the quick timer goes as long as the run does."""
    stage, seen = told_anew([shown(desk, run)], seen)
    found = run_of(desk, run)
    return stage, gr.Timer(active=found is not None and not found.ended), seen


def shown(desk: Studio, run: str) -> str:
    """The run on stage; with none, the last pictures of the library."""
    found = run_of(desk, run)
    lately = [] if found is not None else desk.library.pictures()[:4]
    kept = [] if found is None else pictures_of(desk, found)
    return stage_view(found, kept or lately, desk.library.subjects())


def words_for(desk: Studio, lora: str, family: str) -> str:
    """The trigger of the LoRA and the scenes, as words to put into the prompt."""
    return words_view(lora_named(desk, lora), desk.library.scenes(), desk.families[family])


def worn_view(desk: Studio, uses: list | None) -> str:
    """What is worn, and a way to take it off."""
    known = {outfit.slug: outfit.name for outfit in desk.library.outfits()}
    names = ", ".join(known.get(use["slug"], use["slug"]) for use in uses or ())
    return (
        f'<div class="row worn"><p>Wears {escape(names)}</p>{html.button("Take it off", "take_off", "close")}</div>'
        if names
        else ""
    )


def note_on(desk: Studio, prompt: str, lora: str, family: str) -> str:
    known, chosen = desk.families[family], lora_named(desk, lora)
    return html.note(prompt_check.note(prompt, known.words(), chosen.trigger if chosen else "", known.title))


def not_asked() -> tuple:
    return gr.Button(visible=True), gr.Button(visible=False)


def ask_to_remove(desk: Studio, lora: str) -> tuple:
    if not lora:
        raise ValueError("Choose a LoRA under Who first; Nobody is the family itself and stays.")
    return gr.Button(visible=False), gr.Button(f"Really remove {desk.library.lora(lora).name}", visible=True)


def remove_lora(desk: Studio, lora: str, family: str, *others: str) -> tuple:
    """The LoRA goes for good; pictures that were drawn with it stay."""
    desk.library.remove_lora(lora)
    nobody = gr.Dropdown(lora_choices(desk, desk.families[family]), value="")
    return nobody, words_for(desk, "", family), *not_asked(), *renewed(desk, desk.families[family], others)


def last_seed(desk: Studio, run: str) -> int | None:
    """The seed of the pictures on stage, or of the last one drawn."""
    found = run_of(desk, run)
    if found is not None:
        return found.request.seed
    return next((picture.recipe.request.get("seed") for picture in desk.library.pictures()), None)


def act_on_stage(desk: Studio, act: dict, run: str, seen: tuple) -> tuple:
    """Stop, favourite, or take a picture's seed."""
    seed: Any = gr.skip()
    if act.get("act") == "cancel":
        desk.run(str(act.get("run"))).cancel()
    elif act.get("act") == "favourite":
        picture = desk.library.picture(str(act.get("id")))
        desk.library.favourite(picture.id, not picture.favourite)
    elif act.get("act") == "seed":
        seed = desk.library.picture(str(act.get("id"))).recipe.request.get("seed")
    else:
        return gr.skip(), gr.skip(), seed
    return *told_anew([shown(desk, run)], seen), seed


def compare_begins(desk: Studio, act: dict) -> tuple:
    """Room for the comparison, at once: the picture without the LoRA takes its time."""
    if act.get("act") != "compare":
        return gr.skip(), gr.skip(), gr.skip()
    picture = desk.library.picture(str(act.get("id")))
    return gr.Column(visible=True), comparison_view(picture, drawn=False), (str(picture.path), str(picture.path))


async def compare(desk: Studio, act: dict) -> tuple:
    """The same seed without the LoRA, beside the picture with it."""
    if act.get("act") != "compare":
        return gr.skip(), gr.skip()
    picture = desk.library.picture(str(act.get("id")))
    asked = filled(DrawRequest, {name: value for name, value in picture.recipe.request.items() if name != "type"})
    (without,) = await carried_out(desk, replace(asked, lora=None, count=1))
    return comparison_view(picture, drawn=True), (str(without.path), str(picture.path))


def knows(family: ModelFamily) -> str:
    return f"What {family.title} knows"


def fields_of(desk: Studio, request: DrawRequest, names: Sequence[str]) -> list[Any]:
    """Updates that put a request into the form's fields of these names, and then into those of more LoRAs."""
    family = desk.families.get(request.family or "", desk.family)
    lora, scale, beside = apart(request)
    updates = {
        **vars(request),
        "lora": gr.Dropdown(lora_choices(desk, family), value=lora),
        "lora_scale": scale,
        "outfit": [asdict(use) for use in request.outfits] or None,
        "scheduler": gr.Dropdown(list(family.schedulers), value=request.scheduler),
    }
    return [*(updates[name] for name in names), *updates_of(desk, family, beside)]


def loras_of(desk: Studio, family: ModelFamily, lora: str) -> gr.Dropdown:
    """The LoRAs of this family to choose from; the chosen one stays if it is among them."""
    choices = lora_choices(desk, family)
    return gr.Dropdown(choices, value=lora if lora in {slug for _, slug in choices} else choices[:2][-1][1])


def first_prompt(desk: Studio, family: ModelFamily, lora: str) -> str:
    """What the prompt says before anybody has typed one: the subject at the first scene."""
    scenes = desk.library.scenes()
    return f"{first_words(lora_named(desk, lora), family)}, {scenes[0].prompt if scenes else 'standing'}"
