"""Outfits on pocket's own figures: the clothes change, the rest hardly does, and the recipe draws it again."""

from dataclasses import replace

import numpy as np
import pytest

import studio
from pocketworld.render import outfit
from pocketworld.vocabulary import GARMENT_COLOURS
from pocketworld.world import Spec
from studio.contracts.recipes import BLEED, DRIFT
from studio.contracts.sampling import OutfitUse

COAT = Spec(noun="girl", top="jacket", top_colour="red", bottom="pants", bottom_colour="black", shoes="black")
ASKED = {"prompt": "a cartoon of a boy with short black hair, smiling, on the beach", "seed": 3}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with studio.open(tmp_path_factory.mktemp("wearing") / "library", sample=False) as opened:
        opened.add_outfit("Red coat", outfit(COAT, size=256), as_it_is=True)
        yield opened


def drawn(desk, **asked):
    return desk.start(studio.DrawRequest(**{**ASKED, **asked})).result()[0]


def share_of(picture, colour):
    apart = np.linalg.norm(np.asarray(picture.image, float) - np.array(GARMENT_COLOURS[colour]), axis=2)
    return (apart < 60).mean()


@pytest.fixture(scope="module")
def worn(desk):
    return drawn(desk, outfit=[OutfitUse("red-coat", 1.0)])


def test_the_clothes_have_the_colour_of_the_outfit_that_no_word_names(desk, worn):
    assert share_of(worn, "red") > 3 * share_of(drawn(desk), "red") and share_of(worn, "red") > 0.03


def test_inside_of_the_clothes_the_rest_keeps_its_colours_and_its_look_better(desk, worn):
    unchanged = (np.asarray(worn.image) == np.asarray(drawn(desk).image)).all(axis=2)
    assert unchanged.mean() > 0.6, "to the pixel, but for whom it dresses"
    everywhere = drawn(desk, outfit=[OutfitUse("red-coat", 1.0, inside_garment=False)]).recipe.estimates
    assert worn.recipe.estimates[BLEED] < everywhere[BLEED] and worn.recipe.estimates[DRIFT] < everywhere[DRIFT]
    assert drawn(desk).recipe.estimates == {}


def test_the_recipe_draws_it_again_to_the_pixel_unless_the_adapter_is_another(desk, worn):
    assert np.array_equal(np.asarray(desk.replay(worn.path).image), np.asarray(worn.image))
    changed = replace(worn.recipe, outfits=tuple({**one, "adapter": "0" * 64} for one in worn.recipe.outfits))
    other = desk.library.save_picture(worn.image, changed)
    with pytest.raises(ValueError, match="The image adapter Outfit, or what finds the clothes, has changed"):
        desk.recall(other.path)
    desk.library.remove_outfit("red-coat")
    with pytest.raises(ValueError, match="The outfit Red coat .* is not in this library"):
        desk.recall(worn.path)
