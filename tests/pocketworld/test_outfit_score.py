"""What is measured of outfits: which are shown, what changed outside of clothing, ways at equal fidelity; the files."""

import json
import random

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from safetensors.torch import load_file, save_file

from pocketworld import cures, curves
from pocketworld.assemble import assemble_outfits, assemble_styles
from pocketworld.attributes import OUTFIT_ATTRIBUTES
from pocketworld.judge import Judge, Reading
from pocketworld.outfit_score import garments_right, held_out_outfits, prompt
from pocketworld.outside import bleed, drift, flat, outside
from pocketworld.recipes.loop import write_journal
from pocketworld.recipes.outfits import FILE, Adapter
from pocketworld.recipes.unet import new_unet
from pocketworld.render import render
from pocketworld.vocabulary import BOTTOMS, TOPS
from pocketworld.world import SUBJECTS, Spec, sample, wears_held_out
from studio.contracts.block_scales import by_layer
from studio.library.family_files import built_in

POCKET = built_in()["pocket"]

GIRL = Spec(
    noun="girl",
    skin="pale",
    hair="long",
    hair_colour="red",
    expression="smiling",
    top="jacket",
    top_colour="blue",
    bottom="pants",
    bottom_colour="black",
    shoes="white",
    pose="standing",
    scene="beach",
)
WIDTH = 24  # of what the image encoder saw


@pytest.fixture(scope="module")
def judge():
    return Judge.load()


@pytest.fixture(scope="module")
def girl():
    """A render, and where it has no clothing."""
    drawn = render(GIRL)
    return drawn.image, outside(drawn.mask("top", "bottom", "shoes"))


def test_the_outfits_are_held_out_and_all_different():
    specs = held_out_outfits(40)
    assert all(wears_held_out(spec) and spec.framing == "full figure" for spec in specs)
    assert len({tuple(getattr(spec, name) for name in OUTFIT_ATTRIBUTES) for spec in specs}) == 40
    assert specs == held_out_outfits(40) and all(spec.bottom for spec in specs)  # no dress is held out


def test_training_never_dresses_anybody_in_a_held_out_outfit():
    rng = random.Random(3)
    assert not any(wears_held_out(sample(rng)) for _ in range(300))


def test_prompts_never_name_a_garment():
    texts = [prompt(spec) for spec in held_out_outfits(40)]
    assert not [text for text in texts if any(word in text for word in (*TOPS, *BOTTOMS))]


def test_garments_are_right_where_the_judge_reads_their_words():
    reading = {
        name: Reading(word, 1.0)
        for name, word in (("top", "jacket"), ("top_colour", "red"), ("bottom", "pants"), ("bottom_colour", "black"))
    }
    others = {name: Reading("", 1.0) for name in Judge.load().accuracy if name not in reading}
    right = garments_right(GIRL, {**others, **reading})
    assert right == {"top": True, "top_colour": False, "bottom": True, "bottom_colour": True}


def test_an_unchanged_picture_has_no_bleed_and_a_tinted_one_much(girl):
    picture, where = girl
    tinted = Image.blend(picture, Image.new("RGB", picture.size, "red"), 0.2)
    assert bleed(picture, picture, where) == 0 and bleed(picture, tinted, where) > 10
    assert flat(picture, where) > 0.95


def test_other_clothes_alone_are_neither_bleed_nor_drift(girl, judge):
    picture, where = girl
    other = render(Spec(**{**vars(GIRL), "top_colour": "yellow", "bottom_colour": "pink"})).image
    assert bleed(picture, other, where) < 0.5 and drift(picture, other, where, judge) < 0.05
    assert bleed(picture, other, np.ones_like(where)) > 3


def test_a_blurred_picture_drifts_and_hardly_bleeds(girl, judge):
    picture, where = girl
    soft = picture.filter(ImageFilter.GaussianBlur(1.5))
    assert drift(picture, picture, where, judge) == 0 and drift(picture, soft, where, judge) > 0.2
    assert bleed(picture, soft, where) < 2.3  # not noticeable


def test_where_all_is_clothing_there_is_nothing_to_measure(girl, judge):
    picture, where = girl
    nowhere = np.zeros_like(where)
    assert all(
        np.isnan(value)
        for value in (bleed(picture, picture, nowhere), flat(picture, nowhere), drift(picture, picture, nowhere, judge))
    )


def table(fidelity: float, harm: float, pairs: int = 6) -> np.ndarray:
    """Pairs that are all alike: of every measure the same, but for fidelity."""
    row = [[fidelity * 4, 4], *[[harm, 1]] * (len(curves.MEASURES) - 1)]
    return np.array([row] * pairs)


def test_ways_are_compared_where_equally_much_arrives():
    bare = table(0.1, 0.0)
    ways = {
        "whole picture": {0.0: bare, 1.0: table(0.3, 9.0)},
        curves.REFERENCE: {0.0: bare, 0.5: table(0.2, 4.0), 1.0: table(0.5, 8.0)},
        curves.OUR: {0.0: bare, 1.0: table(0.9, 4.0)},
    }
    told = curves.as_figures(ways)
    assert told["level"] == pytest.approx(0.5) and told["equal"]["whole picture"] is None
    assert told["equal"][curves.OUR]["bleed"] == pytest.approx([2.0] * 3)
    assert told["equal"][curves.OUR]["factor"][0] == pytest.approx(0.5)
    assert told["against"][curves.REFERENCE]["ratios"]["bleed"] == pytest.approx([0.25] * 3)
    beside = told["against"]["whole picture"]  # at the 30% that these two come to
    assert beside["theirs"]["bleed"][0] == pytest.approx(9) and beside["ours"]["bleed"][0] == pytest.approx(1)


def test_a_way_by_which_nothing_arrives_has_nothing_to_be_compared_at():
    bare = table(0.1, 0.0)
    ways = {curves.REFERENCE: {0.0: bare, 1.0: table(0.1, 4.0)}, curves.OUR: {0.0: bare, 1.0: table(0.9, 4.0)}}
    told = curves.as_figures(ways)["against"][curves.REFERENCE]
    assert told["ratios"]["bleed"] is None and "nothing of an outfit arrives" in cures._beside("it", told, 0.1)


def test_a_curve_is_read_where_fidelity_first_rises_to_the_level():
    along = np.array([[0.0, 0.1, 0.0], [0.5, 0.6, 5.0], [1.0, 0.4, 8.0], [1.5, 0.8, 9.0]])
    assert curves.at_fidelity(along, 0.35) == pytest.approx([0.25, 0.35, 2.5])
    assert curves.at_fidelity(along, 0.7) == pytest.approx([1.375, 0.7, 8.75])
    assert curves.at_fidelity(along, 0.05) == pytest.approx(along[0]) and curves.at_fidelity(along, 0.9) is None


def test_nobody_gets_what_they_wear_already():
    for name in cures.CHOSEN:
        own, outfits = SUBJECTS[name], cures.outfits_for(SUBJECTS[name], 10)
        assert not [
            one
            for one in outfits
            if own.top == one.top
            or own.bottom == one.bottom
            or {one.top_colour, one.bottom_colour} & {own.top_colour, own.bottom_colour, own.fur} - {None}
        ]
        assert len({(one.top, one.top_colour, one.bottom, one.bottom_colour) for one in outfits}) == 10
        assert sum(one.top == "dress" for one in outfits) == (2 if name in ("fox", "mohawk girl", "bolt woman") else 0)


def test_every_way_at_every_factor_fits_the_family():
    for way, settings in cures.WAYS.items():
        for factor in cures.FACTORS[way]:
            assert max(by_layer(cures.times(settings["block_scales"], factor), POCKET.blocks).values()) > 0
    assert cures.times({"up": {"block_0": [0.0, 0.5]}}, 2) == {"up": {"block_0": [0.0, 1.0]}}


def test_readings_are_kept_as_they_come_and_a_half_written_one_is_passed_over(tmp_path):
    file = tmp_path / "readings.jsonl"
    readings, drawn = cures.Readings(file), cures.Drawn("20260101-1", {"top": "jacket"}, 1.5, 0.25, 0.5)
    readings.add("a", drawn)
    file.write_text(file.read_text() + '\n{"key": "b", "pict')
    again = cures.Readings(file)
    again.add("c", drawn)
    assert cures.Readings(file).get("a") == drawn == cures.Readings(file).get("c") and again.get("b") is None


@torch.no_grad()
def test_the_assembled_adapter_is_half_precision_and_what_diffusers_reads(tmp_path):
    torch.manual_seed(0)
    unet = new_unet((8, 16, 24), (1, 1, 3)).requires_grad_(False).eval()
    state = Adapter(unet, WIDTH).state()
    weights = tmp_path / "work" / "outfits" / "weights"
    with pytest.raises(SystemExit, match="train outfits"):
        assemble_outfits(tmp_path / "work", tmp_path / "to")
    weights.mkdir(parents=True)
    save_file(state, weights / FILE)
    record = {"steps": 50, "samples": 1200, "minutes": 1.0, "loss": [[25, 0.3]], "validation": [[50, 0.2]]}
    write_journal(record, tmp_path / "work" / "outfits")
    assemble_outfits(tmp_path / "work", tmp_path / "to")
    told = load_file(tmp_path / "to" / FILE)
    assert {value.dtype for value in told.values()} == {torch.float16} and told.keys() == state.keys()
    parts = {
        part: {name.partition(".")[2]: value for name, value in told.items() if name.startswith(f"{part}.")}
        for part in ("image_proj", "ip_adapter")
    }
    new_unet((8, 16, 24), (1, 1, 3))._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    assert record.items() <= json.loads((tmp_path / "to" / "training.json").read_text()).items()


def test_styles_that_are_ready_are_assembled_with_their_records(tmp_path):
    for name in ("pixel-art", "half-done"):
        write_journal(
            {"steps": 5, "samples": 60, "minutes": 1.0, "loss": [], "validation": []},
            tmp_path / "work" / "styles" / name,
        )
    save_file({"unet.a": torch.zeros(2)}, tmp_path / "work" / "styles" / "pixel-art" / "pixel-art.safetensors")
    assemble_styles(tmp_path / "work", tmp_path / "to")
    assert {file.name for file in (tmp_path / "to").iterdir()} == {"pixel-art.safetensors", "pixel-art.json"}
    assert json.loads((tmp_path / "to" / "pixel-art.json").read_text())["steps"] == 5
