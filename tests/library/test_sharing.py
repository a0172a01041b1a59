"""Many hands on a library: threads, processes, visitors side by side, and the room each may take."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.contracts.recipes import Recipe
from studio.library import Library

RECIPE = Recipe({"prompt": "a fox", "seed": 4})


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


def photo(seed=0, size=64):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8))


def test_threads_may_save_together(library):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: library.save_picture(photo(seed), RECIPE), range(40)))
        list(pool.map(lambda number: library.add_subject("Mika", "girl", "sks", [photo(number)]), range(8)))
    assert len(library.pictures()) == 40 and len(library.subjects()) == 8


def test_threads_may_add_photos_to_one_subject(library):
    library.add_subject("Mika", "girl", "sks")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda seed: library.add_photos("mika", [photo(seed), photo(0)]), range(1, 13)))
    photos = library.subject("mika").photos
    assert len(photos) == 13 and len({one.file for one in photos}) == 13, "the one they share is kept once"
    assert len((library.root / "subjects/mika/photos/metadata.jsonl").read_text().splitlines()) == 13


def test_photos_that_come_after_their_subject_went_bring_nothing_back(library, monkeypatch):
    library.add_subject("Mika", "girl", "sks")

    def opened_slowly(given, name):
        library.remove_subject("mika")
        return given

    monkeypatch.setattr("studio.library.subjects.open_image", opened_slowly)
    added = library.add_photos("mika", [photo(1)])
    assert "removed meanwhile" in added.refused[0][1] and not list((library.root / "subjects").iterdir())


def test_a_caption_and_a_crop_changed_at_once_are_both_kept(library):
    file = library.add_subject("Mika", "girl", "sks", [photo(1)]).photos[0].file
    with ThreadPoolExecutor(2) as pool:
        for turn in range(10):
            caption = pool.submit(library.edit_photo, "mika", file, f"sks girl {turn}")
            crop = pool.submit(library.edit_photo, "mika", file, None, (turn, 0, turn + 30, 30))
            caption.result(), crop.result()
            kept = library.subject("mika").photos[0]
            assert (kept.caption, kept.crop) == (f"sks girl {turn}", (turn, 0, turn + 30, 30))


def test_two_views_of_one_folder_lose_nothing_of_each_other(library):
    views = [library, Library(library.root)]
    pictures = [library.save_picture(photo(seed), RECIPE) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: views[number % 2].favourite(pictures[number].id), range(12)))
        list(pool.map(lambda number: views[number % 2].add_subject("Mika", "girl", "sks"), range(12)))
    assert all(one.favourite for one in library.pictures()) and len(library.subjects()) == 12


def test_two_libraries_side_by_side_share_nothing(tmp_path):
    one, other = Library(tmp_path / "one"), Library(tmp_path / "other")
    one.add_subject("Mika", "girl", "sks", [photo(1)])
    other.add_subject("Mika", "boy", "ohwx", [photo(1)])
    picture = one.save_picture(photo(2), RECIPE)
    one.favourite(picture.id)
    assert one.lock() and other.lock()
    assert one.subject("mika").class_noun == "girl" and other.subject("mika").class_noun == "boy"
    assert other.pictures() == [] and other.runs() == []
    with pytest.raises(ValueError, match="There is no picture"):
        other.picture(picture.path)
    one.unlock(), other.unlock()


def test_only_one_holds_the_lock(library):
    other = Library(library.root)
    assert library.lock() and library.lock() and not other.lock()
    library.unlock()
    assert other.lock()
    other.unlock()


def test_another_process_may_draw_and_not_train_until_the_holder_dies(library):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from studio.library import Library\n"
            "library = Library(sys.argv[1]); print(library.lock(), flush=True); sys.stdin.read()",
            str(library.root),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert holder.stdout.readline().strip() == "True"
        assert not library.lock()
        assert library.pictures() == [] and library.save_picture(photo(1), RECIPE).path.is_file()
    finally:
        holder.kill()
        holder.communicate()
    assert library.lock(), "the lock dies with its process"
    library.unlock()


def test_checkpoints_of_ended_runs_make_room_and_those_of_others_stay(tmp_path):
    library = Library(tmp_path, max_bytes=100_000)
    files = {}
    for status in ("finished", "running"):
        run = library.new_run("train", {"type": "TrainRequest"}, "Training")
        files[status] = library.run_folder(run.id) / "checkpoints" / "000001.safetensors"
        files[status].parent.mkdir(exist_ok=True)
        files[status].write_bytes(bytes(40_000))
        library.update_run(run.id, status=status)
    library.make_room(40_000)
    assert not files["finished"].exists() and files["running"].exists()
    with pytest.raises(ValueError, match="no room"):
        library.make_room(80_000)


def test_a_library_of_limited_size_says_when_it_is_full(tmp_path):
    library = Library(tmp_path, max_bytes=60_000)
    library.add_subject("Mika", "girl", "sks", [photo(1)])
    added = library.add_photos("mika", [photo(2), photo(3, 256), photo(4)])
    assert len(added.kept) == 2 and "holds at most 0.06 MB" in added.refused[0][1]
    for write in (
        lambda: library.save_picture(photo(1, 256), RECIPE),
        lambda: library.add_outfit("Coat", photo(5, 256)),
        lambda: library.save_lora("M", "mika", "pocket", "x", 8, 8, 9, lambda path: path.write_bytes(bytes(60_000))),
        lambda: library.add_subject("Nemo", "boy", "ohwx", [photo(6, 256)]),
    ):
        with pytest.raises(ValueError, match="delete pictures, LoRAs or subjects"):
            write()
    assert library.outfits() == [] and library.loras() == [] and len(library.subjects()) == 1


def test_deleted_pictures_make_room_oldest_first(tmp_path):
    library = Library(tmp_path)
    old, young = (library.save_picture(photo(seed, 100), RECIPE) for seed in (1, 2))
    library.max_bytes = sum(path.stat().st_size for path in tmp_path.rglob("*")) + 10_000
    with pytest.raises(ValueError, match="no room"):
        library.save_picture(photo(3, 100), RECIPE)
    library.delete_picture(young.id)
    library.delete_picture(old.id)
    library.save_picture(photo(3, 100), RECIPE)
    assert library.restore_picture(young.id) and not list((tmp_path / "trash").rglob(f"{old.id}.png"))


def test_images_that_came_with_requests_make_room_after_the_trash_least_recently_used_first(library):
    first, second = (library.keep_image(photo(seed)) for seed in (1, 2))
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    deleted = library.save_picture(photo(3), RECIPE)
    library.delete_picture(deleted.id)
    trashed = next((library.root / "trash").rglob("*.png"))
    assert library.expendable() == [trashed, first, second]
    library.keep_image(photo(1))
    assert library.expendable() == [trashed, second, first]


def test_an_image_is_kept_once_and_named_by_its_pixels(library):
    kept = library.keep_image(photo(1))
    assert library.keep_image(photo(1).convert("RGBA")) == kept
    assert Image.open(kept).tobytes() == photo(1).tobytes()
    assert library.image(kept.name) == kept
    for name in ("../favourites.json", "x.png", ".new-1.png"):
        with pytest.raises(ValueError, match="There is no image"):
            library.image(name)
