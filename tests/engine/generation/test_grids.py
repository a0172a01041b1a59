"""Sets: every outfit in every scene, as far as it is not there yet."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import studio
from studio.contracts.events import PictureDrawn, StageReported
from studio.contracts.requests import DrawRequest, SetRequest, as_json, resolved
from studio.contracts.sampling import LoraUse
from studio.engine.generation.grids import draw_set
from studio.execution.run import Run
from studio.imaging.grid import LEAST, MOST, grid
from studio.tasks import request_from_json
from studio.tasks.draw import DRAW

SCENES = ["beach", "snow"]


@pytest.fixture
def draws_set(pipelines, toy, library):
    def go(stop=lambda: False, **asked):
        request = resolved(SetRequest("a girl", **{"scenes": SCENES, "seed": 3, **asked}), toy.drawing)
        events = draw_set(request, pipelines=pipelines, family=toy, library=library, stop=stop)
        return request, [event for event in events if isinstance(event, PictureDrawn)]

    return go


def test_every_cell_is_the_picture_that_drawing_it_alone_gives(draws_set, draws, library, toy):
    request, drawn = draws_set(seeds=2)
    assert [event.index for event in drawn] == [0, 1, 2, 3] and {event.count for event in drawn} == {4}
    asked = [library.picture(event.path).recipe.request for event in drawn]
    assert [(one["prompt"], one["seed"]) for one in asked] == [
        (f"a girl, {place}", seed) for place in ("on the beach", "in the snow") for seed in (3, 4)
    ]
    (alone,) = draws("a girl, in the snow", family=toy, seed=4)
    assert np.array_equal(np.asarray(library.picture(drawn[-1].path).image), np.asarray(alone.image))
    (kept,) = library.sets()
    assert kept.id == request.id and len(set(kept.cells.values())) == 4


def test_asked_for_again_only_what_is_missing_is_drawn(draws_set, library):
    calls = []
    _, first = draws_set(stop=lambda: len(calls) > 2 or calls.append(1))
    assert len(first) < 2, "stopped amidst it"
    before = {picture.id for picture in library.pictures()}
    _, whole = draws_set()
    assert [event.index for event in whole] == [0, 1]
    assert {picture.id for picture in library.pictures()} >= before and len(library.pictures()) == 2
    gone = library.picture(whole[0].path)
    library.delete_picture(gone.id)
    _, mended = draws_set()
    assert mended[1].path == whole[1].path and mended[0].path != whole[0].path
    assert np.array_equal(
        np.asarray(library.picture(mended[0].path).image), np.asarray(library.restore_picture(gone.id).image)
    )


def test_a_cell_is_drawn_anew_once_its_scene_has_other_words(draws_set, library):
    _, before = draws_set()
    library.add_scene("Snow", "on the moon")
    _, after = draws_set()
    assert after[0].path == before[0].path and after[1].path != before[1].path
    assert library.picture(after[1].path).recipe.request["prompt"] == "a girl, on the moon"


@pytest.mark.parametrize(
    "wrong, why",
    [
        ({"scenes": []}, "Choose at least one scene"),
        ({"scenes": "beach"}, "must be a list"),
        ({"scenes": [""]}, "scene must not be empty"),
        ({"outfits": [5]}, "must be a slug or a list"),
        ({"seeds": 0}, "seeds must be 1 to"),
        ({"prompt": " "}, "prompt must not be empty"),
    ],
)
def test_a_set_that_cannot_be_says_why(wrong, why):
    with pytest.raises(ValueError, match=why):
        SetRequest(**{"prompt": "a girl", "scenes": SCENES, **wrong})


def test_through_the_door_a_set_is_checked_drawn_and_shown_as_a_grid(tmp_path):
    with studio.open(tmp_path / "library") as desk:
        with pytest.raises(ValueError, match="no scene 'moon'; known are beach"):
            desk.start(SetRequest("a girl", ["moon"]))
        with pytest.raises(ValueError, match="no outfit 'red-coat'"):
            desk.start(SetRequest("a girl", SCENES, outfits=["red-coat"]))
        run = desk.start(SetRequest("a cartoon of a girl", SCENES, steps=2, seed=1))
        assert len(run.result()) == 2 and run.progress().words == "2 of 2 drawn"
        assert desk.go_on_with_set(run.request.id).result() == run.result()
        sheet = desk.grid_of(run.request.id)
        assert sheet.width > 2 * LEAST and sheet.height > LEAST
        desk.library.remove_set(run.request.id)
        assert desk.library.sets() == [] and len(desk.library.pictures()) == 2


def test_a_grid_has_a_place_for_every_picture_and_for_what_is_missing():
    red = SimpleNamespace(image=Image.new("RGB", (64, 64), "red"))
    sheet = grid(
        ["A coat whose name is much too long for the room that there is"], ["Beach", "Snow"], [[red, None]], (64, 64)
    )
    colours = sheet.getcolors(1 << 16)
    shares = {colour: count / (sheet.width * sheet.height) for count, colour in colours}
    assert 0.2 < shares[(255, 0, 0)] < 0.5 and 0.2 < shares[(232, 226, 214)] < 0.5
    many = grid(["Coat"], [f"Scene {number}" for number in range(60)], [[red] * 60], (64, 64))
    assert many.width <= 1.2 * MOST, "a large set is shown smaller"


def test_a_set_is_the_same_however_its_numbers_are_written():
    told = resolved(SetRequest("a girl", SCENES, lora_scale=1, seed=1), {}).id
    assert told == SetRequest("a girl", tuple(SCENES), outfits=[None], lora_scale=1.0, seed=1).id
    with pytest.raises(ValueError, match="seed must be 0 to"):
        SetRequest("a girl", SCENES, seed=-5)


def test_uses_say_what_is_wrong_with_them_and_null_is_what_is_left_out():
    assert DrawRequest("x", lora=[{"slug": "mika", "unet": None}]).loras == (LoraUse("mika"),)
    dressed = DrawRequest("x", outfit=[{"slug": "coat", "start": None, "block_scales": {"mid": 1.0}}])
    assert request_from_json(json.loads(json.dumps(as_json(dressed)))) == dressed
    for wrong, why in (
        ({"inside_garment": "false"}, "must be true or false"),
        ({"start": 0.6, "end": 0.5}, "must start"),
        ({"colour": "red"}, "may have slug, block_scales"),
    ):
        with pytest.raises(ValueError, match=why):
            DrawRequest("x", outfit=[{"slug": "coat", **wrong}])


def test_a_stage_in_the_middle_does_not_take_the_pictures_back(library, family):
    run = Run("x", DRAW, "Drawing", DrawRequest("x", count=4), library, family)
    for event in (PictureDrawn(0, 4, "a", 9.0), PictureDrawn(1, 4, "b", 6.0), StageReported("No clothing")):
        run.publish(event)
    assert run.progress().fraction == 0.5


def test_a_cell_draws_as_its_own_request_says():
    asked = SetRequest("a girl", SCENES, lora=["mika"], seed=2**32 - 1, steps=3)
    assert asked.cell("in the snow", None, 1) == DrawRequest("a girl, in the snow", lora=["mika"], seed=0, steps=3)
