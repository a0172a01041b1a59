"""What outlives damage: files mended by hand, a full disk, a kill amid writing."""

import errno
import json
import logging
import os
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.contracts.recipes import Recipe
from studio.library import Library


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


def photo(seed=0, size=64):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8))


def unfinished(library):
    return list(library.root.rglob(".*"))


@pytest.mark.parametrize(
    "text",
    [
        "{ not json",
        "",
        "[]",
        "7",
        "{}",
        "[" * 100_000,
        '{"name": 5, "class_noun": "girl", "identifier": "sks", "created": 7}',
    ],
)
def test_a_damaged_folder_is_passed_over_with_one_warning_and_kept(library, caplog, text):
    library.add_subject("Mika", "girl", "sks")
    broken = library.root / "subjects" / "broken"
    broken.mkdir()
    (broken / "subject.json").write_text(text)
    (library.root / "subjects" / "Thumbs.db").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert [subject.slug for subject in library.subjects()] == ["mika"]
    assert len([line for line in caplog.messages if "broken" in line]) == 1
    assert (broken / "subject.json").read_text() == text
    with pytest.raises(ValueError, match="The subject broken is damaged"):
        library.subject("broken")


@pytest.mark.parametrize(("shelf", "file"), [("loras", "lora.json"), ("outfits", "outfit.json"), ("runs", "run.json")])
@pytest.mark.parametrize("text", ["{", '{"name": null}', '{"created": 5}'])
def test_every_shelf_reads_past_damage(library, shelf, file, text):
    folder = library.root / shelf / "broken"
    folder.mkdir(parents=True)
    (folder / file).write_text(text)
    (folder / "pytorch_lora_weights.safetensors").write_bytes(b"x")
    (folder / "outfit.png").write_bytes(b"x")
    assert getattr(library, shelf)() == [] and (folder / file).read_text() == text


def test_one_bad_photo_does_not_take_its_subject_away(library):
    made = library.add_subject("Mika", "girl", "sks", [photo(1)])
    folder = made.photos[0].path.parent
    (folder / "half.png").write_bytes(made.photos[0].path.read_bytes()[:20])
    (folder / "metadata.jsonl").open("a").write('{"file_name": "gone.png"}\n{"file_name": "../x.png"}\n5\n{"file_')
    assert library.subject("mika").photos == made.photos


def test_a_sideways_photo_copied_in_by_hand_counts_as_upright(library):
    folder = library.add_subject("Mika", "girl", "sks", [photo(1)]).photos[0].path.parent
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(2).resize((80, 40)).save(folder / "turned.jpg", exif=exif)
    turned = library.subject("mika").photos[1]
    assert (turned.width, turned.height) == (40, 80)


@pytest.mark.parametrize("text", ["{", '{"Moon": 5}', "[]"])
def test_damaged_scenes_fall_back_on_the_first_five_and_are_not_written_over(library, text):
    file = library.root / "scenes.json"
    file.write_text(text)
    assert len(library.scenes()) == 5
    with pytest.raises(ValueError):
        library.add_scene("Moon", "on the moon")
    assert file.read_text() == text


def test_damaged_favourites_are_not_written_over(library):
    picture = library.save_picture(photo(1), Recipe({"prompt": "a fox"}))
    (library.root / "favourites.json").write_text("{ torn")
    assert [one.favourite for one in library.pictures()] == [False]
    with pytest.raises(ValueError, match="favourites.json"):
        library.favourite(picture.id)
    assert (library.root / "favourites.json").read_text() == "{ torn"


@pytest.mark.parametrize(
    "recipe",
    [
        '{"request": 5}',
        '{"request": {}, "loras": [1]}',
        '{"request": {}, "created": 5}',
        "[" * 100_000,
        "{",
    ],
)
def test_a_picture_with_a_strange_recipe_is_left_out(library, recipe):
    good = library.save_picture(photo(1), Recipe({"prompt": None, "seed": None}))
    info = PngInfo()
    info.add_text("understudy", recipe)
    photo(2).save(good.path.with_name("strange.png"), pnginfo=info)
    good.path.with_name("empty.png").write_bytes(b"")
    assert [one.id for one in library.pictures("")] == [good.id] and library.pictures("fox") == []


def test_a_picture_cut_short_still_has_a_thumbnail(library):
    picture = library.save_picture(photo(1, 256), Recipe({"prompt": "a fox"}))
    whole = picture.path.read_bytes()
    picture.path.write_bytes(whole[: len(whole) // 2])
    with Image.open(library.thumbnail(library.picture(picture.id))) as grey:
        assert grey.convert("RGB").getcolors() is not None
    picture.path.write_bytes(whole)
    os.utime(picture.path, (time.time() + 5, time.time() + 5))
    with Image.open(library.thumbnail(library.picture(picture.id))) as mended:
        assert mended.convert("RGB").getcolors() is None, "a mended picture gets its own back"


def test_text_with_odd_line_ends_stays_one_event(library):
    run = library.new_run("train", {"subject": "mika"}, "Training Mika")
    library.append_event(run.id, {"event": "SampleDrawn", "prompt": "a\u2028b\x85c\nd"})
    with open(library.run_folder(run.id) / "events.jsonl", "ab") as file:
        file.write(b"5\nnull\n\xff\xfe\n" + b"[" * 100_000)
    library.append_event(run.id, {"event": "Finished"})
    assert library.events(run.id) == [{"event": "SampleDrawn", "prompt": "a\u2028b\x85c\nd"}, {"event": "Finished"}]


def full(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_state_intact(library, monkeypatch):
    subject = library.add_subject("Mika", "girl", "sks", [photo(1)])
    picture = library.save_picture(photo(1), Recipe({"prompt": "a fox"}))
    library.add_scene("Moon", "on the moon")
    before = {path: path.read_bytes() for path in library.root.rglob("*") if path.is_file()}
    monkeypatch.setattr(os, "fsync", full)
    for write in (
        lambda: library.edit_subject("mika", name="Nemo"),
        lambda: library.add_photos("mika", [photo(2)]),
        lambda: library.edit_photo("mika", subject.photos[0].file, "sks girl"),
        lambda: library.add_subject("Nemo", "boy", "ohwx", [photo(3)]),
        lambda: library.save_picture(photo(1), Recipe({"prompt": "a cat"})),
        lambda: library.favourite(picture.id),
        lambda: library.save_lora("Mika", "mika", "pocket", "sks girl", 8, 8, 9, lambda path: path.write_bytes(b"x")),
        lambda: library.add_outfit("Coat", photo(4)),
        lambda: library.add_scene("Mars", "on mars"),
        lambda: library.new_run("train", {}, "Training Mika"),
    ):
        with pytest.raises(OSError, match="No space"):
            write()
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in library.root.rglob("*") if path.is_file()} == before
    assert library.subject("mika") == subject and library.runs() == [] and not unfinished(library)


def test_photos_before_the_disk_was_full_are_kept_whole(library, monkeypatch):
    library.add_subject("Mika", "girl", "sks")
    calls, sync = [], os.fsync

    def soon_full(descriptor):
        calls.append(descriptor)
        full(descriptor) if len(calls) > 3 else sync(descriptor)

    monkeypatch.setattr(os, "fsync", soon_full)  # each photo takes two: its file and its line
    with pytest.raises(OSError, match="No space"):
        library.add_photos("mika", [photo(1), photo(2), photo(3)])
    monkeypatch.undo()
    assert [one.file for one in library.subject("mika").photos] == ["picture-1.png"]
    assert len(list((library.root / "subjects/mika/photos").glob("*.png"))) == 1


def test_a_file_size_limit_of_the_system_keeps_the_old_state(tmp_path):
    code = (
        "import resource, signal, sys; from pathlib import Path; from PIL import Image\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from studio.library import Library; library = Library(Path(sys.argv[1])); "
        "library.add_subject('A', 'cat', 'sks')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "try: library.edit_subject('a', name='B' * 60)\n"
        "except OSError: print('refused', library.subject('a').name)\n"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert out.stdout.strip() == "refused A", out.stderr


def test_what_a_killed_process_left_is_swept_once_it_is_old(library):
    library.add_subject("Mika", "girl", "sks")
    old, young = library.root / "subjects" / ".new-old", library.root / "subjects" / ".new-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "subject.json").write_text("{")
    yesterday = time.time() - 100_000
    os.utime(old, (yesterday, yesterday))
    assert [subject.slug for subject in library.subjects()] == ["mika"]
    assert library.lock() and not old.exists() and young.exists()
    library.unlock()


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_files_may_be_read_by_whom_the_umask_lets(library):
    picture = library.save_picture(photo(1), Recipe({"prompt": "a fox"}))
    subject = library.add_subject("Mika", "girl", "sks", [photo(1)])
    plain = library.root / "plain"
    plain.touch()
    wanted = stat.S_IMODE(plain.stat().st_mode)
    for path in (picture.path, subject.photos[0].path, library.root / "subjects/mika/subject.json"):
        assert stat.S_IMODE(path.stat().st_mode) == wanted
    assert json.loads((library.root / "subjects/mika/subject.json").read_text())["name"] == "Mika"
