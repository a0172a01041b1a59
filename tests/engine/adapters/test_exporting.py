"""Files for other tools and from them: they come back as the same pixels, or are refused with the reason."""

import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.contracts.events import LoraSaved
from studio.engine.adapters.exporting import export_lora, inspect_lora
from studio.engine.models.weights import read_header
from studio.library.family_files import load_family

SMALL = {"class_images": 0, "steps": 2, "checkpoint_every": 2, "sample_every": 2}


@pytest.fixture
def taught(toys, trains, library):
    """taught(layout, **fields) -> the family and a LoRA of it."""

    def made(layout, **values):
        family = toys(layout)[0]
        saved = [event for event in trains(family=family, **{**SMALL, **values}) if isinstance(event, LoraSaved)]
        return family, library.lora(saved[-1].slug)

    return made


def taken_in(library, path, told, family):
    return library.save_lora(
        "Taken in",
        "",
        family.name,
        told["trigger"],
        told["rank"],
        told["alpha"],
        told["steps"],
        write=lambda kept: kept.write_bytes(path.read_bytes()),
    )


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
@pytest.mark.parametrize("way", ["diffusers", "kohya"])
def test_a_lora_exported_and_taken_in_again_draws_the_same_pixels(
    layout,
    way,
    taught,
    draws,
    pipelines,
    library,
    tmp_path,
):
    family, lora = taught(layout, rank=4, alpha=2.0, text_encoder_learning_rate=1e-2, targets="everything")
    path = export_lora(lora, way, tmp_path, pipelines=pipelines, family=family)
    told = inspect_lora(path, pipelines=pipelines, family=family)
    expected = {"trigger": "sks girl", "rank": 4, "alpha": 2.0, "steps": 2, "left_out": ""}
    assert told == {**expected, "base_resolution": family.resolution}
    again = taken_in(library, path, told, family)
    first, second = (draws("sks girl", family=family, lora=slug)[0] for slug in (lora.slug, again.slug))
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    if way == "kohya":
        names = load_file(path)
        assert all(name.startswith("lora_") for name in names)
        parts = {"sdxl": {"unet", "te1", "te2"}, "sd15": {"unet", "te"}}
        assert {name.split("_")[1] for name in names} == parts[layout]
        header = read_header(path)["__metadata__"]
        assert header["ss_network_dim"] == "4" and header["ss_network_alpha"] == "2.0"
        assert header["modelspec.trigger_phrase"] == "sks girl"


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_a_full_fine_tune_is_a_single_file_or_a_folder_that_load_as_a_family(
    layout,
    taught,
    draws,
    pipelines,
    tmp_path,
):
    family, lora = taught(layout, method="full", learning_rate=1e-3, text_encoder_learning_rate=1e-3)
    wanted = np.asarray(draws("sks girl", family=family, lora=lora.slug)[0].image).astype(int)
    single = export_lora(lora, "single file", tmp_path, pipelines=pipelines, family=family)
    zipped = export_lora(lora, "diffusers", tmp_path, pipelines=pipelines, family=family)
    zipfile.ZipFile(zipped).extractall(tmp_path / "folder")
    for name, weights in (("one", single), ("two", tmp_path / "folder")):
        card = tmp_path / f"{name}.yaml"
        card.write_text(
            json.dumps(
                {
                    "layout": layout,
                    "weights": str(weights),
                    "resolution": family.resolution,
                    "dtype": {"cpu": "float32"},
                    "drawing": dict(family.drawing),
                    "config": str(tmp_path / "folder"),
                    "licence": "x",
                    "commercial": True,
                    "description": "x",
                }
            )
        )
        drawn = draws("sks girl", family=load_family(card))[0]
        # Weights that lie elsewhere in memory may be multiplied in another order: by one thread, a pixel differed by 1.
        assert np.abs(np.asarray(drawn.image).astype(int) - wanted).max() <= 1, name
    with pytest.raises(ValueError, match="as single file or diffusers, got 'kohya'"):
        export_lora(lora, "kohya", tmp_path, pipelines=pipelines, family=family)


def test_files_that_cannot_be_drawn_with_are_refused_with_the_reason(taught, toys, pipelines, tmp_path):
    family, lora = taught("sdxl")
    with pytest.raises(ValueError, match="as diffusers or kohya"):
        export_lora(lora, "onnx", tmp_path, pipelines=pipelines, family=family)
    with pytest.raises(ValueError, match="wrong base"):
        inspect_lora(lora.path, pipelines=pipelines, family=toys("sd15")[0])
    tensors = load_file(lora.path)
    empty = {name: torch.zeros_like(tensor) if "lora_B" in name else tensor for name, tensor in tensors.items()}
    broken = {name: tensor * float("nan") for name, tensor in tensors.items()}
    for wrong, reason in ((empty, "no effect"), (broken, "NaN or Inf")):
        path = tmp_path / "wrong.safetensors"
        save_file(wrong, path)
        with pytest.raises(ValueError, match=reason):
            inspect_lora(path, pipelines=pipelines, family=family)


def test_no_trigger_is_guessed_from_the_counts_of_tags(taught, pipelines, tmp_path):
    family, lora = taught("sdxl")
    path = tmp_path / "tags.safetensors"
    save_file(load_file(lora.path), path, {"ss_tag_frequency": json.dumps({"5_mika": {"1girl": 5, "smile": 2}})})
    assert inspect_lora(path, pipelines=pipelines, family=family)["trigger"] == ""
    save_file(load_file(lora.path), path, {"ss_tag_frequency": "{torn"})
    assert inspect_lora(path, pipelines=pipelines, family=family)["trigger"] == ""
