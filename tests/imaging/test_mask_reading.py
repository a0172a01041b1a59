"""Masks of other programs: the file as a whole tells what is meant, and a sentence tells what was understood."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from studio.imaging import masks

SIZE, BOX = (96, 64), (30, 20, 61, 41)


def shape(ground=0, inside=255, mode="L", box=BOX):
    image = Image.new(mode, SIZE, ground)
    ImageDraw.Draw(image).rectangle(box, fill=inside)
    return image


def painted(seed=0):
    """A picture with hills of every colour."""
    noise = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)


def read(image, kind="PNG"):
    data = io.BytesIO()
    image.save(data, kind)
    return masks.read_as_meant(data.getvalue(), SIZE)


def holed(picture, hole):
    picture = picture.convert("RGBA")
    picture.putalpha(masks.inverted(hole))
    return picture


def spotted(mask, spots=3):
    mask = mask.convert("RGBA")
    for x in range(spots):
        mask.putpixel((x, 0), (0, 0, 0, 0))
    return mask


def labelled(palette):
    image = Image.fromarray(np.asarray(shape()) // 255)
    image.putpalette(palette)
    return image


def layer(colour):
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    image.paste(colour, mask=shape())
    return image


MEANT = {
    "black is 1": (shape(1), "Its black is 1 of 255 and read as black; white is repainted"),
    "black is 2": (shape(2), "Its black is 2 of 255"),
    "black is 4": (shape(4), "Its black is 4 of 255"),
    "black is 16": (shape(16), "Its black is 16 of 255"),
    "three transparent pixels": (spotted(shape()), "What is transparent counts as black, and white is repainted"),
    "labels 0 and 1": (shape(0, 1), "Of its shades, 0 to 1 of 255, the lighter is repainted"),
    "labels 0 and 1 of 16 bits": (
        Image.fromarray((np.asarray(shape()) // 255).astype(np.uint16)),
        "White is repainted",
    ),
    "labels with a palette": (labelled([0, 0, 0, 128, 0, 0]), "What is red stands out and is repainted"),
    "two light shades": (shape(200, 255), "Of its shades, 200 to 255 of 255, the lighter is repainted"),
    "red on black": (shape("black", "red", "RGB"), "What is red stands out and is repainted"),
    "blue on black": (shape("black", "blue", "RGB"), "What is blue stands out and is repainted"),
    "blue on white": (shape("white", "blue", "RGB"), "What is blue stands out"),
    "white on blue": (shape("blue", "white", "RGB"), "What is white stands out"),
    "red on blue": (shape("blue", "red", "RGB"), "What is red stands out"),
    "a hole in a picture": (holed(painted(), shape()), "A picture with a hole: its transparent part is repainted"),
    "a white layer": (layer((255, 255, 255, 255)), "A shape on a transparent ground: what is painted is repainted"),
    "a black layer": (layer((0, 0, 0, 255)), "A shape on a transparent ground"),
    "a layer of a weak brush": (layer((255, 0, 0, 90)), "A shape on a transparent ground"),
    "black and white": (shape(), "White is repainted (11% of the picture)."),
    "one bit": (shape().convert("1"), "White is repainted"),
    "colours of grey": (shape().convert("RGB"), "White is repainted"),
    "sixteen bits": (Image.fromarray(np.asarray(shape()).astype(np.uint16) * 257), "White is repainted"),
}


@pytest.mark.parametrize("image, said", MEANT.values(), ids=MEANT)
def test_a_mask_is_read_as_it_was_meant_and_says_how(image, said):
    reading = read(image)
    assert reading.image.mode == "L"
    assert reading.image.tobytes() == shape().tobytes()
    assert masks.told(reading).startswith(said)


def test_two_labels_on_black_are_both_inside():
    labels = shape("black", (128, 0, 0), "RGB")
    ImageDraw.Draw(labels).rectangle((0, 50, 9, 59), fill=(0, 0, 128))
    ImageDraw.Draw(labels).rectangle((80, 0, 89, 9), fill=(128, 128, 0))
    wanted = shape()
    ImageDraw.Draw(wanted).rectangle((0, 50, 9, 59), fill=255)
    ImageDraw.Draw(wanted).rectangle((80, 0, 89, 9), fill=255)
    reading = read(labels)
    assert reading.image.tobytes() == wanted.tobytes() and reading.words == "whatever is not black is repainted"


def test_a_small_shape_beside_a_few_transparent_pixels_is_not_the_whole_picture():
    small = shape(box=(4, 4, 9, 9))
    assert read(spotted(small)).image.tobytes() == small.tobytes()


def test_noise_of_a_scan_is_no_part_of_the_mask():
    noise = np.random.default_rng(0).integers(0, 5, SIZE[::-1])
    scanned = Image.fromarray((np.asarray(shape()).astype(int) + noise).clip(0, 255).astype(np.uint8))
    assert np.asarray(read(scanned).image)[np.asarray(shape()) == 0].max() == 0


@pytest.mark.parametrize(
    "ordinary",
    [
        shape(0, 200),
        shape().filter(ImageFilter.GaussianBlur(2)),
        masks.feathered(shape(), 12),
        Image.linear_gradient("L").resize(SIZE),
        Image.new("L", SIZE, 100),
        Image.new("L", SIZE, 255),
        Image.new("L", SIZE, 0),
    ],
    ids=["light grey", "blurred", "feathered", "a gradient", "all grey", "all white", "all black"],
)
def test_an_ordinary_mask_stays_what_it_is_to_the_last_value(ordinary):
    assert read(ordinary).image.tobytes() == ordinary.tobytes()


@pytest.mark.parametrize("colour", ["red", "blue", "white"])
def test_a_soft_edge_stays_soft_in_colour_too(colour):
    soft = masks.feathered(shape(), 8)
    coloured = Image.composite(Image.new("RGB", SIZE, colour), Image.new("RGB", SIZE), soft)
    assert np.abs(np.asarray(read(coloured).image).astype(int) - np.asarray(soft)).max() <= 4


def test_what_was_read_is_read_the_same_again():
    for image, _ in MEANT.values():
        once = read(image).image
        assert read(once).image.tobytes() == once.tobytes()


def test_a_picture_in_place_of_a_mask_is_said():
    assert "looks like a picture and not like a mask" in masks.told(read(painted()))
    assert "looks like a picture and not like a mask" in masks.told(read(painted().convert("L")))


def test_a_mask_that_lies_on_its_side_is_turned_as_its_picture_is():
    lying, exif = shape().transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    lying.save(data, "PNG", exif=exif)
    assert masks.read_as_meant(data.getvalue(), SIZE).image.tobytes() == shape().tobytes()


def test_the_share_is_told_and_a_large_one_is_warned_of():
    assert masks.told(read(shape())).endswith("(11% of the picture).")
    assert masks.told(read(shape(box=(3, 3, 4, 4)))).endswith("(less than 1% of the picture).")
    assert masks.warned(0.9) == "" and "covers 91% of the picture" in masks.warned(0.91)
    assert "more than 99%" in masks.warned(0.999)


def test_masks_of_the_studio_s_own_are_taken_value_by_value():
    data = io.BytesIO()
    shape(1, 90).save(data, "PNG")
    assert masks.exact_mask(data.getvalue(), SIZE).tobytes() == shape(1, 90).tobytes()
    assert masks.united(shape(1, 90), shape(2, 80)).tobytes() == shape(2, 90).tobytes()
