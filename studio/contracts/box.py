"""A rectangle of pixels, as every room of the studio writes it."""

from __future__ import annotations

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
