"""Endpoints of subjects and their photos, and of the identifiers that call them."""

from __future__ import annotations

import asyncio

from studio.session import Studio
from studio.ui.api.arguments import box, family_of
from studio.ui.form_values import uploaded
from studio.ui.serializers import told_photo, told_subject
from studio.ui.subject_actions import caption_note_for, create, from_name, proposals, verdict
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    for handler in (
        subjects,
        add_subject,
        edit_subject,
        remove_subject,
        add_photos,
        edit_photo,
        remove_photo,
        describe_photos,
        propose_identifier,
        check_identifier,
    ):
        wiring.endpoint(handler.__name__, handler)


def subjects(desk: Studio) -> list:
    """Every subject with its photos, oldest first."""
    return [told_subject(subject, desk.family) for subject in desk.library.subjects()]


def add_subject(
    desk: Studio, name: str, class_noun: str, identifier: str, photos: list | None = None, consent: bool = False
) -> dict:
    """A new subject. Photos that cannot be used come back under "refused", by name and with the reason."""
    subject, refused = create(desk, name, class_noun, identifier, uploaded(photos or []), consent)
    return {**told_subject(subject, desk.family), "refused": [list(pair) for pair in refused]}


def edit_subject(
    desk: Studio, subject: str, name: str | None = None, class_noun: str | None = None, identifier: str | None = None
) -> dict:
    """Change what is given; the slug stays."""
    given = {"name": name, "class_noun": class_noun, "identifier": identifier}
    changes = {field: value for field, value in given.items() if value is not None}
    return told_subject(desk.library.edit_subject(subject, **changes), desk.family)


def remove_subject(desk: Studio, subject: str) -> list:
    """Remove a subject with its photos; LoRAs trained on it stay. The subjects that are left."""
    desk.library.remove_subject(subject)
    return subjects(desk)


def add_photos(desk: Studio, subject: str, photos: list, consent: bool = False) -> dict:
    """Add photos one by one: "kept", and "refused" by name with the reason."""
    added = desk.add_photos(subject, uploaded(photos), consent)
    note = caption_note_for(desk.library.subject(subject), desk.family)
    return {
        "kept": [told_photo(photo, note) for photo in added.kept],
        "refused": [list(pair) for pair in added.refused],
    }


def edit_photo(desk: Studio, subject: str, file: str, caption: str | None = None, crop: list | None = None) -> dict:
    """Change a photo's caption, its crop (left, top, right, bottom in pixels), or both."""
    edited = desk.library.edit_photo(subject, file, caption, box(crop))
    return told_photo(edited, caption_note_for(desk.library.subject(subject), desk.family))


def remove_photo(desk: Studio, subject: str, file: str) -> dict:
    """Remove one photo; the subject that is left."""
    desk.library.remove_photo(subject, file)
    return told_subject(desk.library.subject(subject), desk.family)


async def describe_photos(desk: Studio, subject: str, family: str | None = None) -> dict:
    """Give each photo without a caption one that names garments, colours and place; the subject with its photos."""
    return told_subject(await asyncio.to_thread(desk.describe, subject, family), desk.family)


def propose_identifier(desk: Studio, family: str | None = None, name: str | None = None, count: int = 5) -> list:
    """Rare tokens nobody here uses yet, each with the reason; from a name, that name in letters moved along."""
    if not 1 <= count <= 50:
        raise ValueError(f"count must be 1 to 50, got {count}")
    chosen = family_of(desk, family)
    if name:
        return [vars(from_name(desk, chosen, name))]
    return [vars(proposal) for proposal in proposals(desk, chosen, count)]


def check_identifier(desk: Studio, identifier: str, family: str | None = None) -> dict:
    """How good an identifier is for a family: level "good", "fair" or "bad", and the reason."""
    return vars(verdict(desk, family_of(desk, family), identifier))
