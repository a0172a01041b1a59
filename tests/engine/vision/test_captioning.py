"""What a photo shows in words, by pocket's own detector and CLIP."""

import pytest

from pocketworld.render import render
from pocketworld.world import Spec
from studio.engine.vision.captioning import Shown, caption_of, describe, worn
from studio.engine.vision.clip_scores import clip_of
from studio.engine.vision.grounding_dino import Detector
from studio.library import Library

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


@pytest.fixture
def subject(tmp_path):
    library = Library(tmp_path / "library")
    return library.add_subject("Mika", "girl", "sks", photos=[render(GIRL, truth=False).image])


def test_a_photo_is_described_by_its_garments_their_colours_and_its_place(subject, pipelines, family):
    words = caption_of(subject.photos[0], subject, pipelines=pipelines, family=family)
    assert words == "a cartoon of sks girl in a blue jacket and black pants, on the beach"


def test_what_is_not_worn_is_not_named(pipelines, family):
    cup = render(Spec(object="cup", object_colour="red", scene="kitchen"), truth=False).image
    with pipelines.lend_helper(Detector, family.detector) as detector:
        assert worn(detector, cup, family.words()) == {"tops": [], "bottoms": [], "accessories": []}
    with clip_of(pipelines, family) as clip:
        shown = describe(
            clip, cup, "a cartoon of a cup", {**family.words(), "tops": [], "bottoms": [], "accessories": []}
        )
    assert shown.tops == shown.bottoms == shown.accessories == ""


def test_a_caption_reads_as_people_write():
    assert (
        Shown("a red jacket", "black pants", "a hat", "on the beach").words
        == " in a red jacket and black pants with a hat, on the beach"
    )
    assert Shown(places="in the snow").words == ", in the snow" and Shown().words == ""
