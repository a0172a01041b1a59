"""What requests are known by: the id of a set is the same from version to version."""

from dataclasses import dataclass

import pytest
from PIL import Image

from studio.contracts.requests import RepaintRequest, SetRequest, as_json, path_of, resolved, stated
from studio.contracts.sampling import OutfitUse
from studio.library import Library
from studio.library.family_files import built_in

POCKET = built_in()["pocket"]

DRESSED = {"outfits": [None, [OutfitUse("red-coat", {"mid": 0.5}, "Outfit")]], "seed": 3, "family": "pocket"}


def drawn(**asked):
    then = {**POCKET.drawing, "width": 128, "height": 128}  # what Pocket drew in the first version
    return resolved(SetRequest("a girl", **{"scenes": ["beach"], **asked}), then)


@pytest.mark.parametrize(
    "asked, id",
    [
        ({"scenes": ["beach", "snow"], **DRESSED}, "9b49aa0f7342"),
        ({"lora": "mika", "seed": 1, "family": "pocket"}, "6f938daef12a"),
    ],
)
def test_sets_of_the_first_version_keep_the_ids_that_they_are_stored_under(asked, id):
    assert drawn(**asked).id == id


def later_version():
    """A SetRequest of a version with one more field, that a set of today does not know."""

    @dataclass(frozen=True)
    class Later(SetRequest):
        of_later: int | None = None

    Later.__name__ = "SetRequest"
    return Later


def test_a_field_of_a_later_version_changes_no_id_until_it_is_given():
    today = drawn(**DRESSED)
    later = later_version()(**vars(today))
    assert later.id == today.id
    assert later_version()(**vars(today), of_later=2).id != today.id


def test_a_set_is_found_by_a_later_version(tmp_path):
    library, today = Library(tmp_path), drawn(**DRESSED)
    library.keep_set(today, "Coats")
    library.fill_cell(today.id, "0-0-0", "some-picture")
    later = later_version()(**vars(today))
    assert library.keep_set(later, "Coats").cells == {"0-0-0": "some-picture"} and len(library.sets()) == 1


def test_what_is_stated_is_the_same_in_whichever_version_it_was_written():
    told = as_json(drawn(**DRESSED))
    assert stated({**told, "of_later": None}) == stated(told)
    assert stated({"outfits": [None, [{"slug": "coat", "start": None}]]}) == {"outfits": [None, [{"slug": "coat"}]]}


def test_the_rows_of_a_set_are_what_is_worn_in_each():
    request = SetRequest("a girl", ["beach"], outfits=[None, "coat", ["coat", "hat"]], seeds=2)
    assert [[use.slug for use in row] for row in request.rows] == [[], ["coat"], ["coat", "hat"]]
    assert request.count == 6


def test_an_image_in_memory_is_no_file_yet(tmp_path):
    assert path_of(RepaintRequest(tmp_path / "a.png", "b.png").picture) == tmp_path / "a.png"
    with pytest.raises(TypeError, match="put into the library"):
        path_of(Image.new("L", (8, 8)))
