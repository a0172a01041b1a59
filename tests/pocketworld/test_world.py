"""The drawn world keeps its promises: same spec, same pixels; exact colours; held-out means held out."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from pocketworld import vocabulary
from pocketworld.attributes import visible
from pocketworld.captions import caption, full_caption, outfit_caption
from pocketworld.render import PARTS, outfit, render, sheet
from pocketworld.spec import looks_held_out
from pocketworld.training.tokenizers import HELD_OUT_WORDS, PROMPT_WORDS, RARE_IDENTIFIERS
from pocketworld.world import (
    CHARACTERS,
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
            if colour and len(inside) > 1200:
                colours, counts = np.unique(inside, axis=0, return_counts=True)
                most = tuple(colours[counts.argmax()])
                assert most == vocabulary.GARMENT_COLOURS[colour], (part, spec)


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
            assert len(drawn.joints) == 18


def test_the_right_hand_is_at_the_left_of_the_picture_unless_seen_from_behind():
    facing = render(GIRL).joints
    behind = render(Spec(**vars(GIRL) | {"framing": "from behind", "expression": None})).joints
    assert facing["r_wrist"][0] < facing["l_wrist"][0]
    assert behind["r_wrist"][0] > behind["l_wrist"][0]
    assert "nose" not in behind


def test_joints_of_every_view_have_ears():
    side = render(replace(GIRL, framing="from the side")).joints
    behind = render(replace(GIRL, framing="from behind", expression=None)).joints
    assert {"nose", "r_eye", "r_ear"} <= set(side) and not {"l_eye", "l_ear"} & set(side)
    assert side["r_ear"][0] < side["r_eye"][0] < side["nose"][0]
    assert behind["l_ear"][0] < behind["r_ear"][0] and "r_eye" not in behind
    facing = render(GIRL).joints
    assert facing["r_ear"][0] < facing["r_eye"][0] < facing["nose"][0] < facing["l_eye"][0] < facing["l_ear"][0]


@pytest.mark.parametrize("framing", ["full figure", "from the side", "from behind"])
def test_free_figures_stand_on_the_ground_whole(framing):
    wrists = set()
    for jitter in range(60):
        expression = None if framing == "from behind" else "smiling"
        free = replace(GIRL, pose=None, framing=framing, expression=expression, jitter=jitter)
        drawn = render(free, 256)
        assert len(drawn.joints) == {"full figure": 18, "from the side": 16, "from behind": 15}[framing]
        lowest = max(drawn.joints["l_ankle"][1], drawn.joints["r_ankle"][1])
        assert 225 < lowest < 242 and drawn.boxes["shoes"][3] <= 254
        if framing == "full figure":
            eyes = drawn.joints["l_eye"], drawn.joints["r_eye"]
            hands = drawn.joints["l_wrist"], drawn.joints["r_wrist"]
            assert min(math.dist(eye, hand) for eye in eyes for hand in hands) > 16
        wrists.add(tuple(round(value / 16) for value in drawn.joints["r_wrist"]))
    assert len(wrists) > 12


def test_limbs_are_held_at_the_angles_that_are_asked_for():
    angles = (90, 180, 20, 0, 0, 0, 60, -20, 0, 0)
    asked = replace(GIRL, pose=None, limbs=angles)
    joints = render(asked).joints
    assert joints["r_elbow"][1] == pytest.approx(joints["r_shoulder"][1])
    assert joints["r_wrist"][0] == pytest.approx(joints["r_elbow"][0]) and joints["r_wrist"][1] < joints["r_elbow"][1]
    assert joints["l_ankle"][1] < joints["r_ankle"][1] - 2 and joints["l_knee"][0] > joints["l_hip"][0] + 5
    assert Spec(**json.loads(json.dumps(vars(asked)))) == asked
    hash(asked)


@pytest.mark.parametrize("size", [(384, 256), (256, 384), (455, 256), (144, 256)])
def test_other_shapes_show_the_same_figure_whole_and_more_of_the_scene(size):
    width, height = size
    for spec in specs(40):
        square, other = render(spec, min(size)), render(spec, size)
        assert other.image.size == size and other.parts.shape == (height, width)
        figure, whole = (np.asarray(one.parts) > 0 for one in (square, other))
        assert whole.sum() > 0.96 * figure.sum()
        for name, place in square.joints.items():
            apart = np.subtract(other.joints[name], other.joints["neck"])
            assert apart == pytest.approx(np.subtract(place, square.joints["neck"]))
        assert all(0 <= x < width and 0 <= y < height for x, y in other.joints.values())
        assert np.asarray(other.image).reshape(-1, 3).any(axis=1).mean() > 0.99  # no corner stays unpainted


def test_free_poses_are_neither_named_nor_asked_of_a_picture():
    count = sum(spec.noun is not None and spec.pose is None for spec in specs(3000))
    assert 0.3 < count / 3000 < 0.5
    free = replace(GIRL, pose=None)
    assert "pose" not in visible(free)
    assert full_caption(free) == full_caption(GIRL).replace(", waving", "")


def test_characters_are_seen_fixed_and_all_different():
    assert len(CHARACTERS) == 100 and {one.noun for one in CHARACTERS.values()} == set(vocabulary.NOUNS)
    assert not set(CHARACTERS) & {*RARE_IDENTIFIERS, *PROMPT_WORDS, *HELD_OUT_WORDS}
    for name, one in CHARACTERS.items():
        assert one.name == name and not has_unseen_words(one) and not looks_held_out(one)
    bare = [replace(one, name=None) for one in CHARACTERS.values()]
    assert len(set(bare)) == 100
    named = [spec for spec in specs(4000) if spec.name]
    assert 0.08 < len(named) / 4000 < 0.14
    for spec in named:
        own = CHARACTERS[spec.name]
        assert all(getattr(spec, f) == getattr(own, f) for f in ("noun", "skin", "fur", "hair", "hair_colour"))
    usual = sum(spec.top_colour == CHARACTERS[spec.name].top_colour for spec in named)
    assert 0.72 < usual / len(named) < 0.92
    assert not any(spec.name for spec in specs(200, held_out=True))


def test_a_name_stands_for_what_is_the_characters_own():
    rng = random.Random(2)
    one = next(one for one in CHARACTERS.values() if one.noun == "girl" and one.bottom)
    usual = replace(one, expression="sad", scene="beach")
    captions = [caption(usual, rng) for _ in range(300)]
    named = [said for said in captions if f"{one.name} girl" in said]
    assert 0.85 < len(named) / 300 < 0.98
    assert sum(one.top_colour in said for said in named) < 0.4 * len(named)
    other = replace(usual, top="sweater", top_colour=next(c for c in ("red", "teal") if c != one.top_colour))
    captions = [said for said in (caption(other, rng) for _ in range(300)) if one.name in said]
    assert sum("sweater" in said for said in captions) > 0.75 * len(captions)
    assert f"{one.name} girl" in full_caption(usual)


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
