"""What is measured of repainted clothes: who wears what, what is read and counted of a pair, and what is drawn once."""

from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality import seams
from benchmarks.quality.held_out import held_out_outfits
from pocketworld.captions import full_caption
from pocketworld.judge import Judge
from pocketworld.render import render
from pocketworld.vocabulary import BOTTOMS, TOPS
from pocketworld.world import Spec, is_held_out
from studio.contracts.recipes import SEAM, Recipe, write_png
from studio.engine.vision.picture_metrics import seam
from studio.imaging.compositing import softened
from studio.imaging.masks import grown
from studio.library.family_files import built_in
from studio.words.clothing_words import without_clothes

POCKET = built_in()["pocket"]

GIRL = Spec(
    noun="girl",
    skin="pale",
    hair="long",
    hair_colour="red",
    expression="smiling",
    top="jacket",
    top_colour="purple",
    bottom="pants",
    bottom_colour="black",
    shoes="white",
    pose="standing",
    scene="park",
)
OTHER = replace(GIRL, top="t-shirt", top_colour="yellow", bottom="shorts", bottom_colour="green")
WORN = seams.Worn(0, OTHER)


@pytest.fixture(scope="module")
def judge():
    return Judge.load()


@pytest.fixture(scope="module")
def girl():
    drawn = render(GIRL)
    return seams.Character(3, GIRL, drawn.image, drawn.mask("top", "bottom", "shoes"))


def shifted(image: Image.Image, by: int) -> Image.Image:
    return image.point(lambda value: min(255, max(0, value + by)))


def test_the_characters_are_dressed_held_out_and_always_the_same():
    specs = list(islice(seams.held_out_characters(), 60))
    assert specs == list(islice(seams.held_out_characters(), 60)) and len({full_caption(one) for one in specs}) == 60
    assert all(is_held_out(one) and one.top and one.framing == "full figure" for one in specs)


def test_the_prompts_never_name_a_garment():
    prompts = [without_clothes(full_caption(one), POCKET) for one in islice(seams.held_out_characters(), 60)]
    assert not [text for text in prompts if any(word in text for word in (*TOPS, *BOTTOMS))]


def test_every_other_outfit_is_laid_flat():
    spec = held_out_outfits(1)[0]
    worn, flat = seams.Worn(0, spec).picture, seams.Worn(1, spec).picture
    assert worn.size == flat.size and worn.tobytes() != flat.tobytes()


def test_the_renderers_own_picture_of_the_outfit_is_all_right(judge, girl):
    after = seams.Repainted(render(OTHER, truth=False).image, Image.new("L", girl.image.size))
    was, reading = judge.read([girl.image, after.image])
    told = seams.told_of(girl, WORN, after, was, reading, judge.trusted)
    assert told.colours == told.kinds == told.others == (True, True) and all(told.kept) and len(told.kept) >= 5
    assert told.character == 3 and told.left < 0.05 and told.changed > 100 and told.outside > 1


def test_a_picture_as_it_was_is_wrong_in_its_garments_alone(judge, girl):
    was, reading = judge.read([girl.image, girl.image])
    told = seams.told_of(girl, WORN, seams.Repainted(girl.image, girl.clothing), was, reading, judge.trusted)
    assert not any((*told.colours, *told.kinds)) and all(told.kept) and told.left == 1.0
    assert told.seam == told.along == told.outside == told.changed == 0


def test_what_is_joined_elsewhere_than_along_the_mask_has_its_seam_there(judge, girl):
    (was,) = judge.read([girl.image])
    after = seams.Repainted(render(OTHER, truth=False).image, grown(girl.clothing, -3), joined=0.5)
    told = seams.told_of(girl, WORN, after, was, was, judge.trusted)
    assert told.seam == 0.5 < 1 < told.along


def test_a_kind_that_was_there_before_is_no_other_one(judge, girl):
    same = seams.Worn(0, replace(GIRL, top_colour="red", bottom="skirt"))
    (was,) = judge.read([girl.image])
    told = seams.told_of(girl, same, seams.Repainted(girl.image, girl.clothing), was, was, judge.trusted)
    assert told.others == (False,) and told.kinds == (True, False)


def test_below_a_dress_no_kind_of_bottom_was_there(judge):
    (was,) = judge.read([render(replace(GIRL, top="dress", bottom=None, bottom_colour=None), truth=False).image])
    assert seams.kind_before(was, "bottom") is None and seams.kind_before(was, "top") == "dress"


def test_colours_that_are_not_of_the_old_clothes_alone_are_not_looked_for(girl):
    assert seams.left_of(girl, WORN, girl.image) == 1.0  # of the purple: black are all lines
    assert np.isnan(seams.left_of(girl, seams.Worn(0, replace(OTHER, bottom_colour="purple")), girl.image))
    at_sea = render(replace(GIRL, top_colour="blue", scene="beach"))
    who = replace(girl, spec=replace(GIRL, top_colour="blue"), image=at_sea.image)
    assert np.isnan(seams.left_of(who, WORN, who.image))


def test_where_there_is_nothing_to_see_no_edge_has_a_seam():
    worn = [seams.Worn(number, spec) for number, spec in enumerate(held_out_outfits(5))]
    hard, soft = seams.nothing_to_see(worn, POCKET.resolution)
    assert hard < 1 and soft < 0.3


def test_what_is_left_of_old_clothes_is_a_seam_and_so_is_a_shift_unless_it_fades(girl):
    new = render(replace(GIRL, top_colour="yellow", bottom_colour="pink"), truth=False).image
    small, room = grown(girl.clothing, -2), grown(girl.clothing, 10)
    soft = softened(room, 4)
    left = seam(girl.image, Image.composite(new, girl.image, small), small)
    hard = seam(girl.image, Image.composite(shifted(new, 12), girl.image, room), room)
    fading = seam(girl.image, Image.composite(shifted(new, 12), girl.image, soft), soft)
    assert left > 10 and hard > 6 and 0.5 < fading < 0.4 * hard


def test_means_are_spread_over_characters_and_leave_out_what_is_not_there():
    mean, low, high = seams.spread([1.0, 1.0, 3.0, 3.0, float("nan")], [0, 0, 1, 1, 2])
    assert mean == 2 and low == 1 and high == 3
    assert seams.spread([float("nan")], [0]) is None


def test_figures_and_their_section_tell_of_every_way():
    def told(seam_: float) -> seams.Told:
        return seams.Told(0, (True, False), (True,), (), (True,), float("nan"), seam_, seam_, 2.0, 7)

    found = {way: [told(4.0), told(1.0)] for way in (seams.BARE, *seams.WAYS)} | {seams.OURS: [told(2.0), told(2.0)]}
    figures = seams.as_figures(found)
    assert figures["ways"][seams.PLAIN]["colours"] == (2, 4) and figures["ways"][seams.OURS]["seam"][0] == 2
    assert figures["ours has less of a seam"][seams.PASTED] == (1, 2)
    text = seams.as_markdown({"characters": 1, "outfits": 2, "nothing to see": (0.4, 0.0), **figures})
    assert all(f"\n| {way} | " in text for way in (seams.BARE, *seams.WAYS)) and "than plain, pasted in 50.0%" in text


def test_what_was_repainted_is_not_repainted_again(tmp_path, monkeypatch, girl):
    made = []

    def one(*_: object) -> Image.Image:
        made.append("one")
        return girl.image

    monkeypatch.setattr(seams.Bench, "_plain", one)
    file = tmp_path / "library.png"
    write_png(girl.image, file, Recipe({}, {"name": "pocket"}, estimates={SEAM: 0.75}))
    monkeypatch.setattr(seams.Bench, "_ours", lambda *_: [one() and file, girl.clothing])
    desk = SimpleNamespace(family=POCKET)
    ways = seams.Bench(desk, tmp_path).repaint(girl, WORN)
    assert tuple(ways) == seams.WAYS and len(made) == 3
    assert ways[seams.OURS].joined == 0.75 and ways[seams.PLAIN].joined is None
    assert all(told.image.tobytes() == girl.image.tobytes() for told in ways.values())
    again = seams.Bench(desk, tmp_path)
    again.repaint(girl, WORN)
    assert len(made) == 3
    next(again.folder.glob("*-ours-1.png")).unlink()  # stopped in between
    again.repaint(girl, WORN)
    assert len(made) == 4
    again.repaint(girl, seams.Worn(1, OTHER))
    assert len(made) == 7
