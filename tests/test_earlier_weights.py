"""What became of things made when Pocket drew 128 px: nothing is lost, and nothing changes without a sentence."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import studio
from studio.contracts.events import CheckpointSaved, to_json
from studio.contracts.recipes import Recipe
from studio.contracts.requests import resolved
from studio.engine.adapters.lora import Applied, attached
from studio.engine.adapters.metadata import LoraMetadata
from studio.engine.models.sdxl import SDXLDriver
from studio.engine.models.weights import write_tensors
from studio.library.family_files import built_in
from studio.ui.page_opening import open_draw
from studio.ui.recipe_import import settings_of
from studio.ui.tabs.draw.views import words_for

POCKET = built_in()["pocket"]
BEFORE = POCKET.earlier_resolution
TRAINED = f"Trained when Pocket drew {BEFORE} px: it draws as before, now at {POCKET.resolution} px."

pytestmark = pytest.mark.skipif(BEFORE is None, reason="Pocket has drawn one size only")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with studio.open(tmp_path_factory.mktemp("earlier") / "library", sample=False) as opened:
        opened.library.add_subject("Mika", "girl", "sks", [Image.new("RGB", (BEFORE, BEFORE), "red")])
        yield opened


def earlier_lora(library, name="Mika", **more):
    return library.save_lora(name, "mika", "pocket", "sks girl", 2, 2.0, 4, lambda path: path.write_bytes(b"x"), **more)


def earlier_recipe(**asked):
    request = {"type": "DrawRequest", "prompt": "a cat", "seed": 4, "steps": 5, "family": "pocket"}
    request |= {"width": BEFORE, "height": BEFORE, **asked}
    return Recipe(request=request, family={"name": "pocket", "title": "Pocket", "sha256": "0" * 64})


def test_a_lora_of_then_says_that_it_draws_as_before_and_one_of_now_says_nothing(desk):
    then = earlier_lora(desk.library, "Then")
    told = earlier_lora(desk.library, "Told", base_resolution=BEFORE)
    now = earlier_lora(desk.library, "Now", base_resolution=POCKET.resolution)
    assert (then.remark(POCKET), told.remark(POCKET), now.remark(POCKET)) == (TRAINED, TRAINED, "")
    assert then.fits(POCKET) and then.remark(built_in()["sdxl"]) == ""
    assert TRAINED in words_for(desk, then.slug, "pocket") and TRAINED not in words_for(desk, now.slug, "pocket")


def test_a_file_tells_what_its_base_drew(tmp_path):
    now = LoraMetadata.of_family(POCKET, "Mika", "sks girl")
    assert not LoraMetadata.from_header(now.header()).of_earlier_weights(POCKET)
    then = {name: value for name, value in now.header().items() if name != "base_resolution"}
    assert LoraMetadata.from_header(then).of_earlier_weights(POCKET)
    assert not LoraMetadata.from_header({**then, "base": "somebody/else"}).of_earlier_weights(POCKET)


def test_the_settings_of_a_picture_of_then_come_back_at_the_size_of_now(desk):
    told = settings_of(earlier_recipe(), desk)
    assert (told.request.width, told.request.height) == (POCKET.resolution,) * 2
    assert told.remarks == (
        f"It was drawn at {BEFORE} x {BEFORE} px, and Pocket draws whole figures in pictures of {POCKET.sides[0]} to "
        f"{POCKET.sides[1]} px a side: it will be {POCKET.resolution} x {POCKET.resolution}.",
    )


def test_a_picture_of_then_is_not_drawn_again_by_other_weights(desk):
    picture = desk.library.save_picture(Image.new("RGB", (BEFORE, BEFORE)), earlier_recipe())
    with pytest.raises(ValueError, match="The weights of Pocket have changed since this picture was drawn"):
        desk.replay(picture.path)


def test_what_was_never_typed_is_the_size_of_now(desk):
    drafts = {"prompt": "a castle", "family": "pocket", "width": BEFORE, "height": BEFORE}
    told = open_draw(desk, drafts)
    assert (told["prompt"], told["width"], told["height"]) == ("a castle", *(POCKET.resolution,) * 2)


@pytest.mark.parametrize(
    ("size", "instead"),
    [
        ((BEFORE, BEFORE), f"try {POCKET.resolution} x {POCKET.resolution}"),
        ((384, 256), "try 256 x 192"),
        ((144, 256), "try 192 x 256"),
    ],
)
def test_a_size_at_which_nobody_comes_out_whole_is_refused_with_one_that_does(desk, size, instead):
    with pytest.raises(ValueError, match=f"got {size[0]} x {size[1]}; {instead}"):
        desk.start(studio.DrawRequest("a cat", width=size[0], height=size[1]))
    with pytest.raises(ValueError, match=instead):
        desk.start(studio.SetRequest("a cat", ["beach"], width=size[0], height=size[1]))


def test_a_set_of_then_is_not_filled_up_at_another_size(desk):
    begun = resolved(studio.SetRequest("a cat", ["beach"], width=BEFORE, height=BEFORE, seed=1), POCKET.drawing)
    kept = desk.library.keep_set(replace(begun, family="pocket"), "A set")
    with pytest.raises(ValueError, match=f"This set was begun when Pocket drew {BEFORE} px, .* dress them anew"):
        desk.go_on_with_set(kept.id)
    assert [one.id for one in desk.library.sets()] == [kept.id]


def test_a_script_that_names_the_resolution_of_then_is_told_todays(desk):
    with pytest.raises(ValueError, match=f"leave the resolution out, or say {POCKET.resolution}"):
        desk.start(studio.TrainRequest("mika", resolution=BEFORE))


def begun_then(library, status, **asked):
    """A training of then, as its files have it."""
    request = {"type": "TrainRequest", "subject": "mika", "steps": 8, "resolution": BEFORE, "family": "pocket", **asked}
    record = library.new_run("train", request, "Training Mika")
    checkpoint = library.run_folder(record.id) / "checkpoints" / "000004.safetensors"
    checkpoint.parent.mkdir()
    write_tensors({"unet.a.lora_A.weight": torch.ones(2, 2)}, checkpoint, {"run": "of then"})
    library.append_event(record.id, to_json(CheckpointSaved(4, "checkpoints/000004.safetensors")))
    library.update_run(record.id, status=status)
    return record


def test_a_training_paused_then_says_why_it_does_not_go_on_and_its_checkpoint_becomes_a_lora(desk):
    run = desk.run(begun_then(desk.library, "paused").id)
    with pytest.raises(
        ValueError, match=f"began when Pocket drew {BEFORE} px, and it draws {POCKET.resolution} px now"
    ):
        desk.resume(run.id)
    assert desk.library.run(run.id).status == "paused"
    picked = desk.pick_checkpoint(run.id, 4)
    assert picked.base_resolution is None and picked.remark(POCKET) == TRAINED


def test_a_training_that_an_earlier_version_left_under_way_ends_with_the_reason(tmp_path, desk):
    shutil.copytree(desk.library.root, tmp_path / "library", ignore=shutil.ignore_patterns(".lock"))
    library = studio.Library(tmp_path / "library")
    record = begun_then(library, "running")
    with studio.open(library.root, executor=desk.executor) as later:
        assert later.run(record.id).status == "failed"
        assert f"began when Pocket drew {BEFORE} px" in later.run(record.id).message
        assert later.library.run_folder(record.id).joinpath("checkpoints", "000004.safetensors").is_file()


def test_a_run_of_now_keeps_what_its_family_draws(desk):
    run = desk.start(
        studio.TrainRequest("mika", steps=2, class_images=0, resolution=64, sample_every=0, pick_best=False)
    )
    assert desk.library.run(run.id).base_resolution == POCKET.resolution
    assert run.result(300).base_resolution == POCKET.resolution


def test_a_full_fine_tune_of_then_hears_todays_size_as_its_own(desk, tmp_path):
    """Its weights are the family's before the size was told anew: folded back, they draw what the family draws."""
    pipelines = desk.executor.pipelines
    with pipelines.lend(POCKET) as pipeline:
        whole = {f"unet.{name}": value for name, value in pipeline.unet.state_dict().items()}
        unfolded = pipeline.unet.add_embedding
        kept = unfolded.linear_1.bias.clone()
        SDXLDriver().tell_size_as(pipeline.unet, BEFORE, POCKET.resolution)
        before = pipeline.unet.add_embedding.linear_1.bias.detach().clone()
        unfolded.linear_1.bias.data.copy_(kept)
        assert not torch.allclose(before, kept)
        told = replace(LoraMetadata.of_family(POCKET, "Mika", "sks girl", method="full"), base_resolution=0)
        file = tmp_path / "full" / "pytorch_lora_weights.safetensors"
        file.parent.mkdir()
        write_tensors({**whole, "unet.add_embedding.linear_1.bias": before}, file, told.header())
        with attached(pipelines, pipeline, [Applied(file)]):
            assert np.allclose(pipeline.unet.add_embedding.linear_1.bias.detach(), kept, atol=1e-4)
