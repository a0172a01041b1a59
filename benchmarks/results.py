"""Each benchmark writes its own section of RESULTS.md, so that one can be run again without the others."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
TITLE = "# Results\n\nEach section below is written by the benchmark that it names; run that one again to renew it.\n"
SECTION = re.compile(r"<!-- (?!end of )(?P<name>.+?) -->\n(?P<text>.*?)\n<!-- end of (?P=name) -->", re.DOTALL)
MEASURED_WITH = re.compile(r"^Measured with the bundled weights `(\w+)`\.$", re.MULTILINE)
WEIGHTS = "weights"  # the section on top


def write_section(name: str, markdown: str, path: Path = RESULTS) -> None:
    """Put `markdown` in place of the section called `name`, or at the end where there is none yet.

    A section lies between two HTML comments that hold its name, and ends with the digest of the bundled weights; the
    line on top of the page says which sections have which. Raises ValueError for a name or a text that would break
    the comments.
    """
    if not name or "--" in name or "\n" in name or name == WEIGHTS:
        raise ValueError(f"a section's name must be one line without '--', and not {WEIGHTS!r}, got {name!r}")
    if any(marker in markdown for marker in _markers(name)):
        raise ValueError(f"the section {name!r} must not hold its own markers")
    page = path.read_text(encoding="utf-8") if path.is_file() else TITLE
    page = _with_section(page, name, f"{markdown.strip()}\n\nMeasured with the bundled weights `{weights_digest()}`.")
    _replace(path, _with_weights_on_top(page))


def weights_digest(assets: Path = ROOT / "assets") -> str:
    """Twelve digits of a SHA-256 over the weights that are bundled: the family, what it finds masks and wears outfits
    with, its styles, and the judge."""
    whole = hashlib.sha256()
    for file in sorted(assets.glob("pocket*/**/*.safetensors")):
        whole.update(f"{file.relative_to(assets).as_posix()}\n".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()[:12]


def weights_line(page: str) -> str:
    """Which sections of the page were measured with which bundled weights, as far as they say."""
    named: dict[str, list[str]] = {}
    for section in SECTION.finditer(page):
        if section["name"] != WEIGHTS:
            found = MEASURED_WITH.search(section["text"])
            named.setdefault(found[1] if found else "", []).append(section["name"])
    silent = named.pop("", [])
    if not named:
        return "Bundled weights that the sections were measured with: not recorded."
    if len(named) == 1 and not silent:
        return f"Bundled weights that every section was measured with: `{next(iter(named))}`."
    told = [f"`{digest}` in {', '.join(names)}" for digest, names in named.items()]
    told += [f"not recorded in {', '.join(silent)}"] if silent else []
    return f"Bundled weights that the sections were measured with: {'; '.join(told)}."


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every row must be as long as the header."""
    lines = [header, ["---"] * len(header), *rows]
    if any(len(line) != len(header) for line in lines):
        raise ValueError(f"every row must have {len(header)} cells")
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def _with_section(page: str, name: str, text: str) -> str:
    start, end = _markers(name)
    section = f"{start}\n{text}\n{end}"
    if start in page and end in page:
        before, _, rest = page.partition(start)
        return before + section + rest.partition(end)[2]
    return f"{page.rstrip()}\n\n{section}\n"


def _with_weights_on_top(page: str) -> str:
    """The page with its line about weights, before the first section where there was none yet."""
    start, end = _markers(WEIGHTS)
    if start not in page:
        head, _, sections = page.partition("<!-- ")
        page = f"{head.rstrip()}\n\n{start}\n{end}\n\n<!-- {sections}"
    return _with_section(page, WEIGHTS, weights_line(page))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
