"""Scoring a family: the statistics, the page, and a small run from end to end."""

import json
import random
from pathlib import Path

import pytest
from PIL import Image

from pocketworld import identity, score
from pocketworld.judge import Judge
from pocketworld.render import render
from pocketworld.report import captioned_sheet, percent, wilson
from pocketworld.world import SUBJECTS, is_held_out, portray

POCKET = Path(__file__).parents[2] / "assets" / "pocket"


def test_the_wilson_interval_is_that_of_the_textbooks():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-4)  # Newcombe 1998, table I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-4)
    assert wilson(0, 0) == (0.0, 1.0) and percent(0, 0) == "-"


def test_a_sheet_has_room_for_every_picture():
    pictures = [Image.new("RGB", (128, 128), "red")] * 7
    assert captioned_sheet(pictures, ["a red square"] * 7, columns=5).size[0] == 5 * 136


def test_the_prompts_are_held_out_and_always_the_same():
    specs = score.held_out_specs(30)
    assert all(is_held_out(spec) for spec in specs) and specs == score.held_out_specs(30)


def test_photos_of_a_subject_are_taken_elsewhere_than_it_is_drawn():
    photos = identity.take_photos(SUBJECTS["fox"])
    assert not {photo.scene for photo in photos} & set(identity.DRAWN_SCENES)
    assert identity.prompt(SUBJECTS["fox"], "snow") == "a cartoon of a sks fox, in the snow"


def test_renders_of_a_subject_count_as_the_subject():
    rng, fox = random.Random(1), SUBJECTS["fox"]
    rows = [
        [render(portray(fox, rng, scene=scene, framing="full figure"), 128, truth=False).image for _ in range(2)]
        for scene in identity.DRAWN_SCENES
    ]
    right, scenes = identity.read_identity(Judge.load(), fox, rows)
    assert scenes[0] >= 9 and {"noun", "fur"} <= right.keys()
    assert sum(pair[0] for pair in right.values()) >= 0.95 * sum(pair[1] for pair in right.values())


def test_a_small_score_runs_from_end_to_end(tmp_path, capsys):
    arguments = "--prompts 4 --compared 2 --retrieval 10 --steps 2".split()
    score.main([*arguments, "--family", str(POCKET), "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "pocket-score.json").read_text())
    assert figures["drawn"]["scene"][1] == 4 and 0 <= figures["retrieval_at_1"] <= 1
    assert set(figures["schedulers"]) >= {"DDIM", "PNDM"}
    assert "95% Wilson" in (tmp_path / "RESULTS.md").read_text()
    assert (tmp_path / "grids" / "pocket-score.png").stat().st_size < 600_000
