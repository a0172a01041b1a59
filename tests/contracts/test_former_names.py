"""Files of earlier versions, and families that users wrote for them, say fields by other names: they are still read."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from studio.contracts import events, requests
from studio.contracts.former_names import FORMER, formerly, renamed
from studio.contracts.requests import RepaintRequest, TrainRequest
from studio.library.family_files import load_family
from studio.tasks import request_from_json

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"


@pytest.mark.parametrize("kind", FORMER)
def test_each_former_name_stands_for_a_field_of_today(kind):
    today = {field.name for field in fields(getattr(requests, kind, None) or getattr(events, kind))}
    assert set(FORMER[kind].values()) <= today
    assert not set(FORMER[kind]) & today
    values = dict.fromkeys(FORMER[kind], 1)
    assert formerly(kind, renamed(kind, values)) == values


def test_a_run_file_of_an_earlier_version_is_read():
    told = {"type": "TrainRequest", "subject": "mika", "optimiser": "Prodigy", "schedule": "constant", "warm_up": 5}
    assert request_from_json({**told, "accumulation": 4}) == TrainRequest(
        "mika", optimizer="Prodigy", lr_scheduler="constant", lr_warmup_steps=5, gradient_accumulation_steps=4
    )
    for file in EXAMPLES.glob("runs/*/run.json"):
        assert request_from_json(json.loads(file.read_text(encoding="utf-8"))["request"]).optimizer == "AdamW"


def test_a_recipe_of_an_earlier_version_is_read():
    told = {"type": "RepaintRequest", "picture": "a.png", "mask": "b.png", "fill": "surroundings"}
    assert request_from_json(told) == RepaintRequest("a.png", "b.png", masked_content="surroundings")


def test_where_both_names_stand_todays_counts():
    told = {"type": "TrainRequest", "subject": "mika", "warm_up": 5, "lr_warmup_steps": 7}
    assert request_from_json(told).lr_warmup_steps == 7


def test_an_event_of_an_earlier_version_is_read():
    told = {"event": "CheckpointScored", "step": 50, "identity": 0.7, "obedience": 0.4}
    assert events.from_json(told) == events.CheckpointScored(50, subject_fidelity=0.7, prompt_fidelity=0.4)


def test_a_family_that_was_written_for_an_earlier_version_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "layout: sdxl\nweights: x\ntraining: {warm_up: 3}\nrepainting: {fill: surroundings}\n"
        "presets: {Mine: {optimiser: Prodigy, learning_rate: 1.0, schedule: constant, accumulation: 2, when: Now.}}\n"
    )
    mine = load_family(path)
    assert mine.training["lr_warmup_steps"] == 3 and mine.repainting["masked_content"] == "surroundings"
    assert mine.presets["Mine"].training == {
        "optimizer": "Prodigy",
        "learning_rate": 1.0,
        "lr_scheduler": "constant",
        "gradient_accumulation_steps": 2,
    }
