"""Subject: photos of one character or object, a name, and the token that will stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from studio.contracts.family import ModelFamily
from studio.library import Subject
from studio.session import Studio
from studio.ui import html, subject_actions
from studio.ui.static_files import script
from studio.ui.tabs.subject.photo_grid import (
    Pending,
    Refused,
    as_box,
    cropper_view,
    look_at,
    sheet_view,
    shelf_view,
    verdict_view,
)
from studio.ui.wiring import Wiring

PEOPLE = "{family} knows drawn figures only: photos of real people want SDXL or SD 1.5 (the switch is at the top)."
NOUNS = ("person", "woman", "man", "girl", "boy", "dog", "cat", "toy", "cup")
CONSENT = "Everyone who can be recognised in these photos agrees, or they show no real person."


@dataclass(frozen=True)
class SubjectTab:
    """What the rest of the page may touch."""

    tab: gr.Tab
    shelf: gr.HTML
    train: gr.Button
    selected: gr.State
    view: tuple[Any, ...]  # outputs of `opened`
    note: gr.HTML
    noun: gr.Dropdown


def subject_tab(wiring: Wiring, family: gr.Dropdown, first: ModelFamily, ask_consent: bool) -> SubjectTab:
    """Lays the tab out and wires it."""
    with gr.Tab("Subject", id="subject", elem_classes=["tab-subject"]) as tab:
        selected, pending, photo = gr.State(""), gr.State([]), gr.State("")
        shelf = html.piece("", "shelf-piece")
        with gr.Row(elem_classes=["columns"]):
            with gr.Column(scale=7, min_width=320, elem_classes=["photos-column"]):
                drop = gr.File(
                    label="Drop or paste photos here: JPG, PNG, WebP, HEIC; captions as .txt too",
                    file_count="multiple",
                    type="filepath",
                    height=112,
                    elem_classes=["drop"],
                    elem_id="photo-drop",
                )
                sheet = html.piece("", "sheet-piece")
                cropper = gr.HTML(
                    "",
                    js_on_load=script("cropper"),
                    apply_default_css=False,
                    elem_classes=["piece", "cropper-piece"],
                )
            with gr.Column(scale=4, min_width=300, elem_classes=["controls"]):
                fields, verdict, another, shift = _fields(first)
                consent = gr.Checkbox(label=CONSENT, visible=ask_consent, container=False)
                buttons = _buttons()
                note = gr.HTML(note_for(first), apply_default_css=False)
    add, save, train, remove, really = buttons
    view = (selected, pending, photo, shelf, sheet, cropper, *fields, verdict, *buttons)
    _wire(wiring, view, family, drop, consent, another, shift)
    return SubjectTab(tab, shelf, train, selected, view, note, fields[1])


def _fields(first: ModelFamily) -> tuple:
    name = gr.Textbox(label="Name", max_length=80, placeholder="Mika", elem_id="subject-name")
    nouns = nouns_of(first)
    noun = gr.Dropdown(
        nouns,
        value=None,
        label="What it is",
        allow_custom_value=True,
        elem_id="subject-noun",
        info="The class noun: girl, cat, cup",
    )
    identifier = gr.Textbox(
        label="Identifier token", max_length=40, elem_id="subject-token", info="Stands for the subject in prompts"
    )
    verdict = gr.HTML("", apply_default_css=False)
    with gr.Row(elem_classes=["pair"]):
        another = gr.Button("Propose another", size="sm", min_width=110)
        shift = gr.Button("From the name", size="sm", min_width=110)
    return (name, noun, identifier), verdict, another, shift


def _buttons() -> tuple[gr.Button, ...]:
    add = gr.Button("Add subject", variant="primary", size="lg", elem_classes=["act-main"])
    train = gr.Button("Train", variant="primary", size="lg", elem_classes=["act-main"], visible=False)
    save = gr.Button("Save changes", size="md", visible=False)
    remove = gr.Button("Remove subject", size="sm", visible=False, elem_classes=["quiet"])
    really = gr.Button("Really remove, photos and all", size="sm", variant="stop", visible=False)
    return add, save, train, remove, really


def _wire(wiring: Wiring, view: tuple, family: Any, drop: Any, consent: Any, another: Any, shift: Any) -> None:
    selected, pending, photo, shelf, sheet, cropper, name, noun, identifier, verdict = view[:10]
    add, save, _, remove, really = view[10:]
    listen, photos = wiring.listen, [selected, pending, photo, shelf, sheet, cropper]
    listen(drop.upload, take_photos, [drop, selected, pending, consent, family], [drop, *photos])
    listen(add.click, add_subject, [name, noun, identifier, pending, consent, family], list(view), trigger_mode="once")
    listen(save.click, save_subject, [selected, name, noun, identifier, family], list(view))
    listen(remove.click, lambda desk: (gr.Button(visible=False), gr.Button(visible=True)), None, [remove, really])
    listen(really.click, remove_subject, [selected, family], list(view))
    listen(identifier.change, judge, [identifier, selected, family], verdict, trigger_mode="always_last")
    listen(another.click, propose_another, [identifier, family], identifier)
    listen(shift.click, propose_from_name, [name, family], identifier)
    wiring.on_act(shelf, act_on_shelf, family, list(view))
    wiring.on_act(sheet, act_on_sheet, [selected, pending, photo, family], photos)
    wiring.on_act(cropper, act_on_crop, [selected, pending, photo], photos)


def opened(
    desk: Studio, family: ModelFamily, slug: str, pending: Sequence[Pending] = (), refused: Refused = ()
) -> tuple:
    """The whole tab on one subject, or on a new one."""
    subject = _subject(desk, slug)
    here = subject is not None
    if subject is not None:
        typed: tuple[Any, ...] = (subject.name, subject.class_noun, subject.identifier)
    else:
        typed = ("", None, next((proposal.token for proposal in subject_actions.proposals(desk, family, 1)), ""))
    train = gr.Button(f"Train {subject.name}" if subject else "Train", visible=here)
    return (
        *_photos(desk, slug if here else "", pending, "", refused),
        *typed,
        verdict_view(subject_actions.verdict(desk, family, typed[2], slug)),
        gr.Button(visible=not here),
        gr.Button(visible=here),
        train,
        gr.Button(visible=here),
        gr.Button(visible=False),
    )


def _photos(desk: Studio, slug: str, pending: Sequence[Pending], file: str, refused: Refused = ()) -> tuple:
    """The states and the pieces that show photos."""
    subject = _subject(desk, slug)
    photo = next((photo for photo in subject.photos if photo.file == file), None) if subject else None
    trained = frozenset(lora.subject for lora in desk.library.loras())
    return (
        slug,
        list(pending),
        photo.file if photo else "",
        shelf_view(desk.library.subjects(), slug, trained, subject_actions.has_sample()),
        sheet_view(subject, pending, file, refused),
        cropper_view(photo),
    )


def take_photos(
    desk: Studio, files: Sequence[str] | None, slug: str, pending: Sequence[Pending], consent: bool, family: str
) -> tuple:
    """Photos that were dropped: into the subject at once, or kept until it is named."""
    if _subject(desk, slug) is not None:
        added = desk.add_photos(slug, [Path(file) for file in files or []], consent)
        return None, *_photos(desk, slug, (), "", added.refused)
    kept, refused = look_at(files or [], desk.families[family].resolution)
    return None, *_photos(desk, "", [*pending, *kept], "", refused)


def add_subject(
    desk: Studio, name: str, noun: str | None, identifier: str, pending: Sequence[Pending], consent: bool, family: str
) -> tuple:
    photos = [(Path(photo.path), photo.caption) for photo in pending]
    subject, refused = subject_actions.create(desk, name, noun or "", identifier, photos, consent)
    return opened(desk, desk.families[family], subject.slug, refused=refused)


def save_subject(desk: Studio, slug: str, name: str, noun: str | None, identifier: str, family: str) -> tuple:
    desk.library.edit_subject(slug, name=name, class_noun=noun or "", identifier=identifier)
    return opened(desk, desk.families[family], slug)


def remove_subject(desk: Studio, slug: str, family: str) -> tuple:
    desk.library.remove_subject(slug)
    left = desk.library.subjects()
    return opened(desk, desk.families[family], left[0].slug if left else "")


def judge(desk: Studio, identifier: str, slug: str, family: str) -> str:
    return verdict_view(subject_actions.verdict(desk, desk.families[family], identifier, slug))


def propose_another(desk: Studio, identifier: str, family: str) -> str:
    """The proposal after the one that stands there."""
    tokens = [proposal.token for proposal in subject_actions.proposals(desk, desk.families[family])]
    if not tokens:
        raise ValueError("There is no other proposal; type a short made-up word.")
    return tokens[(tokens.index(identifier) + 1) % len(tokens)] if identifier in tokens else tokens[0]


def propose_from_name(desk: Studio, name: str, family: str) -> str:
    return subject_actions.from_name(desk, desk.families[family], name).token


def act_on_shelf(desk: Studio, act: dict, family: str) -> tuple:
    what, chosen = act.get("act"), desk.families[family]
    if what == "subject":
        return opened(desk, chosen, str(act.get("slug")))
    if what == "new":
        return opened(desk, chosen, "")
    if what == "sample":
        return opened(desk, chosen, subject_actions.take_sample(desk).slug)
    return (gr.skip(),) * 15


def act_on_sheet(desk: Studio, act: dict, slug: str, pending: Sequence[Pending], file: str, family: str) -> tuple:
    """Caption, crop or remove a photo; leave out one that waits; caption all that have none."""
    what, named = act.get("act"), str(act.get("file", ""))
    if what == "caption":
        desk.library.edit_photo(slug, named, caption=str(act.get("value", "")))
    elif what == "remove":
        desk.library.remove_photo(slug, named)
    elif what == "crop":
        file = "" if file == named else named
    elif what == "describe":
        desk.describe(slug, family)
    elif what == "leave_out":
        pending = [photo for number, photo in enumerate(pending) if str(number) != str(act.get("number"))]
    return _photos(desk, slug, pending, file)


def act_on_crop(desk: Studio, act: dict, slug: str, pending: Sequence[Pending], file: str) -> tuple:
    if act.get("act") == "crop_to":
        desk.library.edit_photo(slug, str(act.get("file")), crop=as_box(act.get("crop")))
    elif act.get("act") == "crop_done":
        file = ""
    return _photos(desk, slug, pending, file)


def nouns_of(family: ModelFamily) -> list[str]:
    """Ready class nouns: what the family knows, or what people bring to one that knows the open world."""
    words = family.words()
    return [*words.get("nouns", ()), *words.get("objects", ())] or list(NOUNS)


def note_for(family: ModelFamily) -> str:
    return "" if family.real_people else html.note(PEOPLE.format(family=family.title), "gentle")


def _subject(desk: Studio, slug: str) -> Subject | None:
    return next((subject for subject in desk.library.subjects() if subject.slug == slug), None) if slug else None
