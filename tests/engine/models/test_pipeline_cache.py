import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLInpaintPipeline

from studio.contracts.family import ASSETS
from studio.engine.adapters.lora import fingerprint
from studio.engine.models.loading import shared_tokenizers
from studio.engine.models.pipeline_cache import PipelineCache


def test_a_family_is_loaded_once(pipelines, family):
    with pipelines.lend(family) as first:
        pass
    with pipelines.lend(replace(family, name="another", title="Another")) as second:
        pass
    assert first is second


def test_the_view_for_another_task_shares_every_weight(pipelines, family):
    with pipelines.lend(family) as drawing:
        pass
    with pipelines.lend(family, "repaint") as repainting:
        assert isinstance(repainting, StableDiffusionXLInpaintPipeline)
        assert repainting.unet is drawing.unet and repainting.vae is drawing.vae
        assert repainting.text_encoder_2 is drawing.text_encoder_2
        assert drawing.unet.dtype == torch.float32


def test_a_task_that_the_family_has_no_pipeline_for_is_named(pipelines, family):
    with pytest.raises(ValueError, match="no pipeline for 'sing'; it has draw"), pipelines.lend(family, "sing"):
        pass


def test_borrowers_are_served_one_at_a_time_in_the_order_they_came(pipelines, family):
    order, inside = [], []

    def borrow(number):
        with pipelines.lend(family):
            inside.append(number)
            assert inside == [number]
            order.append(number)
            time.sleep(0.01)
            inside.remove(number)

    with pipelines.lend(family):
        threads = []
        for number in range(6):
            threads.append(threading.Thread(target=borrow, args=(number,)))
            threads[-1].start()
            while pipelines.waiting <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_asking_twice_in_one_thread_is_an_error_and_not_a_standstill(pipelines, family):
    again = pipelines.lend(family)
    with pipelines.lend(family), pytest.raises(RuntimeError, match="lent to this thread already"), again:
        pass
    with pipelines.lend(family):
        pass


def test_a_fault_while_it_is_lent_gives_it_back(pipelines, family):
    with pytest.raises(ZeroDivisionError), pipelines.lend(family):
        raise ZeroDivisionError
    with pipelines.lend(family):
        pass


def test_another_family_takes_the_place_where_memory_is_short(family, toys, monkeypatch):
    pipelines = PipelineCache("cpu")
    folder, single = toys("sd15")
    pipelines.warm(folder)
    monkeypatch.setattr("studio.engine.models.pipeline_cache.free_bytes", lambda device: 0)
    pipelines.warm(single)
    with pipelines.lend(single):
        assert [loaded.family.weights for loaded in pipelines._loaded.values()] == [single.weights]


def test_only_as_many_families_go_as_memory_asks_for(family, toys, monkeypatch):
    pipelines = PipelineCache("cpu")
    folder, single = toys("sd15")
    for known in (folder, single):
        pipelines.warm(known)
    room = iter([0, 10**15, 10**15])
    monkeypatch.setattr("studio.engine.models.pipeline_cache.free_bytes", lambda device: next(room))
    pipelines.warm(family)
    with pipelines.lend(family):
        assert [loaded.family.weights for loaded in pipelines._loaded.values()] == [single.weights, family.weights]


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_a_single_file_loads_offline_as_the_same_weights(layout, toys, pipelines, draws, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, single = toys(layout)
    with pipelines.lend(folder) as pipeline:
        first = fingerprint(pipeline)
    with pipelines.lend(single) as pipeline:
        assert fingerprint(pipeline) == first
    pictures = [draws("a dog", family=family)[0] for family in (folder, single)]
    assert pictures[0].image.size == (64, 64)
    assert np.array_equal(*(np.asarray(picture.image) for picture in pictures))


@pytest.mark.parametrize(
    "layout, unet, texts",
    [
        ("sdxl", 2_567_463_684, {"text_encoder": 123_060_480, "text_encoder_2": 694_659_840}),
        ("sd15", 859_520_964, {"text_encoder": 123_060_480}),
    ],
)
def test_the_published_configurations_have_the_published_sizes(layout, unet, texts):
    import transformers
    from diffusers import AutoencoderKL, UNet2DConditionModel

    folder = ASSETS / "families" / layout
    with torch.device("meta"):
        networks = {
            "unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet")),
            "vae": AutoencoderKL.from_config(AutoencoderKL.load_config(folder / "vae")),
        }
        for name in texts:
            config = transformers.CLIPTextConfig.from_pretrained(folder / name)
            networks[name] = getattr(transformers, config.architectures[0])(config)
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    assert sizes == {"unet": unet, "vae": 83_653_863, **texts}
    padding = {"tokenizer": 49407, "tokenizer_2": 0}
    for name, tokenizer in shared_tokenizers(folder).items():
        words = tokenizer("a photo of sks dog", padding="max_length", truncation=True).input_ids
        assert words == [49406, 320, 1125, 539, 48136, 1929, 49407] + [padding[name]] * 70
    assert set(shared_tokenizers(folder)) == {name.replace("text_encoder", "tokenizer") for name in texts}


def test_weights_that_are_not_there_are_named(pipelines, family):
    with pytest.raises(FileNotFoundError, match="no weights at /nowhere/at/all"):
        pipelines.warm(replace(family, weights="/nowhere/at/all"))


def test_pickles_are_refused_with_the_reason(pipelines, toys, tmp_path):
    folder, _ = toys("sd15")
    target = tmp_path / "pickled"
    import shutil

    shutil.copytree(folder.weights, target)
    for file in (target / "unet").glob("*.safetensors"):
        file.rename(file.with_name("diffusion_pytorch_model.bin"))
    with pytest.raises(ValueError, match="is a pickle, which can run code"):
        pipelines.warm(replace(folder, weights=str(target)))


def test_the_fingerprint_follows_the_weights_and_not_their_place(pipelines, toys, tmp_path):
    import shutil

    folder, _ = toys("sd15")
    target = tmp_path / "copy"
    shutil.copytree(folder.weights, target)
    copy = replace(folder, weights=str(target))
    assert pipelines.fingerprint(copy) == pipelines.fingerprint(folder)
    file = next((target / "unet").glob("*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert pipelines.fingerprint(copy) != pipelines.fingerprint(folder)
