"""Two trainings of one seed that differ in one thing: with class images, that is prior preservation, and without."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.requests import MAX_SEED, TrainRequest

if TYPE_CHECKING:
    from studio.families import ModelFamily
    from studio.runs import Run

CHECKS = 8  # pictures of the bare class, where the request names no number


def both_ways(request: TrainRequest, family: ModelFamily) -> tuple[TrainRequest, TrainRequest]:
    """The request with class images, and without, from one seed; both look at the bare class in the end."""
    images = request.class_images or family.training["class_images"] or family.class_images
    shared = replace(request, family=family.name, class_checks=request.class_checks or CHECKS,
                     seed=secrets.randbelow(MAX_SEED) if request.seed is None else request.seed)
    return replace(shared, class_images=images), replace(shared, class_images=0)


def twin_of(run: Run, runs: Iterable[Run]) -> Run | None:
    """The newest of the runs that was asked the same, but for whether there are class images; None for none."""
    if run.kind != "train" or not run.request.class_checks:
        return None
    for other in runs:
        if other.kind == "train" and bool(other.request.class_images) != bool(run.request.class_images) and \
                replace(other.request, class_images=0) == replace(run.request, class_images=0):
            return other
    return None
