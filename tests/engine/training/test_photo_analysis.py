"""What a training finds out about its photos, by pocket's own detector, SAM and CLIP, and where it keeps it."""

import numpy as np
import pytest
from PIL import Image

from pocketworld.render import render
from pocketworld.world import Spec
from studio.contracts.requests import TrainRequest, resolved
from studio.engine.training.dataset import instance_pictures
from studio.engine.training.photo_analysis import GROUND, look_at, portrait_of, seen_in
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
def library(tmp_path):
    library = Library(tmp_path / "library")
    library.add_subject("Mika", "girl", "sks", photos=[render(GIRL, truth=False).image])
    return library


@pytest.fixture
def looks(library, pipelines, family):
    def go(afresh=True, **asked):
        request = resolved(TrainRequest("mika", **asked), family.training)
        folder = library.root / "runs" / "run"
        told = list(
            look_at(
                library.subject("mika"),
                request,
                folder,
                afresh=afresh,
                pipelines=pipelines,
                family=family,
                library=library,
            )
        )
        seen = seen_in(folder)
        return told, list(instance_pictures(library.subject("mika"), request, family, 4, seen))

    return go


def test_a_photo_is_learnt_bare_and_described(looks):
    _, pictures = looks(describe=True)
    assert [picture.caption for picture in pictures] == [
        "a picture of sks girl",
        "a picture of sks girl in a blue jacket and black pants, on the beach",
    ]
    assert pictures[0].image is pictures[1].image, "so that the VAE encodes it once"


def test_a_caption_of_one_s_own_is_all_there_is(looks, library):
    library.edit_photo("mika", library.subject("mika").photos[0].file, caption="sks girl, asleep")
    assert [picture.caption for picture in looks(describe=True)[1]] == ["sks girl, asleep"]


def test_what_was_found_out_is_not_asked_again(looks, monkeypatch):
    first, known = looks(describe=True, garment_weight=0.3, portrait=True)
    monkeypatch.setattr("studio.engine.training.photo_analysis._look", None)
    again, kept = looks(describe=True, garment_weight=0.3, portrait=True)
    assert len(first) == 1 and not again
    assert [picture.caption for picture in kept] == [picture.caption for picture in known]
    assert np.array_equal(kept[0].image, known[0].image) and np.array_equal(kept[0].counts, known[0].counts)


def test_networks_that_cannot_be_had_leave_the_photos_as_they_are(looks, monkeypatch):
    def missing(*_, **__):
        raise OSError("no network")

    with monkeypatch.context() as patched:
        patched.setattr("studio.engine.training.photo_analysis.words_for", missing)
        told, pictures = looks(describe=True)
    assert "learnt as they are" in told[-1].stage and len(pictures) == 1
    assert not looks(afresh=False, describe=True)[0], "a run that goes on must learn from the same pictures"
    assert len(looks(describe=True)[1]) == 2, "one that begins anew asks again"


def test_a_photo_cropped_anew_is_looked_at_anew(looks, library):
    looks(describe=True)
    assert not looks(describe=True)[0]
    library.edit_photo("mika", library.subject("mika").photos[0].file, crop=(0, 0, 100, 100))
    assert looks(describe=True)[0]


def test_where_nothing_is_to_be_asked_no_photo_is_looked_at(looks, library):
    library.edit_photo("mika", library.subject("mika").photos[0].file, caption="sks girl, asleep")
    assert not looks(describe=True)[0]


def test_a_portrait_is_the_head_and_shoulders_on_plain_ground(pipelines, family):
    rendered = render(GIRL)
    portrait = portrait_of(rendered.image, "girl", pipelines=pipelines, family=family)
    pixels = np.asarray(portrait).astype(int)
    assert portrait.width == portrait.height < rendered.image.height
    ground = np.abs(pixels - GROUND).max(2) < 4
    assert ground[:, 0].mean() > 0.5 and ground[0].mean() > 0.9, "nothing is left of the beach"
    assert not ground[portrait.height // 2, portrait.width // 2], "the face is in the middle"


def test_a_picture_without_a_head_stays_as_it_is(pipelines, family):
    assert portrait_of(Image.new("RGB", (128, 128), "teal"), "girl", pipelines=pipelines, family=family) is None


def test_a_portrait_is_called_one(looks):
    _, pictures = looks(portrait=True, describe=False)
    assert [picture.caption for picture in pictures] == ["a portrait of sks girl on a plain white background"]
