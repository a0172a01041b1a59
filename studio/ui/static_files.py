"""What the browser is given: scripts and style sheets from static/, joined in a fixed order, so that nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

STATIC = Path(__file__).resolve().parent / "static"
STYLES = (  # a later sheet has the last word
    "theme",
    "shell",
    "gradio",
    "pieces",
    "side",
    "stage",
    "train",
    "subject",
    "dress",
    "gallery",
    "retouch",
    "mask_editor",
    "narrow",
)
MASK_EDITOR = (  # each imports from those before it
    "pixels",
    "geometry",
    "machine",
    "model",
    "protocol",
    "draft",
    "view",
    "tools",
    "editor",
    "controls",
    "mount",
)
MOUNT = "mount({ element, props, trigger, watch, upload });\n"  # what Gradio calls the parts of a piece's script
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|class|function|async)", re.MULTILINE)


def style_sheets() -> list[Path]:
    """The page's style sheets, in the order in which they hold."""
    return [STATIC / "style" / f"{name}.css" for name in STYLES]


def script(name: str) -> str:
    """The text of a script of the page, by its name."""
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")


def mask_editor_script() -> str:
    """The modules of mask_editor/ as the one script of the piece that they bring to life."""
    return joined([script(f"mask_editor/{name}") for name in MASK_EDITOR]) + MOUNT


def joined(modules: Sequence[str]) -> str:
    """ES modules as one script: what they import from one another stands above them, under the same name."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", module)) for module in modules)
