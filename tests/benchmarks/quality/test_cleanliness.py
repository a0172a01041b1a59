"""The measure of clean drawings: renders have it, blur, haze and noise lose it."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.quality.cleanliness import flat_share
from benchmarks.quality.held_out import held_out_specs
from pocketworld.render import render


@pytest.fixture(scope="module")
def renders() -> list[Image.Image]:
    return [render(spec, 256, truth=False).image for spec in held_out_specs(6)]


def softened(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(2))


def hazy(picture: Image.Image) -> Image.Image:
    """Slow waves of light on flat ground, as a decoder that guesses leaves them."""
    down, across = np.mgrid[: picture.height, : picture.width]
    veil = 14 * np.sin(down / 9) * np.cos(across / 11)
    return Image.fromarray((np.asarray(picture) + veil[..., None]).clip(0, 255).astype(np.uint8))


def test_renders_are_nearly_all_flat(renders):
    assert min(flat_share(picture) for picture in renders) > 0.9


@pytest.mark.parametrize("spoil", [softened, hazy])
def test_blur_and_haze_are_less_clean_in_every_picture(renders, spoil):
    for picture in renders:
        assert flat_share(spoil(picture)) < flat_share(picture) - 0.05


def test_a_small_picture_is_measured_as_it_is_seen(renders):
    small = renders[0].resize((128, 128), Image.Resampling.LANCZOS)
    assert flat_share(small) < flat_share(renders[0]) - 0.03
