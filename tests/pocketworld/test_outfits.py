"""The recipe of the IP-Adapter: what it learns from, and that its file is the one diffusers takes."""

import copy
import random

import numpy as np
import torch
from diffusers import UNet2DConditionModel

from pocketworld.captions import caption
from pocketworld.training.latents import SQUARE
from pocketworld.training.outfits import SCALES, SILENT, TOKENS, Adapter, predict, reference, scales
from pocketworld.training.unet import new_unet
from pocketworld.training.unet import predict as plain
from pocketworld.world import Spec

GIRL = Spec(
    noun="girl",
    skin="pale",
    hair="long",
    hair_colour="red",
    expression="smiling",
    top="jacket",
    top_colour="blue",
    bottom="pants",
    bottom_colour="black",
    shoes="white",
    pose="standing",
    scene="beach",
)
WIDTH = 24  # of what the image encoder saw


def tiny() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return new_unet((8, 16, 24), (1, 1, 3)).requires_grad_(False).eval()


def asked(count: int = 2):
    given = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=given)

    conditioning = drawn(count, 7, 192), drawn(count, 128)
    return drawn(count, 4, 32, 32), torch.full((count,), 500), conditioning, drawn(count, 5, WIDTH)


@torch.no_grad()
def test_untrained_it_changes_nothing_and_its_file_is_what_diffusers_reads():
    unet = tiny()
    bare, adapter = copy.deepcopy(unet), Adapter(unet, WIDTH)
    noisy, timesteps, conditioning, seen = asked()
    without = plain(bare, noisy, timesteps, conditioning, SQUARE)
    assert torch.allclose(predict(unet, noisy, timesteps, conditioning, seen), without, atol=5e-2)
    for parameter in adapter.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    changed = predict(unet, noisy, timesteps, conditioning, seen)
    assert (changed - without).abs().max() > 0.1
    state = adapter.state()
    parts = {
        part: {name.partition(".")[2]: value for name, value in state.items() if name.startswith(f"{part}.")}
        for part in ("image_proj", "ip_adapter")
    }
    assert sum(len(part) for part in parts.values()) == len(state)
    bare._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    assert torch.equal(predict(bare, noisy, timesteps, conditioning, seen), changed)
    assert bare.encoder_hid_proj.image_projection_layers[0].latents.shape[1] == TOKENS


@torch.no_grad()
def test_scales_act_by_block():
    unet = tiny()
    adapter = Adapter(unet, WIDTH)
    for parameter in adapter.parameters():
        parameter.add_(0.1)
    noisy, timesteps, conditioning, seen = asked()
    drawn = {}
    for name, scale in (("off", 0.0), ("on", 1.0), ("dict", SCALES[1][1])):
        adapter.scale(scale)
        drawn[name] = predict(unet, noisy, timesteps, conditioning, seen)
    assert not torch.equal(drawn["off"], drawn["dict"]) and not torch.equal(drawn["dict"], drawn["on"])
    rng = np.random.default_rng(0)
    assert 0.1 < sum(scales(rng) == 1.0 for _ in range(400)) / 400 < 0.3


def test_captions_can_be_silent_about_the_garments():
    rng = random.Random(0)
    said = [caption(GIRL, rng, SILENT) for _ in range(50)]
    assert not any(word in text for text in said for word in ("jacket", "pants"))
    assert any("beach" in text for text in said)


def test_references_show_the_clothes_and_nobody_s_face():
    for number in range(12):
        picture = reference(GIRL, random.Random(number))
        pixels = np.asarray(picture.convert("RGB")).astype(int).reshape(-1, 3)
        assert picture.width == picture.height
        assert (np.abs(pixels - (45, 98, 214)).max(1) < 12).mean() > 0.02, "the jacket's blue"
        assert (np.abs(pixels - (240, 200, 170)).max(1) < 20).mean() < 0.02, "no skin"
