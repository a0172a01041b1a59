"""What changed outside of clothing: colours bleed, the look drifts."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.quality.background_metrics import bleed, drift, flat, outside
from pocketworld.judge import Judge
from pocketworld.render import render
from pocketworld.world import Spec

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
)


@pytest.fixture(scope="module")
def judge():
    return Judge.load()


@pytest.fixture(scope="module")
def girl():
    """A render, and where it has no clothing."""
    drawn = render(GIRL)
    return drawn.image, outside(drawn.mask("top", "bottom", "shoes"))


def test_an_unchanged_picture_has_no_bleed_and_a_tinted_one_much(girl):
    picture, where = girl
    tinted = Image.blend(picture, Image.new("RGB", picture.size, "red"), 0.2)
    assert bleed(picture, picture, where) == 0 and bleed(picture, tinted, where) > 10
    assert flat(picture, where) > 0.95


def test_other_clothes_alone_are_neither_bleed_nor_drift(girl, judge):
    picture, where = girl
    other = render(Spec(**{**vars(GIRL), "top_colour": "yellow", "bottom_colour": "pink"})).image
    assert bleed(picture, other, where) < 0.5 and drift(picture, other, where, judge) < 0.05
    assert bleed(picture, other, np.ones_like(where)) > 3


def test_a_blurred_picture_drifts_and_hardly_bleeds(girl, judge):
    picture, where = girl
    soft = picture.filter(ImageFilter.GaussianBlur(1.5))
    assert drift(picture, picture, where, judge) == 0 and drift(picture, soft, where, judge) > 0.2
    assert bleed(picture, soft, where) < 2.3  # not noticeable


def test_where_all_is_clothing_there_is_nothing_to_measure(girl, judge):
    picture, where = girl
    nowhere = np.zeros_like(where)
    assert all(
        np.isnan(value)
        for value in (bleed(picture, picture, nowhere), flat(picture, nowhere), drift(picture, picture, nowhere, judge))
    )
