"""Pictures that people bring: upright RGB, or a sentence that names the file and the remedy."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from studio.imaging.photos import checked_crop, open_image, problems, suggest_crop
from studio.library import Library


def picture(width=64, height=48, mode="RGB"):
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "RGB"),
        ("a.png", "RGB"),
        ("a.webp", "RGB"),
        ("a.gif", "P"),
        ("cmyk.jpg", "CMYK"),
        ("grey.png", "L"),
    ],
)
def test_the_usual_kinds_open_as_rgb(tmp_path, name, mode):
    image = open_image(saved(tmp_path / name, picture(mode=mode)))
    assert image.mode == "RGB" and image.size == (64, 48)


def test_heic_opens_where_its_library_is_installed(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    assert open_image(saved(tmp_path / "phone.heic", picture())).size == (64, 48)


def test_a_sideways_photo_is_turned_upright(tmp_path):
    turned = picture()
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was held upright
    assert open_image(saved(tmp_path / "a.jpg", turned, exif=exif)).size == (48, 64)


def test_transparency_lies_on_white(tmp_path):
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    assert open_image(saved(tmp_path / "a.png", clear)).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bits_keep_their_tones(tmp_path):
    levels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    image = open_image(saved(tmp_path / "deep.png", Image.fromarray(levels)))
    values = np.asarray(image)[..., 0]
    assert values.min() == 0 and values.max() == 255 and len(np.unique(values)) > 200


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.png", b"", "empty.png is empty"),
        ("page.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "page.png is not a picture"),
        ("notes.jpg", b"hello", "notes.jpg is not a picture"),
        ("page.webp", b"<!doctype html><script>1</script>", "page.webp is not a picture"),
        (
            "drawing.png",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n",
            "drawing.png is not a picture",
        ),
        ("evil\nname.png", b"hello", r"evil\?name.png is not a picture"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=says):
        open_image(tmp_path / name)


def test_a_truncated_picture_is_named(tmp_path):
    whole = saved(tmp_path / "half.png", picture(256, 256)).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"half\.png is damaged"):
        open_image(tmp_path / "half.png")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_whatever_is_broken_in_a_file_it_opens_or_is_named(kind):
    buffer, rng = io.BytesIO(), np.random.default_rng(0)
    picture(40, 40, "P" if kind == "GIF" else "RGB").save(buffer, kind)
    for _ in range(40):
        data = bytearray(buffer.getvalue())
        for place in rng.integers(0, min(len(data), 300), 3):
            data[place] = rng.integers(0, 256)
        try:
            assert open_image(bytes(data), "mine.img").mode == "RGB"
        except ValueError as error:
            assert str(error).startswith("mine.img ")


def test_a_dark_picture_in_sixteen_bits_stays_dark():
    dark = Image.fromarray(np.full((32, 32), 6_554, dtype=np.uint16))
    assert open_image(dark).getpixel((5, 5)) == (26, 26, 26)


def test_of_a_moving_picture_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert open_image(tmp_path / "a.gif").getpixel((5, 5)) == (255, 0, 0)


def bomb(width, height):
    """A small PNG that says it has many pixels."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(bytes((width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_121_megapixels_are_refused_before_they_are_decoded(monkeypatch):
    data = bomb(11_000, 11_000)
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=r"has 121 megapixels; 40 are the most"):
        open_image(data, "huge.png")


def test_a_picture_of_a_few_pixels_is_refused():
    with pytest.raises(ValueError, match="8 x 8 px; at least 16"):
        open_image(picture(8, 8), "dot.png")


def test_the_crop_follows_the_subject():
    wide = Image.new("RGB", (300, 100), (120, 180, 230))
    wide.paste((200, 30, 30), (220, 20, 270, 90))
    left, top, right, bottom = suggest_crop(wide)
    assert (right - left, bottom - top) == (100, 100)
    assert left <= 220 and right >= 270


def test_the_crop_of_an_empty_picture_is_its_middle():
    assert suggest_crop(Image.new("RGB", (200, 100))) == (50, 0, 150, 100)


@pytest.mark.parametrize(
    "crop",
    [
        (0, 0, 65, 48),
        (10, 10, 10, 40),
        (-1, 0, 20, 20),
        (0, 0, 8, 8),
        ("a", 0, 1, 1),
        (1, 2),
        "abcd",
        7,
        (0, 0, float("nan"), 20),
        (0, 0, float("inf"), 20),
    ],
)
def test_crops_that_cannot_be_are_refused(crop):
    with pytest.raises(ValueError, match=r"[Cc]rop"):
        checked_crop(crop, 64, 48)


def test_problems_are_told_in_words():
    assert problems(picture(90, 90), 128) == ("too small: 90 px; 128 px or more would be sharper",)
    assert "almost one colour" in problems(Image.new("RGB", (200, 200), "white"), 128)[0]
    assert problems(picture(200, 200), 128) == ()


def test_bytes_and_pillow_images_open_too():
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    assert open_image(buffer.getvalue()).size == open_image(picture()).size == (64, 48)


def test_captions_come_along_as_pairs_as_files_among_the_photos_and_beside_them(tmp_path):
    library = Library(tmp_path / "library")
    for name in ("a", "b", "c", "d"):
        Image.new("RGB", (64, 64), (ord(name), 9, 9)).save(tmp_path / f"{name}.png")
    (tmp_path / "among").mkdir()
    (tmp_path / "among" / "b.txt").write_text("sks girl,\n in a coat", encoding="utf-8")
    (tmp_path / "among" / "metadata.jsonl").write_text(
        '{"file_name": "c.png", "text": "sks girl on the beach"}\n{torn', encoding="utf-8"
    )
    (tmp_path / "d.txt").write_text("sks girl waving", encoding="utf-8")
    subject = library.add_subject(
        "Mika",
        "girl",
        "sks",
        [
            (tmp_path / "a.png", "sks girl smiling"),
            tmp_path / "b.png",
            tmp_path / "c.png",
            str(tmp_path / "d.png"),
            tmp_path / "among" / "b.txt",
            tmp_path / "among" / "metadata.jsonl",
        ],
    )
    assert [photo.caption for photo in subject.photos] == [
        "sks girl smiling",
        "sks girl, in a coat",
        "sks girl on the beach",
        "sks girl waving",
    ]


def test_captions_alone_are_refused_and_so_are_odd_pairs(tmp_path):
    library = Library(tmp_path / "library")
    (tmp_path / "a.txt").write_text("sks girl")
    with pytest.raises(ValueError, match="captions only: give the photos with it"):
        library.add_subject("Mika", "girl", "sks", [tmp_path / "a.txt"])
    with pytest.raises(ValueError, match="are a pair"):
        library.add_subject("Mika", "girl", "sks", [(tmp_path / "a.png", "x", 3)])
