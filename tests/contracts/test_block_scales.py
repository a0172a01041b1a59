"""Block scales as diffusers writes them: what they mean layer by layer, and what is wrong with some."""

import pytest

from studio.contracts.block_scales import as_dict, by_layer, names_of
from studio.library.family_files import built_in

SD15, SDXL = built_in()["sd15"], built_in()["sdxl"]

REFERENCE = {"down": {"block_2": [0.0, 0.4]}, "up": {"block_0": [0.0, 0.85, 0.0]}}


def test_the_reference_dict_says_what_each_layer_of_sdxl_takes():
    found = by_layer(REFERENCE, SDXL.blocks)
    assert len(found) == 11 and {name: scale for name, scale in found.items() if scale} == {
        "down.block_2.1": 0.4,
        "up.block_0.1": 0.85,
    }


@pytest.mark.parametrize(
    "scales, said",
    [
        (0.6, 0.6),
        ({"mid": 1.0}, {"mid": 1.0}),
        (REFERENCE, REFERENCE),
        (0, 0.0),
        ({}, 0.0),
        ({"mid": [0.5]}, {"mid": 0.5}),
        ({"up": {"block_1": 0.5}}, {"up": {"block_1": [0.5, 0.5, 0.5]}}),
        ({"down": 1}, {"down": {"block_1": [1.0, 1.0], "block_2": [1.0, 1.0]}}),
    ],
)
def test_scales_are_written_in_the_shortest_way_and_read_back_as_the_same(scales, said):
    layers = by_layer(scales, SDXL.blocks)
    assert as_dict(layers, SDXL.blocks) == said
    assert by_layer(said, SDXL.blocks) == layers


@pytest.mark.parametrize(
    "scales, why",
    [
        ({"middle": 1.0}, "no part 'middle' in this UNet; it has down, mid, up"),
        ({"up": {"block_2": 1.0}}, "no 'block_2' in up; it has block_0, block_1"),
        ({"up": {"block_0": [0.0, 1.0]}}, r"up.block_0 has 3 layers.*list of 3; got \[0.0, 1.0\]"),
        ({"mid": {"block_0": 1.0}}, "mid has no blocks of its own: give it a number"),
        ({"up": {"block_0": ["a", 1, 1]}}, "up.block_0 must be 0 to 3, got 'a'"),
        ({"up": -1}, "up.block_0 must be 0 to 3, got -1"),
        (float("nan"), "must be 0 to 3"),
        (True, "must be 0 to 3"),
    ],
)
def test_scales_that_do_not_fit_say_what_would(scales, why):
    with pytest.raises(ValueError, match=why):
        by_layer(scales, SDXL.blocks)


def test_families_have_the_blocks_of_their_published_unets():
    from diffusers import UNet2DConditionModel

    for family in (SDXL, SD15):
        config = UNet2DConditionModel.load_config(f"{family.config}/unet")
        down = [
            ("down", f"block_{number}", config["layers_per_block"])
            for number, kind in enumerate(config["down_block_types"])
            if "CrossAttn" in kind
        ]
        up = [
            ("up", f"block_{number}", config["layers_per_block"] + 1)
            for number, kind in enumerate(config["up_block_types"])
            if "CrossAttn" in kind
        ]
        assert list(family.blocks) == [*down, ("mid", "", 1), *up]
        assert all(by_layer(scales, family.blocks) for scales in family.outfit_presets.values())
        assert len(set(names_of(family.blocks))) == len(names_of(family.blocks))
