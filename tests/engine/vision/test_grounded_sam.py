"""Finding masks: pocket's own detector and segmenter against the drawn world's truth, and toys of the large ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pocketworld.phrases import box_of, things
from pocketworld.render import render
from pocketworld.world import Spec
from studio.contracts.events import MaskFound, NothingFound
from studio.contracts.family import ModelFamily
from studio.contracts.requests import MaskRequest, resolved
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.vision.grounded_sam import find_masks
from studio.engine.vision.grounding_dino import Detector
from studio.engine.vision.sam import Segmenter
from studio.imaging.masks import Mask
from studio.library import Library
from studio.library.family_files import built_in
from studio.tasks.mask import mask_of
from tests.engine.seekers import make_detector, make_segmenter

POCKET, SD15, SDXL = built_in()["pocket"], built_in()["sd15"], built_in()["sdxl"]
SIDE = POCKET.resolution

GIRL = Spec(
    noun="girl",
    skin="pale",
    hair="long",
    hair_colour="red",
    expression="smiling",
    top="jacket",
    top_colour="blue",
    bottom="pants",
    bottom_colour="black",
    shoes="white",
    pose="standing",
    scene="beach",
    jitter=3,
)
Seek = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def girl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("girl") / "girl.png"
    render(GIRL, SIDE, truth=False).image.save(path)
    return path


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    return things(GIRL, render(GIRL, SIDE).parts)


@pytest.fixture
def seek(pipelines: PipelineCache, library: Library) -> Seek:
    """seek(picture, phrases, **fields) -> the events."""

    def sought(picture: Path | str, phrases: str = "", family: ModelFamily = POCKET, **fields: Any) -> list[Any]:
        request = resolved(MaskRequest(picture, phrases, **fields), family.masking)
        return list(find_masks(request, pipelines=pipelines, family=family, library=library, stop=lambda: False))

    return sought


def found(events: list[Any]) -> list[Mask]:
    return [mask_of(event) for event in events if isinstance(event, MaskFound)]


def iou(mask: Mask, truth: np.ndarray) -> float:
    there = np.asarray(mask.image) >= 128
    return float((there & truth).sum() / (there | truth).sum())


def test_parts_garments_and_the_figure_are_found_where_they_are(seek, girl, truth):
    asked = {"clothing": 0.85, "hair": 0.75, "face": 0.75, "figure": 0.9, "jacket": 0.8, "pants": 0.8, "shoes": 0.6}
    masks = found(seek(girl, ". ".join(asked)))
    assert [mask.label for mask in masks] == list(asked)
    for mask in masks:
        assert mask.image.mode == "L" and mask.image.size == (SIDE, SIDE)
        assert iou(mask, truth[mask.label]) > asked[mask.label], mask.label
        assert 0.4 <= mask.score <= 1 and mask.candidates[0].image.tobytes() == mask.image.tobytes()


def test_what_is_not_there_is_not_found_and_the_message_says_what_to_try(seek, girl):
    events = seek(girl, "teapot. clothing. spaceship.")
    assert {mask.label for mask in found(events)} == {"clothing"}
    (nothing,) = (event for event in events if isinstance(event, NothingFound))
    assert nothing.phrases == ("teapot", "spaceship")
    assert "Pocket does not know 'spaceship'. Words it knows" in nothing.message
    (nothing,) = (event for event in seek(girl, "shorts") if isinstance(event, NothingFound))
    assert "'shorts'" in nothing.message and "other words" in nothing.message


def test_a_threshold_that_nothing_reaches_says_how_near_the_best_guess_came(seek, girl):
    events = seek(girl, "clothing", box_threshold=1.0)
    (nothing,) = (event for event in events if isinstance(event, NothingFound))
    assert not found(events)
    assert "Lower the box threshold (now 1.00): the best guess at 'clothing' scores" in nothing.message


def test_a_click_finds_a_shape_and_another_one_mends_it(seek, girl, truth):
    rows, columns = np.nonzero(truth["jacket"])
    middle = len(rows) // 2
    on_jacket = (float(columns[middle]), float(rows[middle]), 1)
    (one,) = found(seek(girl, points=[on_jacket]))
    assert len(one.candidates) > 1, "a click alone may mean a part or the whole"
    best = max(range(len(one.candidates)), key=lambda number: one.candidates[number].score)
    assert best == 0, "the likeliest comes first"
    face = box_of(truth["face"])
    against = ((face[0] + face[2]) / 2, (face[1] + face[3]) / 2, 0)
    (mended,) = found(seek(girl, points=[on_jacket, against]))
    assert not (np.asarray(mended.image) >= 128)[int(against[1]), int(against[0])]
    (boxed,) = found(seek(girl, points=[on_jacket], box=box_of(truth["jacket"])))
    assert iou(boxed, truth["jacket"]) > 0.6
    assert boxed.label == "selection" and boxed.box == Image.fromarray(np.asarray(boxed.image)).getbbox()


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"points": [[SIDE, 5, 1]]}, f"The point {SIDE}, 5 lies outside of the picture of {SIDE} x {SIDE} px"),
        ({"points": [[-1, 5, 1]]}, "lies outside"),
        ({"box": [0, 0, 500, 60]}, f"leaves the picture of {SIDE} x {SIDE} px"),
    ],
)
def test_points_and_boxes_outside_of_the_picture_are_refused(seek, girl, fields, said):
    with pytest.raises(ValueError, match=said):
        seek(girl, **fields)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda path: path.write_bytes(b"junk"), "is not a picture"),
        (lambda path: Image.new("RGB", (8, 8)).save(path), "at least 16 px"),
        (lambda path: Image.new("L", (9000, 9000)).save(path), "81 megapixels"),
        (lambda path: None, "is not there"),
    ],
)
def test_pictures_that_cannot_be_looked_at_are_refused(seek, tmp_path, make, said):
    path = tmp_path / "odd.png"
    make(path)
    with pytest.raises(ValueError, match=said):
        seek(path, "clothing")


def test_masks_have_the_size_of_the_picture_whatever_it_is(seek, girl, tmp_path, truth):
    with Image.open(girl) as picture:
        wide = picture.convert("RGBA").resize((300, 200))
    wide.putalpha(200)
    wide.save(tmp_path / "wide.png")
    (mask,) = found(seek(tmp_path / "wide.png", box=(100, 80, 200, 160)))
    assert mask.image.size == (300, 200)


class Calls:
    """How often a module was called while the block lasted."""

    def __init__(self, module: Any) -> None:
        self._module, self.count = module, 0

    def __enter__(self) -> Calls:
        self._hook = self._module.register_forward_hook(self._called)
        return self

    def _called(self, *_: Any) -> None:
        self.count += 1

    def __exit__(self, *_: Any) -> None:
        self._hook.remove()


def test_a_picture_is_looked_at_once_however_often_it_is_asked(seek, pipelines, tmp_path):
    path = tmp_path / "other.png"
    render(replace(GIRL, jitter=99), SIDE, truth=False).image.save(path)
    with pipelines.lend_helper(Detector, POCKET.detector) as detector:
        backbone = detector.network.model.backbone.conv_encoder.backbone
    with pipelines.lend_helper(Segmenter, next(iter(POCKET.segmenters.values()))) as segmenter:
        encoder = segmenter.network.vision_encoder
    with Calls(backbone) as eyes, Calls(encoder) as encoded:
        seek(path, "clothing")
        seek(path, "hair. face. hat. shoes. jacket. pants.", box_threshold=0.2)
        seek(path, points=[[60, 60, 1]])
        seek(path, points=[[60, 60, 1], [5, 5, 0]], box=[20, 20, 100, 100])
    assert (eyes.count, encoded.count) == (1, 1)


def test_a_search_stops_between_two_things(pipelines, library, girl):
    asked = resolved(MaskRequest(girl, "clothing. hair. face."), POCKET.masking)
    stopped: list[bool] = []
    events: Iterator[Any] = find_masks(
        asked, pipelines=pipelines, family=POCKET, library=library, stop=lambda: bool(stopped)
    )
    for event in events:
        if isinstance(event, MaskFound):
            stopped.append(True)
    assert len(stopped) == 1


@pytest.fixture(scope="module")
def toy_detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_detector(tmp_path_factory.mktemp("seekers") / "grounding-dino-tiny")


@pytest.mark.parametrize("kind", ["sam", "sam2", "sam3"])
@pytest.mark.parametrize("family", [SDXL, SD15], ids=lambda family: family.name)
def test_the_layouts_of_the_large_ones_run_the_same_code(seek, girl, toy_detector, tmp_path, kind, family):
    toy = replace(
        family, detector=str(toy_detector), segmenters={kind: str(make_segmenter(kind, tmp_path / kind))}, masking={}
    )
    events = seek(girl, "clothing. red jacket.", toy, box_threshold=0.0, text_threshold=0.0)
    pointed = found(seek(girl, family=toy, points=[[60, 60, 1], [5, 5, 0]], box=[20, 20, 100, 100]))
    assert len(pointed) == 1 and len(pointed[0].candidates) > 1
    for mask in found(events) + pointed:
        assert mask.image.size == (SIDE, SIDE) and all(0 <= one.score <= 1 for one in mask.candidates)
    missing = {phrase for event in events if isinstance(event, NothingFound) for phrase in event.phrases}
    assert {mask.label for mask in found(events)} | missing == {"clothing", "red jacket"}


def test_pickles_and_empty_folders_are_refused_as_helpers(pipelines, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(ValueError, match="has no .safetensors file"), pipelines.lend_helper(Detector, str(tmp_path)):
        pass
    with (
        pytest.raises(FileNotFoundError, match="name a hub id or a folder"),
        pipelines.lend_helper(Detector, str(tmp_path / "nowhere")),
    ):
        pass
