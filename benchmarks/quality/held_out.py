"""What training never saw, the same for the same seed: captions, outfits; and which garments of an outfit are read."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pocketworld.attributes import OUTFIT_ATTRIBUTES
from pocketworld.judge import Reading, obeys
from pocketworld.vocabulary import GARMENT_COLOURS
from pocketworld.world import Spec, sample, wears_held_out
from studio.library.family_files import built_in

CAPTIONS_SEED, OUTFITS_SEED = 2026, 2028
REFERENCE_SCALES = built_in()["pocket"].outfit_presets["Both, gently"]  # the reference's own dict of block scales
NEAR = 60.0  # distance in RGB up to which a pixel has a garment's colour: half of what lies between two of them


def held_out_specs(count: int, seed: int = CAPTIONS_SEED) -> list[Spec]:
    """Specs that training never saw."""
    rng = random.Random(seed)
    return [sample(rng, held_out=True) for _ in range(count)]


def held_out_outfits(count: int, seed: int = OUTFITS_SEED) -> list[Spec]:
    """Full figures in as many different outfits that training never sees.

    Who wears them and where is drawn at random, as in training: skirts and dresses go to those who have them there.
    """
    rng, found = random.Random(seed), {}
    while len(found) < count:
        spec = sample(rng, held_out=True)
        if spec.noun and wears_held_out(spec) and spec.framing == "full figure":
            alone = replace(spec, accessory="none", accessory_colour=None)  # a scarf or an umbrella hides garments
            found.setdefault(tuple(getattr(spec, name) for name in OUTFIT_ATTRIBUTES), alone)
    return list(found.values())


def garments_right(spec: Spec, reading: Mapping[str, Reading]) -> dict[str, bool]:
    """For each attribute of the spec's outfit: whether the judge read its word. A dress has no bottom."""
    right = obeys(spec, dict(reading))
    return {name: right[name] for name in OUTFIT_ATTRIBUTES if name in right}


def has_garment_colour(pixels: np.ndarray, colour: str) -> np.ndarray:
    """Which RGB pixels, [..., 3], have a garment's colour: bool [...]."""
    return np.linalg.norm(pixels - np.array(GARMENT_COLOURS[colour]), axis=-1) < NEAR
