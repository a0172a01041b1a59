import io
import threading

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from PIL import Image, ImageStat

from studio.contracts import sampling
from studio.contracts.events import PictureDrawn, PreviewDrawn
from studio.contracts.recipes import read_png
from studio.contracts.requests import DrawRequest, resolved
from studio.engine.generation.drawing import draw
from studio.engine.models.memory import MemoryPlan
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.schedulers import SCHEDULERS
from studio.library.family_files import built_in

POCKET = built_in()["pocket"]


def pixels(picture):
    return np.asarray(picture.image)


def test_the_same_request_gives_the_same_pixels(draws):
    first, second = draws(), draws()
    assert np.array_equal(pixels(first[0]), pixels(second[0]))
    assert not np.array_equal(pixels(first[0]), pixels(draws(seed=8)[0]))


def test_pixels_do_not_depend_on_the_count(draws):
    two = draws(count=2)
    assert np.array_equal(pixels(two[0]), pixels(draws()[0]))
    assert np.array_equal(pixels(two[1]), pixels(draws(seed=8)[0]))


def test_the_layer_over_the_pipeline_changes_no_pixel(draws, pipelines, family):
    (picture,) = draws("a girl on the beach", negative_prompt="a cat", scheduler="DDIM")
    with pipelines.lend(family) as pipeline:
        own = pipeline.scheduler
        pipeline.scheduler = DDIMScheduler.from_config(own.config, clip_sample=False)
        bare = pipeline(
            "a girl on the beach",
            negative_prompt="a cat",
            num_inference_steps=3,
            width=family.resolution,
            height=family.resolution,
            guidance_scale=family.drawing["guidance"],
            generator=torch.Generator().manual_seed(7),
        ).images[0]
        pipeline.scheduler = own
    assert np.array_equal(pixels(picture), np.asarray(bare))


def test_a_picture_carries_its_whole_recipe(draws, pipelines, family):
    (picture,) = draws("a cat", count=1)
    recipe = read_png(picture.path)
    assert recipe.request == {
        "type": "DrawRequest",
        "prompt": "a cat",
        "negative_prompt": "",
        "lora": None,
        "lora_scale": 1.0,
        "outfit": None,
        "steps": 3,
        "guidance": family.drawing["guidance"],
        "scheduler": family.drawing["scheduler"],
        "width": family.resolution,
        "height": family.resolution,
        "count": 1,
        "seed": 7,
        "family": family.name,
    }
    assert recipe.family == {"name": "pocket", "title": "Pocket", "sha256": pipelines.fingerprint(family)}
    assert recipe.versions["torch"] == torch.__version__


def test_every_scheduler_that_requests_may_name_has_its_class():
    assert tuple(SCHEDULERS) == sampling.SCHEDULERS
    assert all(hasattr(diffusers, kind) for kind, _ in SCHEDULERS.values())


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_draws_a_picture_and_not_noise(draws, scheduler):
    (picture,) = draws("a girl in a red jacket on the beach", scheduler=scheduler, steps=6, guidance=3.0)
    rough = np.abs(np.diff(pixels(picture).astype(float), axis=0)).mean()
    assert ImageStat.Stat(picture.image).stddev[0] > 8 and rough < 25


def test_an_unknown_scheduler_names_the_known_ones(draws):
    with pytest.raises(ValueError, match="scheduler must be one of DDIM, Euler.*got 'Magic'"):
        draws(scheduler="Magic")


def test_previews_come_as_it_denoises_and_end_like_the_picture(pipelines, family, library):
    request = resolved(DrawRequest("a girl on the beach", seed=3, steps=9), family.drawing)
    events = list(draw(request, pipelines=pipelines, family=family, library=library, stop=lambda: False))
    previews = [event for event in events if isinstance(event, PreviewDrawn)]
    assert [(preview.step, preview.total) for preview in previews] == [(3, 9), (6, 9), (9, 9)]
    shown = Image.open(io.BytesIO(previews[-1].jpeg)).resize((16, 16), Image.Resampling.BOX)
    drawn = library.picture(events[-1].path).image.resize((16, 16), Image.Resampling.BOX)
    assert max(shown.size) <= 256
    assert np.abs(np.asarray(shown, float) - np.asarray(drawn, float)).mean() < 25


def test_stop_ends_within_one_step_and_keeps_what_is_finished(pipelines, family, library):
    asked = threading.Event()
    after = []

    def stop():
        if asked.is_set():
            after.append(True)
        return asked.is_set()

    request = resolved(DrawRequest("a girl", seed=3, steps=6, count=3), family.drawing)
    drawn = []
    for event in draw(request, pipelines=pipelines, family=family, library=library, stop=stop):
        drawn.append(event)
        if isinstance(event, PictureDrawn):
            asked.set()
    assert sum(isinstance(event, PictureDrawn) for event in drawn) == 1
    assert len(after) == 1, "the first look at the flag ends it"
    assert len(library.pictures()) == 1


def test_closing_the_iterator_ends_the_work_and_frees_the_pipeline(pipelines, family, library):
    request = resolved(DrawRequest("a girl", seed=3, steps=200), family.drawing)
    events = draw(request, pipelines=pipelines, family=family, library=library, stop=lambda: False)
    next(events)
    events.close()
    assert library.pictures() == [], "two hundred steps were not drawn to their end first"
    with pipelines.lend(family) as pipeline:
        assert pipeline.scheduler.__class__.__name__ == pipeline.config["scheduler"][1]


def test_a_prompt_is_encoded_once(draws, pipelines, family, monkeypatch):
    draws("a prompt of its own")
    with pipelines.lend(family) as pipeline:
        monkeypatch.setattr(pipeline.text_encoder, "forward", lambda *_, **__: pytest.fail("encoded again"))
    draws("a prompt of its own", seed=9, count=2)


def test_out_of_memory_steps_the_plan_down_once_and_draws(library, family, monkeypatch):
    pipelines = PipelineCache("cpu")
    with pipelines.lend(family) as pipeline:
        forward, failures = pipeline.unet.forward, [torch.OutOfMemoryError("CUDA out of memory")]

    def failing(*args, **options):
        if failures:
            raise failures.pop()
        return forward(*args, **options)

    monkeypatch.setattr(pipeline.unet, "forward", failing)
    request = resolved(DrawRequest("a girl", seed=3), family.drawing)
    events = list(draw(request, pipelines=pipelines, family=family, library=library, stop=lambda: False))
    assert isinstance(events[-1], PictureDrawn)
    assert pipelines.plan.tiling and "VAE in tiles" in pipelines.plan.words
    failures.append(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(MemoryError, match="smaller picture"):
        list(draw(request, pipelines=pipelines, family=family, library=library, stop=lambda: False))


def test_a_plan_steps_down_until_it_cannot():
    plan, seen = MemoryPlan("cuda", "GPU", 8, "float16"), []
    while plan:
        seen.append((plan.offload, plan.tiling))
        plan = plan.stepped_down()
    assert seen == [("none", False), ("model", True), ("sequential", True)]


def test_pocket_is_named_in_the_plan(pipelines):
    pipelines.warm(POCKET)
    assert pipelines.plan.words.startswith("CPU, ") and pipelines.plan.words.endswith("GB, float32")
