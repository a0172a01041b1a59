"""The one door to the benchmarks, and that the pages name what it has."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks.__main__ as door
import pocketworld.__main__ as pocketworld
from benchmarks.results import RESULTS, SECTION

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "Makefile", "pocketworld/README.md", "benchmarks/RESULTS.md")
ALL = [(kind, name) for kind, benchmarks in door.BENCHMARKS.items() for name in benchmarks]


@pytest.fixture
def ran(monkeypatch) -> list:
    """What the door was asked to run."""
    calls: list = []
    monkeypatch.setattr(door, "run", lambda *asked: calls.append(asked))
    return calls


def test_alone_it_lists_every_benchmark_in_a_line_and_loads_no_model():
    code = "import sys, runpy; runpy.run_module('benchmarks', run_name='__main__'); assert 'torch' not in sys.modules"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for kind, name in ALL:
        assert re.search(rf"^  {kind} +{name} +[\d.]+ (min|h) ", told, re.MULTILINE)


@pytest.mark.parametrize("kind, name", ALL)
def test_every_benchmark_has_a_main_that_tells_its_flags(kind, name, capsys):
    with pytest.raises(SystemExit) as ended:
        door.main([kind, name, "--help"])
    assert ended.value.code == 0 and f"python -m benchmarks {kind} {name}" in capsys.readouterr().out


def test_flags_of_a_benchmark_reach_it_in_their_order(ran):
    door.main(["speed", "training", "script.py", "--device", "cuda", "--pairs", "3"])
    door.main(["quality", "outfit-methods", "--factors", "0.5", "1", "--outfits", "2"])
    assert ran == [
        ("speed", "training", ["script.py", "--device", "cuda", "--pairs", "3"]),
        ("quality", "outfit-methods", ["--factors", "0.5", "1", "--outfits", "2"]),
    ]


def test_an_unknown_benchmark_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        door.main(["quality", "beauty"])
    assert "outfit-methods" in capsys.readouterr().err


def test_weights_that_were_exchanged_meanwhile_are_told(monkeypatch):
    digests = iter(("before", "after"))
    monkeypatch.setattr(door, "weights_digest", lambda: next(digests))
    monkeypatch.setattr(importlib, "import_module", lambda name: type("leaf", (), {"main": staticmethod(print)}))
    with pytest.raises(SystemExit, match="weights changed"):
        door.run("quality", "prompts", [])


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ("", ("prompts", [])),
        ("--prompts 4 --family some/folder --out here", ("prompts", "--prompts 4 --family some/folder --out here")),
        ("--identity --library there", ("identity", "--library there")),
        ("--leak --studio-family pocket", ("leakage", "--family pocket")),
        ("--pick", ("checkpoint-choice", "")),
        ("--outfits", ("outfits", "")),
        ("--outfits 12", ("outfits", "--outfits 12")),
        ("--cures --outfits 2 --factors 0.5 1", ("outfit-methods", "--factors 0.5 1 --outfits 2")),
        ("--seams --subjects 3 --outfits 2", ("seams", "--subjects 3 --outfits 2")),
    ],
)
def test_the_flags_of_score_still_name_their_benchmarks(flags, asked, ran, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pocketworld", "score", *flags.split()])
    pocketworld.main()
    name, rest = asked
    assert ran == [("quality", name, rest.split() if rest else [])]


def test_other_commands_of_the_pocketworld_refuse_unknown_flags(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pocketworld", "sheet", "--prompts", "4"])
    with pytest.raises(SystemExit):
        pocketworld.main()
    assert "unrecognized arguments: --prompts 4" in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES)
def test_every_benchmark_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"-m benchmarks (speed|quality) ([a-z][\w-]*)", text)) <= set(ALL)
    assert not re.findall(r"-m benchmarks\.\w+", text)


def test_the_results_show_pictures_and_name_figures_that_are_there():
    page = RESULTS.read_text(encoding="utf-8")
    files = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page) + re.findall(r"quality/figures/[\w-]+\.json", page)
    assert len(files) > 10
    assert not [file for file in files if not (RESULTS.parent / file).is_file()]
    assert {name for kind, name in ALL if kind == "quality"} <= {found["name"] for found in SECTION.finditer(page)}
