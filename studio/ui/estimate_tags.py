"""What an outfit did to the rest of a picture, in words that an artist understands; the figures are behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.contracts.recipes import BLEED, DRIFT, EFFECT, SEAM
from studio.ui import html


@dataclass(frozen=True)
class Scale:
    """Words for a figure: below `little`, below `much`, and from there on."""

    words: tuple[str, str, str]
    little: float
    much: float
    unit: str

    def level(self, value: float) -> int:
        """Which of the words is for a value: 0, 1 or 2."""
        return (value >= self.little) + (value >= self.much)


HARDLY = 5.0  # CIELAB: below this, the clothes are about as they were without the outfit
LEVELS = ("good", "fair", "bad")
SCALES = {
    BLEED: Scale(
        ("colours kept", "colours shifted a little", "colours bleed"),
        2.3,
        6.0,
        "mean colour difference outside of whom it dresses, in CIELAB; 2.3 can just be seen",
    ),
    DRIFT: Scale(
        ("look kept", "look changed a little", "look changed"),
        0.06,
        0.12,
        "distance of the look outside of whom it dresses; 0 is none",
    ),
    SEAM: Scale(
        ("its edge fits", "its edge shows a little", "its edge shows"),
        3.5,
        8.0,
        "how much more than before the picture jumps along the edge of what was repainted, of 255",
    ),
}


def tags(estimates: Mapping[str, float]) -> str:
    """A word for each estimate; the figure shows on hover."""
    told = "".join(_tag(name, estimates[name]) for name in SCALES if name in estimates)
    if estimates.get(EFFECT, HARDLY) < HARDLY:
        title = html.attributes(
            title=f"The clothes' colours moved by {estimates[EFFECT]:.3g} in CIELAB: take larger "
            "scales, or Whole picture, under How it acts",
            tabindex=0,
            class_="side-effect bad",
        )
        told = f"<span{title}>outfit hardly shows</span>"
    return f'<span class="side-effects">{told}</span>' if told else ""


def _tag(name: str, value: float) -> str:
    scale = SCALES[name]
    level = scale.level(value)
    title = html.attributes(
        title=f"{name.capitalize()} {value:.3g}: {scale.unit}", tabindex=0, class_=f"side-effect {LEVELS[level]}"
    )
    return f"<span{title}>{scale.words[level]}</span>"


def told(estimates: Mapping[str, float]) -> dict[str, str]:
    """The same as names and values, as of a recipe."""
    return {
        name.capitalize(): f"{SCALES[name].words[SCALES[name].level(value)]} ({value:.3g})"
        for name, value in estimates.items()
        if name in SCALES
    }
