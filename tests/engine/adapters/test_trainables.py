"""Every way of training, at toy size in the layouts of SDXL and SD 1.5: it learns, it is kept, and it goes on."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from studio.contracts.events import CheckpointSaved, LoraSaved, SampleDrawn, StepFinished
from studio.contracts.requests import TrainRequest
from studio.engine.adapters.lora import fingerprint
from studio.engine.adapters.trainables import targets_of
from studio.engine.models.layouts import driver_of
from studio.engine.models.noise import weights_of
from studio.engine.models.weights import read_header
from studio.engine.training.buckets import batch_at, size_for
from studio.engine.training.checkpoints import OPTIMIZER
from studio.engine.training.optimizers import rate_of

SMALL = {"class_images": 0, "steps": 3, "checkpoint_every": 2, "sample_every": 3}
WAYS = {
    "rank 1": {"rank": 1, "alpha": 1.0},
    "rank 64, dropout, everything": {"rank": 64, "alpha": 32.0, "dropout": 0.2, "targets": "everything"},
    "named targets": {"targets": "attn2.to_k, attn2.to_v"},
    "text encoders": {"text_encoder_learning_rate": 1e-2},
    "full": {"method": "full", "learning_rate": 1e-3},
    "full, with text encoders": {"method": "full", "learning_rate": 1e-3, "text_encoder_learning_rate": 1e-3},
    "Prodigy": {"optimizer": "Prodigy", "learning_rate": 1.0},
    "8-bit Adam": {"optimizer": "AdamW 8-bit", "rank": 32, "targets": "everything"},
    "constant, offset noise": {
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "noise_offset": 0.05,
        "snr_gamma": 0.0,
    },
    "accumulated, checkpointed": {"gradient_accumulation_steps": 2, "batch_size": 1, "gradient_checkpointing": True},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "fp32": {"precision": "fp32"},
    "buckets, two resolutions": {"buckets": True, "more_resolutions": "256"},
    "class images beside buckets": {"buckets": True, "resolution": 128, "class_images": 2},
}


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
@pytest.mark.parametrize("way", WAYS)
def test_it_learns_is_kept_draws_as_its_last_sample_and_goes_on_to_the_same_bytes(
    way,
    layout,
    toys,
    trains,
    draws,
    library,
    pipelines,
):
    family = toys(layout)[0]
    asked = {**SMALL, **WAYS[way]}
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
    events = list(trains("whole", family=family, **asked))
    lora, sample = of(events, LoraSaved)[0], of(events, SampleDrawn)[0]
    with pipelines.lend(family) as pipeline:
        assert fingerprint(pipeline) == before, "the family's own networks are as they were"
        assert not pipeline.unet.is_gradient_checkpointing
    if "resolution" not in asked:
        drawn = draws(sample.prompt, family=family, lora=lora.slug, seed=5)[0]
        assert np.array_equal(np.asarray(drawn.image), np.asarray(Image.open(library.root / sample.path)))
        plain = draws(sample.prompt, family=family, seed=5)[0]
        assert not np.array_equal(np.asarray(drawn.image), np.asarray(plain.image)), "it has an effect"

    first = list(trains("parts", family=family, until=2, **asked))
    checkpoint = library.root / "runs" / "parts" / of(first, CheckpointSaved)[-1].path
    rest = list(trains("parts", family=family, checkpoint=checkpoint, **asked))
    assert [event.step for event in of(rest, StepFinished)] == [3]
    again = library.lora(of(rest, LoraSaved)[0].slug)
    assert again.path.read_bytes() == library.lora(lora.slug).path.read_bytes()


def test_a_finished_run_goes_on_for_more_steps(trains, library):
    events = list(trains("more", **SMALL))
    checkpoint = library.root / "runs" / "more" / of(events, CheckpointSaved)[-1].path
    longer = list(trains("more", checkpoint=checkpoint, **{**SMALL, "steps": 5}))
    assert [event.step for event in of(longer, StepFinished)] == [4, 5]


def test_older_checkpoints_keep_what_was_learnt_only(trains, library):
    list(trains("kept", **{**SMALL, "steps": 4, "checkpoint_every": 1}))
    files = sorted((library.root / "runs" / "kept" / "checkpoints").glob("*.safetensors"))
    whole = [OPTIMIZER in read_header(file)["__metadata__"] for file in files]
    assert whole == [False, False, True, True]
    names = {frozenset(name for name in load_file(file) if not name.startswith(OPTIMIZER)) for file in files}
    assert len(names) == 1 and all("lora_" in name for name in next(iter(names)))
    with pytest.raises(ValueError, match="keeps what was learnt only; go on from a later"):
        list(trains("kept", checkpoint=files[0], **{**SMALL, "steps": 4, "checkpoint_every": 1}))


def test_a_full_fine_tune_of_another_base_is_refused(toys, trains, draws):
    lora = of(list(trains(family=toys("sd15")[0], **SMALL, method="full")), LoraSaved)[0]
    with pytest.raises(ValueError, match="made for another base"):
        draws(family=toys("sdxl")[0], lora=lora.slug)


def test_8_bit_adam_without_its_package_names_the_remedy(trains, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(ValueError, match="pip install bitsandbytes"):
        list(trains(**SMALL, optimizer="AdamW 8-bit"))


def test_targets_that_are_not_there_are_named(pipelines, toy):
    with pipelines.lend(toy) as pipeline:
        assert targets_of("attn2.to_k", driver_of(toy), pipeline.unet) == ["attn2.to_k"]
        with pytest.raises(ValueError, match="no layer is called to_w. Take one of attention"):
            targets_of("to_q, to_w", driver_of(toy), pipeline.unet)
        with pytest.raises(ValueError, match="no layer is called"):
            targets_of(" , ", driver_of(toy), pipeline.unet)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "hypernetwork"},
        {"optimizer": "SGD"},
        {"lr_scheduler": "linear"},
        {"precision": "int4"},
        {"rank": 257},
        {"dropout": 1.0},
        {"gradient_accumulation_steps": 0},
        {"more_resolutions": "512, big"},
        {"more_resolutions": "513"},
        {"garment_weight": 1.5},
        {"noise_offset": 2.0},
        {"lr_warmup_steps": -1},
        {"text_encoder_learning_rate": -1.0},
        {"optimizer": "Prodigy", "learning_rate": 1.0, "text_encoder_learning_rate": 0.5},
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match="|".join([*wrong, "resolutions", "one learning rate"])):
        TrainRequest("mika", **wrong)


def test_rates_warm_up_and_go_down_a_cosine_or_stay():
    assert [rate_of("constant", 4, step, 100) for step in (0, 1, 3, 50, 99)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    assert rate_of("cosine", 0, 0, 100) == 1.0 and rate_of("cosine", 0, 50, 100) == pytest.approx(0.55)
    assert rate_of("cosine", 0, 100, 100) == pytest.approx(0.1)


def test_without_gamma_every_timestep_counts_the_same(pipelines, toy):
    with pipelines.lend(toy) as pipeline:
        assert weights_of(pipeline.scheduler, torch.tensor([0, 999]), 0.0).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "photo, size",
    [
        ((4000, 6000), (832, 1216)),
        ((1000, 1000), (1024, 1024)),
        ((6000, 1000), (2048, 512)),
        ((100, 900), (512, 2048)),
    ],
)
def test_a_bucket_has_the_photo_s_shape_and_about_the_same_area(photo, size):
    assert size_for(*photo, 1024, 8) == size


def test_each_batch_is_of_one_bucket_and_every_photo_comes_as_often():
    counts, met = (4, 2, 6), {}
    for step in range(60):
        bucket, rows = batch_at(counts, 2, step, seed=3)
        assert len(rows) == 2 and rows.max() < counts[bucket]
        for row in rows.tolist():
            met[bucket, row] = met.get((bucket, row), 0) + 1
    assert len(met) == 12 and set(met.values()) == {10}
    assert batch_at(counts, 2, 17, seed=3)[1].tolist() == batch_at(counts, 2, 17, seed=3)[1].tolist()
