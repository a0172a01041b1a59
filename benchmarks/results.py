"""Each benchmark writes its own section of RESULTS.md, so that one can be run again without the others."""

from __future__ import annotations

import os
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
TITLE = "# Results\n\nEach section below is written by the benchmark that it names; run that one again to renew it.\n"


def write_section(name: str, markdown: str, path: Path = RESULTS) -> None:
    """Put `markdown` in place of the section called `name`, or at the end where there is none yet.

    A section lies between two HTML comments that hold its name. Raises ValueError for a name or a text that
    would break them.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if not name or "--" in name or "\n" in name:
        raise ValueError(f"a section's name must be one line without '--', got {name!r}")
    if start in markdown or end in markdown:
        raise ValueError(f"the section {name!r} must not hold its own markers")
    page = path.read_text(encoding="utf-8") if path.is_file() else TITLE
    section = f"{start}\n{markdown.strip()}\n{end}"
    if start in page and end in page:
        before, _, rest = page.partition(start)
        page = before + section + rest.partition(end)[2]
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    _replace(path, page)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every row must be as long as the header."""
    lines = [header, ["---"] * len(header), *rows]
    if any(len(line) != len(header) for line in lines):
        raise ValueError(f"every row must have {len(header)} cells")
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
