"""The seam between the engine and what denoises: the layouts compute what plain diffusers does, and a third fits in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from PIL import Image
from safetensors.torch import load_file

from studio.contracts.events import CheckpointSaved, LoraSaved, PreviewDrawn, SampleDrawn, StepFinished
from studio.contracts.family import TARGETS
from studio.contracts.requests import DrawRequest, MergeRequest, resolved
from studio.engine.adapters.exporting import export_lora
from studio.engine.adapters.ip_adapter import ImagePrompt, prompted
from studio.engine.adapters.lora import fingerprint
from studio.engine.adapters.merging import merge
from studio.engine.generation.drawing import draw
from studio.engine.models.layouts import DRIVERS, driver_of
from studio.engine.models.weights import read_header
from studio.library.family_files import built_in
from tests.engine.flow import FlowDriver, make_flow
from tests.engine.toys import SIDE


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def pixels(picture):
    return np.asarray(picture.image)


@pytest.fixture
def flow(tmp_path_factory, monkeypatch):
    """A family of a layout that is none of the studio's own."""
    monkeypatch.setitem(DRIVERS, "flow", FlowDriver())
    return make_flow(tmp_path_factory.mktemp("flow"))


def test_every_built_in_family_has_a_driver_that_knows_its_targets():
    named = {family.name: driver_of(family) for family in built_in().values()}
    assert named["pocket"] is named["sdxl"] is DRIVERS["sdxl"] and named["sd15"] is DRIVERS["sd15"]
    assert all(set(driver.targets) == set(TARGETS) for driver in (*DRIVERS.values(), FlowDriver()))


def test_a_pipeline_of_another_layout_is_refused_with_those_that_there_are(toy):
    other = replace(toy, pipelines={"draw": "StableDiffusion3Pipeline"})
    with pytest.raises(
        ValueError, match="drawn by StableDiffusion3Pipeline, which the studio cannot drive; it can .*XL"
    ):
        driver_of(other)


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_the_loss_of_a_step_is_what_plain_diffusers_computes(layout, toys, trains, pipelines, library):
    family = toys(layout)[0]
    asked = {"class_images": 0, "batch_size": 1, "steps": 1, "sample_every": 0, "snr_gamma": 0.0, "precision": "fp32"}
    (photo, *others) = [photo.file for photo in library.subject("mika").photos]
    for other in others:
        library.remove_photo("mika", other)
    (step,) = of(trains(family=family, **asked), StepFinished)
    with pipelines.lend(family) as pipeline, torch.no_grad():
        image = (
            library.subject("mika").photos[0].cropped.resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        )
        values = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
        posterior, scale = pipeline.vae.encode(values).latent_dist, pipeline.vae.config.scaling_factor
        text, _, *pooled = pipeline.encode_prompt(
            "a picture of sks girl", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        chances = torch.Generator().manual_seed(5 * 1_000_003)
        latents = posterior.mean * scale + posterior.std * scale * torch.randn(posterior.mean.shape, generator=chances)
        noise = torch.randn(latents.shape, generator=chances)
        chance = torch.rand(1, generator=chances)
        times = (chance * 1000).long()
        scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
        sizes = torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]], dtype=text.dtype)
        added = {"text_embeds": pooled[0], "time_ids": sizes} if layout == "sdxl" else None
        said = pipeline.unet(scheduler.add_noise(latents, noise, times), times, text, added_cond_kwargs=added).sample
    assert step.loss == pytest.approx((said - noise).square().mean().item(), rel=1e-5)


def test_another_layout_is_taught_by_the_same_code_and_leaves_its_networks_as_they_were(
    flow, trains, draws, library, pipelines
):
    with pipelines.lend(flow) as pipeline:
        before = fingerprint(pipeline)
    events = list(trains("whole", family=flow))
    lora = library.lora(of(events, LoraSaved)[0].slug)
    assert all(np.isfinite(step.loss) for step in of(events, StepFinished)) and len(of(events, StepFinished)) == 3
    learnt = load_file(lora.path)
    assert learnt and all(name.startswith("transformer.blocks.") for name in learnt)
    assert any(tensor.any() for name, tensor in learnt.items() if "lora_B" in name)
    assert read_header(lora.path)["__metadata__"]["modelspec.architecture"] == "toy-flow/lora"
    with pipelines.lend(flow) as pipeline:
        assert fingerprint(pipeline) == before

    sample = of(events, SampleDrawn)[0]
    (drawn,) = draws(sample.prompt, family=flow, lora=lora.slug, seed=5)
    assert np.array_equal(pixels(drawn), np.asarray(Image.open(library.root / sample.path)))
    assert not np.array_equal(pixels(drawn), pixels(draws(sample.prompt, family=flow, seed=5)[0]))

    first = list(trains("parts", family=flow, until=2))
    checkpoint = library.root / "runs" / "parts" / of(first, CheckpointSaved)[-1].path
    rest = list(trains("parts", family=flow, checkpoint=checkpoint))
    assert library.lora(of(rest, LoraSaved)[0].slug).path.read_bytes() == lora.path.read_bytes()


@pytest.mark.parametrize(
    "way",
    [
        {"method": "full", "learning_rate": 1e-3},
        {"gradient_checkpointing": True, "gradient_accumulation_steps": 2},
        {"buckets": True, "more_resolutions": "128", "noise_offset": 0.1},
        {"precision": "bf16", "targets": "transformers"},
    ],
    ids=str,
)
def test_another_layout_is_taught_in_every_way(way, flow, trains, draws, library):
    lora = of(trains(family=flow, class_images=0, **way), LoraSaved)[0]
    with_it, without = (pixels(draws("sks girl", family=flow, lora=slug)[0]) for slug in (lora.slug, None))
    assert not np.array_equal(with_it, without)


def test_another_layout_draws_what_its_pipeline_does_with_previews_and_no_negative_prompt(
    flow, draws, pipelines, library
):
    request = resolved(DrawRequest("a girl", negative_prompt="a cat", seed=7), flow.drawing)
    events = list(draw(request, pipelines=pipelines, family=flow, library=library, stop=lambda: False))
    assert [preview.step for preview in of(events, PreviewDrawn)] == [3]
    with pipelines.lend(flow) as pipeline:
        words = pipeline.text_encoder(["a girl"])
        bare = pipeline(words, 4, 64, 64, [torch.Generator().manual_seed(7)]).images[0]
    assert np.array_equal(pixels(library.picture(events[-1].path)), np.asarray(bare))
    assert np.array_equal(pixels(draws("a girl", family=flow)[0]), np.asarray(bare))


def test_what_a_layout_cannot_do_is_refused_in_a_sentence(flow, trains, pipelines, library, tmp_path):
    lora = library.lora(of(trains(family=flow, class_images=0), LoraSaved)[0].slug)
    with pytest.raises(
        ValueError, match="text encoders of Flow cannot be trained: set text_encoder_learning_rate to 0"
    ):
        list(trains(family=flow, class_images=0, text_encoder_learning_rate=1e-4))
    with pytest.raises(ValueError, match="can be exported as diffusers, got 'kohya'"):
        export_lora(lora, "kohya", tmp_path, pipelines=pipelines, family=flow)
    with pytest.raises(ValueError, match="no pipeline for 'repaint'"), pipelines.lend(flow, "repaint"):
        pass
    prompt = ImagePrompt(Path("adapter"), (torch.zeros(1), torch.zeros(1)), {"mid": 1.0})
    with pipelines.lend(flow) as pipeline, pytest.raises(ValueError, match="takes no IP-Adapter"):
        prompted(pipelines, pipeline, [prompt]).__enter__()


def test_loras_of_another_layout_become_one(flow, trains, library, pipelines, tmp_path):
    loras = [
        library.lora(of(trains(f"run {seed}", family=flow, class_images=0, seed=seed), LoraSaved)[0].slug)
        for seed in (1, 2)
    ]
    file = tmp_path / "both.safetensors"
    told = merge(MergeRequest([lora.slug for lora in loras], "Both"), loras, file, pipelines=pipelines, family=flow)
    assert told["rank"] == 4 and all(name.startswith("transformer.") for name in load_file(file))
