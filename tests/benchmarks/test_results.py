"""RESULTS.md holds one section of each benchmark, and a new run replaces its own alone."""

import pytest

from benchmarks import results
from benchmarks.results import table, weights_digest, weights_line, write_section


def test_a_section_is_added_then_replaced_and_others_stay(tmp_path):
    page = tmp_path / "RESULTS.md"
    write_section("speed", "old", page)
    write_section("score", "kept", page)
    write_section("speed", "new", page)
    text = page.read_text()
    assert "old" not in text
    assert text.index("new") < text.index("kept")
    assert text.count("<!-- speed -->") == text.count("<!-- end of speed -->") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]


@pytest.mark.parametrize("name", ["", "a -- b", "two\nlines", "weights"])
def test_a_name_that_would_break_the_markers_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="section's name"):
        write_section(name, "text", tmp_path / "RESULTS.md")


def test_every_section_ends_with_the_digest_of_the_weights_and_the_page_begins_with_which_has_which(
    tmp_path, monkeypatch
):
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nIntroduction.\n\n<!-- old -->\ntold before\n<!-- end of old -->\n")
    monkeypatch.setattr(results, "weights_digest", lambda: "0123456789ab")
    write_section("speed", "quick", page)
    text = page.read_text()
    assert (
        text.index("Introduction.") < text.index("`0123456789ab` in speed; not recorded in old.") < text.index("told")
    )
    assert "quick\n\nMeasured with the bundled weights `0123456789ab`.\n<!-- end of speed -->" in text
    monkeypatch.setattr(results, "weights_digest", lambda: "cafe00000000")
    write_section("old", "told anew", page)
    assert "`cafe00000000` in old; `0123456789ab` in speed." in page.read_text()
    write_section("speed", "quicker", page)
    text = page.read_text()
    assert "that every section was measured with: `cafe00000000`." in text and text.count("<!-- weights -->") == 1


def test_nothing_is_said_of_weights_that_no_section_recorded():
    assert weights_line("<!-- old -->\ntold\n<!-- end of old -->\n").endswith(": not recorded.")


def test_the_digest_is_of_the_bundled_weights_alone(tmp_path):
    (tmp_path / "pocket" / "unet").mkdir(parents=True)
    (tmp_path / "pocket" / "unet" / "model.safetensors").write_bytes(b"one")
    first = weights_digest(tmp_path)
    (tmp_path / "pocket" / "model_index.json").write_text("{}")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "mika.safetensors").write_bytes(b"lora")
    assert weights_digest(tmp_path) == first and len(first) == 12
    (tmp_path / "pocket" / "unet" / "model.safetensors").write_bytes(b"two")
    assert weights_digest(tmp_path) != first


def test_a_table_has_a_cell_for_every_column():
    assert table(["what", "value"], [["speed", "3"]]) == "| what | value |\n| --- | --- |\n| speed | 3 |"
    with pytest.raises(ValueError, match="2 cells"):
        table(["what", "value"], [["speed"]])
