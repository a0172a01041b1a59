"""What Draw shows: pictures while they are drawn and after, words to put into a prompt, and a request as its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import DrawRequest
from studio.execution.run import Run
from studio.library import Lora, Picture, Scene, Subject
from studio.session import Studio
from studio.tasks.draw import asked_for
from studio.ui import html
from studio.ui.drawing_fields import FamilyFields, defaults_of, sampling_of
from studio.ui.estimate_tags import tags
from studio.ui.loras import (
    MoreLorasView,
    apart,
    calling_who,
    first_words,
    listed_now,
    lora_choices,
    lora_named,
    prompt_note,
    renewed,
    updates_of,
)
from studio.ui.picture_parts import choose, chosen_bar, live_headline, save, star
from studio.ui.run_lookup import newest, pictures_of, run_of

GROUPS_OPEN = 40  # words of one kind that are shown


class FormView(MoreLorasView, FamilyFields, total=False):
    """The form of DrawRequest and what lies beside it."""

    prompt: str
    negative_prompt: str
    lora: gr.Dropdown
    lora_scale: float
    outfit: list | None
    count: int
    seed: int | None


class Looked(TypedDict, total=False):
    """The stage, and whether it is looked at often."""

    stage: str
    quick: gr.Timer
    seen: dict


class Begun(TypedDict, total=False):
    """A run that has just begun, on the stage."""

    run: str
    quick: gr.Timer
    stage: str
    comparison: gr.Column


class OnStage(TypedDict, total=False):
    """What an act on the stage changes."""

    stage: str
    seen: dict
    seed: int | None


class Comparison(TypedDict, total=False):
    """A picture beside its twin without the LoRA."""

    comparison: gr.Column
    comparison_head: str
    slider: tuple[str, str]


class WhoView(MoreLorasView, total=False):
    """The LoRAs to choose from, the words of the chosen one, and the prompt that calls it."""

    lora: gr.Dropdown
    prompt: str
    words: str
    listed: str


class Removal(TypedDict, total=False):
    """The two buttons that remove a LoRA: one asks, the other does."""

    remove: gr.Button
    really: gr.Button


class Called(Removal):
    """The same, and the prompt, which calls whoever is chosen."""

    prompt: str


class Removed(WhoView, Removal, total=False):
    """The form once a LoRA is gone."""


class OfFamily(WhoView, FamilyFields, total=False):
    """What a family brings along."""

    about_family: gr.Accordion
    card: str


class Opened(OfFamily, FormView, total=False):
    """Everything as it is when a page opens."""

    family: str
    run: str
    quick: gr.Timer
    rank: None


def form_of(desk: Studio, request: DrawRequest) -> FormView:
    """A request in the form, as updates of its fields and of those of more LoRAs."""
    family = desk.families.get(request.family or "", desk.family)
    lora, scale, beside = apart(request)
    updates = {
        **vars(request),
        "lora": gr.Dropdown(lora_choices(desk, family), value=lora),
        "lora_scale": scale,
        "outfit": [asdict(use) for use in request.outfits] or None,
        **sampling_of(family, vars(request)),
        **updates_of(desk, family, beside),
    }
    return FormView(**{name: updates[name] for name in FormView.__annotations__})


def of_family(desk: Studio, family: str, lora: str, prompt: str, **choices: str) -> OfFamily:
    """What the family knows, its LoRAs, and the values that it brings."""
    known, (fitting, there) = desk.families[family], loras_of(desk, desk.families[family], lora)
    brought: OfFamily = {
        "about_family": gr.Accordion(label=knows(known)),
        "card": family_view(known),
        "words": words_view(lora_named(desk, there), desk.library.scenes(), known),
        "lora": fitting,
        "listed": listed_now(desk, known),
        **renewed(desk, known, choices),
        **defaults_of(known),
    }
    if there != lora:
        brought["prompt"] = calling_who(desk, known, prompt, there, choices.values())
    return brought


def opening(desk: Studio, typed: Mapping[str, Any]) -> Opened:
    """Everything as it is when a page opens: what was typed, and the run that is on stage."""
    live, family = newest(desk, "draw"), desk.family
    unsaid = [name for name in MoreLorasView.__annotations__ if name.startswith("texts")]
    brought = of_family(desk, family.name, typed["lora"], typed["prompt"], lora_0="", lora_1="")
    before = family.earlier_resolution
    if before and typed.get("width") == typed.get("height") == before:  # nobody typed it: it was the usual one
        typed = {**typed, "width": family.drawing["width"], "height": family.drawing["height"]}
    opened = {
        **brought,
        **typed,
        "lora": brought.get("lora"),
        "run": live.id if live else "",
        "quick": gr.Timer(active=True),
        **dict.fromkeys(["rank", *unsaid]),  # Gradio shows a 0 there until they are told to be None
    }
    return Opened(**opened)


def loras_of(desk: Studio, family: ModelFamily, lora: str) -> tuple[gr.Dropdown, str]:
    """The LoRAs of this family to choose from, and which is chosen: the same if it is among them."""
    choices = lora_choices(desk, family)
    slugs = [slug for _, slug in choices]
    chosen = lora if lora in slugs else first_lora(slugs)
    return gr.Dropdown(choices, value=chosen), chosen


def first_lora(slugs: Sequence[str]) -> str:
    """Of those that may be chosen, the first that is one; nobody where there is none."""
    return next((slug for slug in slugs if slug), "")


def shown(desk: Studio, run: str) -> str:
    """The run on stage; with none, the last pictures of the library."""
    found = run_of(desk, run)
    lately = [] if found is not None else desk.library.pictures()[:4]
    kept = [] if found is None else pictures_of(desk, found)
    return stage_view(found, kept or lately, desk.library.subjects())


def words_for(desk: Studio, lora: str, family: str) -> str:
    """The trigger of the LoRA and the scenes, as words to put into the prompt."""
    return words_view(lora_named(desk, lora), desk.library.scenes(), desk.families[family])


def worn_view(desk: Studio, outfit: list | None) -> str:
    """What is worn, and a way to take it off."""
    known = {one.slug: one.name for one in desk.library.outfits()}
    slugs = [str(use["slug"]) for use in outfit or ()]
    names = ", ".join(known.get(slug, slug) for slug in slugs)
    return (
        f'<div class="row worn"><p>Wears {escape(names)}</p>{html.button("Take it off", "take_off", "close")}</div>'
        if names
        else ""
    )


def note_on(desk: Studio, prompt: str, lora: str, family: str, lora_0: str, lora_1: str) -> str:
    """What should be known of the prompt before it is drawn from; nothing where all is well."""
    return html.note(prompt_note(desk, desk.families[family], prompt, lora, [lora_0, lora_1], choices=True))


def knows(family: ModelFamily) -> str:
    return f"What {family.title} knows"


def first_prompt(desk: Studio, family: ModelFamily, lora: str) -> str:
    """What the prompt says before anybody has typed one: the subject at the first scene."""
    scenes = desk.library.scenes()
    return f"{first_words(lora_named(desk, lora), family)}, {scenes[0].prompt if scenes else 'standing'}"


def stage_view(run: Run | None, pictures: Sequence[Picture], subjects: Sequence[Subject]) -> str:
    """The run's pictures, drawn and to come; with no run, the last ones of the library."""
    if run is None and not pictures:
        return (
            '<div class="stage">'
            + html.empty(
                "The stage is empty",
                "Press Draw: the prompt is ready. A picture takes a few seconds, and you see it come out of the noise.",
            )
            + "</div>"
        )
    figures = [picture_card(picture) for picture in pictures]
    head = '<h2 class="lately">Lately on this stage</h2>'
    if run is not None:
        head = _head(run)
        if not run.ended:
            figures += [_coming(run, index) for index in range(len(figures), asked_for(run.request))]
    wall = f'<div class="pictures of-{min(len(figures), 5)}">{"".join(figures)}</div>' if figures else ""
    return f'<div class="stage">{head}{wall}{chosen_bar(subjects) if pictures else ""}</div>'


def _head(run: Run) -> str:
    if run.status == "failed":
        return html.note(run.message, "bad")
    prompt = f'<p class="prompt">{escape(run.request.prompt or run.title)}</p>'
    if run.ended:
        stopped = html.note("Stopped. What was finished is kept.") if run.status == "cancelled" else ""
        return f'<div class="headline">{prompt}{stopped}</div>'
    return live_headline(run, run.request.prompt, "Drawing")


def _coming(run: Run, index: int) -> str:
    preview = run.latest
    if preview is not None and preview.index == index:
        said = f"step {preview.step} of {preview.total}"
        return (
            f'<figure class="picture half"><div class="frame">{html.jpeg(preview.jpeg, "Half drawn")}</div>'
            f"<figcaption><span>{said}</span></figcaption></figure>"
        )
    return (
        '<figure class="picture coming"><div class="frame"></div>'
        "<figcaption><span>in the wings</span></figcaption></figure>"
    )


def picture_card(picture: Picture) -> str:
    """A picture with its seed and what can be done with it at once."""
    ask = picture.recipe.request
    seed = html.button(f"seed {ask.get('seed')}", "seed", kind="seed", id=picture.id)
    without = (
        html.button("Without the LoRA", "compare", "compare", quiet=True, id=picture.id) if picture.recipe.loras else ""
    )
    mask = html.button("Retouch", "retouch", "brush", quiet=True, id=picture.id)
    dress = html.button("Take the outfit", "take_outfit", "hanger", quiet=True, id=picture.id)
    open_ = html.button("Open in the gallery", "open", "send", quiet=True, id=picture.id)
    acts = f'<span class="acts">{star(picture)}{save(picture)}{without}{mask}{dress}{open_}</span>'
    return (
        f'<figure class="picture"><div class="frame">{choose(picture.id)}'
        f"{html.image(picture.path, str(ask.get('prompt', '')))}</div>"
        f"<figcaption>{seed}{acts}</figcaption>{tags(picture.recipe.estimates)}</figure>"
    )


def comparison_view(picture: Picture, drawn: bool) -> str:
    """The heading of the slider that lays a picture beside its twin without the LoRA."""
    names = " and ".join(str(lora["name"]) for lora in picture.recipe.loras)
    seed = picture.recipe.request.get("seed")
    words = (
        f"Left without {names}, right with it; the seed is {seed} in both."
        if drawn
        else f"Drawing seed {seed} without {names}..."
    )
    return (
        f'<div class="row"><h3>Without the LoRA</h3>{html.button("Close", "close", "close", quiet=True)}</div>'
        f'<p class="faint">{escape(words)}</p>'
    )


def words_view(lora: Lora | None, scenes: Sequence[Scene], family: ModelFamily) -> str:
    """The trigger, and ready scenes: a click writes the words into the prompt."""
    trigger = html.chips([(lora.trigger, lora.trigger)], "prompt", "trigger") if lora and lora.trigger else ""
    ready = html.chips([(scene.name, scene.prompt) for scene in scenes], "prompt", exclusive=True)
    remark = lora.remark(family) if lora else ""
    told = f'<p class="faint">{escape(remark)}</p>' if remark else ""
    return f'<div class="words">{trigger}{ready}</div>{told}'


def family_view(family: ModelFamily) -> str:
    """What a family is and, where it is small, everything it knows, as ready words."""
    use = "commercial use allowed" if family.commercial else "no commercial use"
    about = f'<p>{escape(family.description)}</p><p class="faint">Licence: {escape(family.licence)}, {use}.</p>'
    groups = "".join(
        f"<h4>{escape(kind.replace('_', ' '))}</h4>"
        + html.chips([(word, word) for word in words[:GROUPS_OPEN]], "prompt", "word")
        for kind, words in family.words().items()
    )
    photos = (
        ""
        if family.real_people
        else html.note("It knows drawn figures only. For photographs of real people take SDXL or SD 1.5.")
    )
    return f'<div class="family-card">{about}{photos}{groups}</div>'
