"""What happens on Subject: photos come and go, a subject is named, saved and removed, its token is judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from studio.session import Studio
from studio.ui import subject_actions
from studio.ui.tabs.subject.layout import SubjectTab
from studio.ui.tabs.subject.photo_grid import Pending, as_box, look_at, verdict_view
from studio.ui.tabs.subject.views import (
    Opened,
    Photos,
    Removal,
    Taken,
    noun_view,
    of_family,
    opened,
    photos_view,
    subject_of,
)
from studio.ui.wiring import Wire, Wiring


def connect_subject(wiring: Wiring, made: SubjectTab, family: gr.Dropdown) -> None:
    """Says what happens where."""
    parts, listen = {**made.parts, "family": family}, wiring.listen
    listen(parts["drop"].upload, take_photos, parts)
    listen(parts["add"].click, add_subject, parts, trigger_mode="once")
    listen(parts["save"].click, save_subject, parts)
    listen(parts["remove"].click, ask_to_remove, parts)
    listen(parts["really"].click, remove_subject, parts)
    listen(parts["noun"].change, judge_noun, parts, parts["noun_verdict"], trigger_mode="always_last")
    listen(parts["identifier"].change, judge, parts, parts["verdict"], trigger_mode="always_last")
    listen(parts["another"].click, propose_another, parts, parts["identifier"])
    listen(parts["shift"].click, propose_from_name, parts, parts["identifier"])
    wiring.acts(parts["shelf"], {"subject": open_subject, "new": open_new, "sample": take_sample}, parts)
    sheet = {"caption": caption, "remove": remove_photo, "crop": crop, "describe": describe, "leave_out": leave_out}
    wiring.acts(parts["sheet"], sheet, parts)
    wiring.acts(parts["cropper"], {"crop_to": crop_to, "crop_done": end_crop}, parts)


def for_family(made: SubjectTab, family: gr.Dropdown) -> Wire:
    """What a change of family renews here."""
    return Wire.of(of_family, {**made.parts, "family": family})


def take_photos(
    desk: Studio, drop: Sequence[str] | None, selected: str, pending: Sequence[Pending], consent: bool, family: str
) -> Taken:
    """Photos that were dropped: into the subject at once, or kept until it is named."""
    if subject_of(desk, selected) is not None:
        added = desk.add_photos(selected, [Path(file) for file in drop or []], consent)
        return {"drop": None, **photos_view(desk, selected, (), "", added.refused)}
    kept, refused = look_at(drop or [], desk.families[family].resolution)
    return {"drop": None, **photos_view(desk, "", [*pending, *kept], "", refused)}


def add_subject(
    desk: Studio,
    name: str,
    noun: str | None,
    identifier: str,
    pending: Sequence[Pending],
    consent: bool,
    family: str,
) -> Opened:
    photos = [(Path(photo.path), photo.caption) for photo in pending]
    subject, refused = subject_actions.create(desk, name, noun or "", identifier, photos, consent)
    return opened(desk, desk.families[family], subject.slug, refused=refused)


def save_subject(desk: Studio, selected: str, name: str, noun: str | None, identifier: str, family: str) -> Opened:
    desk.library.edit_subject(selected, name=name, class_noun=noun or "", identifier=identifier)
    return opened(desk, desk.families[family], selected)


def ask_to_remove(desk: Studio) -> Removal:
    return {"remove": gr.Button(visible=False), "really": gr.Button(visible=True)}


def remove_subject(desk: Studio, selected: str, family: str) -> Opened:
    desk.library.remove_subject(selected)
    left = desk.library.subjects()
    return opened(desk, desk.families[family], left[0].slug if left else "")


def judge(desk: Studio, identifier: str, selected: str, family: str) -> str:
    return verdict_view(subject_actions.verdict(desk, desk.families[family], identifier, selected))


def judge_noun(desk: Studio, noun: str | None, family: str) -> str:
    return noun_view(noun, desk.families[family])


def propose_another(desk: Studio, identifier: str, family: str) -> str:
    """The proposal after the one that stands there."""
    tokens = [proposal.token for proposal in subject_actions.proposals(desk, desk.families[family])]
    if not tokens:
        raise ValueError("There is no other proposal; type a short made-up word.")
    return tokens[(tokens.index(identifier) + 1) % len(tokens)] if identifier in tokens else tokens[0]


def propose_from_name(desk: Studio, name: str, family: str) -> str:
    return subject_actions.from_name(desk, desk.families[family], name).token


def open_subject(desk: Studio, act: dict, family: str) -> Opened:
    return opened(desk, desk.families[family], str(act.get("slug")))


def open_new(desk: Studio, act: dict, family: str) -> Opened:
    return opened(desk, desk.families[family], "")


def take_sample(desk: Studio, act: dict, family: str) -> Opened:
    return opened(desk, desk.families[family], subject_actions.take_sample(desk).slug)


def caption(desk: Studio, act: dict, selected: str, pending: Sequence[Pending], photo: str) -> Photos:
    desk.library.edit_photo(selected, str(act.get("file", "")), caption=str(act.get("value", "")))
    return photos_view(desk, selected, pending, photo)


def remove_photo(desk: Studio, act: dict, selected: str, pending: Sequence[Pending], photo: str) -> Photos:
    desk.library.remove_photo(selected, str(act.get("file", "")))
    return photos_view(desk, selected, pending, photo)


def crop(desk: Studio, act: dict, selected: str, pending: Sequence[Pending], photo: str) -> Photos:
    """The photo whole with its crop, or no longer."""
    named = str(act.get("file", ""))
    return photos_view(desk, selected, pending, "" if photo == named else named)


def describe(desk: Studio, act: dict, selected: str, pending: Sequence[Pending], photo: str, family: str) -> Photos:
    """A caption for each photo that has none."""
    desk.describe(selected, family)
    return photos_view(desk, selected, pending, photo)


def leave_out(desk: Studio, act: dict, selected: str, pending: Sequence[Pending], photo: str) -> Photos:
    """One that waits for its subject to be named goes."""
    left = [one for number, one in enumerate(pending) if str(number) != str(act.get("number"))]
    return photos_view(desk, selected, left, photo)


def crop_to(desk: Studio, act: dict, selected: str, pending: Sequence[Pending], photo: str) -> Photos:
    desk.library.edit_photo(selected, str(act.get("file")), crop=as_box(act.get("crop")))
    return photos_view(desk, selected, pending, photo)


def end_crop(desk: Studio, act: dict, selected: str, pending: Sequence[Pending]) -> Photos:
    return photos_view(desk, selected, pending, "")
