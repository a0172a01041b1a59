"""What Subject shows: the whole tab on one subject or a new one, or its photos alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.library import Subject
from studio.session import Studio
from studio.ui import html, subject_actions
from studio.ui.subject_actions import caption_note_for
from studio.ui.tabs.subject.photo_grid import Pending, Refused, cropper_view, sheet_view, shelf_view, verdict_view
from studio.words.prompt_check import noun_note, nouns_in

PEOPLE = "{family} knows drawn figures only: photos of real people want SDXL or SD 1.5 (the switch is at the top)."
NOUNS = ("person", "woman", "man", "girl", "boy", "dog", "cat", "toy", "cup")


class Photos(TypedDict, total=False):
    """The states and the pieces that show photos."""

    selected: str
    pending: list[Pending]
    photo: str
    shelf: str
    sheet: str
    cropper: str


class Taken(Photos, total=False):
    """The same after photos were dropped: the place to drop them is empty again."""

    drop: None


class Opened(Photos, total=False):
    """The whole tab."""

    name: str
    noun: str | gr.Dropdown | None
    identifier: str
    verdict: str
    add: gr.Button
    save: gr.Button
    train: gr.Button
    remove: gr.Button
    really: gr.Button


class Removal(TypedDict):
    """The two buttons that remove a subject: one asks, the other does."""

    remove: gr.Button
    really: gr.Button


class OfFamily(TypedDict):
    """What a family brings along."""

    note: str
    noun: gr.Dropdown
    noun_verdict: str


class AtFirst(Opened, total=False):
    """The whole tab when a page opens."""

    note: str


def of_family(desk: Studio, noun: str | None, family: str) -> OfFamily:
    known = desk.families[family]
    return {"note": note_for(known), "noun": gr.Dropdown(nouns_of(known)), "noun_verdict": noun_view(noun, known)}


def opening(desk: Studio) -> AtFirst:
    """Everything as it is when a page opens, on the first subject."""
    slug = next((subject.slug for subject in desk.library.subjects()), "")
    subject = subject_of(desk, slug)
    noun = gr.Dropdown(nouns_of(desk.family), value=subject.class_noun if subject else None)
    return {**opened(desk, desk.family, slug), "noun": noun, "note": note_for(desk.family)}


def opened(
    desk: Studio, family: ModelFamily, slug: str, pending: Sequence[Pending] = (), refused: Refused = ()
) -> Opened:
    """The whole tab on one subject, or on a new one."""
    subject = subject_of(desk, slug)
    here = subject is not None
    proposals = [] if here else subject_actions.proposals(desk, family, 1)
    identifier = subject.identifier if subject else next((proposal.token for proposal in proposals), "")
    return {
        **photos_view(desk, slug if here else "", pending, "", refused),
        "name": subject.name if subject else "",
        "noun": subject.class_noun if subject else None,
        "identifier": identifier,
        "verdict": verdict_view(subject_actions.verdict(desk, family, identifier, slug)),
        "add": gr.Button(visible=not here),
        "save": gr.Button(visible=here),
        "train": gr.Button(f"Train {subject.name}" if subject else "Train", visible=here),
        "remove": gr.Button(visible=here),
        "really": gr.Button(visible=False),
    }


def photos_view(desk: Studio, slug: str, pending: Sequence[Pending], file: str, refused: Refused = ()) -> Photos:
    """The photos of a subject, or those that wait for one."""
    subject = subject_of(desk, slug)
    photo = next((photo for photo in subject.photos if photo.file == file), None) if subject else None
    trained = frozenset(lora.subject for lora in desk.library.loras())
    return {
        "selected": slug,
        "pending": list(pending),
        "photo": photo.file if photo else "",
        "shelf": shelf_view(desk.library.subjects(), slug, trained, subject_actions.has_sample()),
        "sheet": sheet_view(subject, pending, file, refused, caption_note_for(subject, desk.family)),
        "cropper": cropper_view(photo),
    }


def subject_of(desk: Studio, slug: str) -> Subject | None:
    """The subject of that slug; None for a new one, and for one that is gone."""
    return next((subject for subject in desk.library.subjects() if subject.slug == slug), None) if slug else None


def nouns_of(family: ModelFamily) -> list[str]:
    """Ready class nouns: what the family knows, or what people bring to one that knows the open world."""
    return nouns_in(family.words()) or list(NOUNS)


def noun_view(noun: str | None, family: ModelFamily) -> str:
    """A gentle note under a class noun that the family was not taught."""
    said = noun_note(noun or "", family.words(), family.title)
    return html.note(said, "gentle") if said else ""


def note_for(family: ModelFamily) -> str:
    """What a family that knows drawn figures only says of photos of people."""
    return "" if family.real_people else html.note(PEOPLE.format(family=family.title), "gentle")
