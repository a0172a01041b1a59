"""Captions that come with photos: the right one for each, in whatever form trainers write them, or a word on why not."""

import json

import pytest
from PIL import Image

from studio.library import Library
from studio.library.captions import decoded


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


def photo(path, colour=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), (colour, 90, 200)).save(path)
    return path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def taken(library, files):
    subject = library.add_subject("C", "girl", "sks", files)
    return [photo.caption for photo in subject.photos], dict(subject.refused)


def two_folders(tmp_path):
    photos = [photo(tmp_path / "beach/1.png"), photo(tmp_path / "snow/1.png", 150)]
    said = ("sks girl on the beach", "sks girl in the snow")
    return photos, [write(file.with_suffix(".txt"), text) for file, text in zip(photos, said, strict=True)], list(said)


@pytest.mark.parametrize("order", [1, -1])
def test_namesakes_in_two_folders_have_their_own_captions(library, tmp_path, order):
    photos, texts, said = two_folders(tmp_path)
    assert taken(library, [*photos, *texts[::order]]) == (said, {})


def test_a_caption_of_one_folder_is_not_that_of_a_namesake_in_another(library, tmp_path):
    photos, texts, said = two_folders(tmp_path)
    texts[1].unlink()
    assert taken(library, [*photos, texts[0]]) == ([said[0], ""], {})


def test_where_uploads_do_not_tell_their_folder_no_namesake_gets_the_others_caption(library, tmp_path):
    photos, texts, _ = two_folders(tmp_path)
    moved = [write(tmp_path / f"upload-{text.parent.name}/1.txt", text.read_text()) for text in texts]
    for text in texts:
        text.unlink()
    said, refused = taken(library, [*photos, *moved])
    assert said == ["", ""] and "nothing says which belong together" in refused["1.txt"]


def test_an_upload_s_caption_lies_in_a_folder_of_its_own(library, tmp_path):
    files = [photo(tmp_path / "x/a.png"), write(tmp_path / "y/a.caption", "sks girl waving")]
    assert taken(library, files) == (["sks girl waving"], {})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbfsks girl waving", "sks girl waving"),
        (b"the girl\x92s hat", "the girl\u2019s hat"),
        ("Zoë".encode("cp1252"), "Zoë"),
        ("a girl — “naïve”, a café".encode("cp1252"), "a girl — “naïve”, a café"),
        ("sks girl waving".encode("utf-16"), "sks girl waving"),
        ("sks girl waving".encode("utf-16-le"), "sks girl waving"),
        ("sks girl waving".encode("utf-16-be"), "sks girl waving"),
        ("sks girl waving".encode("utf-32"), "sks girl waving"),
        ("sks 女の子".encode(), "sks 女の子"),
        (b"", ""),
    ],
)
def test_captions_are_read_in_the_encoding_that_they_are_in(library, tmp_path, data, said):
    assert decoded(data).lstrip("\ufeff") == said
    file = photo(tmp_path / "a.png")
    file.with_suffix(".txt").write_bytes(data)
    assert taken(library, [file]) == ([said], {})


@pytest.mark.parametrize(
    "data", ["кот".encode("cp1251"), "女の子が手を振る".encode("shift-jis"), b"PK\x03\x04\xff\x00\x81", b"\xff\xfeodd"]
)
def test_a_caption_in_an_encoding_that_cannot_be_told_is_named_and_not_learnt(library, tmp_path, data):
    file = photo(tmp_path / "a.png")
    file.with_suffix(".txt").write_bytes(data)
    said, refused = taken(library, [file])
    assert said == [""] and "save it as UTF-8" in refused["a.txt"]


@pytest.mark.parametrize("name", ["file_name", "file", "image", "Image_Path"])
@pytest.mark.parametrize("words", ["text", "caption", "prompt"])
@pytest.mark.parametrize("path", ["train/p.png", "train\\p.png", "./train/p.png", "p.png", "/data/train/p.png"])
def test_metadata_gives_captions_by_paths_and_under_the_usual_columns(library, tmp_path, name, words, path):
    row = json.dumps({name: path, words: "sks girl waving"})
    listed = write(tmp_path / "metadata.jsonl", f"\ufeff{row}\n")
    assert taken(library, [listed, photo(tmp_path / "train/p.png")]) == (["sks girl waving"], {})


def test_metadata_tells_namesakes_apart_by_their_folders(library, tmp_path):
    photos, texts, said = two_folders(tmp_path)
    rows = [{"file_name": f"{file.parent.name}/1.png", "text": text} for file, text in zip(photos, said, strict=True)]
    for text in texts:
        text.unlink()
    listed = write(tmp_path / "elsewhere/metadata.jsonl", "\n".join(map(json.dumps, rows[::-1])))
    assert taken(library, [*photos, listed]) == (said, {})


def test_metadata_whose_names_fit_several_photos_gives_the_clear_ones_and_says_so(library, tmp_path):
    photos, texts, _ = two_folders(tmp_path)
    for text in texts:
        text.unlink()
    rows = [{"file_name": "1.png", "text": "sks girl"}, {"file_name": "b.png", "text": "sks girl waving"}]
    listed = write(tmp_path / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    said, refused = taken(library, [*photos, photo(tmp_path / "b.png", 220), listed])
    assert said == ["", "", "sks girl waving"] and "nothing says which" in refused["metadata.jsonl"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"img_id": "p.png", "tags": "x"}', "its columns are img_id, tags. Each line needs"),
        ('{"file_name": "q.png", "text": "x"}', "it names none of the photos, but q.png"),
        ('{"file_name": "p.png", "text": ""}', "it has no captions"),
        ("no json", "it has no line of JSON"),
    ],
)
def test_metadata_that_gives_no_caption_is_named_with_the_reason(library, tmp_path, text, why):
    said, refused = taken(library, [photo(tmp_path / "p.png"), write(tmp_path / "m/metadata.jsonl", text)])
    assert said == [""] and why in refused["metadata.jsonl"]


def test_metadata_beside_a_photo_counts_though_it_was_not_given(library, tmp_path):
    write(tmp_path / "metadata.jsonl", '{"file_name": "p.png", "text": "sks girl waving"}')
    assert taken(library, [photo(tmp_path / "p.png")]) == (["sks girl waving"], {})


@pytest.mark.parametrize("given", [True, False])
def test_caption_files_of_kohya_are_taken_and_a_txt_comes_first(library, tmp_path, given):
    files = [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", 150)]
    captions = [write(tmp_path / "a.caption", "sks girl waving"), write(tmp_path / "b.caption", "sks girl")]
    captions.append(write(tmp_path / "b.txt", "sks girl running"))
    said, refused = taken(library, [*files, *captions] if given else files)
    assert said == ["sks girl waving", "sks girl running"]
    assert refused == ({"b.caption": "b.caption was not used: b.png has its caption already."} if given else {})


def test_a_caption_without_its_photo_is_named(library, tmp_path):
    said, refused = taken(library, [photo(tmp_path / "a.png"), write(tmp_path / "z.txt", "sks girl")])
    assert said == [""] and refused == {"z.txt": "z.txt was not used: no photo of that name was given with it."}


def test_refused_photos_come_back_with_the_subject_and_are_logged(library, tmp_path, caplog):
    bad = [write(tmp_path / "notes.png", "no picture"), tmp_path / "gone.png"]
    made = library.add_subject("Mika", "girl", "sks", [photo(tmp_path / "a.png"), *bad])
    assert [name for name, _ in made.refused] == ["notes.png", "gone.png"] and len(made.photos) == 1
    assert "notes.png is not a picture" in caplog.text and "gone.png is not there" in caplog.text
    with pytest.raises(ValueError, match=r"notes\.png is not a picture.*gone\.png is not there"):
        library.add_subject("Leo", "boy", "zwx", bad)


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("sks, waving", True),
        ("sks girl", True),
        ("A photo of SKS girl", True),
        ("(sks:1.2) girl", True),
        ("the sks's hat", True),
        ("girl waving", False),
        ("asks girl", False),
        ("sksy girl", False),
    ],
)
def test_a_caption_names_the_subject_whatever_stands_beside_its_identifier(library, caption, named):
    assert library.add_subject("Mika", "girl", "sks").named_in(caption) is named
