"""A user's own family in YAML: what it says changes what its layout begins with."""

import pytest

from studio.contracts.family import SDXL, families, load_family
from studio.contracts.requests import TrainRequest, resolved


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return load_family(path)


def test_a_partial_mapping_changes_its_values_and_keeps_the_others(tmp_path):
    mine = written(tmp_path, "layout: sdxl\nweights: /models/x\ndrawing: {steps: 25}\ntraining: {rank: 4}\n")
    assert mine.drawing == {**SDXL.drawing, "steps": 25}
    assert mine.training == {**SDXL.training, "rank": 4}


def test_a_family_without_a_layout_has_every_setting_it_needs(tmp_path):
    mine = written(
        tmp_path,
        "name: odd\ntitle: Odd\ndescription: Mine.\nweights: /models/odd\nresolution: 256\n"
        "licence: MIT\ncommercial: true\npipelines: {draw: StableDiffusionPipeline}\n",
    )
    assert None not in (mine.drawing["guidance"], mine.training["learning_rate"])
    assert (mine.drawing["width"], mine.training["resolution"]) == (256, 256)


def test_loras_of_what_a_checkpoint_was_made_from_fit_it(tmp_path):
    assert written(tmp_path, "layout: sdxl\nweights: /models/x\n").loras_of == ("sdxl",)
    assert written(tmp_path, "layout: sdxl\nweights: /models/x\nloras_of: [sdxl, pony]\n").loras_of == ("sdxl", "pony")


def test_a_path_at_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert written(tmp_path, "layout: sd15\nweights: ~/x.safetensors\n").weights == str(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "text, says",
    [
        ("layout: sdxl\ndrawing: 25\n", "drawing must hold names and values"),
        ("layout: sdxl\nresolution: 1001\n", "multiple of 8"),
    ],
)
def test_what_cannot_be_is_said_with_the_name_of_the_file(tmp_path, text, says):
    with pytest.raises(ValueError, match=f"mine.yaml: .*{says}"):
        written(tmp_path, text)


@pytest.mark.parametrize("family", families().values(), ids=lambda family: family.name)
def test_every_preset_is_a_training_that_may_be_asked_for_and_says_when(family):
    for name, preset in family.presets.items():
        asked = {field: value for field, value in preset.items() if field not in ("when", "folded")}
        assert resolved(TrainRequest("mika", **asked), family.training), name
        assert preset["when"].endswith("."), name
    shown = [name for name, preset in family.presets.items() if not preset.get("folded")]
    assert shown == ["Quick", "Balanced", "Thorough"]
