"""What the header of a file of weights says: written and read by one type, whoever wrote the file."""

import json
from pathlib import Path

import pytest

from studio.engine.adapters.metadata import LoraMetadata, adapted_network
from studio.library.family_files import built_in

STUDIO = Path(__file__).parents[3] / "studio"
SDXL, SD15 = built_in()["sdxl"], built_in()["sd15"]
TAUGHT = LoraMetadata.of_family(
    SDXL,
    "Mika",
    "sks girl",
    method="LoRA",
    rank=8,
    alpha=4.0,
    steps=300,
    tags={"photos": {"sks girl": 5}},
    adapted=adapted_network("unet", 8, 4.0, ["to_q", "to_k"]),
).with_resolution(1024)


def test_a_header_of_ours_is_what_other_tools_read_and_comes_back_as_it_was():
    assert TAUGHT.header() == {
        "format": "pt",
        "base": "stabilityai/stable-diffusion-xl-base-1.0",
        "trigger": "sks girl",
        "method": "LoRA",
        "rank": "8",
        "alpha": "4.0",
        "steps": "300",
        "base_resolution": "1024",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": "Mika (SDXL)",
        "modelspec.trigger_phrase": "sks girl",
        "modelspec.usage_hint": "Say sks girl in the prompt.",
        "modelspec.resolution": "1024x1024",
        "ss_tag_frequency": '{"photos": {"sks girl": 5}}',
        "lora_adapter_metadata": '{"unet.lora_alpha": 4.0, "unet.r": 8, "unet.target_modules": ["to_q", "to_k"]}',
    }
    assert LoraMetadata.from_header(TAUGHT.header()) == TAUGHT


def test_a_full_fine_tune_says_so_and_has_no_rank():
    told = LoraMetadata.of_family(SD15, "Mika", "sks girl", method="full", steps=10)
    assert told.full and told.architecture == "stable-diffusion-v1"
    assert not {"rank", "alpha", "lora_adapter_metadata"} & told.header().keys()
    assert not TAUGHT.full and not LoraMetadata().full


def test_a_file_of_kohyas_tells_its_trigger_rank_and_steps():
    told = LoraMetadata.from_header(TAUGHT.kohya_header("Mika", "sdxl_base_v1-0"))
    assert (told.trigger, told.rank, told.alpha, told.steps) == ("sks girl", 8, 4.0, 300)
    tags = json.dumps({"5_mika": {"mika girl": 5, "smile": 2}})
    assert LoraMetadata.from_header({"ss_tag_frequency": tags}).trigger == ""
    assert LoraMetadata.from_header({"ss_tag_frequency": tags, "activation text": "mika"}).trigger == "mika"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"ss_tag_frequency": "{torn", "rank": "many", "steps": "-3", "alpha": "nan"},
        {"ss_tag_frequency": '["a"]', "ss_network_dim": "None", "lora_adapter_metadata": "7"},
        {"ss_tag_frequency": '{"a": {"b": "c"}}', "ss_network_alpha": "inf"},
    ],
)
def test_what_is_missing_or_torn_is_left_empty(told):
    assert LoraMetadata.from_header(told) == LoraMetadata()


def test_nobody_else_reads_or_writes_these_keys():
    keys = ('"modelspec', '"ss_', '"lora_adapter_metadata"', '"__metadata__"')
    knowing = {
        path.name for path in STUDIO.rglob("*.py") if any(key in path.read_text(encoding="utf-8") for key in keys)
    }
    assert knowing == {"metadata.py", "weights.py"}
