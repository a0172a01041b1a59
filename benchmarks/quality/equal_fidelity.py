"""Ways compared where equally much of what was asked for arrives: a way that does less harm may only do less.

Each way is drawn at several factors. A table holds MEASURES as sums and counts of each pair of subject and outfit,
[pairs, measures, 2]; a way is tables by factor, 0 for the picture without an outfit, with which all ways begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

MEASURES = ("fidelity", "whole", "identity", "scene", "bleed", "drift", "flat")
REFERENCE, OUR = "the reference's dict", "ours"
Ways = Mapping[str, Mapping[float, np.ndarray]]


def means(table: np.ndarray) -> np.ndarray:
    """[pairs, measures, 2] -> [measures]."""
    total = table.sum(0)
    return total[:, 0] / np.maximum(total[:, 1], 1e-9)


def curve(points: Mapping[float, np.ndarray]) -> np.ndarray:
    """Tables by factor -> [factors, 1 + measures], the factor first, by factor."""
    return np.array([[factor, *means(table)] for factor, table in sorted(points.items())])


def at_fidelity(along: np.ndarray, level: float) -> np.ndarray | None:
    """The point of a curve, [1 + measures], where fidelity first comes to a level; linear in between. None: never."""
    if along[0, 1] >= level:
        return along[0]
    for before, after in zip(along[:-1], along[1:], strict=True):
        if before[1] < level <= after[1]:
            return before + (after - before) * ((level - before[1]) / (after[1] - before[1]))
    return None


def common_level(curves: Mapping[str, np.ndarray], other: str = REFERENCE) -> float:
    """The largest fidelity that both another way and ours come to."""
    return float(min(curves[way][:, 1].max() for way in (other, OUR)))


def compare(ways: Ways) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Points [1 + measures], NaN where a way does not come to it: of every way at the level of the reference's dict and
    ours; and by every other way, its own and ours at the level that these two come to."""
    curves = {way: curve(points) for way, points in ways.items()}
    level = common_level(curves)
    equal = {way: _or_nan(at_fidelity(along, level)) for way, along in curves.items()}
    return equal, {
        way: (
            _or_nan(at_fidelity(along, common_level(curves, way))),
            _or_nan(at_fidelity(curves[OUR], common_level(curves, way))),
        )
        for way, along in curves.items()
        if way != OUR
    }


def _or_nan(point: np.ndarray | None) -> np.ndarray:
    return np.full(1 + len(MEASURES), np.nan) if point is None else point


def resampled(
    ways: Ways, count: int = 1000
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]]]:
    """`compare` over pairs of subject and outfit that are drawn again with replacement (Efron 1979)."""
    rng, pairs = np.random.default_rng(0), len(next(iter(next(iter(ways.values())).values())))
    for _ in range(count):
        rows = rng.integers(pairs, size=pairs)
        yield compare({way: {factor: table[rows] for factor, table in points.items()} for way, points in ways.items()})


def as_figures(ways: Ways) -> dict[str, Any]:
    """Every way's curve, its point at equal fidelity, and what ours is beside it; [value, low, high] of 95%.

    None where a way does not come to the level, and where there is nothing to divide by.
    """
    equal, against = compare(ways)
    again = list(resampled(ways))
    return {
        "curves": {
            way: [dict(zip(("factor", *MEASURES), map(float, row), strict=True)) for row in curve(points)]
            for way, points in ways.items()
        },
        "level": float(equal[OUR][1]),
        "equal": {
            way: None if np.isnan(point).any() else _told(point, [one[way] for one, _ in again])
            for way, point in equal.items()
        },
        "against": {
            way: {
                "theirs": _told(theirs, [pairs[way][0] for _, pairs in again]),
                "ours": _told(ours, [pairs[way][1] for _, pairs in again]),
                "ratios": {
                    name: _spread(_ratio(theirs, ours, name), [_ratio(*pairs[way], name=name) for _, pairs in again])
                    for name in ("bleed", "drift")
                },
            }
            for way, (theirs, ours) in against.items()
        },
    }


def _told(point: np.ndarray, again: Sequence[np.ndarray]) -> dict[str, list[float] | None]:
    return {
        name: _spread(point[place], [one[place] for one in again]) for place, name in enumerate(("factor", *MEASURES))
    }


def _ratio(theirs: np.ndarray, ours: np.ndarray, name: str) -> float:
    place = 1 + MEASURES.index(name)
    return float(ours[place] / theirs[place]) if theirs[place] else float("nan")


def _spread(value: float, again: Sequence[float]) -> list[float] | None:
    """The value, and the middle 95% of those drawn again."""
    there = np.array(again)[~np.isnan(again)]
    if np.isnan(value) or not len(there):
        return None
    return [float(value), *map(float, np.quantile(there, (0.025, 0.975)))]
