"""What a picture means as a mask, by what it looks like as a whole."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from studio.imaging.mask_reading import read_as_mask
from studio.imaging.masks import extrema_of, overlap_of, share_of

SIZE = (64, 48)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def square(mode: str, ground, paint) -> Image.Image:
    picture = Image.new(mode, SIZE, ground)
    ImageDraw.Draw(picture).rectangle((16, 12, 39, 35), fill=paint)
    return picture


def photo() -> Image.Image:
    """Many colours, as a photo has."""
    down, across = np.mgrid[: SIZE[1], : SIZE[0]]
    return Image.fromarray(np.stack([4 * across, 5 * down, 255 - 4 * across], -1).astype(np.uint8))


TRUTH = square("L", 0, 255)


def test_white_on_black_is_taken_as_it_is_and_nothing_is_said():
    soft = TRUTH.filter(ImageFilter.GaussianBlur(3))
    for mask in (TRUTH, soft, TRUTH.convert("1"), square("RGB", BLACK, WHITE), square("L", 0, 128)):
        read = read_as_mask(mask)
        assert read.image.tobytes() == mask.convert("L").tobytes() and read.said == ""


@pytest.mark.parametrize("black", [1, 2, 4, 16])
def test_black_that_is_not_quite_black_counts_as_black(black):
    read = read_as_mask(square("L", black, 255))
    assert extrema_of(read.image) == (0, 255) and overlap_of(read.image, TRUTH) == 1
    assert f"{black} of 255" in read.said


def test_noise_on_black_as_jpeg_leaves_it_counts_as_black():
    noisy = np.asarray(TRUTH).astype(np.int16) + np.random.default_rng(0).integers(-9, 10, SIZE[::-1])
    read = read_as_mask(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))
    assert extrema_of(read.image)[0] == 0 and (np.asarray(read.image) > 0).mean() == share_of(TRUTH)
    assert "not quite black" in read.said


@pytest.mark.parametrize("ground, paint", [(0, 1), (0, 100), (200, 255), (30, 90)])
def test_two_values_are_outside_and_inside(ground, paint):
    read = read_as_mask(square("L", ground, paint))
    assert read.image.tobytes() == TRUTH.tobytes() and f"{paint} is inside" in read.said


@pytest.mark.parametrize("ground", [BLACK, WHITE])
@pytest.mark.parametrize("paint", [(255, 0, 0), (0, 0, 255), (20, 180, 60)])
def test_one_colour_on_black_or_white_is_inside(ground, paint):
    read = read_as_mask(square("RGB", ground, paint))
    assert overlap_of(read.image, TRUTH) == 1 and extrema_of(read.image) == (0, 255)
    assert "by its colour" in read.said


@pytest.mark.parametrize("transparent", [1, 3, 40])
def test_white_on_black_with_a_few_transparent_pixels_is_read_by_its_light(transparent):
    mask = square("RGBA", (*BLACK, 255), (*WHITE, 255))
    for x in range(transparent):
        mask.putpixel((x, 0), (0, 0, 0, 0))
    read = read_as_mask(mask)
    assert read.image.tobytes() == TRUTH.tobytes() and f"{transparent} transparent" in read.said


@pytest.mark.parametrize("paint", [WHITE, BLACK, (214, 48, 49)])
def test_paint_on_a_transparent_layer_is_inside(paint):
    read = read_as_mask(square("RGBA", (0, 0, 0, 0), (*paint, 255)))
    assert read.image.tobytes() == TRUTH.tobytes() and "opacity" in read.said


def test_a_hole_in_a_picture_is_what_will_be_repainted():
    holed = photo().convert("RGBA")
    holed.putalpha(Image.eval(TRUTH, lambda value: 255 - value))
    read = read_as_mask(holed)
    assert read.image.tobytes() == TRUTH.tobytes() and "hole" in read.said


def test_a_picture_taken_for_a_mask_is_told():
    assert "many colours" in read_as_mask(photo()).said


@pytest.mark.parametrize("value", [0, 3, 255])
def test_one_value_alone_stays_what_it_is(value):
    assert extrema_of(read_as_mask(Image.new("L", SIZE, value)).image) == (value, value)
