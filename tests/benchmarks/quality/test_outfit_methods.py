"""Outfits drawn in several ways: who gets which, by how much a way acts, and readings that are kept."""

from benchmarks.quality import outfit_methods
from pocketworld.world import SUBJECTS
from studio.contracts.block_scales import by_layer
from studio.library.family_files import built_in


def test_nobody_gets_what_they_wear_already():
    for name in outfit_methods.CHOSEN:
        own, outfits = SUBJECTS[name], outfit_methods.outfits_for(SUBJECTS[name], 10)
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
    blocks = built_in()["pocket"].blocks
    for way, settings in outfit_methods.WAYS.items():
        for factor in outfit_methods.FACTORS[way]:
            assert max(by_layer(outfit_methods.times(settings["block_scales"], factor), blocks).values()) > 0
    assert outfit_methods.times({"up": {"block_0": [0.0, 0.5]}}, 2) == {"up": {"block_0": [0.0, 1.0]}}


def test_readings_are_kept_as_they_come_and_a_half_written_one_is_passed_over(tmp_path):
    file = tmp_path / "readings.jsonl"
    readings, drawn = (
        outfit_methods.Readings(file),
        outfit_methods.Drawn("20260101-1", {"top": "jacket"}, 1.5, 0.25, 0.5),
    )
    readings.add("a", drawn)
    file.write_text(file.read_text() + '\n{"key": "b", "pict')
    again = outfit_methods.Readings(file)
    again.add("c", drawn)
    assert (
        outfit_methods.Readings(file).get("a") == drawn == outfit_methods.Readings(file).get("c")
        and again.get("b") is None
    )
