"""What is shown of repainting: an intent with its outfits, and the pictures as they are painted, beside what they were."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
from PIL import Image

from studio.contracts.events import MaskFound
from studio.contracts.family import ModelFamily
from studio.contracts.recipes import OUTSIDE
from studio.contracts.requests import ORIGINAL
from studio.imaging.masks import halved, read_mask
from studio.imaging.photos import open_image
from studio.library import Picture
from studio.session import Studio
from studio.tasks.repaint import INTENTS
from studio.tasks.try_on import TRY_ON, used_in
from studio.ui import html
from studio.ui.drawing_fields import SamplingFields
from studio.ui.estimate_tags import tags
from studio.ui.loras import listed_now, lora_choices, prompt_note
from studio.ui.picture_parts import live_headline, save, star
from studio.ui.run_lookup import newest, pictures_of, run_of
from studio.ui.tabs.dress.cards import toggle
from studio.words.clothing_words import without_clothes

VELVET, SHOWN = (214, 48, 72), 512  # of a mask that was found, and the longest side it is shown at
USUAL = next(iter(INTENTS))


class Fields(TypedDict, total=False):
    """The words, the LoRA and its scale for a picture on the easel."""

    prompt: str
    lora: str
    lora_scale: float


class Intended(TypedDict, total=False):
    """What an intent shows, and fills in."""

    about: str
    outfits: str
    wear: gr.Button
    strength: float
    masked_content: str
    padding: None


class Chosen(TypedDict):
    """The outfit that is chosen, on its card."""

    outfit: str
    outfits: str


class Renewed(TypedDict, total=False):
    """What another tab, page or program may have changed."""

    lora: gr.Dropdown
    outfit: str
    outfits: str
    listed: str


class OfFamily(Renewed, SamplingFields, total=False):
    """The same, and the values that a family brings along."""


class Compared(TypedDict, total=False):
    """A picture as it was and as it is."""

    comparison: gr.Column
    slider: tuple[str, str] | None


class Painted(Compared, total=False):
    """The pictures of a run, and which of them is laid beside what it was."""

    picked: str
    painted: str


class Looked(Compared, total=False):
    """The same as every tick brings it; the easel hears when all are painted."""

    painted: str
    easel: str
    seen: dict


class Begun(TypedDict, total=False):
    """A painting that has just begun, or a question about its mask."""

    easel: str
    asked_about: str
    run: str
    painted: str
    comparison: gr.Column
    picked: str


class Called(TypedDict):
    """The prompt, which calls whoever is chosen."""

    prompt: str


class Opened(TypedDict, total=False):
    """Everything when a page opens."""

    intent: str
    about: str
    outfit: str
    outfits: str
    listed: str
    wear: gr.Button
    prompt: str
    lora: gr.Dropdown
    run: str
    painted: str
    seed: None
    padding: None
    feather: None


def opening(desk: Studio, family: ModelFamily, lora: str, drafts: Mapping[str, Any]) -> Opened:
    """Everything as it is when a page opens: as it was left, and what is painted or was lately."""
    intent = str(drafts.get("intent") if drafts.get("intent") in INTENTS else USUAL)
    slugs, choices = [one.slug for one in desk.library.outfits()], lora_choices(desk, family)
    outfit = str(drafts["outfit"] if drafts.get("outfit") in (*slugs, "") else next(iter(slugs), ""))
    prompt = drafts.get("prompt")
    lora = drafts["lora"] if drafts.get("lora") in {slug for _, slug in choices} else lora
    live = newest(desk, "repaint", where=lambda run: run.status != "failed")
    run = live.id if live else ""
    return {
        "intent": intent,
        "about": about_intent(intent),
        "outfit": outfit,
        "outfits": outfits_view(desk, outfit) if INTENTS[intent].wears else "",
        "listed": listed_now(desk, family),
        "wear": gr.Button(visible=INTENTS[intent].wears),
        "prompt": prompt if isinstance(prompt, str) else "",
        "lora": gr.Dropdown(choices, value=lora),
        "run": run,
        "painted": painted_view(desk, run, ""),
        "seed": None,
        "padding": None,
        "feather": None,
    }


def fields_for(desk: Studio, picture: Picture, family: ModelFamily) -> Fields:
    """What the picture was drawn with, its clothes left out."""
    words = str(picture.recipe.request.get("prompt", ""))
    used = next(iter(used_in(picture.recipe, desk.library, family) or ()), None)
    lora, scale = (used.slug, used.unet) if used else ("", 1.0)
    return {"prompt": without_clothes(words, family), "lora": lora, "lora_scale": scale}


def compared(desk: Studio, picture: Picture) -> Compared:
    """The slider over a picture as it was and as it is."""
    before = before_of(desk, picture)
    both = (str(before), str(picture.path)) if before else None
    return {"comparison": gr.Column(visible=before is not None), "slider": both}


def about_intent(intent: str) -> str:
    """What it does, and by which settings."""
    meant = INTENTS[intent]
    whole = (
        "the whole picture is seen"
        if meant.padding is None
        else f"padding {meant.padding:.0%} of the mask's size, at full resolution"
    )
    begins = "what is there" if meant.masked_content == ORIGINAL else "the surroundings"
    said = f"Strength {meant.strength:g}, begins with {begins}, {whole}."
    return f'<p class="about-intent">{escape(meant.about)}<br><span class="faint">{said}</span></p>'


def note_on(desk: Studio, prompt: str, lora: str, family: str) -> str:
    """What should be known of the words before they are painted; nothing where all is well."""
    return html.note(prompt_note(desk, desk.families[family], prompt, lora))


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


def before_of(desk: Studio, picture: Picture | None) -> Path | None:
    """What a picture was painted over, as long as the library has it."""
    try:
        return desk.library.image(str(picture.recipe.request["picture"])) if picture else None
    except (KeyError, ValueError):
        return None


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
    image.paste(Image.new("RGB", image.size, VELVET), mask=halved(mask.resize(image.size)))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return data.getvalue()
