"""To teach a subject; and two trainings of one seed that differ in one thing: with class images, that is prior
preservation, and without."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from studio.contracts.events import Event, LoraSaved, StageReported, StepFinished
from studio.contracts.family import ModelFamily
from studio.contracts.requests import ADAMW_8BIT, FULL, NEEDS_BITSANDBYTES, TrainRequest
from studio.contracts.sampling import MAX_SEED
from studio.contracts.validation import is_there, sides
from studio.library import Library, Lora, Subject
from studio.quotas import MOST_LOOKS, Quota, at_most
from studio.tasks.task import Progress, Story, Task, progress_by_stages, with_defaults, words_of

CHECKS = 8  # pictures of the bare class, where the request names no number


def check(request: TrainRequest, library: Library, family: ModelFamily) -> None:
    subjects = {subject.slug: subject for subject in library.subjects()}
    is_there("subject", request.subject, subjects)
    check_photos(subjects[request.subject])
    if request.resolution is not None and request.resolution == family.earlier_resolution:
        raise ValueError(
            f"{family.title} learnt at {request.resolution} px when it drew these, and learns at {family.resolution} px "
            f"now: leave the resolution out, or say {family.resolution}."
        )
    if request.optimizer == ADAMW_8BIT and find_spec("bitsandbytes") is None:
        raise ValueError(NEEDS_BITSANDBYTES)


def check_photos(subject: Subject) -> None:
    """Raises ValueError for a subject that has none."""
    if not subject.photos:
        raise ValueError(f"{subject.name} has no photos yet; add 3 to 20, then train.")


def resolve(request: TrainRequest, library: Library, family: ModelFamily) -> TrainRequest:
    return with_defaults(request, family, family.training)


def limit(request: TrainRequest, quota: Quota, library: Library) -> None:
    if request.method == FULL and not quota.full:
        raise ValueError("On this shared host a full fine-tune is too large; train a LoRA.")
    at_most(
        "batch size times accumulation",
        quota.batch_size,
        (request.batch_size or 1) * (request.gradient_accumulation_steps or 1),
    )
    at_most("resolution", quota.side, request.resolution)
    for side in sides(request.more_resolutions):
        at_most("more resolutions", quota.side, side)
    at_most("class images", quota.class_images, request.class_images)
    at_most("class checks", quota.class_checks, request.class_checks)
    at_most("rank", quota.rank, request.rank)
    at_most("steps", quota.train_steps, request.steps)
    often = min(request.checkpoint_every or request.steps or 1, request.sample_every or request.steps or 1)
    if (request.steps or 1) / often > MOST_LOOKS:
        raise ValueError(
            f"On this shared host a training may be looked at {MOST_LOOKS} times at most: take a "
            "larger number for checkpoint every and sample every."
        )


def saved_lora(events: Sequence[Event], library: Library) -> Lora | None:
    """The last one that was saved; None where it was removed since."""
    saved = [event.slug for event in events if isinstance(event, LoraSaved)]
    return next((lora for lora in library.loras() if lora.slug in saved[-1:]), None)


def progress(story: Story) -> Progress:
    """By its steps; a stage between them says what goes on meanwhile."""
    step = story.last(StepFinished)
    # What was done after the last step says nothing any more, once it has ended.
    last = step if story.ended else story.last(StepFinished, StageReported)
    if isinstance(last, StageReported):
        done, left = (step.step / step.total, step.seconds_left) if step else (0.0, None)
        return Progress(done, left, words_of(last))
    return progress_by_stages(replace(story, events=[step] if step else []))


TRAIN = Task[TrainRequest, Lora](
    TrainRequest,
    "train",
    "studio.engine.training.dreambooth:train",
    title=lambda request, library: f"Training {library.subject(request.subject).name} {request.way}".strip(),
    results=saved_lora,
    check=check,
    resolve=resolve,
    limit=limit,
    progress=progress,
    for_others="Training for someone else",
    lasting=True,
)


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
