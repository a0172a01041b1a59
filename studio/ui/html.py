"""The page's own small pieces of HTML. Everything from outside is escaped here, whatever it claims to be.

They are written in Python, not in gr.HTML's templates: those evaluate `${...}` in what is put into them. A button with
`data-act` tells the piece's listener (`Wiring.on_act`) its data attributes, and which pictures are ticked.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

ACT = """
element.addEventListener('click', (event) => {
    const button = event.target.closest('[data-act]');
    if (!button || button.matches('input, select, textarea')) return;
    const chosen = [...element.querySelectorAll('[data-choose]:checked')].map((box) => box.value);
    trigger('act', {...button.dataset, chosen});
});
element.addEventListener('change', (event) => {
    const field = event.target.closest('input[data-act], select[data-act], textarea[data-act]');
    if (!field) return;
    const chosen = [...element.querySelectorAll('[data-choose]:checked')].map((box) => box.value);
    trigger('act', {...field.dataset, value: field.type === 'checkbox' ? field.checked : field.value, chosen});
    if (field.matches('select')) field.selectedIndex = 0;
});
element.addEventListener('input', (event) => {
    const beside = event.target.matches('input[type=range]') && event.target.nextElementSibling;
    if (beside && beside.matches('output')) beside.textContent = event.target.value;
});
"""
ICONS = {  # paths of 24 x 24 outlines
    "star": "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L3.6 9.7l5.8-.8z",
    "stop": "M7 7h10v10H7z",
    "pause": "M8 6v12M16 6v12",
    "play": "M8 5l11 7-11 7z",
    "again": "M20 12a8 8 0 1 1-2.6-5.9M20 3v5h-5",
    "send": "M4 12h14M13 6l6 6-6 6",
    "trash": "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
    "save": "M12 4v11M7 11l5 5 5-5M5 20h14",
    "compare": "M12 3v18M4 6h8v12H4zM12 6h8v12h-8",
    "crop": "M7 3v14h14M3 7h14v14",
    "close": "M6 6l12 12M18 6L6 18",
    "plus": "M12 5v14M5 12h14",
    "minus": "M5 12h14",
    "brush": "M20 4l-9 9M11 13l-2-2 8.5-8.5M9 11c-4 0-3 5-6 6 3 2 8 1 8-4",
    "eraser": "M9 20H5l-2-3 10-11 6 6-8 8zM9 20h11M8 11l6 6",
    "point": "M12 3v5M12 16v5M3 12h5M16 12h5M12 12h.01",
    "box": "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4",
    "undo": "M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10h-3",
    "hanger": "M12 8a2 2 0 1 0-2-2M12 8v2l8.5 6.5a1 1 0 0 1-.6 1.8H4.1a1 1 0 0 1-.6-1.8L12 10",
    "redo": "M16 5l4 4-4 4M20 9H10a5 5 0 0 0 0 10h3",
}


def piece(value: str = "", *classes: str, **options: Any) -> gr.HTML:
    """A place for HTML made here, whose buttons and fields tell what they are."""
    return gr.HTML(value, js_on_load=ACT, apply_default_css=False, elem_classes=["piece", *classes], **options)


def icon(name: str) -> str:
    """One of ICONS by its name, as SVG that screen readers pass over."""
    return f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS[name]}"/></svg>'


def attributes(**values: Any) -> str:
    """data_act="x" as ` data-act="x"`; None and False are left out, True stands alone."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in values.items()}
    return "".join(
        f" {name}" if value is True else f' {name}="{escape(str(value))}"'
        for name, value in named.items()
        if value is not None and value is not False
    )


def button(text: str, act: str, symbol: str | None = None, *, quiet: bool = False, kind: str = "", **data: Any) -> str:
    """A small button; `quiet` shows its icon alone and keeps the text for those who cannot see it."""
    inside = (icon(symbol) if symbol else "") + ("" if quiet else f"<span>{escape(text)}</span>")
    said = {f"data_{name}": value for name, value in data.items()}
    return (
        f"<button{attributes(type='button', class_=f'small {kind}'.strip(), data_act=act, **said)}"
        + (f"{attributes(title=text, aria_label=text)}" if quiet else "")
        + f">{inside}</button>"
    )


def url(path: Path | str) -> str:
    """Where the page finds a file of the library."""
    return f"gradio_api/file={quote(str(Path(path).absolute()))}"


def image(path: Path | str, words: str = "", **more: Any) -> str:
    """A picture of the library as an <img>, loaded once it comes into sight; `words` say what it shows."""
    return f"<img{attributes(src=url(path), alt=words, loading='lazy', **more)}>"


def jpeg(data: bytes, words: str = "") -> str:
    """A picture that is not on disk, such as a preview."""
    source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" alt="{escape(words)}">'


def chip(text: str, kind: str = "", title: str = "", **data: Any) -> str:
    """A small button of words; `data` are what its script reads."""
    said = {f"data_{name}": value for name, value in data.items()}
    return (
        f"<button{attributes(type='button', class_=f'chip {kind}'.strip(), title=title or None, **said)}>"
        f"{escape(text)}</button>"
    )


def chips(texts: Iterable[tuple[str, str]], into: str, kind: str = "", exclusive: bool = False) -> str:
    """Buttons that write their words into a text field: (what it shows, what it writes) each."""
    inside = "".join(chip(shown, kind, insert=words, into=into) for shown, words in texts)
    return f"<div{attributes(class_='chips', data_exclusive=exclusive)}>{inside}</div>" if inside else ""


def tag(text: str, kind: str = "") -> str:
    """A small label of a kind that the style sheets know."""
    return f'<span class="tag {kind}">{escape(text)}</span>'


def note(text: str, kind: str = "") -> str:
    """A line of advice; nothing at all where there is none."""
    return f'<p class="note {kind}">{escape(text)}</p>' if text else ""


def empty(title: str, text: str, *actions: str) -> str:
    """What a place says that has nothing to show yet, and what to do about it."""
    row = f'<div class="row">{"".join(actions)}</div>' if actions else ""
    return f'<div class="empty"><h3>{escape(title)}</h3><p>{escape(text)}</p>{row}</div>'


def bar(fraction: float, words: str = "") -> str:
    """A progress bar; `fraction` is 0 to 1, `words` say of what."""
    percent = round(100 * min(max(fraction, 0.0), 1.0), 1)
    said = attributes(role="progressbar", aria_valuenow=percent, aria_valuemin=0, aria_valuemax=100, aria_label=words)
    return f'<div class="bar"{said}><i style="width:{percent}%"></i></div>'


def pairs(values: Mapping[str, Any]) -> str:
    """A list of names and values, as of a recipe."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
        for name, value in values.items()
        if value not in (None, "")
    )
    return f"<dl>{rows}</dl>"


def duration(seconds: float | None) -> str:
    """2:10, or "45 s"; empty where nobody knows."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d}" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def joined(parts: Sequence[str], between: str = " \u00b7 ") -> str:
    """Those parts that are not empty, with something between them."""
    return between.join(part for part in parts if part)
