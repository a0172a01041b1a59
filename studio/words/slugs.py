"""Names as parts of paths."""

from __future__ import annotations

import re
import unicodedata

LONGEST_SLUG = 60  # letters; and 150 bytes, so that whatever is added to it still fits into a file's name


def slug_of(name: str) -> str:
    """Lower-case letters, digits and dashes of any script; "x" where nothing is left, as of an emoji."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()
    slug = re.sub(r"[^\w]+|_+", "-", plain).strip("-")[:LONGEST_SLUG]
    return slug.encode(errors="ignore")[:150].decode(errors="ignore").strip("-") or "x"
