"""What the page and the API do with subjects, beyond the library's own verbs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from studio.contracts.family import ModelFamily
from studio.library import Library, Subject
from studio.session import EXAMPLES, Studio
from studio.words import identifiers
from studio.words.identifiers import Proposal, Verdict
from studio.words.reading import caption_note

PROPOSALS = 40
CaptionNote = Callable[[str], str]  # what of a caption is too long to be learnt; "" where nothing is


def create(
    desk: Studio, name: str, class_noun: str, identifier: str, photos: Sequence[Any], consent: bool
) -> tuple[Subject, tuple[tuple[str, str], ...]]:
    """A new subject, and the photos that were refused by name with the reason.

    Raises ValueError, and leaves nothing behind, when photos were given but not one can be used.
    """
    subject = desk.add_subject(name, class_noun, identifier)
    try:
        added = desk.add_photos(subject.slug, photos, consent) if photos else None
        if added is not None and not added.kept:
            raise ValueError(added.reasons)
    except ValueError:
        desk.library.remove_subject(subject.slug)
        raise
    return desk.library.subject(subject.slug), added.refused if added else ()


def has_sample() -> bool:
    """Whether the sample library came with this installation."""
    return (EXAMPLES / "subjects").is_dir()


def take_sample(desk: Studio) -> Subject:
    """Copy the sample library's first subject, its captions and its LoRA into this library."""
    sample = Library(EXAMPLES)
    actor = sample.subjects()[0]
    made = desk.library.add_subject(actor.name, actor.class_noun, actor.identifier, [p.path for p in actor.photos])
    for photo, original in zip(made.photos, actor.photos, strict=True):
        desk.library.edit_photo(made.slug, photo.file, original.caption, original.crop)
    for lora in sample.loras():
        if lora.subject == actor.slug:
            fields = ("name", "family", "trigger", "rank", "alpha", "steps", "base_resolution")
            given = {field: getattr(lora, field) for field in fields}
            desk.library.save_lora(
                subject=made.slug,
                preview=lora.preview,
                **given,
                write=lambda path, source=lora.path: shutil.copyfile(source, path),
            )
    return desk.library.subject(made.slug)


def proposals(desk: Studio, family: ModelFamily, count: int = PROPOSALS) -> list[Proposal]:
    """Rare tokens of the family that no subject here has."""
    return identifiers.propose(vocabulary(family), _taken(desk), count)


def from_name(desk: Studio, family: ModelFamily, name: str) -> Proposal:
    """An identifier made of a name. Raises ValueError for one without Latin letters."""
    return identifiers.from_name(name, vocabulary(family), _taken(desk))


def verdict(desk: Studio, family: ModelFamily, identifier: str, own: str = "") -> Verdict:
    """How good an identifier is; `own` is the slug of the subject that already has it."""
    return identifiers.check(identifier, vocabulary(family), _taken(desk, own))


def caption_note_for(subject: Subject | None, family: ModelFamily) -> CaptionNote:
    """What says, of a caption of the subject's, what of it is too long for the family to learn."""
    known = vocabulary(family)

    def note(caption: str) -> str:
        named = subject is None or subject.named_in(caption)
        return caption_note(caption, known, "" if named or subject is None else subject.instance_prompt)

    return note


def no_note(caption: str) -> str:
    return ""


def vocabulary(family: ModelFamily) -> identifiers.Vocabulary | None:
    """The family's tokenizer; None where it is not on this disk."""
    return identifiers.vocabulary_of(family.weights, family.words(), family.config)


def _taken(desk: Studio, but: str = "") -> list[str]:
    return [subject.identifier for subject in desk.library.subjects() if subject.slug != but]
