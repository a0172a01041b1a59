"""Untrained parts in a work folder become a family that diffusers loads as SDXL."""

import json

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionXLPipeline
from transformers import AutoModelForMaskGeneration, AutoModelForZeroShotObjectDetection, AutoProcessor

from pocketworld.assemble import assemble, assemble_masks, assemble_outfits, assemble_styles, load_parts, unpack
from pocketworld.training import clip, dino, sam
from pocketworld.training.loop import Loop, load_average, write_journal
from pocketworld.training.outfits import FILE, Adapter
from pocketworld.training.tokenizers import build
from pocketworld.training.unet import PlainAttention, new_unet, predict
from pocketworld.training.vae import new_vae, normalise_latents
from studio.contracts.family import ASSETS

OUTFITS = ASSETS / "pocket-outfits"


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    work, to = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("family")
    torch.manual_seed(0)
    tokenizer, _ = build(["a girl on the beach", "a robot in a red jacket"], work / "clip")
    tokens = tokenizer(["a girl"], padding="max_length", return_tensors="pt").input_ids
    clip.save(clip.Clip(tokenizer).eval(), work / "clip", tokens)
    new_vae().save_pretrained(work / "vae" / "weights")
    unet = new_unet()
    begin(work / "unet", unet)
    for folder in ("vae", "decoder", "clip"):
        begin(work / folder, torch.nn.Linear(1, 1))
    assemble(work, to)
    return to


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    work, to = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("masks")
    begin(work / "dino", dino.new_dino(dino.new_tokenizer()))
    begin(work / "sam", sam.new_sam())
    assemble_masks(work, to)
    return to


def begin(folder, model):
    """A work folder in which a training has just begun."""
    loop = Loop(folder, model, torch.optim.SGD(model.parameters(), 0.1), steps=0.5)
    loop.folder.mkdir(exist_ok=True)
    loop.save()
    loop.journal(loss=1.0)


def test_family_loads_as_sdxl_and_draws_its_own_size(family):
    pipeline = StableDiffusionXLPipeline.from_pretrained(family, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a girl", num_inference_steps=2).images[0]
    assert picture.size == (256, 256)
    assert pipeline.image_encoder is not None and pipeline.feature_extractor is not None


def test_family_is_small_half_precision_and_says_how_it_was_trained(family):
    size = sum(file.stat().st_size for file in family.rglob("*") if file.is_file())
    assert size < 60e6
    assert not [file for file in family.rglob("*") if file.suffix in (".bin", ".pt", ".ckpt")]
    record = json.loads((family / "unet" / "training.json").read_text())
    assert {"steps", "samples", "minutes", "loss", "device", "date"} <= record.keys()
    assert json.loads((family / "vae" / "decoder.json").read_text())["loss"] == [[0, 1.0]]


def test_family_unpacked_is_a_work_folder_that_gives_the_same_family(family, masks, tmp_path):
    unpack(family, masks, OUTFITS, tmp_path)
    before = StableDiffusionXLPipeline.from_pretrained(family, dtype=torch.float32)
    after = load_parts(tmp_path)
    for name in ("unet", "vae", "text_encoder", "text_encoder_2", "image_encoder"):
        ours, theirs = getattr(after, name).state_dict(), getattr(before, name).state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert after.tokenizer("a girl").input_ids == before.tokenizer("a girl").input_ids
    with pytest.raises(SystemExit, match="holds a training already"):
        unpack(family, masks, OUTFITS, tmp_path)
    assemble_masks(tmp_path, tmp_path / "again")
    for name in ("detector", "segmenter"):
        again, first = (
            safetensors.torch.load_file(folder / name / "model.safetensors") for folder in (tmp_path / "again", masks)
        )
        assert first.keys() == again.keys() and all(torch.equal(again[key], first[key]) for key in first)


def test_an_ip_adapter_is_trained_on_from_its_file(family, masks, tmp_path):
    unpack(family, masks, OUTFITS, tmp_path)
    adapter = Adapter(new_unet(), load_parts(tmp_path).image_encoder.config.hidden_size)
    load_average(tmp_path / "outfits", adapter)
    again, first = adapter.state(), safetensors.torch.load_file(OUTFITS / FILE)
    assert again.keys() == first.keys() and all(torch.equal(again[key], first[key].float()) for key in first)


def test_masks_are_found_by_folders_that_transformers_loads_by_themselves(masks):
    assert AutoModelForZeroShotObjectDetection.from_pretrained(masks / "detector").config.num_queries > 0
    assert AutoModelForMaskGeneration.from_pretrained(masks / "segmenter").config.vision_config.image_size == 128
    words = AutoProcessor.from_pretrained(masks / "detector").tokenizer("red jacket.").input_ids
    assert words[0] == 101 and words[-2:] == [1012, 102] and len(words) == 5
    known = json.loads((masks / "detector" / "words.json").read_text(encoding="utf-8"))
    assert {"clothing", "hair", "face"} <= set(known["parts"]) and "pants" in known["garments"]
    size = sum(file.stat().st_size for file in masks.rglob("*") if file.is_file())
    assert size < 20e6


def test_unet_has_the_blocks_that_style_and_layout_scales_name():
    unet = new_unet()
    assert len(unet.down_blocks[2].attentions) == 2
    assert len(unet.up_blocks[0].attentions) == 3


def test_plain_attention_answers_as_the_stock_processor():
    torch.manual_seed(0)
    unet = new_unet().eval()
    noisy, timesteps = torch.randn(1, 4, 16, 16), torch.tensor([500])
    conditioning = torch.randn(1, 48, 192), torch.randn(1, 128)
    with torch.no_grad():
        stock = predict(unet, noisy, timesteps, conditioning, (64, 64))
        unet.set_attn_processor(PlainAttention())
        plain = predict(unet, noisy, timesteps, conditioning, (64, 64))
    assert torch.allclose(stock, plain, atol=0.05)


def test_normalised_latents_have_unit_variance_and_the_same_pictures():
    torch.manual_seed(0)
    vae, pictures = new_vae().eval(), torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = vae.decode(vae.encode(pictures).latent_dist.mean).sample
        normalise_latents(vae, pictures)
        latents = vae.encode(pictures).latent_dist.mean
        after = vae.decode(latents).sample
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=0.01)
    assert torch.allclose(before, after, atol=1e-3)


@torch.no_grad()
def test_the_assembled_adapter_is_half_precision_and_what_diffusers_reads(tmp_path):
    torch.manual_seed(0)
    unet = new_unet((8, 16, 24), (1, 1, 3)).requires_grad_(False).eval()
    state = Adapter(unet, 24).state()
    weights = tmp_path / "work" / "outfits" / "weights"
    with pytest.raises(SystemExit, match="train outfits"):
        assemble_outfits(tmp_path / "work", tmp_path / "to")
    weights.mkdir(parents=True)
    safetensors.torch.save_file(state, weights / FILE)
    record = {"steps": 50, "samples": 1200, "minutes": 1.0, "loss": [[25, 0.3]], "validation": [[50, 0.2]]}
    write_journal(record, tmp_path / "work" / "outfits")
    assemble_outfits(tmp_path / "work", tmp_path / "to")
    told = safetensors.torch.load_file(tmp_path / "to" / FILE)
    assert {value.dtype for value in told.values()} == {torch.float16} and told.keys() == state.keys()
    parts = {
        part: {name.partition(".")[2]: value for name, value in told.items() if name.startswith(f"{part}.")}
        for part in ("image_proj", "ip_adapter")
    }
    new_unet((8, 16, 24), (1, 1, 3))._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    assert record.items() <= json.loads((tmp_path / "to" / "training.json").read_text()).items()


def test_styles_that_are_ready_are_assembled_with_their_records(tmp_path):
    for name in ("pixel-art", "half-done"):
        write_journal(
            {"steps": 5, "samples": 60, "minutes": 1.0, "loss": [], "validation": []},
            tmp_path / "work" / "styles" / name,
        )
    safetensors.torch.save_file(
        {"unet.a": torch.zeros(2)}, tmp_path / "work" / "styles" / "pixel-art" / "pixel-art.safetensors"
    )
    assemble_styles(tmp_path / "work", tmp_path / "to")
    assert {file.name for file in (tmp_path / "to").iterdir()} == {"pixel-art.safetensors", "pixel-art.json"}
    assert json.loads((tmp_path / "to" / "pixel-art.json").read_text())["steps"] == 5
