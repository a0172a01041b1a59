"""Scoring how a family obeys its prompts: what is scored, and a small run from end to end."""

import json
from pathlib import Path

from benchmarks.quality import prompts
from benchmarks.quality.clip_metrics import retrieval
from benchmarks.quality.held_out import held_out_specs
from benchmarks.results import weights_digest
from pocketworld.assemble import load_family
from pocketworld.judge import Judge

POCKET = Path(__file__).parents[3] / "assets" / "pocket"


def test_most_of_what_is_scored_is_trusted():
    judge = Judge.load()
    assert len([name for name in prompts.SCORED if name in judge.trusted]) >= len(prompts.SCORED) - 2


def test_the_bundled_clip_finds_the_caption_of_a_held_out_render():
    assert retrieval(load_family(POCKET), held_out_specs(100, seed=5)) > 0.8


def test_a_small_score_runs_from_end_to_end(tmp_path, capsys):
    arguments = "--prompts 4 --compared 2 --retrieval 10 --steps 2".split()
    prompts.main([*arguments, "--family", str(POCKET), "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "quality" / "figures" / "prompts.json").read_text())
    assert figures["drawn"]["scene"][1] == 4 and 0 <= figures["retrieval_at_1"] <= 1
    assert set(figures["schedulers"]) >= {"DDIM", "PNDM"}
    page = (tmp_path / "RESULTS.md").read_text()
    assert "95% Wilson" in page and page.count(f"`{weights_digest()}`") == 2
    assert (tmp_path / "quality" / "grids" / "prompts.png").stat().st_size < 600_000
