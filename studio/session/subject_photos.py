"""Subjects and their photos, under the rules of a shared host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from studio.library import Added, Subject
from studio.session.session import Session


class SubjectPhotos(Session):
    """What a studio does for its subjects beside what the library does."""

    def add_subject(
        self, name: str, class_noun: str, identifier: str, photos: Iterable[Any] = (), consent: bool = False
    ) -> Subject:
        """Library.add_subject under the rules of a shared host: consent for photos, and room for them."""
        photos = list(photos)
        self._check_photos(photos, consent)
        return self.library.add_subject(name, class_noun, identifier, photos)

    def add_photos(self, slug: str, photos: Iterable[Any], consent: bool = False) -> Added:
        """Library.add_photos under the same rules."""
        photos = list(photos)
        self._check_photos(photos, consent)
        return self.library.add_photos(slug, photos)

    def describe(self, slug: str, family: str | None = None) -> Subject:
        """Give each photo of the subject that has no caption one in the family's words, to be edited at will."""
        self.notice()
        subject, chosen = self.library.subject(slug), self._named_family(family)
        for photo in subject.photos:
            if not photo.caption.strip():
                said = self.executor.ask("studio.engine.vision.captioning:caption_of", photo, subject, family=chosen)
                self.library.edit_photo(slug, photo.file, caption=said)
        return self.library.subject(slug)
