"""A subject's photos as the page shows them: the shelf of subjects, the contact sheet, the crop."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from studio.contracts.box import Box
from studio.imaging.photos import open_image, problems, suggest_crop
from studio.library import Photo, Subject
from studio.library.captions import paired
from studio.ui import html
from studio.ui.subject_actions import CaptionNote, no_note
from studio.words.identifiers import Verdict

CHIPS = {"good": "Good", "fair": "Fair", "bad": "Poor"}
THUMBNAIL = 240  # pixels


@dataclass(frozen=True)
class Pending:
    """A photo that waits for its subject to be named."""

    path: str
    jpeg: bytes
    notes: tuple[str, ...]
    caption: str = ""


Refused = tuple[tuple[str, str], ...]  # (file, reason) each


def look_at(paths: Iterable[str | Path], resolution: int) -> tuple[list[Pending], Refused]:
    """Open each file once: what can be used, as the training will see it, and what cannot, by name."""
    kept, refused = [], []
    captioned, unused = paired(paths)
    for path, caption in ((Path(photo), caption) for photo, caption in captioned):
        try:
            image = open_image(path)
        except ValueError as error:
            refused.append((path.name, str(error)))
            continue
        small = image.crop(suggest_crop(image))
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        data = io.BytesIO()
        small.save(data, "JPEG", quality=88)
        kept.append(Pending(str(path), data.getvalue(), problems(image, resolution), caption))
    return kept, (*refused, *unused)


def shelf_view(subjects: Sequence[Subject], selected: str, trained: frozenset[str], sample: bool) -> str:
    """Every subject as a card, and the place of a new one; with none, where to begin."""
    if not subjects:
        first = html.button("Start with the sample subject", "sample", "plus", kind="main") if sample else ""
        return html.empty(
            "Who shall play the part?",
            "Drop three to twenty pictures of one character or object below. Or begin with "
            "somebody who is here already.",
            first,
            html.button("Draw my first pictures instead", "go_draw", "send"),
        )
    cards = "".join(_card(subject, subject.slug == selected, subject.slug in trained) for subject in subjects)
    new = (
        f'<button type="button" class="card new{"" if selected else " open"}" data-act="new">'
        f'<span class="face">{html.icon("plus")}</span><b>New subject</b></button>'
    )
    return f'<div class="shelf">{cards}{new}</div>'


def _card(subject: Subject, opened: bool, trained: bool) -> str:
    face = _cropped(subject.photos[0]) if subject.photos else ""
    count = f"{len(subject.photos)} photo{'' if len(subject.photos) == 1 else 's'}"
    said = html.joined([count, "trained" if trained else ""])
    return (
        f'<button type="button" class="card{" open" if opened else ""}" data-act="subject" '
        f'data-slug="{escape(subject.slug)}" aria-pressed="{"true" if opened else "false"}">'
        f'<span class="face">{face}</span><b>{escape(subject.name)}</b><span class="faint">{said}</span></button>'
    )


def sheet_view(
    subject: Subject | None,
    pending: Sequence[Pending],
    selected: str,
    refused: Refused,
    note: CaptionNote = no_note,
) -> str:
    """The photos of the subject, or those that wait for one, with what was refused and why.

    `note` says what of a caption is too long to be learnt.
    """
    said = "".join(f"<li>{_refusal(name, reason)}</li>" for name, reason in refused)
    bad = f'<div class="refused"><p>Not taken:</p><ul>{said}</ul></div>' if said else ""
    if subject is not None:
        frames = "".join(_photo(photo, photo.file == selected, note) for photo in subject.photos)
    else:
        frames = "".join(_waiting(number, photo, note) for number, photo in enumerate(pending))
    if not frames:
        return (
            bad + '<p class="faint sheet-hint">Three to twenty pictures, the more different the better: other '
            "poses, other places, other light.</p>"
        )
    describes = subject is not None and any(not photo.caption.strip() for photo in subject.photos)
    describe = html.button("Describe those without a caption", "describe", "brush") if describes else ""
    return f'{bad}<div class="sheet">{frames}</div>{describe}'


def _photo(photo: Photo, selected: bool, note: CaptionNote) -> str:
    # `value` is for gr.HTML: where photos move up, it sets a field's text by this attribute alone.
    field = html.attributes(
        rows=1,
        data_act="caption",
        data_file=photo.file,
        value=photo.caption,
        placeholder="Caption",
        aria_label=f"Caption of {photo.file}",
    )
    crop = html.button("Crop", "crop", "crop", quiet=True, file=photo.file)
    drop = html.button("Remove this photo", "remove", "close", quiet=True, file=photo.file)
    return (
        f'<figure class="photo{" open" if selected else ""}"><div class="frame">{_cropped(photo)}'
        f'<span class="acts">{crop}{drop}</span></div><textarea{field}>{escape(photo.caption)}</textarea>'
        f"{_notes([*photo.notes, note(photo.caption)])}</figure>"
    )


def _waiting(number: int, photo: Pending, note: CaptionNote) -> str:
    caption = f'<p class="faint">{escape(photo.caption)}</p>' if photo.caption else ""
    drop = html.button("Leave this photo out", "leave_out", "close", quiet=True, number=number)
    return (
        f'<figure class="photo"><div class="frame">{html.jpeg(photo.jpeg)}<span class="acts">{drop}</span>'
        f"</div>{caption}{_notes([*photo.notes, note(photo.caption)])}</figure>"
    )


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="problem">{escape(note)}</p>' for note in notes if note)


def _cropped(photo: Photo) -> str:
    """The photo as the training sees it: its crop fills the frame."""
    left, top, right, bottom = photo.crop or (0, 0, photo.width, photo.height)
    across, down = right - left, bottom - top
    style = (
        f"width:{100 * photo.width / across:.3f}%;height:{100 * photo.height / down:.3f}%;"
        f"left:{-100 * left / across:.3f}%;top:{-100 * top / down:.3f}%"
    )
    return f'<span class="cropped">{html.image(photo.path, photo.caption, style=style)}</span>'


def cropper_view(photo: Photo | None) -> str:
    """The whole photo with the square that is taught; static/cropper.js moves it."""
    if photo is None:
        return ""
    left, top, right, bottom = photo.crop or (0, 0, photo.width, photo.height)
    smallest = min(64, photo.width, photo.height)
    size = html.attributes(
        type="range",
        min=smallest,
        max=min(photo.width, photo.height),
        value=right - left,
        aria_label="Size of the crop in pixels",
    )
    box = (
        f"left:{100 * left / photo.width:.3f}%;top:{100 * top / photo.height:.3f}%;"
        f"width:{100 * (right - left) / photo.width:.3f}%;height:{100 * (bottom - top) / photo.height:.3f}%"
    )
    about = html.attributes(
        data_file=photo.file,
        data_width=photo.width,
        data_height=photo.height,
        data_left=left,
        data_top=top,
        data_size=min(right - left, bottom - top),
    )
    return (
        f'<div class="cropper"{about}><div class="row"><h3>Crop</h3>'
        f"{html.button('Done', 'crop_done')}</div>"
        f'<div class="whole">{html.image(photo.path)}<div class="box" style="{box}" tabindex="0" '
        f'role="img" aria-label="Drag, or move with the arrow keys"></div></div>'
        f"<label>Size<input{size}></label></div>"
    )


def verdict_view(verdict: Verdict) -> str:
    """How good an identifier is, and why."""
    return f'<p class="verdict">{html.tag(CHIPS[verdict.level], verdict.level)} {escape(verdict.reason)}</p>'


def as_box(value: object) -> Box | None:
    """Four whole numbers from the page. Raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(side, int) for side in value):
        raise ValueError("A crop is four whole numbers: left, top, right, bottom, in pixels.")
    return tuple(value)


def _refusal(name: str, reason: str) -> str:
    """The file's name, strongly, and the reason, which may begin with the name itself."""
    if reason.startswith(name):
        return f"<b>{escape(name)}</b>{escape(reason[len(name) :])}"
    return f"<b>{escape(name)}</b>: {escape(reason)}"
