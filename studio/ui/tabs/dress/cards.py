"""The wardrobe as the page shows it: outfit cards to tick, scenes to tick, and what both together come to."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from studio.library import Library, Outfit, Scene
from studio.library.set_files import AS_THEY_ARE
from studio.ui import html


def outfits_view(library: Library, chosen: Sequence[str], asked: str) -> str:
    """A card for each outfit, and one for nothing but what the character wears anyway; `asked` may go for good."""
    outfits = library.outfits()
    cards = "".join(
        _card(outfit, library.small_outfit(outfit), outfit.slug in chosen, outfit.slug == asked) for outfit in outfits
    )
    plain = (
        f"<button{toggle('outfit', '', '' in chosen, 'card plain')}>"
        f'<span class="face">{html.icon("close")}</span><b>{AS_THEY_ARE}</b></button>'
    )
    hint = "" if outfits else '<p class="faint">No outfit yet: add a picture of one below.</p>'
    return f'{hint}<div class="shelf wardrobe">{cards}{plain}</div>'


def _card(outfit: Outfit, face: Path, taken: bool, asked: bool) -> str:
    if asked:
        return (
            f'<div class="card asking"><b>Remove {escape(outfit.name)} for good?</b>'
            f"{html.button('Remove', 'remove_outfit', 'trash', slug=outfit.slug)}"
            f"{html.button('Keep', 'keep_outfit', slug=outfit.slug)}</div>"
        )
    drop = html.button(f"Remove {outfit.name}", "ask_outfit", "close", quiet=True, slug=outfit.slug)
    return (
        f'<div class="carded"><button{toggle("outfit", outfit.slug, taken, "card")}><span class="face">'
        f"{html.image(face)}</span><b>{escape(outfit.name)}</b></button>{drop}</div>"
    )


def scenes_view(scenes: Sequence[Scene], chosen: Sequence[str]) -> str:
    """Scenes as chips to tick."""
    chips = "".join(
        f'<span class="scene-chip"><button{toggle("scene", scene.slug, scene.slug in chosen, "chip", scene.prompt)}>'
        f"{escape(scene.name)}</button>"
        f"{html.button(f'Take {scene.name} off the list', 'remove_scene', 'close', quiet=True, slug=scene.slug)}"
        "</span>"
        for scene in scenes
    )
    return f'<div class="chips scenes">{chips}</div>'


def plan_view(
    outfits: Sequence[str], scenes: Sequence[str], seeds: int, together: bool, most: int | None = None
) -> str:
    """What the ticks come to, and whether that is more than may be drawn at once."""
    worn = len([slug for slug in outfits if slug])
    joined = together and worn > 1
    rows = 1 + ("" in outfits) if joined else len(outfits)
    if not rows or not scenes:
        missing = "an outfit" if not rows else "a scene"
        return html.note(f"Tick {missing} first.")
    count = rows * len(scenes) * seeds
    if most is not None and count > most:
        return html.note(f"These are {count} pictures; on this shared host a set may have {most}. Tick fewer.")
    called = f"{worn} outfits worn together" if joined else f"{rows} outfit{'s' if rows > 1 else ''}"
    named = f"{called} in {len(scenes)} scene{'s' if len(scenes) > 1 else ''}"
    seeded = f", {seeds} seeds" if seeds > 1 else ""
    return f'<p class="faint">{named}{seeded}: {count} picture{"s" if count > 1 else ""}.</p>'


def toggle(act: str, slug: str, taken: bool, kind: str, title: str = "") -> str:
    """The attributes of a button that is pressed or not."""
    return html.attributes(
        type="button",
        class_=f"{kind}{' open taken' if taken else ''}",
        data_act=act,
        data_slug=slug or None,
        title=title or None,
        aria_pressed="true" if taken else "false",
    )
