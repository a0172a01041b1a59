"""The stage: pictures while they are drawn and after, and the words that may be put into a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from studio.contracts.family import ModelFamily
from studio.execution.run import Run
from studio.library import Lora, Picture, Scene, Subject
from studio.ui import html
from studio.ui.estimate_tags import tags

GROUPS_OPEN = 40  # words of one kind that are shown


def stage_view(run: Run | None, pictures: Sequence[Picture], subjects: Sequence[Subject]) -> str:
    """The run's pictures, drawn and to come; with no run, the last ones of the library."""
    if run is None and not pictures:
        return (
            '<div class="stage">'
            + html.empty(
                "The stage is empty",
                "Press Draw: the prompt is ready. A picture takes a few seconds, and you see it come out of the noise.",
            )
            + "</div>"
        )
    figures = [picture_card(picture) for picture in pictures]
    head = '<h2 class="lately">Lately on this stage</h2>'
    if run is not None:
        head = _head(run)
        if not run.ended:
            figures += [_coming(run, index) for index in range(len(figures), run.request.count)]
    wall = f'<div class="pictures of-{min(len(figures), 5)}">{"".join(figures)}</div>' if figures else ""
    return f'<div class="stage">{head}{wall}{chosen_bar(subjects) if pictures else ""}</div>'


def _head(run: Run) -> str:
    if run.status == "failed":
        return html.note(run.message, "bad")
    prompt = f'<p class="prompt">{escape(run.request.prompt or run.title)}</p>'
    if run.ended:
        stopped = html.note("Stopped. What was finished is kept.") if run.status == "cancelled" else ""
        return f'<div class="headline">{prompt}{stopped}</div>'
    return live_headline(run, run.request.prompt, "Drawing")


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


def _coming(run: Run, index: int) -> str:
    preview = run.latest
    if preview is not None and preview.index == index:
        said = f"step {preview.step} of {preview.total}"
        return (
            f'<figure class="picture half"><div class="frame">{html.jpeg(preview.jpeg, "Half drawn")}</div>'
            f"<figcaption><span>{said}</span></figcaption></figure>"
        )
    return (
        '<figure class="picture coming"><div class="frame"></div>'
        "<figcaption><span>in the wings</span></figcaption></figure>"
    )


def picture_card(picture: Picture) -> str:
    """A picture with its seed and what can be done with it at once."""
    ask = picture.recipe.request
    seed = html.button(f"seed {ask.get('seed')}", "seed", kind="seed", id=picture.id)
    without = (
        html.button("Without the LoRA", "compare", "compare", quiet=True, id=picture.id) if picture.recipe.loras else ""
    )
    mask = html.button("Retouch", "retouch", "brush", quiet=True, id=picture.id)
    dress = html.button("Take the outfit", "take_outfit", "hanger", quiet=True, id=picture.id)
    open_ = html.button("Open in the gallery", "open", "send", quiet=True, id=picture.id)
    acts = f'<span class="acts">{star(picture)}{save(picture)}{without}{mask}{dress}{open_}</span>'
    return (
        f'<figure class="picture"><div class="frame">{choose(picture.id)}'
        f"{html.image(picture.path, str(ask.get('prompt', '')))}</div>"
        f"<figcaption>{seed}{acts}</figcaption>{tags(picture.recipe.estimates)}</figure>"
    )


def comparison_view(picture: Picture, drawn: bool) -> str:
    """The heading of the slider that lays a picture beside its twin without the LoRA."""
    names = " and ".join(str(lora["name"]) for lora in picture.recipe.loras)
    seed = picture.recipe.request.get("seed")
    words = (
        f"Left without {names}, right with it; the seed is {seed} in both."
        if drawn
        else f"Drawing seed {seed} without {names}..."
    )
    return (
        f'<div class="row"><h3>Without the LoRA</h3>{html.button("Close", "close", "close", quiet=True)}</div>'
        f'<p class="faint">{escape(words)}</p>'
    )


def choose(id: str) -> str:
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


def words_view(lora: Lora | None, scenes: Sequence[Scene], family: ModelFamily) -> str:
    """The trigger, and ready scenes: a click writes the words into the prompt."""
    trigger = html.chips([(lora.trigger, lora.trigger)], "prompt", "trigger") if lora else ""
    ready = html.chips([(scene.name, scene.prompt) for scene in scenes], "prompt", exclusive=True)
    return f'<div class="words">{trigger}{ready}</div>'


def family_view(family: ModelFamily) -> str:
    """What a family is and, where it is small, everything it knows, as ready words."""
    use = "commercial use allowed" if family.commercial else "no commercial use"
    about = f'<p>{escape(family.description)}</p><p class="faint">Licence: {escape(family.licence)}, {use}.</p>'
    groups = "".join(
        f"<h4>{escape(kind.replace('_', ' '))}</h4>"
        + html.chips([(word, word) for word in words[:GROUPS_OPEN]], "prompt", "word")
        for kind, words in family.words().items()
    )
    photos = (
        ""
        if family.real_people
        else html.note("It knows drawn figures only. For photographs of real people take SDXL or SD 1.5.")
    )
    return f'<div class="family-card">{about}{photos}{groups}</div>'
