"""Families as YAML, ours and a user's own: what a file says changes what its layout begins with, and is checked."""

import pytest

from studio.contracts.family import ImageAdapter
from studio.contracts.requests import TrainRequest, resolved
from studio.contracts.sampling import SCHEDULERS
from studio.library.family_files import built_in, families, load_family

SDXL = built_in()["sdxl"]


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


def test_places_are_seen_from_the_file(tmp_path):
    mine = written(
        tmp_path,
        "layout: sd15\nweights: ./x.safetensors\nsegmenters: {Mine: ../segmenter}\n"
        "image_adapters: {Mine: {weights: ./a.safetensors, encoder: owner/name/folder}}\n",
    )
    assert mine.weights == str(tmp_path / "x.safetensors")
    assert dict(mine.segmenters) == {"Mine": str(tmp_path.parent / "segmenter")}
    assert mine.image_adapters["Mine"] == ImageAdapter(str(tmp_path / "a.safetensors"), "owner/name/folder")


def test_a_rate_may_be_written_as_people_write_it(tmp_path):
    assert written(tmp_path, "layout: sd15\nweights: x\ntraining: {learning_rate: 2e-5}\n").training[
        "learning_rate"
    ] == pytest.approx(2e-5)


@pytest.mark.parametrize(
    "text, says",
    [
        ("drawing: 25", "drawing must hold names and values"),
        ("resolution: 1001", "multiple of 8"),
        ("resolution: wide", "resolution must be a whole number, got 'wide'"),
        ("commercial: 1", "commercial must be true or false, got 1"),
        ("loras_of: sdxl", "loras_of must be a list, got 'sdxl'"),
        ("wieghts: x", r"no field 'wieghts' \(did you mean 'weights'\?\); known are layout, name"),
        ("layuot: sdxl", r"no field 'layuot' \(did you mean 'layout'\?\)"),
        (
            "drawing: {stepz: 20, guidnace: 3}",
            r"drawing: there is no field 'stepz' \(did you mean 'steps'\?\), 'guidnace' \(did you mean 'guidance'\?\)",
        ),
        ("drawing: {scheduler: Eular}", "drawing: scheduler must be one of DDIM, .*got 'Eular'; did you mean 'Euler'"),
        ("drawing: {scheduler: ddim}", "did you mean 'DDIM'"),
        ("drawing: {guidance: 99}", "drawing: guidance must be 0 to 30, got 99"),
        ("drawing: {steps: '20'}", "drawing: steps must be a whole number, got '20'"),
        ("drawing: {steps: 20.5}", "drawing: steps must be a whole number, got 20.5"),
        ("drawing: {seed: 7}", "drawing: there is no field 'seed'"),
        ("repainting: {fethaer: 3}", r"repainting: there is no field 'fethaer' \(did you mean 'feather'\?\)"),
        ("repainting: {strength: 2}", "repainting: strength must be 0.05 to 1, got 2"),
        ("masking: {box_treshold: 0.3}", r"masking: .*'box_treshold' \(did you mean 'box_threshold'\?\)"),
        ("masking: {segmenter: SAM bass}", "masking: segmenter must be one of SAM huge.*did you mean 'SAM base'"),
        ("training: {rnak: 8}", r"training: there is no field 'rnak' \(did you mean 'rank'\?\)"),
        ("training: {rank: 900}", "training: rank must be 1 to 256, got 900"),
        ("training: {buckets: 'yes'}", "training: buckets must be true or false, got 'yes'"),
        ("training: {method: Lora}", "training: method must be one of LoRA, full, got 'Lora'; did you mean 'LoRA'"),
        ("presets: {Quick: {wehn: Now.}}", r"presets: Quick: there is no field 'wehn' \(did you mean 'when'\?\)"),
        ("presets: {Quick: {steps: 0}}", "presets: Quick: steps must be 1 to 100000, got 0"),
        ("presets: {Quick: {folded: maybe}}", "presets: Quick: folded must be true or false"),
        ("presets: {Quick: 80}", "presets: Quick: it must hold names and values, got 80"),
        ("pipelines: {repiant: X}", r"pipelines: there is no task 'repiant' \(did you mean 'repaint'\?\)"),
        ("dtype: {cdua: float16}", r"dtype: there is no device 'cdua' \(did you mean 'cuda'\?\)"),
        ("dtype: {cuda: flaot16}", "dtype: cuda must be one of float32, .*did you mean 'float16'"),
        ("schedulers: [DDIM, UniPCC]", "scheduler must be one of .*got 'UniPCC'; did you mean 'UniPC'"),
        ("image_adapters: {Mine: {wieghts: x}}", r"image_adapters: Mine: .*'wieghts' \(did you mean 'weights'\?\)"),
        ("outfit_presets: {Mine: {up: {block_9: 1.0}}}", "outfit_presets: Mine: There is no 'block_9' in up"),
    ],
)
def test_what_cannot_be_is_said_with_the_name_of_the_file_and_the_nearest_right_spelling(tmp_path, text, says):
    with pytest.raises(ValueError, match=f"^mine.yaml: .*{says}"):
        written(tmp_path, f"layout: sdxl\nweights: x\n{text}\n")


def test_a_family_without_a_layout_is_told_what_it_lacks(tmp_path):
    with pytest.raises(ValueError, match="mine.yaml: a family must have title, .*resolution.* or a layout"):
        written(tmp_path, "weights: /models/x\npipelines: {draw: StableDiffusionPipeline}\n")


def test_a_family_may_leave_schedulers_out_with_the_reason(tmp_path):
    mine = written(tmp_path, "layout: sdxl\nweights: x\nunfit_schedulers: {PNDM: It leaves grain.}\n")
    assert mine.schedulers == tuple(name for name in SCHEDULERS if name != "PNDM")
    with pytest.raises(ValueError, match="mine has no scheduler PNDM: It leaves grain. Known are DDIM, Euler"):
        mine.check_scheduler("PNDM")
    with pytest.raises(ValueError, match="no scheduler 'Magic'; known are"):
        mine.check_scheduler("Magic")


def test_the_families_that_come_along_are_offered_pocket_first_with_every_scheduler():
    assert list(built_in()) == ["pocket", "sdxl", "sd15", "realistic-vision"]
    assert {family.schedulers for family in built_in().values()} == {SCHEDULERS}


@pytest.mark.parametrize("family", families().values(), ids=lambda family: family.name)
def test_every_preset_is_a_training_that_may_be_asked_for_and_says_when(family):
    for name, preset in family.presets.items():
        assert resolved(TrainRequest("mika", **preset.training), family.training), name
        assert preset.when.endswith("."), name
    shown = [name for name, preset in family.presets.items() if not preset.folded]
    assert shown == ["Quick", "Balanced", "Thorough"]
