"""What the browser is given: scripts and style sheets from static/, joined in a fixed order, so that nothing is fetched."""

from __future__ import annotations

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


def style_sheets() -> list[Path]:
    return [STATIC / "style" / f"{name}.css" for name in STYLES]


def script(name: str) -> str:
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")
