"""The README's examples run as they stand; only the training is made shorter."""

import re
import shutil
from pathlib import Path

import pytest

from studio.library.family_files import load_family

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "docs/demo.md", "docs/api.md")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch, photos):
    """A working folder as the README's reader has it: their pictures in photos/."""
    (tmp_path / "photos").mkdir()
    for photo in photos:
        shutil.copy(photo, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_example_teaches_draws_and_draws_again(folder, capsys):
    [example] = [block for block in blocks("python") if "studio.open(" in block]
    assert "steps=200" in example and "count=4" in example
    exec(example.replace("steps=200", "steps=4").replace("count=4", "count=2"), {})
    assert "7" in capsys.readouterr().out.split()
    assert len(list((folder / "library" / "pictures").rglob("*.png"))) == 9


def test_api_example_draws(served, capsys):
    [example] = [block for block in blocks("python") if "Client(" in block]
    assert "http://127.0.0.1:7860" in example
    exec(example.replace("http://127.0.0.1:7860", served.url), {})
    assert ".png" in capsys.readouterr().out


def test_family_example_is_one_the_studio_takes(tmp_path):
    [example] = blocks("yaml")
    path = tmp_path / "my-comic.yaml"
    path.write_text(example)
    family = load_family(path)
    assert family.name == "my-comic" and family.weights.endswith(".safetensors")


def test_every_make_target_in_the_pages_exists():
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"^make (\w+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page} names make {target}"


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in link:
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


def test_the_tree_in_the_readme_names_files_that_exist():
    [tree] = re.findall(r"^```\n(app\.py .*?)^```", README, re.MULTILINE | re.DOTALL)
    folder = ""
    for line in tree.splitlines():
        indented, name = line.startswith("  "), line.split()[0]
        if line.startswith("   " + " " * 10):
            continue  # a comment that goes on
        folder = folder if indented else name if name.endswith("/") else ""
        path = ROOT / folder / name if indented else ROOT / name
        assert path.exists(), f"the tree names {path.relative_to(ROOT)}"
