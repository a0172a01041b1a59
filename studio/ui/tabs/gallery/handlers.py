"""What happens in the gallery: pictures are found, opened, marked, deleted and brought back."""

from __future__ import annotations

from collections.abc import Sequence

from studio.library import Picture
from studio.session import Studio
from studio.ui.picture_parts import mark
from studio.ui.tabs.gallery.layout import GalleryTab
from studio.ui.tabs.gallery.views import PAGE, Acted, show
from studio.ui.wiring import Wiring


def connect_gallery(wiring: Wiring, made: GalleryTab) -> None:
    """Says what happens where."""
    parts = made.parts
    for event in (parts["search"].change, parts["favourites"].change, made.tab.select):
        wiring.listen(event, show, parts, trigger_mode="always_last")
    wiring.acts(parts["wall"], {"open": open_one, "more": more}, parts)
    wiring.acts(parts["detail"], {"favourite": favourite, "delete": delete, "undo": undo, "close": close}, parts)


def open_one(desk: Studio, act: dict, search: str, favourites: bool, count: int, seen: dict) -> Acted:
    id = str(act.get("id", ""))
    return {"selected": id, "deleted": "", **show(desk, search, favourites, id, count, "", seen)}


def close(desk: Studio, act: dict, search: str, favourites: bool, count: int, seen: dict) -> Acted:
    """The wall alone, as a phone has it."""
    return {"selected": "", "deleted": "", **show(desk, search, favourites, "", count, "", seen)}


def favourite(
    desk: Studio, act: dict, search: str, favourites: bool, selected: str, count: int, deleted: str, seen: dict
) -> Acted:
    mark(desk, act)
    return {**show(desk, search, favourites, selected, count, deleted, seen)}


def more(
    desk: Studio, act: dict, search: str, favourites: bool, selected: str, count: int, deleted: str, seen: dict
) -> Acted:
    """More pictures hang on the wall."""
    count += PAGE
    return {"count": count, **show(desk, search, favourites, selected, count, deleted, seen)}


def delete(desk: Studio, act: dict, search: str, favourites: bool, count: int, seen: dict) -> Acted:
    """It goes, until it is brought back; the next one opens."""
    id = str(act.get("id", ""))
    after = _next_of(desk.library.pictures(search or "", bool(favourites)), id)
    desk.library.delete_picture(id)
    return {"selected": after, "deleted": id, **show(desk, search, favourites, after, count, id, seen)}


def undo(desk: Studio, act: dict, search: str, favourites: bool, count: int, deleted: str, seen: dict) -> Acted:
    """The picture that was just deleted is there again, and open."""
    if not deleted:
        return {}
    id = desk.library.restore_picture(deleted).id
    return {"selected": id, "deleted": "", **show(desk, search, favourites, id, count, "", seen)}


def _next_of(pictures: Sequence[Picture], id: str) -> str:
    """The picture that takes the place of a deleted one."""
    ids = [picture.id for picture in pictures]
    if id not in ids:
        return ""
    place = ids.index(id)
    rest = ids[place + 1 : place + 2] or ids[max(place - 1, 0) : place]
    return rest[0] if rest else ""
