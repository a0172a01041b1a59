"""What the page says a training takes: more for more, and a way out where it does not fit."""

from types import SimpleNamespace

import pytest

from studio.engine.models.memory import MemoryPlan
from studio.library import Library
from studio.library.family_files import built_in
from studio.ui.tabs.train.training_cost import memory_for, preset_label, seconds_for

POCKET, SD15, SDXL = built_in()["pocket"], built_in()["sd15"], built_in()["sdxl"]


@pytest.fixture
def desk_with(tmp_path):
    def of(gigabytes):
        plan = gigabytes and MemoryPlan("cuda", "a GPU", gigabytes, "bfloat16")
        return SimpleNamespace(plan=plan, runs=lambda kind: [], library=Library(tmp_path))

    return of


@pytest.mark.parametrize(
    "less, more",
    [
        ({"rank": 4}, {"rank": 128}),
        ({"resolution": 512}, {}),
        ({"gradient_checkpointing": True}, {}),
        ({}, {"batch_size": 4}),
        ({}, {"method": "full"}),
        ({"method": "full", "optimizer": "AdamW 8-bit"}, {"method": "full"}),
    ],
)
def test_more_of_anything_takes_more_memory(less, more):
    assert memory_for(SDXL, less, "cuda") < memory_for(SDXL, more, "cuda")


def test_estimates_are_in_the_range_that_is_known():
    plain = {"class_images": 0, "targets": "attention", "rank": 16, "optimizer": "AdamW"}
    assert 10 < memory_for(SDXL, plain, "cuda") < 15, "11 to 12 GB without checkpointing (facts)"
    assert 15 < memory_for(SD15, {"method": "full", "class_images": 0}, "cuda") < 20
    assert memory_for(SDXL, SDXL.presets["16 GB card"].training, "cuda") < 12
    assert memory_for(POCKET, {}, "cpu") < 2


def test_class_images_take_time_only_where_they_are_not_drawn_yet(desk_with):
    desk, preset = desk_with(None), POCKET.presets["Balanced"].training
    before = seconds_for(desk, POCKET, preset)
    folder = desk.library.class_images("pocket", "a boy")
    for number in range(31):
        (folder / f"{number:04d}.png").touch()
        (folder / f"{number:04d}-garments.png").touch()
    almost = seconds_for(desk, POCKET, preset)
    (folder / "0031.png").touch()
    assert before > almost + 10 > seconds_for(desk, POCKET, preset) + 10


def test_a_preset_that_does_not_fit_says_so_and_offers_one_that_does(desk_with):
    assert "take 16 GB card" in preset_label(desk_with(11), SDXL, "Thorough")
    assert "choose a smaller family" in preset_label(desk_with(4), SDXL, "Thorough")
    assert "GB\n" in preset_label(desk_with(80), SDXL, "Thorough")
    assert "steps, about" in preset_label(desk_with(None), SDXL, "Thorough")
