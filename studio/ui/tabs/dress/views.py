"""What Dress shows: who, the outfits and scenes that are ticked and what they come to, and the sets to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MOST_ROWS
from studio.contracts.sampling import OutfitUse
from studio.session import Studio
from studio.ui import html
from studio.ui.drawing_fields import FamilyFields
from studio.ui.loras import NONE, first_words, listed_now, lora_choices, lora_named, prompt_note
from studio.ui.tabs.dress.block_scales.views import ALL, Acts, ScalesView, shown
from studio.ui.tabs.dress.cards import outfits_view, plan_view, scenes_view
from studio.ui.tabs.dress.set_grid import set_view
from studio.ui.tabs.subject.photo_grid import THUMBNAIL, look_at

NO_SET = "The last one"


class Ticks(TypedDict, total=False):
    """The outfits, the scenes, and what the ticks come to."""

    wardrobe: str
    places: str
    plan: str


class TickedOutfits(Ticks, total=False):
    """The same, and which outfits are ticked; `asked` may go for good."""

    asked: str
    chosen: list[str]
    outfit: gr.Dropdown


class TickedScenes(Ticks, total=False):
    """The same, and which scenes are ticked."""

    scenes: list[str]
    scene_name: str
    scene_prompt: str


class AddedOutfit(Ticks, total=False):
    """The wardrobe with a new outfit, and room for the next."""

    picture: None
    outfit_name: str
    drawn: bool
    chosen: list[str]
    outfit: gr.Dropdown


class DrawnOutfit(TypedDict):
    """A picture that may become an outfit, and that it was drawn here."""

    picture: str
    drawn: bool


class Words(TypedDict):
    """The prompt."""

    prompt: str


class Renewed(Ticks, ScalesView, total=False):
    """What another tab, page or program may have changed."""

    lora: gr.Dropdown
    prompt: str
    style: gr.Dropdown
    chosen: list[str]
    scenes: list[str]
    outfit: gr.Dropdown
    listed: str


class OfFamily(Renewed, FamilyFields, total=False):
    """The same, and the values that a family brings along."""


class Opened(Renewed, total=False):
    """The whole tab when a page opens."""

    seed: None
    acts: Acts
    seeds: int
    together: bool
    flat: str
    shown_set: str
    earlier: gr.Dropdown
    stage: str


class SetShown(TypedDict, total=False):
    """The set that is looked at."""

    shown_set: str
    earlier: gr.Dropdown
    stage: str
    seen: dict
    files: gr.File


class SetLooked(TypedDict, total=False):
    """The set on stage as every tick brings it."""

    stage: str
    seen: dict


def opening(desk: Studio, family: ModelFamily, lora: str, drafts: Mapping[str, Any] = MappingProxyType({})) -> Opened:
    """Everything as it is when a page opens: as it was left; else somebody in as many outfits and scenes as there are,
    or may be."""
    places, wardrobe = desk.library.scenes(), desk.library.outfits()
    scenes = _still(drafts.get("scenes"), [one.slug for one in places], MOST_ROWS)
    most = desk.quota.set_count // max(1, len(scenes)) if desk.quota else MOST_ROWS
    chosen = _still(drafts.get("chosen"), [one.slug for one in wardrobe], max(1, min(most, MOST_ROWS)), "")
    lora = drafts["lora"] if drafts.get("lora") in {slug for _, slug in lora_choices(desk, family)} else lora
    prompt = drafts.get("prompt") if isinstance(drafts.get("prompt"), str) else ""
    acts = _sound_acts(drafts.get("acts"))
    seeds = drafts["seeds"] if isinstance(drafts.get("seeds"), int) and drafts["seeds"] > 0 else 1
    together = drafts.get("together") is True
    latest = next((one.id for one in desk.library.sets()), "")
    return {
        "lora": gr.Dropdown(lora_choices(desk, family), value=lora),
        "prompt": prompt or first_words(lora_named(desk, lora), family),
        "style": gr.Dropdown(lora_choices(desk, family, NONE), value=""),
        "seed": None,
        "chosen": chosen,
        "scenes": scenes,
        "acts": acts,
        "seeds": seeds,
        "together": together,
        "outfit": outfit_list(desk, ""),
        "listed": listed_now(desk, family),
        **shown(desk, acts, "", family.name),
        **ticks(desk, chosen, scenes, seeds, together),
        "flat": family.outfit_prompt,
        "shown_set": latest,
        "earlier": set_list(desk, latest),
        "stage": set_view(desk, latest),
    }


def _still(left: Any, known: Sequence[str], most: int, *more: str) -> list[str]:
    """What was ticked and is still there; with nothing left to go by, as much as may be."""
    if not isinstance(left, list):
        return list(known)[:most]
    return [slug for slug in (*known, *more) if slug in left]


def _sound_acts(acts: Any) -> Acts:
    """What a browser remembers of how outfits act, as far as it can be."""
    sound: Acts = {}
    for slug, said in acts.items() if isinstance(acts, dict) else ():
        try:
            OutfitUse(slug or "x", **said)
        except (TypeError, ValueError):
            continue
        sound[slug] = said
    return sound


def ticks(
    desk: Studio, chosen: Sequence[str], scenes: Sequence[str], seeds: float, together: bool, asked: str = ""
) -> Ticks:
    """The outfits and scenes with what is ticked; `asked` may go for good."""
    return {
        "wardrobe": outfits_view(desk.library, chosen, asked),
        "places": scenes_view(desk.library.scenes(), scenes),
        "plan": planned(desk, chosen, scenes, seeds, together),
    }


def preview_of(desk: Studio, picture: str | None) -> str:
    """The picture that waits to become an outfit, or why it cannot."""
    kept, refused = look_at([picture], THUMBNAIL) if picture else ([], ())
    if refused:
        return html.note(refused[0][1], "bad")
    return "".join(
        f'<div class="waiting">{html.jpeg(one.jpeg)}<p class="faint">Give it a name and press Add outfit.</p></div>'
        for one in kept
    )


def planned(desk: Studio, chosen: Sequence[str], scenes: Sequence[str], seeds: float, together: bool) -> str:
    return plan_view(chosen, scenes, int(seeds or 1), together, desk.quota.set_count if desk.quota else None)


def outfit_list(desk: Studio, chosen: str) -> gr.Dropdown:
    known = desk.library.outfits()
    return gr.Dropdown(
        [(ALL, ""), *((one.name, one.slug) for one in known)],
        value=chosen if chosen in {one.slug for one in known} else "",
    )


def set_list(desk: Studio, id: str, title: str = "") -> gr.Dropdown:
    """The sets to look at, newest first; one that has just begun is there by its run's title."""
    known = [(one.title, one.id) for one in desk.library.sets()]
    if id and id not in {one for _, one in known}:
        known.insert(0, (title or "A new set", id))
    return gr.Dropdown(known or [(NO_SET, "")], value=id, visible=len(known) > 1)


def note_on(desk: Studio, prompt: str, lora: str, style: str, family: str) -> str:
    """What should be known of the prompt before it is drawn from; nothing where all is well."""
    return html.note(prompt_note(desk, desk.families[family], prompt, lora, [style]))
