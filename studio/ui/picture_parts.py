"""What every picture on the page can have: a star, a link to its file, a box to choose it; and how far a run is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from studio.execution.run import Run
from studio.library import Picture, Subject
from studio.session import Studio
from studio.ui import html


def mark(desk: Studio, act: dict) -> None:
    """The picture that a piece's button names becomes a favourite, or is one no longer."""
    picture = desk.library.picture(str(act.get("id", "")))
    desk.library.favourite(picture.id, not picture.favourite)


def prompt_of(picture: Picture) -> str:
    """The prompt that a picture was drawn from; empty where its recipe has none."""
    return str(picture.recipe.request.get("prompt", ""))


def live_headline(run: Run, title: str, doing: str) -> str:
    """How far something is that is being drawn, how long still, and what stops it."""
    progress = run.progress()
    left = html.duration(progress.seconds_left)
    words = html.joined([progress.words, f"{left} left" if left else ""])
    stop = html.button("Stop", "cancel", "stop", kind="halt", run=run.id)
    return (
        f'<div class="headline live"><p class="prompt">{escape(title)}</p><div class="row"><p class="words">'
        f"{escape(words)}</p>{stop}</div>{html.bar(progress.fraction, doing)}</div>"
    )


def choose(id: str) -> str:
    """A tick box that chooses a picture by its id."""
    return (
        f'<label class="choose" title="Choose"><input type="checkbox" data-choose value="{escape(id)}" '
        'aria-label="Choose this picture"></label>'
    )


def star(picture: Picture) -> str:
    """Marks a favourite, or takes the mark away."""
    return html.button(
        "Not a favourite" if picture.favourite else "Favourite",
        "favourite",
        "star",
        quiet=True,
        kind="starred" if picture.favourite else "",
        id=picture.id,
    )


def save(picture: Picture) -> str:
    """A link to the file itself, recipe inside."""
    named = html.attributes(
        href=html.url(picture.path),
        download=picture.path.name,
        class_="small",
        title="Save the file",
        aria_label="Save the file",
    )
    return f"<a{named}>{html.icon('save')}</a>"


def chosen_bar(subjects: Sequence[Subject]) -> str:
    """What to do with ticked pictures; the style sheet hides it while none is."""
    options = "".join(f'<option value="{escape(subject.slug)}">{escape(subject.name)}</option>' for subject in subjects)
    add = (
        f'<select data-act="add_to" aria-label="Add to a subject"><option value="">Add to...</option>{options}</select>'
        if subjects
        else ""
    )
    return (
        f'<div class="chosen-bar"><span>Chosen pictures:</span>'
        f"{html.button('Make a subject of these', 'make_subject', 'plus')}{add}</div>"
    )
