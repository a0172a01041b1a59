"""What shall be painted where the mask is, and what came of it: the right side and the foot of Retouch."""

from __future__ import annotations

import asyncio
import io
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from studio.contracts.events import MaskFound
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import OUTSIDE
from studio.contracts.requests import (
    DRAW_STEPS,
    FILLS,
    GUIDANCES,
    MAX_SEED,
    MOST_PIXELS,
    MOST_SIDE,
    ORIGINAL,
    RepaintRequest,
    WearRequest,
)
from studio.contracts.sampling import LORA_SCALES
from studio.execution.run import Run
from studio.imaging.masks import read_mask
from studio.imaging.photos import open_image
from studio.library import Picture
from studio.session import Studio
from studio.tasks.repaint import INTENTS, Intent, context
from studio.tasks.try_on import TRY_ON, used_in
from studio.ui import html
from studio.ui.estimate_tags import tags
from studio.ui.loras import NOBODY, lora_choices
from studio.ui.polling import Polling
from studio.ui.progress import pictures_of, run_of
from studio.ui.sidebar import told_anew
from studio.ui.stage import live_headline, save, star
from studio.ui.tabs.dress.cards import toggle
from studio.ui.tabs.retouch.easel import told
from studio.ui.wiring import Wiring, fitting
from studio.words.clothing_words import without_clothes

VELVET, SHOWN = (214, 48, 72), 512  # of a mask that was found, and the longest side it is shown at
USUAL = next(iter(INTENTS))
DRAFTS = ("intent", "outfit", "prompt", "lora")  # what a reload does not lose


@dataclass(frozen=True)
class Repainting:
    """What the rest of the page may touch; `form` has a component for each field of RepaintRequest to fill in."""

    form: dict[str, Any]
    stage: gr.HTML
    filled: tuple[Any, ...]  # what `fields_for` gives
    opened: tuple[Any, ...]  # what `opening` gives
    drafts: tuple[Any, ...]  # what `kept` takes
    view: tuple[Any, ...]  # what `refresh` takes after the desk
    renewed: tuple[Any, ...]  # what it gives


def repainting(
    wiring: Wiring,
    family: gr.Dropdown,
    first: ModelFamily,
    canvas: gr.HTML,
    polling: Polling,
    ask: Callable[[Studio, dict], tuple[Path, Any]],
) -> Repainting:
    """Lays it out and wires it; `ask` gives the picture's file and the mask, if any, of an act of the canvas."""
    chosen, run, seen, picked = gr.State(""), gr.State(""), gr.State(()), gr.State("")
    form, intent, about, outfits, paint, wear = _controls(first)
    with gr.Column(elem_classes=["painted"], min_width=300):
        with gr.Column(visible=False, elem_classes=["comparison"]) as comparison:
            slider = gr.ImageSlider(
                type="filepath",
                interactive=False,
                show_label=False,
                buttons=[],
                label="Before, and after",
                elem_classes=["compare"],
            )
        stage = html.piece("", "painted-piece", elem_id="painted")
    names, every = list(form), [canvas, run, stage, comparison, picked]

    async def start(desk: Studio, act: dict, known: str, meant: str, outfit: str, *values: Any) -> tuple:
        if act.get("act") not in ("repaint", "wear"):
            return (gr.skip(),) * len(every)
        given = _filled(dict(zip(names, values, strict=True)))

        def begin() -> Run:  # in a thread: a large picture and its mask take their time
            path, mask = ask(desk, act)
            return desk.start(_request(path, mask, outfit, known, INTENTS[meant], given))

        begun = await asyncio.to_thread(begin)
        return (
            told("painting", question=act.get("question")),
            begun.id,
            painted_view(desk, begun.id, ""),
            gr.Column(visible=False),
            "",
        )

    wiring.on_act(canvas, start, [family, intent, chosen, *form.values()], every).failure(
        None, None, None, js=EASEL_FREE, show_progress="hidden", api_visibility="private"
    )
    for button, event in ((paint, "easel-repaint"), (wear, "easel-wear")):
        button.click(
            None,
            None,
            None,
            js=f"() => {{ document.dispatchEvent(new Event('{event}')); }}",
            show_progress="hidden",
            api_visibility="private",
        )
    polling.look(look, [run, picked, seen], [stage, comparison, slider, canvas, seen])
    wiring.on_act(stage, act_on_painted, [run, picked], [picked, stage, comparison, slider])
    wiring.listen(intent.change, intended, [intent, chosen], [about, outfits, wear, *(form[name] for name in INTENDED)])
    wiring.on_act(outfits, choose_outfit, chosen, [chosen, outfits])
    prompt, lora = form["prompt"], form["lora"]
    opened = (
        intent,
        about,
        chosen,
        outfits,
        wear,
        prompt,
        lora,
        run,
        stage,
        form["seed"],
        form["padding"],
        form["feather"],
    )
    return Repainting(
        form,
        stage,
        (prompt, lora, form["lora_scale"]),
        opened,
        (intent, chosen, prompt, lora),
        (family, lora, intent, chosen),
        (lora, chosen, outfits),
    )


EASEL_FREE = "() => { document.dispatchEvent(new Event('easel-failed')); }"  # the easel waits no longer
OF_FAMILY = ("steps", "guidance", "scheduler")
INTENDED = ("strength", "fill", "padding")  # fields that an intent fills in


def _controls(first: ModelFamily) -> tuple:
    with gr.Column(elem_classes=["controls", "paint"], min_width=280):
        intent = gr.Radio(
            [(one.title, name) for name, one in INTENTS.items()],
            value=USUAL,
            label="What shall happen",
            elem_classes=["intents"],
        )
        about = gr.HTML(about_intent(USUAL), apply_default_css=False)
        outfits = html.piece("", "wardrobe-piece")
        prompt = gr.Textbox(
            label="In words",
            lines=2,
            max_lines=5,
            max_length=2000,
            elem_id="retouch-prompt",
            placeholder="What shall be there",
        )
        with gr.Row(elem_classes=["pair"]):
            lora = gr.Dropdown([(NOBODY, "")], value="", label="Who", scale=3, min_width=120)
            scale = gr.Slider(*LORA_SCALES, 1.0, step=0.05, label="LoRA scale", scale=3, min_width=110, buttons=[])
        paint = gr.Button("Repaint", variant="primary", size="lg", elem_classes=["act-main"])
        wear = gr.Button("Find the clothes and dress", size="md", elem_id="wear-it")
        with gr.Row(elem_classes=["trio"]):
            count = gr.Number(1, label="Pictures", precision=0, minimum=1, maximum=64, min_width=70)
            seed = gr.Number(
                None, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=90, placeholder="any"
            )
            random = gr.Button("Random", size="md", min_width=76, elem_classes=["icon-die", "beside"])
        with gr.Accordion("More", open=False):
            fields = _more(first)
    random.click(None, None, seed, js="() => null", show_progress="hidden", api_visibility="private")
    form = {**fields, "prompt": prompt, "lora": lora, "lora_scale": scale, "count": count, "seed": seed}
    return form, intent, about, outfits, paint, wear


def _more(first: ModelFamily) -> dict[str, Any]:
    asked = first.repainting
    with gr.Row(elem_classes=["pair"]):
        strength = gr.Slider(
            0.05, 1.0, asked["strength"], step=0.05, label="Strength", min_width=130, buttons=[], info="1 begins anew"
        )
        fill = gr.Radio(
            [(name.capitalize(), name) for name in FILLS], value=asked["fill"], label="Begin with", min_width=130
        )
    with gr.Row(elem_classes=["pair"]):
        feather = gr.Number(
            None, label="Feather, px", precision=0, minimum=0, maximum=MOST_PIXELS, min_width=100, placeholder="by size"
        )
        padding = gr.Number(
            None,
            label="Padding, px",
            precision=0,
            minimum=0,
            maximum=MOST_SIDE,
            min_width=100,
            placeholder="whole picture",
        )
    negative = gr.Textbox("", label="Negative prompt", lines=1, max_length=2000, placeholder="What must not be there")
    with gr.Row(elem_classes=["pair"]):
        steps = gr.Slider(*DRAW_STEPS, asked["steps"], step=1, label="Steps", min_width=130, buttons=[])
        guidance = gr.Slider(*GUIDANCES, asked["guidance"], step=0.5, label="Guidance", min_width=130, buttons=[])
    scheduler = gr.Dropdown(list(first.schedulers), value=asked["scheduler"], label="Scheduler")
    return {
        "strength": strength,
        "fill": fill,
        "feather": feather,
        "padding": padding,
        "negative_prompt": negative,
        "steps": steps,
        "guidance": guidance,
        "scheduler": scheduler,
    }


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(RepaintRequest)
    return {name: fitting(name, hints[name], value) for name, value in values.items()}


def _request(
    path: Path, mask: Image.Image | None, outfit: str, family: str, meant: Intent, given: dict[str, Any]
) -> RepaintRequest | WearRequest:
    """With a mask it is repainted; without, whoever is in the picture is dressed."""
    padding, worn = given.pop("padding"), outfit if meant.wears else ""
    if not meant.says:
        given |= {"prompt": "", "lora": None}
    if mask is not None:
        if padding is None and meant.padding is not None:
            padding = context(mask, meant.padding)
        return RepaintRequest(path, mask, outfit=worn or None, family=family, padding=padding, **given)
    if not worn:
        raise ValueError("Choose an outfit above, then press it again.")
    del given["fill"]
    given["lora"] = given["lora"] or []  # nobody is nobody, and not whoever it was drawn with
    return WearRequest(path, worn, family=family, **given)


def intended(desk: Studio, intent: str, outfit: str) -> tuple:
    """What an intent shows, and fills in."""
    meant = INTENTS[intent]
    return (
        about_intent(intent),
        outfits_view(desk, outfit) if meant.wears else "",
        gr.Button(visible=meant.wears),
        meant.strength,
        meant.fill,
        None,
    )


def about_intent(intent: str) -> str:
    """What it does, and by which settings."""
    meant = INTENTS[intent]
    whole = (
        "the whole picture is seen"
        if meant.padding is None
        else f"padding {meant.padding:.0%} of the mask's size, at full resolution"
    )
    begins = "what is there" if meant.fill == ORIGINAL else "the surroundings"
    said = f"Strength {meant.strength:g}, begins with {begins}, {whole}."
    return f'<p class="about-intent">{escape(meant.about)}<br><span class="faint">{said}</span></p>'


def outfits_view(desk: Studio, chosen: str) -> str:
    """A card for each outfit to choose one, and one for words alone."""
    cards = [("", "In words alone", f'<span class="face">{html.icon("brush")}</span>')]
    cards += [
        (one.slug, one.name, f'<span class="face">{html.image(desk.library.small_outfit(one))}</span>')
        for one in desk.library.outfits()
    ]
    made = "".join(
        f"<button{toggle('choose', slug, slug == chosen, 'card')}>{face}<b>{escape(name)}</b></button>"
        for slug, name, face in cards
    )
    return f'<div class="shelf wardrobe small-cards">{made}</div>'


def choose_outfit(desk: Studio, act: dict, chosen: str) -> tuple:
    if act.get("act") != "choose":
        return gr.skip(), gr.skip()
    chosen = str(act.get("slug", ""))
    return chosen, outfits_view(desk, chosen)


def fields_for(desk: Studio, picture: Picture | None, family: ModelFamily, prompt: str = "") -> tuple[str, Any, Any]:
    """The words, the LoRA and its scale for a picture on the easel: what it was drawn with, its clothes left out."""
    if picture is None:
        return prompt, gr.skip(), gr.skip()
    words = str(picture.recipe.request.get("prompt", ""))
    used = used_in(picture.recipe, desk.library, family)
    return without_clothes(words, family), used[0].slug if used else "", used[0].unet if used else 1.0


def look(desk: Studio, run: str, picked: str, seen: tuple) -> tuple:
    """What is painted now; once it is there, before and after."""
    found = run_of(desk, run)
    rests = (run, found is None or found.ended)
    if rests[1] and seen[:2] == rests:
        return (gr.skip(),) * 5
    stage, after = told_anew([painted_view(desk, run, picked)], seen[2:])
    shown: tuple = (gr.skip(), gr.skip())
    if rests[1] and found is not None and (drawn := pictures_of(desk, found)):
        shown = compared(desk, drawn[-1])
    ended = told("painted") if rests[1] and seen[:2] == (run, False) else gr.skip()
    return stage, *shown, ended, (*rests, *after)


def compared(desk: Studio, picture: Picture) -> tuple:
    """The slider over a picture as it was and as it is."""
    before = before_of(desk, picture)
    return gr.Column(visible=before is not None), (str(before), str(picture.path)) if before else None


def before_of(desk: Studio, picture: Picture | None) -> Path | None:
    """What a picture was painted over, as long as the library has it."""
    try:
        return desk.library.image(str(picture.recipe.request["picture"])) if picture else None
    except (KeyError, ValueError):
        return None


def act_on_painted(desk: Studio, act: dict, run: str, picked: str) -> tuple:
    """Stop, mark, or lay one beside what it was."""
    what, id = act.get("act"), str(act.get("id", ""))
    act_on_run(desk, act)
    if what == "favourite":
        return picked, painted_view(desk, run, picked), gr.skip(), gr.skip()
    if what == "before":
        return id, painted_view(desk, run, id), *compared(desk, desk.library.picture(id))
    return (gr.skip(),) * 4


def act_on_run(desk: Studio, act: dict) -> None:
    """Stop it, or mark one of its pictures."""
    if act.get("act") == "cancel":
        desk.run(str(act.get("run"))).cancel()
    if act.get("act") == "favourite":
        picture = desk.library.picture(str(act.get("id", "")))
        desk.library.favourite(picture.id, not picture.favourite)


def painted_view(desk: Studio, id: str, picked: str) -> str:
    """The run's pictures, painted and to come."""
    run = run_of(desk, id)
    if run is None:
        return ""
    pictures = pictures_of(desk, run)
    picked = picked or (pictures[-1].id if pictures else "")
    cards = [_card(picture, picture.id == picked and len(pictures) > 1) for picture in pictures]
    head = "" if run.ended else live_headline(run, run.title, "Repainting")
    if not run.ended:
        cards.append(_coming(run))
    told = (
        html.note(run.message, "bad")
        if run.status == "failed"
        else html.note("Stopped. What was finished is kept.")
        if run.status == "cancelled"
        else ""
    )
    wall = f'<div class="pictures">{"".join(cards)}</div>' if cards else ""
    return f'<div class="outcome">{head}{told}{unchanged(pictures)}{wall}</div>'


def unchanged(pictures: Sequence[Picture]) -> str:
    """The line that says whether anything outside of the mask is other than it was, as it was counted."""
    counted = [int(picture.recipe.estimates[OUTSIDE]) for picture in pictures if OUTSIDE in picture.recipe.estimates]
    if not counted:
        return ""
    if not any(counted):
        edge = max(int(picture.recipe.request.get("feather") or 0) for picture in pictures)
        joined = f" New and old are joined in the {edge} pixels round it." if edge else ""
        return f'<p class="unchanged">Outside the mask: unchanged, every pixel.{joined}</p>'
    return html.note(f"Outside the mask {max(counted)} pixels changed.", "bad")


def _card(picture: Picture, picked: bool) -> str:
    acts = (
        html.button("Before and after", "before", "compare", quiet=True, id=picture.id)
        + html.button("Retouch this", "retouch", "brush", quiet=True, id=picture.id)
        + star(picture)
        + save(picture)
        + html.button("Open in the gallery", "open", "send", quiet=True, id=picture.id)
    )
    seed = f'<span class="seed">seed {picture.recipe.request.get("seed")}</span>'
    return (
        f'<figure class="picture{" picked" if picked else ""}"><div class="frame">'
        f"{html.image(picture.path, str(picture.recipe.request.get('prompt', '')))}</div>"
        f'<figcaption>{seed}<span class="acts">{acts}</span></figcaption>{tags(picture.recipe.estimates)}</figure>'
    )


def _coming(run: Any) -> str:
    """The picture half painted; before its first steps, what was found in it."""
    preview = run.latest
    if preview is not None:
        inside, words = html.jpeg(preview.jpeg, "Half painted"), f"step {preview.step} of {preview.total}"
    else:
        found = next((event for event in reversed(run.snapshot()) if isinstance(event, MaskFound)), None)
        inside, words = "", "in the wings"
        if found is not None and run.task is TRY_ON:
            png, picture = found.candidates[0][1], str(run.request.picture[found.number])
            inside, words = html.jpeg(_masked(picture, png), "The clothes"), "the clothes, and room for new ones"
    kind = "half" if inside else "coming"
    return (
        f'<figure class="picture {kind}"><div class="frame">{inside}</div><figcaption><span>{words}</span>'
        "</figcaption></figure>"
    )


@lru_cache(maxsize=8)
def _masked(path: str, png: bytes) -> bytes:
    """The picture under its mask, as small JPEG bytes."""
    image, mask = open_image(path), read_mask(png)
    image.thumbnail((SHOWN, SHOWN))
    image.paste(Image.new("RGB", image.size, VELVET), mask=mask.resize(image.size).point(lambda value: value // 2))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return data.getvalue()


def refresh(desk: Studio, family: str, lora: str, intent: str, outfit: str) -> tuple:
    """What another tab, page or program brought meanwhile, and without what it took away."""
    choices = lora_choices(desk, desk.families[family])
    lora = lora if lora in {slug for _, slug in choices} else ""
    outfit = outfit if outfit in {one.slug for one in desk.library.outfits()} else ""
    return gr.Dropdown(choices, value=lora), outfit, outfits_view(desk, outfit) if INTENTS[intent].wears else ""


def of_family(desk: Studio, family: str, *view: Any) -> tuple:
    """The same, and the values that the family brings for the fields of OF_FAMILY, after a change of family."""
    known = desk.families[family]
    values = {**known.repainting, "scheduler": gr.Dropdown(list(known.schedulers), value=known.repainting["scheduler"])}
    return *refresh(desk, family, *view), *(values[name] for name in OF_FAMILY)


def kept(desk: Studio, *values: Any) -> dict[str, Any]:
    """What a visitor's browser remembers."""
    return dict(zip(DRAFTS, values, strict=True))


def opening(desk: Studio, family: ModelFamily, lora: str, drafts: Mapping[str, Any]) -> tuple:
    """Everything as it is when a page opens: as it was left, and what is painted or was lately."""
    intent = drafts.get("intent") if drafts.get("intent") in INTENTS else USUAL
    known, choices = [one.slug for one in desk.library.outfits()], lora_choices(desk, family)
    outfit = (
        drafts.get("outfit") if drafts.get("outfit") in known or drafts.get("outfit") == "" else next(iter(known), "")
    )
    prompt = drafts.get("prompt") if isinstance(drafts.get("prompt"), str) else ""
    lora = drafts["lora"] if drafts.get("lora") in {slug for _, slug in choices} else lora
    live = next((run.id for run in desk.runs(kind="repaint") if run.status != "failed"), "")
    meant = INTENTS[str(intent)]
    return (
        intent,
        about_intent(str(intent)),
        outfit,
        outfits_view(desk, str(outfit)) if meant.wears else "",
        gr.Button(visible=meant.wears),
        prompt,
        gr.Dropdown(choices, value=lora),
        live,
        painted_view(desk, live, ""),
        None,
        None,
        None,
    )
