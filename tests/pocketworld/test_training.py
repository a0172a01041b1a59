"""The training recipes: they resume, end and assemble as they say. On toy sizes; nothing here learns anything."""

import json
import random

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import nn

from pocketworld.__main__ import FAMILY
from pocketworld.canvas import PARTS
from pocketworld.render import render
from pocketworld.training.attention_revival import lay_anew
from pocketworld.training.data import to_tensor, training_pictures
from pocketworld.training.decoder import Pairs, redraw
from pocketworld.training.diffusion import Diffusion
from pocketworld.training.latents import SQUARE, Latents, encode
from pocketworld.training.loop import Loop, go_on_from, load_average, training_record, trapezoid
from pocketworld.training.muon import MuonAndAdamW, orthogonalise, split_parameters
from pocketworld.training.unet import (
    HEARINGS,
    STYLE_AND_LAYOUT,
    Batches,
    PlainAttention,
    emphasis,
    hear_in,
    new_unet,
    predict,
    size_conditioning,
)
from pocketworld.training.vae import (
    Adversary,
    crops,
    new_vae,
    normalise_latents,
    reconstruction_loss,
    vae_loss,
    with_noise,
)
from pocketworld.world import Spec, sample


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_in = nn.Conv2d(3, 8, 3)
        self.hidden = nn.Conv2d(8, 8, 3)
        self.head = nn.Linear(8, 2)

    def forward(self, pictures):
        return self.head(self.hidden(self.conv_in(pictures).relu()).mean((2, 3)))


def run(folder, steps, stop_after=None):
    """Train a toy for `steps`; with `stop_after`, leave at that step as an interrupted process would."""
    torch.manual_seed(7)
    model = Toy()
    loop = Loop(folder, model, MuonAndAdamW(model), steps=steps, warmup=2)
    for step in loop:
        pictures = torch.from_numpy(loop.rng.standard_normal((4, 3, 8, 8))).float()
        loss = (model(pictures) - torch.randn(4, 2)).square().mean()
        loop.descend(loss, samples=4)
        if step + 1 == stop_after:
            loop.stopping = True
    return loop


def test_interrupted_training_ends_with_the_same_weights(tmp_path):
    whole = run(tmp_path / "whole", steps=6)
    run(tmp_path / "parts", steps=6, stop_after=3)
    resumed = run(tmp_path / "parts", steps=6)
    assert resumed.step == whole.step == 6
    assert resumed.samples == 24
    for one, other in zip(whole.parameters + whole.average, resumed.parameters + resumed.average, strict=True):
        assert torch.equal(one, other)


def test_average_is_lent_and_taken_back(tmp_path):
    loop = run(tmp_path, steps=4)
    trained = [p.detach().clone() for p in loop.parameters]
    with loop.averaged() as model:
        assert all(torch.equal(p, a) for p, a in zip(model.parameters(), loop.average, strict=True))
    assert all(torch.equal(p, t) for p, t in zip(loop.parameters, trained, strict=True))
    reloaded = Toy()
    load_average(tmp_path, reloaded)
    assert all(torch.equal(p, a) for p, a in zip(reloaded.parameters(), loop.average, strict=True))


def test_budget_in_minutes_ends_the_training(tmp_path):
    model = Toy()
    loop = Loop(tmp_path, model, MuonAndAdamW(model), minutes=1e-9)
    steps = sum(1 for _ in loop)
    assert steps == 1
    assert loop.checkpoint.exists()


def test_journal_becomes_the_training_record(tmp_path):
    loop = run(tmp_path, steps=50)
    loop.journal(validation=0.5)
    record = training_record(tmp_path)
    assert record["samples"] == 200
    assert [step for step, _ in record["loss"]] == [25, 50]
    assert record["validation"][0][1] == 0.5
    json.dumps(record)


def test_finished_model_is_trained_further_after_a_new_warm_up(tmp_path):
    first = run(tmp_path / "first", steps=50)
    with first.averaged() as model:
        go_on_from(model, training_record(tmp_path / "first"), tmp_path / "second")
    model = Toy()
    second = Loop(tmp_path / "second", model, MuonAndAdamW(model), steps=100, warmup=50)
    assert all(torch.equal(p, a) for p, a in zip(second.parameters, first.average, strict=True))
    for _ in second:
        second.descend(model(torch.randn(4, 3, 8, 8)).square().mean(), samples=4)
        break
    assert (second.step, second.samples) == (50, 204)
    assert second.optimiser.param_groups[0]["lr"] == pytest.approx(0.02 / 50)
    assert training_record(tmp_path / "second")["loss"] == training_record(tmp_path / "first")["loss"]


def test_learning_rate_is_constant_then_falls_to_zero():
    assert trapezoid(0.0) == trapezoid(0.6) == 1.0
    assert trapezoid(0.8) == pytest.approx(0.5)
    assert trapezoid(1.0) == trapezoid(1.1) == 0.0


@pytest.mark.parametrize("shape", [(3, 16, 64), (2, 64, 16), (1, 32, 32)])
def test_muon_makes_updates_nearly_orthogonal(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).float())
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_outer_layers_and_vectors_go_to_adamw():
    model = Toy()
    hidden, rest = split_parameters(model, ("conv_in",))
    assert {id(p) for p in hidden} == {id(model.hidden.weight), id(model.head.weight)}
    assert len(hidden) + len(rest) == len(list(model.parameters()))


def test_last_timestep_is_pure_noise_and_velocity_inverts():
    diffusion = Diffusion()
    latents, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    noisy, velocity = diffusion.noisy_and_target(latents, noise, torch.tensor([999, 400]))
    assert torch.allclose(noisy[0], noise[0], atol=1e-5)
    signal = diffusion.scheduler.alphas_cumprod[400]
    assert torch.allclose(signal.sqrt() * noisy[1] - (1 - signal).sqrt() * velocity[1], latents[1], atol=1e-5)


def test_timesteps_are_stratified_and_lean_towards_noise():
    timesteps = Diffusion().timesteps(512).sort().values
    assert timesteps.min() >= 0 and timesteps.max() <= 999
    assert 520 < timesteps.float().mean() < 620


def test_errors_in_the_figure_count_for_more_than_in_the_scene():
    parts = np.zeros((2, 128, 128), np.uint8)
    parts[0, :64] = PARTS["face"]
    parts[1, :64] = PARTS["top"]
    weights = emphasis(parts, (32, 32))
    assert weights.shape == (2, 1, 32, 32) and weights.mean().item() == pytest.approx(1)
    face, top, scene = weights[0, 0, 0, 0], weights[1, 0, 0, 0], weights[0, 0, -1, 0]
    assert face > top > scene > 0
    predicted, velocity = torch.zeros(2, 4, 32, 32), torch.ones(2, 4, 32, 32)
    assert Diffusion().loss(predicted, velocity, torch.tensor([600, 600]), weights).item() == pytest.approx(1)


def test_a_prompt_is_heard_in_the_named_blocks_alone():
    torch.manual_seed(0)
    unet = new_unet()
    unet.set_attn_processor({name: PlainAttention() for name in unet.attn_processors})
    one, other, nothing = torch.randn(3, 1, 8, unet.config.cross_attention_dim)
    noisy, timesteps = torch.randn(1, 4, 8, 8), torch.tensor([500])

    @torch.no_grad()
    def answer(states):
        return predict(unet, noisy, timesteps, (states, torch.zeros(1, 128)), (64, 64))

    for blocks, heard in ((STYLE_AND_LAYOUT, True), (("",), True), (("nowhere",), False)):
        hear_in(unet, blocks, nothing)
        assert torch.equal(answer(one), answer(other)) != heard
    assert sum(one.share for one in HEARINGS) == pytest.approx(1)


def test_attention_that_has_drowned_begins_anew_and_the_rest_goes_on_as_it_was():
    torch.manual_seed(0)
    unet, block = new_unet().eval(), "down_blocks.2.attentions.1"
    drowned = unet.get_submodule(block)
    with torch.no_grad():
        drowned.proj_in.bias.add_(50)  # what it reads is a constant, whatever comes in
        drowned.proj_out.bias.add_(3)
    inputs = torch.randn(8, 4, 8, 8), torch.linspace(20, 999, 8).long(), torch.randn(8, 8, 192)

    @torch.no_grad()
    def run_through():
        seen = {}
        hooks = [
            drowned.transformer_blocks[0].register_forward_pre_hook(lambda _module, args: seen.update(read=args[0])),
            drowned.register_forward_hook(lambda _module, args, out: seen.update(added=out[0] - args[0])),
        ]
        added = {"text_embeds": torch.zeros(8, 128), "time_ids": size_conditioning((64, 64), 8)}
        unet(inputs[0], inputs[1], inputs[2], added_cond_kwargs=added)
        for hook in hooks:
            hook.remove()
        return seen

    before = run_through()
    lay_anew(drowned, new_unet().get_submodule(block), run_through)
    after = run_through()
    assert constant(before["read"]) > 0.99 and constant(after["read"]) < 0.05
    assert torch.allclose(after["added"].mean((0, 2, 3)), before["added"].mean((0, 2, 3)), atol=1e-3)


def constant(states):
    """The share of the power of states [batch, places, channels] that is the same for all pictures and places."""
    return (states.mean((0, 1)).square().mean() / states.square().mean()).item()


def test_pictures_on_disk_have_any_shape(tmp_path):
    wide = training_pictures(tmp_path, (96, 64), count=3)
    assert wide.folder.name == "pictures-96x64"
    assert wide.pixels.shape == (3, 64, 96, 3) and wide.parts.shape == (3, 64, 96)
    assert training_pictures(tmp_path, 64, count=3).captions == wide.captions
    drawn = render(Spec(**wide.specs[0]), (96, 64))
    assert np.array_equal(np.asarray(drawn.image), wide.pixels[0])


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return new_vae(channels=(8, 8, 16, 16)).eval()


def test_latents_of_every_frame_have_their_captions_and_go_on_where_they_stopped(tmp_path, vae):
    encode(vae, tmp_path, (64, 96), "training", count=5, stop=3)
    assert len(Latents(tmp_path, (64, 96))) == 3
    with open(tmp_path / "latents" / "training-64x96" / "captions.jsonl", "a", encoding="utf-8") as file:
        file.write("a chunk that was interrupted")
    encode(vae, tmp_path, (64, 96), "training", count=5)
    whole, again = Latents(tmp_path, (64, 96)), tmp_path / "again"
    encode(vae, again, (64, 96), "training", count=5)
    assert whole.rows.shape == (5, 4, 12, 8) and whole.parts.shape == (5, 24, 16)
    # Products of bfloat16 round otherwise in a batch of another size.
    assert torch.allclose(whole.take(np.arange(5)), Latents(again, (64, 96)).take(np.arange(5)), atol=0.02)
    assert [whole.captions(index) for index in range(5)] == training_pictures(tmp_path, 64, count=5).captions


def test_a_batch_is_of_one_frame_and_all_frames_come_up(tmp_path, vae):
    frames = {(64, 64): 2.0, (96, 64): 1.0}
    for frame in frames:
        encode(vae, tmp_path, frame, "training", count=4)
    batches = Batches(tmp_path, frames, np.random.default_rng(0))
    drawn = [batches.draw(3) for _ in range(20)]
    assert {frame for frame, *_ in drawn} == set(frames)
    for (width, height), latents, weights, captions in drawn:
        assert latents.shape == (3, 4, height // 8, width // 8) and weights.shape == (3, 1, height // 8, width // 8)
        assert len(captions) == 3


def test_sizes_are_told_as_sdxl_does_height_first():
    assert size_conditioning((224, 288), 1).tolist() == [[288, 224, 0, 0, 288, 224]]


def test_noise_on_latents_is_little_for_most_and_another_for_each():
    torch.manual_seed(0)
    amounts = with_noise(torch.zeros(2000, 1, 32, 32), most=0.4).flatten(1).std(1)
    assert amounts.max() < 0.5 and amounts.median() < 0.15 and amounts.mean() > 0.1


def test_the_adversary_and_the_vae_do_not_learn_each_others_lesson(tmp_path, vae):
    adversary, painter = Adversary(), new_vae(channels=(8, 8, 16, 16))
    cut, weights = crops(training_pictures(tmp_path, 64, count=4), 2, np.random.default_rng(0))
    loss, rebuilt = vae_loss(painter, cut, weights)
    adversary.loss(cut, rebuilt).backward(retain_graph=True)
    assert all(parameter.grad is None for parameter in painter.parameters())
    taught = [parameter.grad.clone() for parameter in adversary.parameters()]
    adversary.judged(rebuilt).backward(retain_graph=True)
    assert any(parameter.grad is not None for parameter in painter.decoder.parameters())
    assert all(torch.equal(now.grad, then) for now, then in zip(adversary.parameters(), taught, strict=True))
    assert loss.isfinite()


def test_haze_on_flat_ground_costs_more_than_the_same_among_lines():
    ground, across = torch.zeros(1, 3, 32, 32), torch.arange(32)
    lines = ((across + across[:, None]) % 2).expand(1, 3, 32, 32).float()
    weights, haze = torch.ones(1, 1, 32, 32), 0.02 * torch.sign(torch.randn(1, 3, 32, 32))
    assert reconstruction_loss(ground + haze, ground, weights) > 1.4 * reconstruction_loss(lines + haze, lines, weights)


def test_the_adversary_soon_tells_faint_haze_from_flat_ground():
    torch.manual_seed(0)
    adversary = Adversary()
    optimiser = torch.optim.AdamW(adversary.parameters(), lr=1e-3)
    for _ in range(40):
        flat = torch.rand(4, 3, 1, 1).expand(4, 3, 32, 32) * 2 - 1
        loss = adversary.loss(flat, flat + 0.01 * torch.randn_like(flat))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.5


def test_the_adversary_is_heard_by_its_share_however_sure_it_is():
    torch.manual_seed(0)
    adversary = Adversary()
    decoded = torch.rand(2, 3, 32, 32, requires_grad=True)
    for loudness in (1, 100):
        plain = loudness * decoded.square().mean()
        contested, _ = adversary.contested(plain, decoded, share=0.5)
        own, both = (torch.autograd.grad(loss, decoded, retain_graph=True)[0] for loss in (plain, contested))
        assert ((both - own).norm() / own.norm()).item() == pytest.approx(0.5, abs=0.01)


def test_a_vae_learns_nothing_about_how_much_its_latents_deviate(tmp_path):
    vae = new_vae(channels=(8, 8, 16, 16))
    cut, weights = crops(training_pictures(tmp_path, 64, count=4), 2, np.random.default_rng(0))
    loss, _ = vae_loss(vae, cut, weights)
    loss.backward()
    assert vae.quant_conv.weight.grad[:4].any() and not vae.quant_conv.weight.grad[4:].any()
    normalise_latents(vae, cut)
    deviations = vae.encode(cut).latent_dist.std.detach()
    assert deviations.min().item() == pytest.approx(0.045, abs=0.001) == deviations.max().item()


def test_the_bundled_latents_deviate_by_a_few_percent():
    """DreamBooth samples them: a VAE whose deviation was 0.9 taught a character of nothing but noise."""
    specs = [sample(random.Random(seed), held_out=True) for seed in range(4)]
    pictures = to_tensor(np.stack([np.asarray(render(spec, 256, truth=False).image) for spec in specs]))
    vae = AutoencoderKL.from_pretrained(FAMILY / "vae", dtype=torch.float32)
    assert vae.encode(pictures).latent_dist.std.max() < 0.1


def test_a_vae_near_the_usual_one_is_punished_for_other_latents(vae):
    pictures, weights = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    usual = vae.encode(pictures).latent_dist.mean.detach()
    torch.manual_seed(1)
    same, _ = vae_loss(vae, pictures, weights, usual)
    torch.manual_seed(1)
    other, _ = vae_loss(vae, pictures, weights, usual + 1)
    assert other.item() == pytest.approx(same.item() + 0.5, abs=0.05)


def test_the_decoder_learns_from_what_the_unet_redrew_of_the_same_pictures(tmp_path, vae):
    encode(vae, tmp_path, SQUARE, "training", count=4)
    known = Latents(tmp_path)
    redrawn = known.rows + np.float16(1)
    pairs = Pairs(training_pictures(tmp_path, SQUARE[0], 4), known, redrawn, np.random.default_rng(0))
    latents, pixels, weights = pairs.draw(4)
    assert latents.shape == (4, 4, 16, 16) and pixels.shape == (4, 3, 128, 128) and weights.shape == (4, 1, 128, 128)
    assert latents[:2].mean() > latents[2:].mean() + 0.5


def test_redrawing_at_a_low_strength_stays_near_the_latents():
    torch.manual_seed(0)
    unet = new_unet().eval()
    unet.set_attn_processor({name: PlainAttention() for name in unet.attn_processors})
    latents = torch.randn(2, 4, 8, 8)

    def texts(captions):
        return torch.zeros(len(captions), 8, 192), torch.zeros(len(captions), 128)

    little, much = (redraw(unet, texts, latents, ["a", "b"], strength) - latents for strength in (0.05, 0.9))
    assert 0 < little.square().mean() < much.square().mean()
