"""Colours of pictures that say what their numbers mean: they come in as every viewer shows them."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from studio.imaging.photos import open_image
from studio.library import Library

# Primaries and white as XYZ under D50, which profiles are written in, and the tone curve as a tag's bytes.
SRGB_CURVE = (
    b"para"
    + bytes(4)
    + struct.pack(">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
)
PRIMARIES = {
    "Display P3": ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)),
    "Adobe RGB (1998)": ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
}
CURVES = {"Display P3": SRGB_CURVE, "Adobe RGB (1998)": b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2)}
# What a file holds, and what every viewer shows.
SHOWN = {"Display P3": ((95, 196, 82), (30, 200, 60)), "Adobe RGB (1998)": ((144, 255, 60), (0, 255, 0))}


def profile(name):
    """A matrix profile of version 2, as cameras and phones embed one."""
    xyz = [b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in row)) for row in PRIMARIES[name]]
    said = name.encode() + b"\0"
    desc = b"desc" + bytes(4) + struct.pack(">I", len(said)) + said + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"desc": desc, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": white}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True)) | dict.fromkeys(
        (b"rTRC", b"gTRC", b"bTRC"), CURVES[name]
    )
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for sign, body in tags.items():
        table += sign + struct.pack(">II", start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    illuminant = struct.pack(">3i", 63190, 65536, 54061)
    head = b"lcms" + bytes.fromhex("02400000") + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + illuminant
    whole = head.ljust(124, b"\0") + struct.pack(">I", len(tags)) + table + data
    return struct.pack(">I", len(whole) + 4) + whole


def near(pixel, right):
    """Within what JPEG and a short profile round away; unconverted, red alone would be 65 off."""
    return max(abs(a - b) for a, b in zip(pixel, right, strict=True)) <= 10


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_a_profile_is_converted_to_srgb_and_does_not_come_along(tmp_path, name, ending):
    held, shown = SHOWN[name]
    file = tmp_path / f"photo.{ending}"
    Image.new("RGB", (32, 32), held).save(file, icc_profile=profile(name), quality=100, lossless=True)
    image = open_image(file)
    assert near(image.getpixel((9, 9)), shown) and "icc_profile" not in image.info
    assert np.array_equal(open_image(image), image), "a second reading changes nothing"


def test_wherever_a_picture_comes_in_its_colours_are_converted(tmp_path):
    held, shown = SHOWN["Display P3"]
    file = tmp_path / "p3.png"
    Image.new("RGB", (160, 160), held).save(file, icc_profile=profile("Display P3"))
    library = Library(tmp_path / "library")
    photo = library.add_subject("Cup", "cup", "sks", [file]).photos[0]
    came_in = [photo.path, photo.cropped, library.keep_image(file), library.add_outfit("Green", file).path]
    came_in.append(library.add_photos("cup", [Image.open(file).resize((80, 80))]).kept[0].path)
    for picture in came_in:
        picture = picture if isinstance(picture, Image.Image) else Image.open(picture)
        assert near(picture.convert("RGB").getpixel((9, 9)), shown) and "icc_profile" not in picture.info


def test_a_sideways_photo_with_a_profile_is_turned_and_converted(tmp_path):
    held, shown = SHOWN["Display P3"]
    image = Image.new("RGB", (64, 48), held)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif, icc_profile=profile("Display P3"), quality=100)
    turned = open_image(tmp_path / "a.jpg")
    assert turned.size == (48, 64) and near(turned.getpixel((9, 9)), shown)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_profile_counts_under_transparency_and_in_a_palette(tmp_path, mode):
    held, shown = SHOWN["Display P3"]
    image = Image.new("RGBA", (32, 32), (*held, 255))
    image.paste((0, 0, 0, 0), (0, 0, 16, 32))
    image = image.quantize(8) if mode == "P" else image
    image.save(tmp_path / "a.png", icc_profile=profile("Display P3"))
    opened = open_image(tmp_path / "a.png")
    assert opened.getpixel((4, 4)) == (255, 255, 255) and near(opened.getpixel((25, 9)), shown)


@pytest.mark.parametrize("srgb", [b"damaged", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()])
def test_of_srgb_and_of_a_damaged_profile_no_pixel_changes(tmp_path, srgb):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    noise.save(tmp_path / "a.png", icc_profile=srgb)
    assert np.array_equal(open_image(tmp_path / "a.png"), noise)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_of_another_kind_of_image_is_passed_over(tmp_path, mode):
    plain = Image.new("RGB", (32, 32), (200, 120, 40)).convert(mode)
    plain.save(tmp_path / "a.tif", icc_profile=profile("Display P3"))
    assert np.array_equal(open_image(tmp_path / "a.tif"), plain.convert("RGB"))


def test_inks_and_lab_come_in_as_the_colours_that_they_are(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    assert near(open_image(tmp_path / "red.jpg").getpixel((9, 9)), (255, 0, 0))
    Image.new("LAB", (32, 32), (138, 128 + 81, 128 + 70)).save(tmp_path / "lab.tif")  # sRGB's red under D50, about
    assert (
        max(abs(a - b) for a, b in zip(open_image(tmp_path / "lab.tif").getpixel((9, 9)), (255, 0, 0), strict=True))
        < 20
    )
