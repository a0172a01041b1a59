"""The sample library that a fresh studio opens on: whole, small, and drawn by the very weights beside it."""

import numpy as np
import pytest

import studio
from studio.session import EXAMPLES

RUN_THE_TOOL = "assets/pocket has changed: python -m tools.sample_library draws the examples again"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with studio.open(tmp_path_factory.mktemp("sample") / "library", sample=True) as desk:
        yield desk


def test_it_holds_all_that_a_first_look_needs(desk):
    library = desk.library
    mika, cup = sorted(library.subjects(), key=lambda subject: len(subject.photos), reverse=True)
    assert (mika.name, mika.trigger, len(mika.photos)) == ("Mika", "sks girl", 5) and cup.class_noun == "cup"
    assert all(photo.caption for subject in (mika, cup) for photo in subject.photos)
    (lora,) = library.loras()
    assert lora.subject == mika.slug and lora.family == "pocket"
    assert len(library.outfits()) == 2 and len(library.scenes()) == 5
    assert len(library.pictures()) >= 12 and len(library.pictures(favourites=True)) == 1


def test_it_shows_the_run_that_made_its_lora(desk):
    (run,) = desk.runs()
    assert run.status == "finished" and run.result() == desk.library.loras()[0]
    samples = [event for event in run.snapshot() if isinstance(event, studio.SampleDrawn)]
    assert samples and all((desk.library.root / sample.path).is_file() for sample in samples)


def test_it_is_small_and_carries_no_rubbish():
    files = [file for file in EXAMPLES.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 6e6
    assert not [file for file in files if file.name.startswith(".") or "checkpoints" in file.parts]


def test_each_of_its_pictures_was_drawn_by_these_weights(desk):
    now = desk.executor.pipelines.fingerprint(desk.family)
    drawn_by = {picture.recipe.family["sha256"] for picture in desk.library.pictures()}
    assert drawn_by == {now}, RUN_THE_TOOL
    used = {lora["sha256"] for picture in desk.library.pictures() for lora in picture.recipe.loras}
    assert used == {lora.sha256 for lora in desk.library.loras()}, RUN_THE_TOOL


def test_a_picture_of_it_draws_again(desk):
    """To the pixel on the machine that made it; another processor may round otherwise, by less than the eye sees."""
    picture = next(picture for picture in desk.library.pictures() if picture.recipe.loras)
    again = desk.replay(picture.path)
    difference = np.abs(np.asarray(again.image, dtype=int) - np.asarray(picture.image, dtype=int))
    assert difference.mean() < 2


def test_what_is_changed_in_a_copy_stays_in_the_copy(tmp_path):
    before = {file: file.stat().st_mtime_ns for file in EXAMPLES.rglob("*")}
    with studio.open(tmp_path / "library", sample=True) as desk:
        desk.library.remove_subject("mika")
    assert {file: file.stat().st_mtime_ns for file in EXAMPLES.rglob("*")} == before
