"""The easel's frame: canvas, tools and lists, as plain HTML. static/mask_editor brings it to life."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import gradio as gr

from studio.ui import html
from studio.ui.static_files import mask_editor_script

TOOLS = (  # name, what it says, icon, key
    ("brush", "Brush", "brush", "B"),
    ("eraser", "Eraser", "eraser", "E"),
    ("point", "Click", "point", "P"),
    ("box", "Box", "box", "R"),
)
EDITS = (  # operation, what it says, what it does
    ("grow", "Grow", "Its edge moves out by so many pixels"),
    ("shrink", "Shrink", "Its edge moves in"),
    ("feather", "Feather", "Its edge fades over so many pixels"),
    ("fill", "Fill holes", "What the mask surrounds is in it too"),
    ("clean", "Drop specks", "Tiny pieces go"),
    ("invert", "Invert", "What is outside is inside, and the reverse"),
)
PLACES = (
    ("add", "Add", "What is found joins the mask"),
    ("take", "Take away", "What is found leaves the mask"),
    ("alone", "Alone", "What is found becomes the whole mask"),
)


def asks_easel(act: str) -> str:
    """A script that lets the mask editor do one of its acts: "repaint", "wear", or "failed", that it waits no longer."""
    return f"() => {{ document.dispatchEvent(new CustomEvent('easel', {{ detail: '{act}' }})); }}"


def easel() -> gr.HTML:
    """The piece. Its value is the newest answer of the server as JSON; the frame itself never changes."""
    return gr.HTML(
        "",
        html_template=_frame(),
        js_on_load=mask_editor_script(),
        apply_default_css=False,
        elem_classes=["piece", "easel"],
        elem_id="easel",
    )


def told(kind: str, **answer: Any) -> str:
    """An answer for the easel; the time makes each another value."""
    return json.dumps({"time": time.time_ns(), "kind": kind, **answer})


def _frame() -> str:
    return (
        f'<div class="easel-left">{_tools()}{_stage()}{_edits()}</div>'
        f'<div class="easel-right">{_finding()}{_things()}{_files()}</div>'
    )


def _tools() -> str:
    tools = "".join(
        _button(words, icon, f"{words} ({key})", data_tool_name=name, class_="small tool")
        for name, words, icon, key in TOOLS
    )
    signs = (
        _button("This", "plus", "Clicks add what they hit", data_do="plus", class_="small sign")
        + _button(
            "Not this",
            "minus",
            "Clicks take away what they hit; so does the right button",
            data_do="minus",
            class_="small sign",
        )
        + _button("Next", None, "The next click begins another shape", data_do="another", class_="small sign")
    )
    back = (
        _button("Undo", "undo", "Undo (Ctrl+Z)", quiet=True, data_do="undo")
        + _button("Redo", "redo", "Redo (Ctrl+Shift+Z)", quiet=True, data_do="redo")
        + _button("Clear", None, "Empty the mask", data_do="clear")
    )
    size = _slider("size", "Size", 1, 40, 6, "of the picture's longer side, in hundredths")
    return (
        f'<div class="easel-tools" role="toolbar" aria-label="Tools"><div class="row tools">{tools}</div>'
        f'<div class="row signs">{signs}</div><div class="row sizes">{size}</div>'
        f'<div class="row back">{back}</div></div>'
    )


def _stage() -> str:
    empty = html.empty(
        "Nothing on the easel",
        "Take a picture with Retouch in Draw or in the Gallery, drop or choose one of your own, or begin with the last "
        "one you drew.",
        _button("Take the last picture", "send", "", data_do="newest", class_="small main"),
        _button("Choose a file", "plus", "", data_do="open"),
    )
    return (
        '<div class="easel-frame"><div class="easel-stage"><div class="easel-paper">'
        '<img class="easel-picture" alt="The picture on the easel">'
        '<canvas class="easel-mask" width="1" height="1"></canvas><div class="easel-marks"></div>'
        '<div class="easel-band" hidden></div><i class="easel-ring"></i></div>'
        f'{empty}</div><div class="easel-wait" role="status"><i></i><p></p>'
        f"{_button('Stop', 'stop', 'Stop (Esc)', data_do='stop', class_='small halt')}</div></div>"
        '<div class="row easel-under"><p class="easel-note" role="status"></p><span class="easel-share"></span>'
        '<span class="easel-size faint"></span>'
        '<label class="tick"><input type="checkbox" name="alone"> Mask alone</label>'
        '<label class="zoom">Zoom <input type="range" name="zoom" min="1" max="8" step="0.1" value="1" '
        'aria-label="Zoom"></label></div>'
    )


def _edits() -> str:
    edits = "".join(_button(words, None, title, data_edit=name) for name, words, title in EDITS)
    pixels = (
        '<label class="pixels">by <input type="number" name="pixels" min="1" max="512" step="1" value="3" '
        'aria-label="Pixels"> px</label>'
    )
    return f'<div class="row easel-edits" role="group" aria-label="Change the mask">{edits}{pixels}</div>'


def _finding() -> str:
    field = (
        '<div class="row ask"><input type="text" name="phrases" id="phrases" maxlength="400" '
        'placeholder="clothing, hair" aria-label="What to find" value="clothing">'
        f"{_button('Find', None, 'Find it in the picture (Enter)', data_do='find', class_='small find')}</div>"
    )
    places = "".join(
        f'<label title="{title}"><input type="radio" name="place" value="{name}"{" checked" if name == "add" else ""}>'
        f"<span>{words}</span></label>"
        for name, words, title in PLACES
    )
    thresholds = _slider("box_threshold", "Box threshold", 0, 1, 0.4, "how sure the best word must be", 0.01) + _slider(
        "text_threshold", "Text threshold", 0, 1, 0.3, "how sure all its words must be, in the mean", 0.01
    )
    segmenter = '<label class="field">Segmenter<select name="segmenter"></select></label>'
    return (
        "<section><h3>Find by a word</h3>"
        f'{field}<div class="chips easel-words"></div><div class="segments" role="radiogroup" '
        f'aria-label="What is found goes">{places}</div>'
        f'<details><summary>More</summary>{thresholds}{segmenter}<p class="faint easel-family"></p></details></section>'
    )


def _things() -> str:
    forget = _button("Forget these", None, "The mask stays as it is", data_do="forget")
    return (
        f'<section class="easel-things"><div class="row"><h3>Found</h3>{forget}</div>'
        '<div class="easel-list"></div></section>'
    )


def _files() -> str:
    files = (
        _button("Save the mask", "save", "A PNG of the picture's size, white inside", data_do="export")
        + _button(
            "Bring a mask",
            "plus",
            "A file of the picture's size: white inside, a shape, or the picture with a hole",
            data_do="import",
        )
        + _button("Other picture", "send", "Choose a picture from this computer", data_do="open")
    )
    inputs = (
        '<input type="file" name="picture-file" accept="image/*" hidden aria-label="A picture">'
        '<input type="file" name="mask-file" accept="image/*" hidden aria-label="A mask">'
    )
    return f'<section class="row easel-files">{files}{inputs}</section>'


def _slider(name: str, words: str, low: float, high: float, value: float, title: str, step: float = 1) -> str:
    field = html.attributes(type="range", name=name, min=low, max=high, step=step, value=value, aria_label=words)
    return f'<label class="slide" title="{title}">{words}<input{field}><output>{value:g}</output></label>'


def _button(words: str, icon: str | None, title: str, quiet: bool = False, class_: str = "small", **data: Any) -> str:
    said = html.attributes(
        type="button", class_=class_, title=title or None, aria_label=words if quiet else None, **data
    )
    inside: Iterable[str] = (html.icon(icon) if icon else "", "" if quiet else f"<span>{words}</span>")
    return f"<button{said}>{''.join(inside)}</button>"
