"""A picture's recipe goes into its PNG and comes back whole."""

import pytest
from PIL import Image

from studio.contracts.recipes import Recipe, read_png, sha256_of, write_png

RECIPE = Recipe(
    {
        "type": "DrawRequest",
        "prompt": "sks girl, Größe 名前 <b>",
        "negative_prompt": "blur",
        "lora": "mika",
        "steps": 20,
        "guidance": 5.0,
        "scheduler": "DDIM",
        "width": 128,
        "height": 96,
        "seed": 7,
        "count": 1,
    },
    {"name": "pocket", "title": "Pocket", "sha256": "ab" * 32},
    ({"slug": "mika", "name": "Mika", "sha256": "cd" * 32, "scale": 0.8},),
    {"torch": "2.13.0"},
    "2026-01-01T00:00:00+00:00",
)


def test_a_recipe_survives_its_png(tmp_path):
    write_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", RECIPE)
    assert read_png(tmp_path / "a.png") == RECIPE


def test_other_tools_find_the_settings_they_know(tmp_path):
    write_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", RECIPE)
    with Image.open(tmp_path / "a.png") as image:
        lines = image.text["parameters"].splitlines()
    assert lines[0] == RECIPE.request["prompt"] and lines[1] == "Negative prompt: blur"
    assert lines[2] == (
        "Steps: 20, Sampler: DDIM, CFG scale: 5.0, Seed: 7, Size: 128x96, Model: pocket, Model hash: ababababab, "
        'Lora hashes: "mika: cdcdcdcdcdcd"'
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("plain.png", "plain.png has no recipe inside"),
        ("notes.png", "notes.png is not a picture"),
        ("gone.png", "There is no picture gone.png"),
    ],
)
def test_a_file_without_a_recipe_says_so(tmp_path, name, says):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    (tmp_path / "notes.png").write_text("hello")
    with pytest.raises(ValueError, match=says):
        read_png(tmp_path / name)


def test_a_recipe_mended_by_hand_says_so(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    for number, text in enumerate(
        [
            "{",
            "[]",
            '{"other": 1}',
            '{"request": 5}',
            '{"request": {}, "loras": ["mika"]}',
            "[" * 100_000,
        ]
    ):
        info = PngInfo()
        info.add_itxt("understudy", text)
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png", pnginfo=info)
        with pytest.raises(ValueError, match="recipe"):
            read_png(tmp_path / f"{number}.png")


def test_settings_that_latin_1_can_hold_lie_where_every_tool_looks(tmp_path):
    write_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", Recipe({"prompt": "a fox", "seed": 4}))
    data = (tmp_path / "a.png").read_bytes()
    assert b"tEXtparameters\0a fox\nSeed: 4" in data and b"tEXtunderstudy\0" in data


def test_reading_a_recipe_decodes_no_pixels(tmp_path, monkeypatch):
    write_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", RECIPE)
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    assert read_png(tmp_path / "a.png") == RECIPE


def test_an_overlong_text_in_a_png_is_named(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("understudy", "x" * 2_000_000, zip=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "long.png", pnginfo=info)
    with pytest.raises(ValueError, match=r"long\.png"):
        read_png(tmp_path / "long.png")


def test_digests_are_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
