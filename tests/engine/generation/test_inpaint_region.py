"""Taking a part out of a picture and putting it back: sizes, soft edges, and that the rest stays to the pixel."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.engine.generation.inpaint_region import InpaintRegion
from studio.engine.vision.picture_metrics import changed_outside, seam
from studio.imaging.compositing import CELL, Window, put_back, softened, spread, surrounded, window_of
from studio.imaging.masks import united

SIDE = 128


def rectangle(size, box):
    """A mask (L) that is white from (left, top) to just before (right, bottom)."""
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
    return mask


def noise(size, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


def slope(size):
    """Colours that change slowly from left to right and from top to bottom."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    return Image.fromarray(np.stack([40 + columns, 40 + rows, 200 - columns], axis=2).astype(np.uint8))


def width_of_edge(soft, row):
    """How many pixels to the right of the white are grey."""
    values = np.asarray(soft)[row].astype(int)
    return int(((values > 0) & (values < 255))[len(values) // 2 :].sum())


@pytest.mark.parametrize("feather", [4, 8, 16])
def test_an_edge_fades_outwards_over_about_so_many_pixels(feather):
    mask = rectangle((160, 160), (60, 60, 100, 100))
    soft = softened(mask, feather)
    values = np.asarray(soft).astype(int)
    assert (values[60:100, 60:100] == 255).all(), "what is white stays white"
    right = values[80, 100:]
    assert (np.diff(right) <= 0).all() and width_of_edge(soft, 80) == feather
    assert 90 < right[feather // 2] < 165, "half way out it is grey"


def test_a_mask_without_a_feather_is_left_as_it_is():
    mask = rectangle((64, 64), (10, 10, 30, 30))
    ImageDraw.Draw(mask).point((50, 50), fill=90)
    assert softened(mask, 0).tobytes() == mask.tobytes()


def test_a_hand_drawn_grey_stays_under_a_feather():
    mask = rectangle((64, 64), (10, 10, 30, 30))
    mask.putpixel((55, 55), 90)
    assert softened(mask, 4).getpixel((55, 55)) == 90


@pytest.mark.parametrize(
    "size, box, padding, wanted",
    [
        ((128, 128), (40, 40, 80, 80), 128, ((0, 0, 128, 128), (128, 128))),
        ((131, 97), (40, 40, 80, 80), 131, ((0, 0, 131, 97), (128, 96))),
        ((512, 512), (200, 200, 264, 264), 32, ((168, 168, 296, 296), (128, 128))),
        ((512, 512), (200, 200, 232, 232), 16, ((184, 184, 248, 248), (128, 128))),  # the small is enlarged
        ((1000, 500), (0, 0, 20, 20), 22, ((0, 0, 64, 64), (128, 128))),  # moved inside
        ((400, 400), (0, 100, 400, 110), 20, ((0, 0, 400, 220), (176, 96))),  # never a strip
        ((32, 320), (0, 0, 32, 300), 10, ((0, 0, 32, 320), (40, 408))),  # but where the picture is one
        ((16, 16), (4, 4, 8, 8), 100, ((0, 0, 16, 16), (128, 128))),
    ],
)
def test_what_is_worked_on_is_the_mask_with_what_surrounds_it_at_the_size_that_the_family_draws(
    size, box, padding, wanted
):
    window = window_of(rectangle(size, box), padding, SIDE)
    assert (window.box, window.size) == wanted


@pytest.mark.parametrize("size", [(131, 97), (128, 128), (1013, 333), (17, 300)])
@pytest.mark.parametrize("padding", [0, 7, 20_000])
def test_a_window_lies_in_the_picture_holds_all_of_the_mask_and_something_outside_of_it(size, padding):
    for box in ((3, 5, 9, 11), (size[0] - 6, size[1] - 6, *size), (0, 0, size[0], 9)):
        soft = softened(rectangle(size, box), 2)
        left, top, right, bottom = window_of(soft, padding, SIDE).box
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        inner = soft.getbbox()
        assert left <= inner[0] and top <= inner[1] and right >= inner[2] and bottom >= inner[3]
        assert (np.asarray(soft.crop((left, top, right, bottom))) == 0).any(), "to fit the colours to"
        assert all(length % 8 == 0 for length in window_of(soft, padding, SIDE).size)


def test_a_soft_edge_may_reach_the_pictures_rim_on_all_sides():
    image, mask = slope((128, 128)), rectangle((128, 128), (3, 3, 125, 125))
    soft = softened(mask, 8)
    assert soft.getextrema()[0] > 0
    painted = Image.new("RGB", (128, 128), (200, 60, 60))
    result, where = put_back(image, painted, mask, soft, window_of(soft, 128, SIDE))
    assert result.crop((3, 3, 125, 125)).tobytes() == painted.crop((3, 3, 125, 125)).tobytes()


def test_where_it_is_joined_right_along_the_mask_it_fades_outwards():
    image, mask = Image.new("RGB", (128, 128), (60, 60, 60)), rectangle((128, 128), (40, 40, 80, 80))
    soft = softened(mask, 8)
    _, where = put_back(image, noise((128, 128)), mask, soft, window_of(soft, 128, SIDE))
    right = np.asarray(where)[60, 78:90].astype(int)
    assert (right[:2] == 255).all() and (np.diff(right) <= 0).all() and np.diff(right).min() > -140


def test_what_is_cut_out_has_the_size_that_is_worked_at():
    image, window = noise((200, 100)), Window((20, 10, 84, 74), (128, 128))
    assert window.cut(image).size == (128, 128)
    as_it_is = Window((20, 10, 84, 74), (64, 64))
    assert as_it_is.cut(image).tobytes() == image.crop(as_it_is.box).tobytes()


@pytest.mark.parametrize(
    "asked, strength, steps",
    [
        (20, 1.0, 20),
        (20, 0.85, 17),
        (20, 0.6, 12),
        (10, 0.05, 1),
        (1, 1.0, 1),
        (1, 0.05, 1),
        (3, 0.34, 1),
        (200, 0.5, 100),
    ],
)
def test_a_low_strength_takes_fewer_steps_and_at_least_one(asked, strength, steps):
    part = InpaintRegion(Image.new("RGB", (8, 8)), Image.new("L", (8, 8)), strength)
    assert part.steps_of(asked) == steps


@pytest.mark.parametrize(
    "size, box", [((128, 128), (30, 40, 90, 100)), ((131, 97), (30, 40, 90, 97)), ((500, 300), (100, 100, 200, 140))]
)
@pytest.mark.parametrize("padding", [0, 12, 500])
def test_outside_of_the_mask_not_a_pixel_is_another(size, box, padding):
    image = noise(size)
    mask = rectangle(size, box)
    soft = softened(mask, 6)
    window = window_of(soft, padding, SIDE)
    result, where = put_back(image, noise(window.size, seed=1), mask, soft, window)
    assert result.size == where.size == size and result.mode == "RGB"
    assert changed_outside(image, result, where) == changed_outside(image, result, soft) == 0
    assert not np.asarray(where)[np.asarray(soft) == 0].any()
    changed = (np.asarray(result) != np.asarray(image)).any(axis=2)
    assert changed[np.asarray(mask) == 255].mean() > 0.9
    assert image.tobytes() == noise(size).tobytes(), "the original is left alone"


def test_what_is_put_back_unchanged_changes_nothing():
    image, mask = noise((128, 128)), rectangle((128, 128), (40, 40, 80, 80))
    soft = softened(mask, 8)
    window = window_of(soft, 128, SIDE)
    assert put_back(image, window.cut(image), mask, soft, window)[0].tobytes() == image.tobytes()


def test_a_shift_of_all_colours_is_taken_back_so_that_no_seam_shows():
    image, mask = slope((128, 128)), rectangle((128, 128), (40, 40, 80, 80))
    soft = softened(mask, 6)
    window = window_of(soft, 128, SIDE)
    shifted = Image.fromarray((np.asarray(image) + 12).astype(np.uint8))
    result, _ = put_back(image, shifted, mask, soft, window)
    assert np.abs(np.asarray(result, int) - np.asarray(image, int)).max() <= 2
    pasted = Image.composite(shifted, image, soft.point(lambda value: 255 if value >= 128 else 0))
    assert seam(image, result, soft) < 0.5 < seam(image, pasted, soft)


def test_a_shift_that_differs_from_place_to_place_is_taken_back_too():
    image, mask = slope((128, 128)), rectangle((128, 128), (50, 50, 78, 78))
    soft = softened(mask, 6)
    window = window_of(soft, 128, SIDE)
    pixels = np.asarray(image, float) + np.linspace(-15, 15, 128)[None, :, None]
    result, _ = put_back(image, Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), mask, soft, window)
    assert np.abs(np.asarray(result, int) - np.asarray(image, int)).max() <= 4


def test_what_surrounds_the_mask_is_drawn_over_it():
    image = slope((128, 96))
    marked = image.copy()
    ImageDraw.Draw(marked).rectangle((50, 30, 80, 60), fill=(255, 0, 0))
    soft = softened(rectangle((128, 96), (46, 26, 85, 65)), 4)
    cleared = surrounded(marked, soft)
    assert np.abs(np.asarray(cleared, int) - np.asarray(image, int)).max() < 12
    outside = np.asarray(soft) == 0
    assert np.array_equal(np.asarray(cleared)[outside], np.asarray(image)[outside])


def test_a_mask_without_surroundings_leaves_the_picture():
    image = noise((32, 32))
    assert surrounded(image, Image.new("L", (32, 32), 255)).tobytes() == image.tobytes()


@pytest.mark.parametrize("size", [(64, 64), (131, 97), (7, 3), (1, 33)])
def test_what_is_known_is_kept_and_carried_on_within_its_bounds(size):
    values = np.random.default_rng(0).uniform(20, 200, (*size[::-1], 3)).astype(np.float32)
    known = np.random.default_rng(1).random(size[::-1]) < 0.2
    known.flat[0] = True
    carried = spread(values, known)
    assert carried.shape == values.shape and np.array_equal(carried[known], values[known])
    if min(size) > 1:
        low, high = values[known].min(axis=0), values[known].max(axis=0)
        assert (carried >= low - 1e-3).all() and (carried <= high + 1e-3).all()


def test_one_known_value_goes_everywhere_and_none_nowhere():
    values, known = np.zeros((40, 24, 1), np.float32), np.zeros((40, 24), bool)
    assert spread(values, known) is values
    values[7, 9], known[7, 9] = 80, True
    assert np.allclose(spread(values, known), 80)


def test_a_constant_is_carried_on_as_it_is():
    known = np.ones((50, 70), bool)
    known[10:40, 20:60] = False
    values = np.where(known[..., None], 33.0, -1e6).astype(np.float32)
    assert np.allclose(spread(values, known), 33)


def test_colours_are_matched_no_finer_than_a_cell():
    """A decoder's noise outside of the mask is no reason to blot what is inside."""
    image, mask = Image.new("RGB", (64, 64), (128, 128, 128)), rectangle((64, 64), (24, 24, 40, 40))
    window = window_of(mask, 64, 64)
    rough = np.full((64, 64, 3), 128, np.uint8)
    rough[::2, ::2], rough[1::2, 1::2] = 138, 118  # its mean over any cell is the original's
    rough[24:40, 24:40] = 128
    assert CELL % 2 == 0
    inside = np.asarray(put_back(image, Image.fromarray(rough), mask, mask, window)[0], int)[24:40, 24:40]
    assert np.abs(inside - 128).max() <= 1


@pytest.mark.parametrize("feathered", [False, True], ids=["by the request", "in the mask itself"])
def test_a_part_is_joined_where_it_is_like_the_rest(feathered):
    image, mask = Image.new("RGB", (128, 128), (128, 128, 128)), rectangle((128, 128), (48, 48, 80, 80))
    soft = softened(mask, 16)
    mask = united(mask, soft.point(lambda value: value // 2)) if feathered else mask
    painted = image.copy()
    ImageDraw.Draw(painted).rectangle((42, 42, 85, 85), fill=(200, 60, 60))  # six pixels beyond the mask
    result, where = put_back(image, painted, mask, soft, window_of(soft, 128, SIDE))
    assert result.crop((44, 44, 84, 84)).tobytes() == painted.crop((44, 44, 84, 84)).tobytes(), "not cut off"
    assert where.crop((48, 48, 80, 80)).getextrema() == (255, 255)
    assert seam(image, result, where) < 1 < seam(image, Image.composite(painted, image, soft), soft)
