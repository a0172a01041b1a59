"""Two trainings of one seed that differ in one thing: with class images, that is prior preservation, and without."""

from __future__ import annotations

import secrets
from dataclasses import replace

from studio.contracts.family import ModelFamily
from studio.contracts.requests import MAX_SEED, TrainRequest

CHECKS = 8  # pictures of the bare class, where the request names no number


def both_ways(request: TrainRequest, family: ModelFamily, seed: int | None = None) -> tuple[TrainRequest, TrainRequest]:
    """The request with class images, and without, from one seed; both look at the bare class in the end.

    The seed is the request's, else `seed`, else drawn here.
    """
    images = request.class_images or family.training["class_images"] or family.class_images
    chosen = next((one for one in (request.seed, seed) if one is not None), None)
    shared = replace(
        request,
        class_checks=request.class_checks or CHECKS,
        seed=secrets.randbelow(MAX_SEED) if chosen is None else chosen,
    )
    return replace(shared, class_images=images), replace(shared, class_images=0)
