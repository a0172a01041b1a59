"""RESULTS.md holds one section of each benchmark, and a new run replaces its own alone."""

import pytest

from benchmarks.results import table, write_section


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


@pytest.mark.parametrize("name", ["", "a -- b", "two\nlines"])
def test_a_name_that_would_break_the_markers_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="section's name"):
        write_section(name, "text", tmp_path / "RESULTS.md")


def test_a_table_has_a_cell_for_every_column():
    assert table(["what", "value"], [["speed", "3"]]) == "| what | value |\n| --- | --- |\n| speed | 3 |"
    with pytest.raises(ValueError, match="2 cells"):
        table(["what", "value"], [["speed"]])
