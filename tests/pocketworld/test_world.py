"""The drawn world keeps its promises: same spec, same pixels; exact colours; held-out means held out."""

import random

import numpy as np
import pytest

from pocketworld import vocabulary
from pocketworld.captions import caption, full_caption, outfit_caption
from pocketworld.render import PARTS, outfit, render, sheet
from pocketworld.world import (
    SUBJECTS,
    Spec,
    has_unseen_words,
    is_held_out,
    portray,
    sample,
    subject,
)

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
    pose="waving",
    scene="beach",
    jitter=5,
)


def specs(count: int, held_out: bool = False) -> list[Spec]:
    rng = random.Random(3)
    return [sample(rng, held_out) for _ in range(count)]


def test_the_same_spec_gives_the_same_pixels():
    for spec in specs(10):
        first, second = render(spec), render(spec)
        assert first.image.tobytes() == second.image.tobytes()
        assert np.array_equal(first.parts, second.parts)
        assert render(spec, truth=False).image.tobytes() == first.image.tobytes()


def test_garments_have_exactly_the_colour_of_their_word():
    for spec in specs(60):
        if spec.top is None:
            continue
        drawn = render(spec, 256)
        pixels = np.asarray(drawn.image)
        for part, colour in (("top", spec.top_colour), ("bottom", spec.bottom_colour)):
            inside = pixels[np.asarray(drawn.mask(part)) == 255]
            if colour and len(inside) > 500:
                assert tuple(np.median(inside, axis=0)) == vocabulary.GARMENT_COLOURS[colour], (part, spec)


def test_held_out_combinations_are_never_sampled_for_training():
    assert not any(is_held_out(spec) for spec in specs(3000))
    unseen = specs(300, held_out=True)
    assert all(is_held_out(spec) and not has_unseen_words(spec) for spec in unseen)


def test_training_still_shows_every_word():
    seen = {value for spec in specs(6000) for value in vars(spec).values()}
    for words in (
        vocabulary.NOUNS,
        vocabulary.OBJECTS,
        vocabulary.HAIR,
        vocabulary.HAIR_COLOURS,
        vocabulary.TOPS,
        vocabulary.BOTTOMS,
        vocabulary.ACCESSORIES,
        vocabulary.POSES,
        vocabulary.SCENES,
        vocabulary.FRAMINGS,
    ):
        assert set(words) <= seen
    furs = {(spec.noun, spec.fur) for spec in specs(6000) if spec.fur}
    assert {noun for noun, _ in furs} == set(vocabulary.CREATURES)


def test_full_figures_dominate():
    framings = [spec.framing for spec in specs(3000)]
    assert 0.72 < framings.count("full figure") / 3000 < 0.84


def test_masks_and_boxes_agree():
    for spec in specs(40):
        drawn = render(spec)
        for part, (x0, y0, x1, y1) in drawn.boxes.items():
            ys, xs = np.nonzero(drawn.parts == PARTS[part])
            assert (x0, y0, x1, y1) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        both = np.asarray(drawn.mask("top", "bottom")) == 255
        assert both.sum() == np.isin(drawn.parts, [PARTS["top"], PARTS["bottom"]]).sum()


@pytest.mark.parametrize("size", [64, 128, 256])
def test_joints_are_inside_the_picture_and_full_figures_have_all(size):
    for spec in specs(60):
        drawn = render(spec, size)
        assert all(0 <= x < size and 0 <= y < size for x, y in drawn.joints.values())
        if spec.noun and spec.framing == "full figure":
            assert len(drawn.joints) == 16


def test_the_right_hand_is_at_the_left_of_the_picture_unless_seen_from_behind():
    facing = render(GIRL).joints
    behind = render(Spec(**vars(GIRL) | {"framing": "from behind", "expression": None})).joints
    assert facing["r_wrist"][0] < facing["l_wrist"][0]
    assert behind["r_wrist"][0] > behind["l_wrist"][0]
    assert "nose" not in behind


def test_another_size_is_the_same_scene():
    for spec in specs(20):
        small, large = render(spec, 128), render(spec, 256)
        shrunk = np.asarray(large.image.reduce(2), float)
        assert np.abs(shrunk - np.asarray(small.image, float)).mean() < 6
        assert (large.parts[::2, ::2] == small.parts).mean() > 0.97


def test_the_full_caption_says_everything():
    assert full_caption(GIRL) == (
        "a cartoon of a girl with long red hair in a blue jacket and black pants, smiling, waving, on the beach"
    )
    for spec in specs(200):
        said = full_caption(spec)
        visible = [
            spec.noun,
            spec.object,
            spec.object_colour,
            spec.top_colour,
            spec.top,
            spec.fur,
            spec.hair_colour,
        ]
        assert all(word in said for word in visible if word)


def test_captions_vary_and_name_no_other_colour():
    rng = random.Random(0)
    assert len({caption(GIRL, rng) for _ in range(50)}) > 30
    for _ in range(50):
        said = caption(GIRL, rng).replace(",", "").split()
        assert not set(said) & (set(vocabulary.GARMENT_COLOURS) - {"red", "blue", "black"})
    assert outfit_caption(GIRL, rng).endswith("a blue jacket and black pants")


def test_subjects_are_unseen_and_keep_their_identity():
    rng = random.Random(1)
    assert len(SUBJECTS) >= 10
    for name, identity in SUBJECTS.items():
        assert has_unseen_words(identity), name
        shown = portray(subject(name), rng, scene="beach")
        same = ("noun", "fur", "hair", "hair_colour", "top", "top_colour", "object", "emblem")
        assert all(getattr(shown, field) == getattr(identity, field) for field in same)
        assert shown.scene == "beach" and shown.ground_colour is None
        render(shown)
    with pytest.raises(KeyError, match="fox"):
        subject("nobody")


def test_an_outfit_is_drawn_alone_worn_or_flat():
    worn, flat = outfit(GIRL), outfit(GIRL, worn=False)
    assert worn.size == flat.size == (128, 128) and worn.tobytes() != flat.tobytes()
    for image in (worn, flat):
        assert (np.asarray(image) == vocabulary.GARMENT_COLOURS["blue"]).all(axis=2).sum() > 400
    with pytest.raises(ValueError, match="no outfit"):
        outfit(subject("heart cup"))


def test_a_sheet_has_a_place_for_every_spec():
    assert sheet(specs(5), columns=2, size=64).size == (128, 192)
