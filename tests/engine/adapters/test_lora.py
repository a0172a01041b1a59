import pickle
import shutil
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.engine.adapters.lora import Applied, attached, fingerprint, load_lora
from studio.engine.models.driver import Words
from studio.engine.models.layouts import driver_of


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def changed(source, target, change):
    """A copy of a LoRA with each tensor changed; `target` is returned."""
    save_file({name: change(tensor) for name, tensor in load_file(source).items()}, target)
    return target


def test_what_is_attached_is_detached(pipelines, family, lora_file):
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
        with attached(pipelines, pipeline, [Applied(lora_file, 0.7)]):
            assert fingerprint(pipeline) != before
        assert fingerprint(pipeline) == before
        with pytest.raises(ZeroDivisionError), attached(pipelines, pipeline, [Applied(lora_file)]):
            raise ZeroDivisionError
        assert fingerprint(pipeline) == before


def test_a_used_lora_is_not_loaded_again(pipelines, family, lora_file, monkeypatch):
    with pipelines.lend(family) as pipeline:
        with attached(pipelines, pipeline, [Applied(lora_file)]):
            pass
        monkeypatch.setattr("studio.engine.adapters.lora.load_lora", lambda *_: pytest.fail("loaded again"))
        with attached(pipelines, pipeline, [Applied(lora_file, 0.3)]):
            pass


def test_its_scale_goes_from_nothing_to_all(library, draws, lora_file):
    lora = kept(library, lora_file)
    base, none, half, whole = (
        np.asarray(draws(lora=slug, lora_scale=scale)[0].image, float)
        for slug, scale in ((None, 1.0), (lora, 0.0), (lora, 0.5), (lora, 1.0))
    )
    assert np.array_equal(base, none)
    assert 0 < np.abs(half - base).mean() < np.abs(whole - base).mean()
    assert np.array_equal(np.asarray(draws()[0].image, float), base), "nothing of it is left behind"


def kept(library, file):
    lora = library.save_lora("Mika", "mika", "pocket", "sks girl", 2, 2.0, 4, lambda path: shutil.copy(file, path))
    return lora.slug


def test_the_recipe_names_the_lora_by_its_content(library, draws, lora_file):
    slug = kept(library, lora_file)
    (picture,) = draws(lora=slug, lora_scale=0.5)
    lora = library.lora(slug)
    assert picture.recipe.loras == ({"slug": slug, "name": "Mika", "sha256": lora.sha256, "scale": 0.5},)


def test_the_header_says_what_the_lora_is(lora_file):
    from studio.engine.models.weights import read_header

    said = read_header(lora_file)["__metadata__"]
    assert said["trigger"] == said["modelspec.trigger_phrase"] == "sks girl"
    assert said["modelspec.sai_model_spec"] and said["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert '"unet.r": 2' in said["lora_adapter_metadata"] and said["base"] == "pocket"


def test_diffusers_reads_the_file_as_it_is(pipelines, family, library, draws, lora_file):
    ours = np.asarray(draws(lora=kept(library, lora_file))[0].image)
    with pipelines.lend(family) as pipeline:
        own, before = pipeline.scheduler, fingerprint(pipeline)
        from studio.engine.models.schedulers import build_scheduler

        pipeline.scheduler = build_scheduler(family.drawing["scheduler"], own)
        pipeline.load_lora_weights(str(lora_file.parent), weight_name=lora_file.name)
        theirs = pipeline(
            "a girl on the beach",
            num_inference_steps=3,
            width=family.resolution,
            height=family.resolution,
            guidance_scale=family.drawing["guidance"],
            generator=torch.Generator().manual_seed(7),
        ).images[0]
        pipeline.unload_lora_weights()
        pipeline.scheduler = own
        assert fingerprint(pipeline) == before
    assert np.array_equal(ours, np.asarray(theirs))


def refused(pipelines, family, file, words):
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
        with pytest.raises(ValueError, match=words):
            load_lora(driver_of(family), pipeline, file)
        assert fingerprint(pipeline) == before


def test_a_pickle_is_refused_and_never_run(pipelines, family, tmp_path):
    for name in ("lora.bin", "lora.ckpt", "lora.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
        refused(pipelines, family, tmp_path / name, "is a pickle")
    torch.save({"a": torch.ones(1)}, tmp_path / "zipped.safetensors")
    refused(pipelines, family, tmp_path / "zipped.safetensors", "is a pickle")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: struct.pack("<Q", 2**40) + data[8:],
        lambda data: b"",
        lambda data: data[:8] + b"x" * (len(data) - 8),
        lambda data: data + b" ",
    ],
    ids=["truncated", "endless header", "empty", "no header", "a byte more"],
)
def test_a_damaged_file_is_refused(pipelines, family, lora_file, tmp_path, damage):
    (tmp_path / "damaged.safetensors").write_bytes(damage(lora_file.read_bytes()))
    refused(pipelines, family, tmp_path / "damaged.safetensors", "safetensors file|truncated")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(pipelines, family, lora_file, tmp_path, value):
    file = changed(lora_file, tmp_path / "broken.safetensors", lambda tensor: tensor * value)
    refused(pipelines, family, file, "not numbers")


def test_a_lora_of_another_base_is_refused(pipelines, family, toys, lora_file, tmp_path):
    for layout in ("sdxl", "sd15"):
        refused(pipelines, toys(layout)[0], lora_file, "wrong base")
    narrow = changed(lora_file, tmp_path / "narrow.safetensors", lambda tensor: tensor[:, :3].contiguous())
    refused(pipelines, family, narrow, "wrong base")


def test_a_lora_without_effect_is_refused(pipelines, family, lora_file, tmp_path):
    refused(pipelines, family, changed(lora_file, tmp_path / "nil.safetensors", torch.zeros_like), "has no effect")


@pytest.mark.parametrize("prefix", ["text_encoder.text_model.", "text_encoder."], ids=["published", "flat"])
def test_a_lora_in_a_text_encoder_changes_the_texts_while_it_is_in(pipelines, toys, tmp_path, prefix):
    family, file = toys("sd15")[0], tmp_path / "texts.safetensors"
    place = f"{prefix}encoder.layers.0.self_attn.q_proj"
    noise = torch.Generator().manual_seed(0)
    save_file(
        {
            f"{place}.lora_A.weight": torch.randn(2, 32, generator=noise),
            f"{place}.lora_B.weight": torch.randn(32, 2, generator=noise),
        },
        file,
    )
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
        texts = []
        for loras in ([], [Applied(file)], [Applied(file, text_encoder=0.0)], []):
            with attached(pipelines, pipeline, loras) as key:
                texts.append(pipelines.encode(pipeline, Words("a dog"), key)["prompt_embeds"])
        assert fingerprint(pipeline) == before
    assert not torch.equal(texts[0], texts[1]) and torch.equal(texts[0], texts[2]) and torch.equal(texts[0], texts[3])
