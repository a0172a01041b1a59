"""One PipelineCache for all tests of the engine, on the pocket family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed.random_weights import save_random_adapter, save_random_eyes
from studio.contracts.events import PictureDrawn
from studio.contracts.family import ImageAdapter, ModelFamily
from studio.contracts.requests import DrawRequest, TrainRequest, resolved
from studio.engine.generation.drawing import draw
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.training.dreambooth import train
from studio.library import Library, Picture
from studio.library.family_files import built_in
from studio.tasks.draw import DRAW
from tests.engine.toys import SIDE, WIDTH, make_toys, new_library

POCKET = built_in()["pocket"]

SMALL = {
    "steps": 4,
    "checkpoint_every": 2,
    "sample_every": 4,
    "class_images": 2,
    "batch_size": 1,
    "rank": 2,
    "prior_region": "picture",
    "prior_loss_weight": 1.0,
}


@pytest.fixture(scope="session")
def pipelines() -> PipelineCache:
    return PipelineCache("cpu")


@pytest.fixture(scope="session")
def family() -> ModelFamily:
    """Pocket, with drawings of three steps and trainings of four."""
    return replace(
        POCKET, drawing={**POCKET.drawing, "steps": 3}, training={**POCKET.training, "learning_rate": 1e-2, **SMALL}
    )


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ModelFamily, ModelFamily]]:
    """Layout -> a toy of it as a folder and as a single file."""
    made: dict[str, tuple[ModelFamily, ModelFamily]] = {}

    def toy(layout: str) -> tuple[ModelFamily, ModelFamily]:
        if layout not in made:
            made[layout] = make_toys(layout, tmp_path_factory.mktemp(layout))
        return made[layout]

    return toy


@pytest.fixture(scope="session")
def toy(toys: Callable[[str], tuple[ModelFamily, ModelFamily]]) -> ModelFamily:
    """SDXL's layout made tiny: for what does not ask for a meaningful picture."""
    return toys("sdxl")[0]


@pytest.fixture(scope="session")
def wearing(
    toys: Callable[[str], tuple[ModelFamily, ModelFamily]],
    pipelines: PipelineCache,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], ModelFamily]:
    """wearing(layout) -> the toy with two adapters, a plain one and one with a resampler."""
    made: dict[str, ModelFamily] = {}

    def family_of(layout: str) -> ModelFamily:
        if layout not in made:
            folder, family = tmp_path_factory.mktemp(layout), toys(layout)[0]
            save_random_eyes(folder / "eyes", WIDTH, SIDE)
            with pipelines.lend(family) as pipeline:
                save_random_adapter(pipeline.unet, folder / "plain.safetensors", WIDTH, seed=0)
                save_random_adapter(pipeline.unet, folder / "plus.safetensors", WIDTH, seed=1, plus=True)
            adapters = {
                title: ImageAdapter(str(folder / f"{title}.safetensors"), str(folder / "eyes"))
                for title in ("plain", "plus")
            }
            made[layout] = replace(
                family,
                image_adapters=adapters,
                drawing={**family.drawing, "steps": 4},
                detector=POCKET.detector,
                segmenters=POCKET.segmenters,
                masking=POCKET.masking,
            )
        return made[layout]

    return family_of


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return new_library(tmp_path / "library")


@pytest.fixture
def draws(pipelines: PipelineCache, family: ModelFamily, library: Library) -> Callable[..., list[Picture]]:
    """draws(prompt, **fields) -> the pictures."""

    def drawn(prompt: str = "a girl on the beach", family: ModelFamily = family, **values: Any) -> list[Picture]:
        request = DRAW.resolve(DrawRequest(prompt, **{"seed": 7, **values}), library, family)
        events = draw(request, pipelines=pipelines, family=family, library=library, stop=lambda: False)
        return [library.picture(event.path) for event in events if isinstance(event, PictureDrawn)]

    return drawn


@pytest.fixture
def trains(pipelines: PipelineCache, toy: ModelFamily, library: Library) -> Callable[..., Iterator[Any]]:
    """trains(folder, **fields and options of train) -> its events; the toy SDXL is taught unless told otherwise."""

    def trained(
        folder: str = "run",
        family: ModelFamily = toy,
        checkpoint: Path | None = None,
        until: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        pause: Callable[[], bool] = lambda: False,
        **values: Any,
    ) -> Iterator[Any]:
        request = resolved(TrainRequest("mika", **{"seed": 5, **values}), family.training)
        return train(
            request,
            pipelines=pipelines,
            family=family,
            library=library,
            run_folder=library.root / "runs" / folder,
            checkpoint=checkpoint,
            until=until,
            stop=stop,
            pause=pause,
        )

    return trained


@pytest.fixture(scope="session")
def lora_file(pipelines: PipelineCache, family: ModelFamily, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of pocket that was really trained, for a few steps."""
    library = new_library(tmp_path_factory.mktemp("trained") / "library")
    request = resolved(TrainRequest("mika", family="pocket", seed=5), family.training)
    folder = library.root / "runs" / "x"
    for _ in train(request, pipelines=pipelines, family=family, library=library, run_folder=folder):
        pass
    return library.loras()[0].path
