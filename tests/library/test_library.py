"""The library on disk: what is kept, and what is refused."""

import errno
import json
import os

import numpy as np
import pytest
from PIL import Image

from studio.contracts.recipes import Recipe
from studio.library import Library
from studio.library.wardrobe import MOST_NAMED

RECIPE = Recipe(
    {"type": "DrawRequest", "prompt": "a red fox", "seed": 4, "steps": 5, "width": 64, "height": 64},
    {"name": "pocket", "title": "Pocket", "sha256": "ab" * 32},
    created="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


def photo(seed=0, size=64):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8))


def test_a_subject_is_read_back_by_another_process_view(library):
    made = library.add_subject("Mika", "girl", "sks", [photo(1), photo(2)])
    assert made.slug == "mika" and made.trigger == "sks girl" and len(made.photos) == 2
    assert Library(library.root).subjects() == [made]
    assert json.loads((library.root / "subjects/mika/photos/metadata.jsonl").read_text().splitlines()[0])["file_name"]


def test_bad_photos_are_named_and_the_rest_is_kept(library, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    library.add_subject("Mika", "girl", "sks")
    added = library.add_photos("mika", [photo(1), tmp_path / "notes.png", photo(1), photo(2)])
    assert len(added.kept) == 2
    assert [name for name, _ in added.refused] == ["notes.png", "picture 3"]
    assert "is there already" in added.refused[1][1]


def test_a_subject_of_bad_photos_alone_is_not_made(library, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"notes\.png is not a picture"):
        library.add_subject("Mika", "girl", "sks", [tmp_path / "notes.png"])
    assert library.subjects() == [] and not list((library.root / "subjects").iterdir())


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", "a\\b", ".hidden", "x\0y", "n" * 400])
def test_names_that_look_like_paths_are_refused_and_nothing_is_written(library, name):
    with pytest.raises(ValueError, match="name"):
        library.add_subject(name, "girl", "sks")
    assert library.subjects() == []


@pytest.mark.parametrize("slug", ["../subjects/mika", "..", "", "mika/..", "MIKA", "nobody"])
def test_slugs_cannot_leave_their_folder(library, slug):
    library.add_subject("Mika", "girl", "sks")
    with pytest.raises(ValueError, match="There is no subject"):
        library.subject(slug)


def test_same_names_get_their_own_slugs_and_any_script_will_do(library):
    slugs = [library.add_subject(name, "girl", "sks").slug for name in ("Mika", "Mika!", "Мика", "★")]
    assert len(set(slugs)) == 4 and slugs[:2] == ["mika", "mika-2"]


@pytest.mark.parametrize(("noun", "token"), [("", "sks"), ("girl", ""), ("girl", "<b>"), ("girl, boy", "sks")])
def test_class_noun_and_identifier_are_words(library, noun, token):
    with pytest.raises(ValueError, match="must"):
        library.add_subject("Mika", noun, token)


def test_photos_are_captioned_cropped_and_removed(library):
    subject = library.add_subject("Mika", "girl", "sks", [photo(1), photo(2)])
    first, second = subject.photos
    library.edit_photo("mika", first.file, caption="sks girl\nin a red coat", crop=(0, 0, 32, 32))
    kept = library.subject("mika").photos[0]
    assert kept.caption == "sks girl in a red coat" and kept.crop == (0, 0, 32, 32)
    library.remove_photo("mika", first.file)
    assert library.subject("mika").photos == (second,) and not first.path.exists()


def test_a_photo_copied_in_by_hand_is_taken(library):
    subject = library.add_subject("Mika", "girl", "sks", [photo(1)])
    photo(5, 80).save(subject.photos[0].path.with_name("mine.png"))
    assert [one.width for one in library.subject("mika").photos] == [64, 80]


def test_pictures_are_found_by_words_and_come_newest_first(library):
    first = library.save_picture(photo(1), RECIPE)
    second = library.save_picture(photo(2), Recipe({"prompt": "a blue cat", "seed": 9}))
    assert [one.id for one in library.pictures()] == [second.id, first.id]
    assert [one.id for one in library.pictures("FOX red")] == [first.id]
    assert library.picture(first.path) == library.picture(first.id)
    assert list(first.image.tobytes()) == list(photo(1).tobytes())


def test_favourites_deleting_and_bringing_back(library):
    picture = library.save_picture(photo(1), RECIPE)
    assert library.favourite(picture.id).favourite
    assert [one.id for one in library.pictures(favourites=True)] == [picture.id]
    library.delete_picture(picture.id)
    assert library.pictures() == []
    assert library.restore_picture(picture.id).favourite
    with pytest.raises(ValueError, match="no deleted picture"):
        library.restore_picture("never")


@pytest.mark.parametrize("id", ["../../etc/passwd", "*", "", "nobody"])
def test_a_picture_that_is_not_there_is_named(library, id):
    library.save_picture(photo(1), RECIPE)
    with pytest.raises(ValueError, match="There is no picture"):
        library.picture(id)


def test_thumbnails_are_made_once_and_small(library):
    picture = library.save_picture(photo(1, 1000), RECIPE)
    path = library.thumbnail(picture)
    made = path.stat().st_mtime_ns
    assert library.thumbnail(picture).stat().st_mtime_ns == made
    with Image.open(path) as small:
        assert max(small.size) == 320


def test_a_lora_appears_whole_or_not_at_all(library):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        library.save_lora("Mika", "mika", "pocket", "sks girl", 8, 8.0, 100, fail)
    assert library.loras() == []
    lora = library.save_lora("Mika", "mika", "pocket", "sks girl", 8, 8.0, 100, lambda path: path.write_bytes(b"x"))
    assert library.lora("mika") == lora
    lora.path.write_bytes(b"changed by hand")
    assert library.lora("mika").sha256 != lora.sha256


def test_runs_are_written_down_and_a_torn_line_is_left_out(library):
    run = library.new_run("train", {"type": "TrainRequest", "subject": "mika"}, "Training Mika")
    assert run.status == "queued" and library.runs() == [run]
    library.append_event(run.id, {"event": "StepFinished", "step": 1})
    with open(library.run_folder(run.id) / "events.jsonl", "ab") as file:
        file.write(b'{"event": "StepFin')  # killed within the line
    library.append_event(run.id, {"event": "StepFinished", "step": 2})
    assert [event["step"] for event in library.events(run.id)] == [1, 2]
    assert library.update_run(run.id, status="finished").status == "finished"


def test_outfits_and_scenes(library):
    assert len(library.scenes()) == 5
    library.add_scene("Moon", "on the moon")
    assert library.scenes()[-1].prompt == "on the moon" and len(library.scenes()) == 6
    coat = library.add_outfit("Red coat", photo(1))
    assert library.outfits() == [coat] and library.outfit("red-coat").path.is_file()
    library.remove_outfit("red-coat")
    assert library.outfits() == []


@pytest.mark.parametrize("name", ["../../escape.png", "x" * 250 + ".png", "🦊🎨.png", "con:?*.png", "a\nb.png"])
def test_photos_of_any_name_stay_in_their_folder(library, tmp_path, name):
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    given = folder / name
    photo(1).save(given)
    added = library.add_subject("Mika", "girl", "sks", [given])
    home = (library.root / "subjects" / "mika" / "photos").resolve()
    assert added.photos[0].path.resolve().parent == home and len(added.photos[0].file) < 80
    assert library.subject("mika").photos == added.photos


@pytest.mark.parametrize("given", ["no such.png", "a\0b.png", "x" * 5_000 + ".png", "/dev/zero", "/", None, 7, b""])
def test_what_is_no_file_is_refused_by_name(library, given):
    library.add_subject("Mika", "girl", "sks")
    ((_, reason),) = library.add_photos("mika", [given]).refused
    assert reason.endswith(".") and len(reason) < 250 and "\0" not in reason


def test_a_large_photo_is_kept_at_the_size_that_training_can_use(library):
    made = library.add_subject("Mika", "girl", "sks", [Image.linear_gradient("L").resize((2_400, 1_200))])
    assert (made.photos[0].width, made.photos[0].height) == (2048, 1024)
    left, top, right, bottom = made.photos[0].crop
    assert right <= 2048 and bottom - top == right - left == 1024


def test_where_a_photo_was_taken_is_not_kept(library, tmp_path):
    given, place = photo(1), Image.Exif()
    place.get_ifd(0x8825)[1] = "N"
    place[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    given.save(tmp_path / "home.jpg", exif=place)
    made = library.add_subject("Mika", "girl", "sks", [tmp_path / "home.jpg"])
    with Image.open(made.photos[0].path) as kept:
        assert not kept.getexif() and "exif" not in kept.info


def test_a_caption_copied_in_beside_its_photo_is_read(library):
    made = library.add_subject("Mika", "girl", "sks", [photo(1)])
    folder = made.photos[0].path.parent
    photo(2).save(folder / "extra.jpg")
    (folder / "extra.txt").write_text("sks girl, waving\n")
    assert library.subject("mika").photos[1].caption == "sks girl, waving"


def test_captions_are_one_line_of_text(library):
    file = library.add_subject("Mika", "girl", "sks", [photo(1)]).photos[0].file
    assert library.edit_photo("mika", file, "sks\u2028girl\x00\ud800 waving").caption == "sks girl waving"
    assert library.subject("mika").photos[0].caption == "sks girl waving"
    for caption in ("x" * 1_001, 5):
        with pytest.raises(ValueError, match="at most 1000 characters"):
            library.edit_photo("mika", file, caption)


def test_class_images_of_each_prompt_have_a_folder_of_their_own(library):
    prompts = ["a girl", "a girl!", "a " + "very " * 20 + "tall girl", "a " + "very " * 20 + "small girl"]
    folders = {library.class_images("pocket", prompt) for prompt in prompts}
    assert len(folders) == 4 and library.class_images("pocket", "a girl").name == "a-girl"


def test_a_list_decodes_no_pixel_and_reads_each_file_once(library, monkeypatch):
    first = library.save_picture(photo(1, 512), RECIPE)
    for number in range(199):
        os.link(first.path, first.path.with_name(f"20260101-000000-{number:06d}-abcd.png"))
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    fresh = Library(library.root)
    assert len(fresh.pictures()) == 200
    monkeypatch.setattr("studio.library.pictures.read_png", lambda path: pytest.fail("read again"))
    assert len(fresh.pictures("fox")) == 200


def test_scenes_are_few_and_short_and_one_of_the_same_slug_is_replaced(library):
    library.add_scene("Night-street", "under a lamp")
    assert [scene.prompt for scene in library.scenes() if scene.slug == "night-street"] == ["under a lamp"]
    with pytest.raises(ValueError, match="at most 300 letters"):
        library.add_scene("Essay", "x" * 301)
    library.remove_scene("night-street")
    with pytest.raises(ValueError, match="no scene 'night-street'; known are beach"):
        library.remove_scene("night-street")
    for number in range(MOST_NAMED - len(library.scenes())):
        library.add_scene(f"Place {number}", "there")
    with pytest.raises(ValueError, match="at most 200 scenes; remove one first"):
        library.add_scene("One more", "there")


def test_block_scales_are_kept_by_family_and_come_with_an_outfit(library):
    library.save_block_preset("pocket", "Sleeves", {"mid": 1.0})
    library.save_block_preset("sdxl", "Sleeves", 0.5)
    assert library.block_presets("pocket") == {"Sleeves": {"mid": 1.0}} and library.block_presets("sd15") == {}
    library.save_block_preset("pocket", "Sleeves", None)
    assert library.block_presets("pocket") == {} and library.block_presets("sdxl") == {"Sleeves": 0.5}
    coat = library.add_outfit("Coat", photo(1))
    library.edit_outfit(coat.slug, "Long coat", {"pocket": 0.7})
    kept = library.edit_outfit(coat.slug, block_scales={"sdxl": 0.4})
    assert (kept.name, kept.slug, dict(kept.block_scales)) == ("Long coat", "coat", {"pocket": 0.7, "sdxl": 0.4})
    assert dict(library.edit_outfit("coat", block_scales={"pocket": None}).block_scales) == {"sdxl": 0.4}
