"""Endpoints of families: what each is, and which words of a prompt it knows."""

from __future__ import annotations

from studio.session import Studio
from studio.ui.api.arguments import family_of
from studio.ui.loras import prompt_note
from studio.ui.serializers import told_family
from studio.ui.wiring import Wiring


def register(wiring: Wiring) -> None:
    wiring.endpoint("family", family)
    wiring.endpoint("check_prompt", check_prompt)


def family(desk: Studio, name: str | None = None) -> dict:
    """What a family is: its licence, defaults, presets, what it knows; and the names of all families."""
    return {**told_family(family_of(desk, name)), "families": list(desk.families)}


def check_prompt(desk: Studio, prompt: str, lora: str | None = None, family: str | None = None) -> dict:
    """A note on a prompt: unknown words, a missing trigger or somebody else's, what is not read; else empty."""
    chosen = family_of(desk, family)
    slug = desk.library.lora(lora).slug if lora else None
    return {"note": prompt_note(desk, chosen, prompt, slug, choices=True)}
