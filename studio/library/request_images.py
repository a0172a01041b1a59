"""The shelf of images that requests bring along, each once: `images/<sha256 of its pixels>.png`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from PIL import Image

from studio.imaging.photos import content_of, open_image
from studio.library.shelf import Shelf
from studio.library.store import inside, write_atomically


class Images(Shelf):
    """Images given by hand, kept by content so that requests and recipes can name them."""

    def keep_image(self, source: Path | str | bytes | Image.Image, name: str | None = None) -> Path:
        """The image, upright and in RGB, as a file of the library; one that is there already is not written again.

        Raises ValueError, in a sentence, for what cannot be read.
        """
        image = open_image(source, name)
        path = self.root / "images" / f"{content_of(image)}.png"
        with self.writing:
            if not path.is_file():
                self.make_room(image.width * image.height * 3)
                write_atomically(path, lambda temporary: image.save(temporary, "PNG"))
            os.utime(path)  # what was used lately goes last when room is short
        return path

    def image(self, name: str) -> Path:
        """The file of a kept image by its name. Raises ValueError when there is none."""
        path = inside(self.root / "images", name, "image")
        with suppress(OSError):  # a read-only library serves its images too
            os.utime(path)
        return path

    def keeps(self, path: Path) -> bool:
        """Whether a file is one of the kept images."""
        return path.resolve().parent == (self.root / "images").resolve()

    def expendable(self) -> list[Path]:
        """As everywhere; then kept images, least recently used first."""
        return [
            *super().expendable(),
            *sorted((self.root / "images").glob("*.png"), key=lambda path: path.stat().st_mtime),
        ]
