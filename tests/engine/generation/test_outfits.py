"""Outfits cut out of pictures by pocket's own detector and SAM."""

import numpy as np
import pytest
from PIL import Image

import studio
from pocketworld.canvas import PARTS
from pocketworld.render import outfit, render
from pocketworld.world import Spec
from studio.engine.generation.outfits import GROUND, cut_out

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


def plain(image):
    return (np.abs(np.asarray(image, int) - GROUND).max(axis=2) < 12).mean()


def test_the_clothes_of_a_character_are_left_alone_on_plain_ground(pipelines, family):
    drawn = render(GIRL, family.resolution)
    alone = cut_out(drawn.image, pipelines=pipelines, family=family)
    assert alone.width == alone.height and 0.2 < plain(alone) < 0.8
    blue = np.asarray(drawn.image, float)[drawn.parts == PARTS["top"]].mean(axis=0)
    skin = np.median(np.asarray(drawn.image, float)[drawn.parts == PARTS["face"]], axis=0)
    pixels = np.asarray(alone, float)
    assert (np.abs(pixels - blue).max(axis=2) < 40).mean() > 0.05, "the jacket is there"
    assert (np.abs(pixels - skin).max(axis=2) < 25).mean() < 0.03, "the girl is not"


@pytest.mark.parametrize("worn", [False, True], ids=["laid flat", "on a mannequin"])
def test_an_outfit_of_its_own_is_found_too(worn, pipelines, family):
    alone = cut_out(outfit(GIRL, size=256, worn=worn), pipelines=pipelines, family=family)
    assert alone is not None and 0.2 < plain(alone) < 0.8


def test_a_picture_without_clothes_says_so_and_can_be_taken_as_it_is(tmp_path):
    nothing = Image.new("RGB", (128, 128), "white")
    with studio.open(tmp_path / "library") as desk:
        with pytest.raises(ValueError, match="No clothes were found.*take the picture as it is"):
            desk.add_outfit("Nothing", nothing)
        assert desk.add_outfit("Nothing", nothing, as_it_is=True).original is None
        worn = desk.add_outfit("Blue jacket", render(GIRL, truth=False).image)
        assert worn.original.is_file() and desk.library.outfit(worn.slug) == worn
