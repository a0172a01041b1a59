"""Each action of the page as a named endpoint, by what it is about; docs/api.md has an example for each."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from studio.session import Studio
from studio.tasks import TASKS
from studio.tasks.task import Task
from studio.ui.api import (
    drawing_endpoints,
    family_endpoints,
    lora_endpoints,
    mask_endpoints,
    outfit_endpoints,
    picture_endpoints,
    run_endpoints,
    set_endpoints,
    subject_endpoints,
)
from studio.ui.run_status import status
from studio.ui.wiring import Wiring

ENDPOINTS = (
    subject_endpoints,
    run_endpoints,
    drawing_endpoints,
    picture_endpoints,
    mask_endpoints,
    lora_endpoints,
    outfit_endpoints,
    set_endpoints,
    family_endpoints,
)


def register(wiring: Wiring, tasks: Iterable[Task[Any, Any]] = TASKS) -> None:
    """Inside a Blocks context. The names and parameters are a promise: docs/api.md. A task that has no handler here is
    served under its kind, by the fields of its request."""
    for room in ENDPOINTS:
        room.register(wiring)
    for task in [task for task in tasks if task not in TASKS]:
        if any(
            {Path, Image.Image} & {*typing.get_args(kind), kind}
            for kind in typing.get_type_hints(task.request).values()
        ):
            raise TypeError(f"{task.kind} takes files, so it needs a handler here that takes only uploaded ones")
        wiring.endpoint(task.kind, start, task.request)


def start(desk: Studio, request: Any) -> dict:
    """Start what is asked for; returns at once, with the id of the run. /run_status tells how it goes."""
    return status(desk.start(request))
