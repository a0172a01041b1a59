"""What measurements leave behind: shares with their intervals, sheets."""

import pytest
from PIL import Image

from benchmarks.quality.report import captioned_sheet, percent, wilson


def test_the_wilson_interval_is_that_of_the_textbooks():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-4)  # Newcombe 1998, table I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-4)
    assert wilson(0, 0) == (0.0, 1.0) and percent(0, 0) == "-"


def test_a_sheet_has_room_for_every_picture():
    pictures = [Image.new("RGB", (128, 128), "red")] * 7
    assert captioned_sheet(pictures, ["a red square"] * 7, columns=5).size[0] == 5 * 136
