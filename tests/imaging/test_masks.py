"""Masks and the request that finds them: what each operation does to pixels, and what is refused."""

import io
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.contracts.requests import MaskRequest
from studio.imaging import masks


def disc(size=(64, 64), box=(16, 16, 47, 47), hole=False):
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    if hole:
        ImageDraw.Draw(mask).rectangle((28, 28, 34, 34), fill=0)
    return mask


def inside(mask):
    return np.asarray(mask) >= 128


def test_growing_and_shrinking_move_the_edge_by_so_many_pixels():
    mask = disc()
    assert masks.box_of(masks.grown(mask, 5)) == (11, 11, 53, 53)
    assert masks.box_of(masks.grown(mask, -5)) == (21, 21, 43, 43)
    assert masks.box_of(masks.grown(mask, -40)) is None
    assert masks.share_of(masks.grown(mask, 100)) == 1.0


def test_feathering_fades_the_edge_and_leaves_the_middle():
    soft = np.asarray(masks.feathered(disc(), 6)).astype(int)
    assert soft[32, 32] == 255 and soft[0, 0] == 0
    assert 60 < soft[32, 16] < 200, "the old edge is half white"
    assert all(np.diff(soft[32, :32]) >= 0), "and it rises steadily"
    assert masks.feathered(disc(), 0).tobytes() == disc().tobytes()


def test_filling_closes_holes_and_keeps_a_soft_edge():
    soft = masks.feathered(disc(hole=True), 2)
    filled = masks.filled(soft)
    assert np.asarray(filled)[31, 31] == 255
    assert np.asarray(filled)[0:16].tobytes() == np.asarray(soft)[0:16].tobytes()


def test_filling_leaves_no_rim_where_the_hole_was_soft():
    soft = masks.feathered(disc(hole=True), 6)
    assert np.asarray(masks.filled(soft))[26:38, 26:38].min() == 255


def test_cleaning_keeps_the_soft_edge_of_what_stays():
    soft = masks.feathered(disc(), 6)
    speckled = masks.united(soft, masks.feathered(disc(box=(2, 2, 4, 4)), 2))
    cleaned = np.asarray(masks.cleaned(speckled))
    assert cleaned[:8, :8].max() == 0 and (cleaned[8:, 8:] == np.asarray(soft)[8:, 8:]).all()


def test_growing_near_the_edge_of_a_large_picture_is_as_anywhere():
    large = Image.new("L", (3000, 40))
    large.paste(disc((32, 32), (0, 0, 31, 31)), (2960, 4))
    grown, shrunk = masks.grown(large, 4), masks.grown(large, -4)
    assert masks.box_of(grown) == (2956, 0, 2996, 40) and masks.box_of(shrunk) == (2964, 8, 2988, 32)


def test_cleaning_drops_specks_and_nothing_else():
    speckled = disc()
    speckled.putpixel((2, 2), 255)
    speckled.putpixel((60, 5), 255)
    assert masks.cleaned(speckled).tobytes() == disc().tobytes()
    two = masks.united(disc(box=(2, 2, 20, 20)), disc(box=(40, 40, 60, 60)))
    assert masks.cleaned(two).tobytes() == two.tobytes()
    assert masks.box_of(masks.cleaned(Image.new("L", (8, 8)))) is None


@pytest.mark.parametrize("size", [(64, 64), (400, 30)])
def test_a_fading_edge_reaches_as_far_as_it_is_told_and_no_farther(size):
    mask = Image.new("L", size)
    mask.paste(255, (20, 8, 40, 20))
    faded = np.asarray(masks.fading(mask, 6))
    assert (faded[8:20, 20:40] == 255).all() and (np.diff(faded[12, 39:50].astype(int)) <= 0).all()
    assert (faded[12, 40:46] > 0).all() and not faded[12, 46:].any() and not faded[27:].any()
    assert masks.fading(mask, 0).tobytes() == mask.tobytes()


def test_closing_fills_what_lies_between_two_parts_and_leaves_the_rest():
    two = masks.united(disc(box=(4, 20, 24, 40)), disc(box=(28, 20, 48, 40)))
    filled = inside(masks.closed(two, 6))
    assert filled[30, 26] and filled[inside(two)].all()
    assert filled.sum() < 1.1 * inside(two).sum() and masks.box_of(masks.closed(two, 6)) == masks.box_of(two)


def test_a_lowered_mask_has_lost_its_upper_rim_alone():
    two = masks.united(disc(box=(2, 2, 20, 20)), disc(box=(40, 30, 60, 60)))
    low = inside(masks.lowered(two, 3))
    columns = inside(two).sum(axis=0)
    assert (low.sum(axis=0) == np.maximum(0, columns - 3)).all() and not (low & ~inside(two)).any()
    assert (np.argmax(inside(two)[:, columns > 3], axis=0) + 3 == np.argmax(low[:, columns > 3], axis=0)).all()
    assert masks.lowered(two, 0).tobytes() == two.tobytes()


def test_pieces_that_meet_another_mask_stay_and_the_others_go():
    two = masks.united(disc(box=(2, 2, 20, 20)), disc(box=(40, 40, 60, 60)))
    kept = masks.meeting(two, disc(box=(50, 50, 63, 63)))
    assert (inside(kept) == inside(disc(box=(40, 40, 60, 60)))).all()
    assert masks.box_of(masks.meeting(two, Image.new("L", (64, 64)))) is None


def test_union_and_subtraction_and_inversion_are_those_of_sets():
    left, right = disc(box=(0, 0, 40, 40)), disc(box=(20, 20, 60, 60))
    assert (inside(masks.united(left, right)) == (inside(left) | inside(right))).all()
    assert (inside(masks.without(left, right)) == (inside(left) & ~inside(right))).all()
    assert (inside(masks.inverted(left)) == ~inside(left)).all()
    assert masks.overlap_of(left, left) == 1.0 and 0 < masks.overlap_of(left, right) < 0.3


def test_an_operation_is_called_by_name_and_an_unknown_one_is_refused():
    assert masks.operated(disc(), "grow", 3).tobytes() == masks.grown(disc(), 3).tobytes()
    with pytest.raises(ValueError, match="operation must be one of grow, shrink, feather, fill, clean, invert"):
        masks.operated(disc(), "melt")
    with pytest.raises(ValueError, match="pixels must be 0 to 512, got -1"):
        masks.operated(disc(), "feather", -1)
    with pytest.raises(ValueError, match="pixels must be 0 to 512, got -3"):
        masks.operated(disc(), "grow", -3)
    with pytest.raises(ValueError, match="pixels must be 0 to 512, got 1000"):
        masks.operated(disc(), "shrink", 1000)


def saved(image, kind="PNG"):
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def test_a_mask_is_read_from_grey_from_colour_and_from_the_opacity_of_a_cut_out():
    cut_out = Image.new("RGBA", (64, 64), (200, 30, 30, 255))
    cut_out.putalpha(disc())
    deep = Image.fromarray(np.asarray(disc()).astype(np.uint16) * 257)
    for source in (deep, disc(), disc().convert("RGB"), disc().convert("1"), disc().convert("P"), cut_out):
        assert (inside(masks.open_mask(saved(source), (64, 64))) == inside(disc())).all()


@pytest.mark.parametrize(
    "data, said",
    [
        (saved(disc((32, 64))), r"The mask is 32 x 64 px and should be 64 x 64; a mask must have the picture's size"),
        (b"", "is empty"),
        (b"not a picture", "is not a picture the studio reads"),
        (saved(disc())[:90], "damaged"),
        (saved(Image.new("L", (7000, 7000))), "should be 64 x 64"),
    ],
)
def test_what_is_no_mask_of_the_picture_is_refused_in_a_sentence(data, said):
    with pytest.raises(ValueError, match=said):
        masks.open_mask(data, (64, 64))


def test_phrases_are_read_apart_lower_case_and_once_each():
    phrases = "Clothing. hair,  Red  Jacket; hair\nhat"
    assert MaskRequest("a.png", phrases).terms == ("clothing", "hair", "red jacket", "hat")
    assert MaskRequest("a.png", "Одежда. 🎩").terms == ("одежда",)


def test_a_request_for_masks_is_frozen_and_keeps_points_and_box_as_numbers(tmp_path):
    request = MaskRequest(tmp_path / "a.png", points=[[3, 4], [5.5, 6, 0]], box=[1, 2, 30, 40])
    assert request.points == ((3.0, 4.0, 1), (5.5, 6.0, 0)) and request.box == (1.0, 2.0, 30.0, 40.0)
    assert request.picture == str(tmp_path / "a.png") and hash(request)
    with pytest.raises(FrozenInstanceError):
        request.phrases = "hair"


@pytest.mark.parametrize(
    "given, said",
    [
        ({}, "Say what to find"),
        ({"phrases": "  "}, "Say what to find"),
        ({"phrases": "🎩🎩"}, "Name what to find in words"),
        ({"phrases": "..."}, "Name what to find in words"),
        ({"phrases": 7}, "phrases must be text"),
        ({"phrases": ". ".join(f"word {number}" for number in range(30))}, "Name at most 20 things"),
        ({"phrases": "x" * 61}, "in at most 60 letters each"),
        ({"phrases": "hair", "box_threshold": 1.5}, "box_threshold must be 0 to 1, got 1.5"),
        ({"phrases": "hair", "text_threshold": -0.1}, "text_threshold must be 0 to 1"),
        ({"phrases": "hair", "box_threshold": float("nan")}, "box_threshold must be 0 to 1"),
        ({"points": [[1]]}, "a point must be x, y and label"),
        ({"points": [["a", "b", 1]]}, "a point must be x, y and"),
        ({"points": [[1, 2, 3]]}, "label must be 1 .adds. or 0 .takes away., got 3"),
        ({"points": [[1, 2, 0]]}, "Points that only take away leave nothing"),
        ({"points": [[float("inf"), 2, 1]]}, "a point must be"),
        ({"points": "12"}, "points must be a list"),
        ({"points": [[1, 2, 1]] * 101}, "at most 100"),
        ({"box": [1, 2, 3]}, "box must be left, top, right and bottom"),
        ({"box": [5, 5, 5, 9]}, "left < right"),
        ({"picture": "", "phrases": "hair"}, "picture must be a file"),
        ({"picture": 3, "phrases": "hair"}, "picture must be a file"),
    ],
)
def test_a_request_that_cannot_be_is_refused_in_a_sentence(given, said):
    with pytest.raises(ValueError, match=said):
        MaskRequest(**{"picture": "a.png", **given})
