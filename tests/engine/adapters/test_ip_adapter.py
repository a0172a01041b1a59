"""Outfits as prompts: in each layer as much as asked, when and where asked, and nothing of them stays behind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image, ImageDraw

from studio.contracts.events import LoraSaved
from studio.contracts.sampling import OutfitUse
from studio.engine.adapters.ip_adapter import ImageEncoder, load, shaped
from studio.engine.adapters.lora import fingerprint
from studio.engine.generation.outfits import BODY, ROOM
from studio.engine.models.schedulers import build_scheduler
from studio.engine.vision.grounded_sam import CLOTHING
from studio.imaging.masks import grown


def coat(colour):
    image = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(image).rectangle((30, 20, 98, 118), fill=colour)
    return image


@pytest.fixture
def outfits(library):
    return [library.add_outfit(colour, coat(colour)).slug for colour in ("red", "green")]


def pixels(draws, family, **values):
    return np.asarray(draws("a girl", family=family, **values)[0].image, float)


def use(slug, **values):
    return OutfitUse(slug, **{"inside_garment": False, **values})


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
@pytest.mark.parametrize("adapter", ["plain", "plus"])
def test_an_outfit_acts_as_much_as_it_is_told_and_leaves_nothing_behind(
    layout, adapter, wearing, outfits, draws, pipelines
):
    family = wearing(layout)
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
    bare, none, some, all_of_it, other = (
        pixels(draws, family, outfit=worn)
        for worn in (
            None,
            [use(outfits[0], adapter=adapter, block_scales=0.0)],
            [use(outfits[0], adapter=adapter, block_scales=0.3)],
            [use(outfits[0], adapter=adapter, block_scales=1.0)],
            [use(outfits[1], adapter=adapter, block_scales=1.0)],
        )
    )
    assert np.array_equal(bare, none)
    assert 0 < np.abs(some - bare).mean() < np.abs(all_of_it - bare).mean()
    assert not np.array_equal(all_of_it, other), "another outfit, another picture"
    assert np.array_equal(pixels(draws, family), bare)
    with pipelines.lend(family) as pipeline:
        assert fingerprint(pipeline) == before


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_scales_by_block_are_those_that_diffusers_sets(layout, wearing, outfits, draws, pipelines, library):
    family = wearing(layout)
    scales = next(iter(family.outfit_presets.values())) | {"mid": 0.5}
    ours = pixels(draws, family, outfit=[use(outfits[0], adapter="plain", block_scales=scales)])
    adapter = family.image_adapters["plain"]
    picture = Image.open(library.outfit(outfits[0]).path)
    with pipelines.lend(family) as pipeline:
        eyes = ImageEncoder.published(Path(adapter.encoder))
        seen, nothing = eyes.look(picture, "x", states=False)
        theirs = dict(pipeline.unet.attn_processors)
        folder, _, name = adapter.weights.rpartition("/")
        pipeline.load_ip_adapter(folder, subfolder="", weight_name=name, image_encoder_folder=None)
        pipeline.set_ip_adapter_scale(scales)
        own, pipeline.scheduler = pipeline.scheduler, build_scheduler(family.drawing["scheduler"], pipeline.scheduler)
        image = pipeline(
            "a girl",
            num_inference_steps=4,
            guidance_scale=family.drawing["guidance"],
            width=64,
            height=64,
            generator=torch.Generator().manual_seed(7),
            ip_adapter_image_embeds=[torch.cat([nothing, seen])],
        ).images[0]
        pipeline.scheduler = own
        pipeline.unet.encoder_hid_proj, pipeline.unet.config.encoder_hid_dim_type = None, None
        pipeline.unet.set_attn_processor(theirs)
    assert np.abs(np.asarray(image, float) - ours).max() <= 1


def test_two_adapters_each_have_a_map_of_their_own(wearing, outfits, draws):
    family = wearing("sdxl")
    first, second = (
        use(slug, adapter=title, block_scales=0.7) for slug, title in zip(outfits, ("plain", "plus"), strict=True)
    )
    alone = [pixels(draws, family, outfit=[one]) for one in (first, second)]
    both = pixels(draws, family, outfit=[first, second])
    assert all(np.abs(both - one).mean() > 0.1 for one in alone)
    silent = pixels(draws, family, outfit=[first, replace(second, block_scales={"mid": 0.0})])
    assert np.array_equal(silent, alone[0])


def test_an_outfit_acts_for_the_part_of_the_denoising_it_is_told(wearing, outfits, draws):
    family = wearing("sdxl")
    bare, early, late, whole = (
        pixels(draws, family, outfit=worn)
        for worn in (
            None,
            [use(outfits[0], block_scales=1.0, end=0.5)],
            [use(outfits[0], block_scales=1.0, start=0.5)],
            [use(outfits[0], block_scales=1.0)],
        )
    )
    assert len({one.tobytes() for one in (bare, early, late, whole)}) == 4


def test_inside_the_garment_alone_changes_less_elsewhere(wearing, outfits, draws, monkeypatch):
    """The mask is given: a toy draws no garment. On Pocket the studio's own networks find it."""
    family = wearing("sdxl")
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((0, 0, 31, 63), fill=255)
    asked = []

    def outline(image, phrase, **_):
        asked.append((phrase, image))
        return mask if phrase in (CLOTHING, BODY) else None

    monkeypatch.setattr("studio.engine.generation.outfits.outline", outline)
    bare = pixels(draws, family, seed=9)
    inside, whole = (
        pixels(draws, family, seed=9, outfit=[use(outfits[0], block_scales=1.0, inside_garment=limited)])
        for limited in (True, False)
    )
    assert np.array_equal(np.asarray(asked[0][1], float), bare), "the mask is of the picture without the outfit"
    outside = np.asarray(grown(mask, round(ROOM * 64) + 1)) == 0
    assert np.abs(inside - bare)[~outside].mean() > 1
    assert np.array_equal(inside[outside], bare[outside]), "elsewhere the picture without the outfit stays"
    assert np.abs(whole - bare)[outside].mean() > 0
    pixels(draws, family, seed=9, outfit=[use(outfits[1], block_scales=1.0, inside_garment=True)])
    passes = [phrase for phrase, image in asked if np.array_equal(np.asarray(image, float), bare)]
    assert passes.count(CLOTHING) == 1, "the first pass is the same for every outfit"


def test_the_second_drawing_runs_no_encoder(wearing, library, draws, pipelines):
    family, calls = wearing("sdxl"), []
    eyes = family.image_adapters["plain"].encoder
    with pipelines.lend(family) as pipeline:
        encoders = [pipeline.text_encoder, pipeline.text_encoder_2]
    with pipelines.lend_helper(ImageEncoder.published, eyes) as helper:
        encoders.append(helper.network)
    hooks = [encoder.register_forward_hook(lambda *_: calls.append(1)) for encoder in encoders]
    worn = [use(library.add_outfit("Blue coat", coat("blue")).slug, block_scales=0.5)]
    draws("a girl in the rain", family=family, outfit=worn)
    first = len(calls)
    draws("a girl in the rain", family=family, outfit=worn, seed=8)
    for hook in hooks:
        hook.remove()
    assert first >= 3 and len(calls) == first


def test_a_full_fine_tune_wears_outfits_too_and_the_family_afterwards(wearing, outfits, trains, draws, library):
    family, worn = wearing("sd15"), [use(outfits[0], block_scales=1.0)]
    before = pixels(draws, family, outfit=worn)
    events = trains(
        "full",
        family=family,
        method="full",
        learning_rate=1e-2,
        steps=2,
        checkpoint_every=2,
        sample_every=0,
        class_images=0,
    )
    slug = next(event.slug for event in events if isinstance(event, LoraSaved))
    bare, dressed = (pixels(draws, family, lora=slug, outfit=asked) for asked in (None, worn))
    assert np.abs(dressed - bare).mean() > 0.1 and not np.array_equal(dressed, before)
    assert np.array_equal(pixels(draws, family, outfit=worn), before)


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler a", "DPM++ 2M", "PNDM", "UniPC"])
def test_the_rest_stays_under_every_scheduler(scheduler, wearing, outfits, draws, monkeypatch):
    family, mask = wearing("sdxl"), Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((0, 0, 31, 63), fill=255)
    monkeypatch.setattr(
        "studio.engine.generation.outfits.outline",
        lambda image, phrase, **_: mask if phrase in (CLOTHING, BODY) else None,
    )
    bare, worn = (
        pixels(draws, family, seed=11, scheduler=scheduler, outfit=asked)
        for asked in (None, [use(outfits[0], block_scales=1.0, inside_garment=True)])
    )
    outside = np.asarray(grown(mask, round(ROOM * 64) + 1)) == 0
    assert np.abs(worn - bare)[~outside].mean() > 1
    if scheduler != "UniPC":  # whose corrector rests while the rest is kept
        assert np.array_equal(worn[outside], bare[outside])


def test_an_adapter_of_another_base_is_refused_and_changes_nothing(wearing, pipelines):
    sdxl, sd15 = wearing("sdxl"), wearing("sd15")
    with pipelines.lend(sdxl) as pipeline:
        before = fingerprint(pipeline)
        with pytest.raises(ValueError, match="made for another base than StableDiffusionXLPipeline"):
            load(pipeline, Path(sd15.image_adapters["plain"].weights))
        assert fingerprint(pipeline) == before


@pytest.mark.parametrize("height, width", [(128, 128), (72, 128), (128, 72), (104, 136), (328, 600), (56, 144)])
def test_a_mask_lies_over_the_latents_of_every_level_as_over_the_picture(height, width):
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    rows, columns = height // 8, width // 8
    while min(rows, columns) > 2:
        laid = shaped(mask, rows * columns)
        seen = IPAdapterMaskProcessor.downsample(laid[:, 0], 1, rows * columns, 1).reshape(rows, columns)
        assert (seen - seen[:1]).abs().max() < 1e-4 and (seen[:, : columns // 2 - 1] > 0.9).all()
        assert (seen[:, columns // 2 + 2 :].abs() < 0.1).all()
        rows, columns = -(-rows // 2), -(-columns // 2)
