import hashlib
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from studio.contracts.events import (
    CheckpointPicked,
    CheckpointSaved,
    CheckpointScored,
    ClassChecked,
    LoraSaved,
    SampleDrawn,
    StageReported,
    StepFinished,
    from_json,
    to_json,
)
from studio.contracts.family import ModelFamily
from studio.contracts.requests import TrainRequest, resolved
from studio.engine.adapters.lora import fingerprint
from studio.engine.models.noise import stratified_timesteps, weights_of
from studio.engine.models.weights import metadata_of
from studio.engine.training.checkpoint_choice import pick
from studio.engine.training.dataset import Seen, class_prompts, draw_class_pictures, instance_pictures
from studio.engine.training.dreambooth import LOOKS, _Run, train
from studio.engine.training.losses import prior_preservation_loss
from studio.library.family_files import built_in
from tests.engine.toys import new_library

POCKET = built_in()["pocket"]

SQUARE = TrainRequest("mika", resolution=64)


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def weights(library, slug=None):
    lora = library.lora(slug) if slug else library.loras()[0]
    return lora.path.read_bytes()


def test_a_run_tells_its_steps_and_leaves_samples_checkpoints_and_a_lora(trains, library, family, pipelines):
    with pipelines.lend(family) as pipeline:
        before = fingerprint(pipeline)
    events = list(trains(family=family))
    assert [event.step for event in of(events, StepFinished)] == [1, 2, 3, 4]
    assert of(events, StageReported)[0] == StageReported("Drawing class images", 0, 2)
    assert [event.step for event in of(events, CheckpointSaved)] == [2, 4]
    samples = of(events, SampleDrawn)
    assert [sample.step for sample in samples] == [0, 0, 0, 2, 2, 2, 4, 4, 4]
    assert {sample.prompt for sample in samples} == set(family.validation_prompts("sks girl"))
    assert all(Image.open(library.root / sample.path).size == (family.resolution,) * 2 for sample in samples)
    scores = of(events, CheckpointScored)
    assert [score.step for score in scores] == [0, 2, 4]
    assert all(-1 <= value <= 1 for score in scores for value in (score.subject_fidelity, score.prompt_fidelity))
    (picked,) = of(events, CheckpointPicked)
    assert picked.step in (2, 4) and picked.reason
    assert isinstance(events[-1], LoraSaved) and (events[-1].step, events[-1].trained) == (picked.step, 4)
    lora = library.lora(events[-1].slug)
    assert (lora.subject, lora.family, lora.trigger, lora.rank) == ("mika", "pocket", "sks girl", 2)
    assert lora.steps == picked.step
    assert lora.preview is not None
    with pipelines.lend(family) as pipeline:
        assert fingerprint(pipeline) == before, "the shared networks are as they were"
        assert not any(p.requires_grad for p in pipeline.unet.parameters())


@pytest.fixture(scope="module")
def whole(pipelines, toy, tmp_path_factory):
    """The weights that a training nobody disturbed ends in."""
    library = new_library(tmp_path_factory.mktemp("whole") / "library")
    request = resolved(TrainRequest("mika", seed=5), toy.training)
    events = train(request, pipelines=pipelines, family=toy, library=library, run_folder=library.root / "runs" / "x")
    return weights(library, list(events)[-1].slug)


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_the_best_checkpoint_is_the_lora_also_after_an_interruption(layout, toys, trains, library):
    asked = {"family": toys(layout)[0], "pick_best": True, "checkpoint_every": 1, "class_images": 0}
    events = list(trains("whole", **asked))
    assert [score.step for score in of(events, CheckpointScored)] == [0, 1, 2, 3, 4]
    saved, picked = of(events, LoraSaved)[0], of(events, CheckpointPicked)[0]
    assert saved.step == picked.step
    parts = list(trains("parts", until=2, **asked))
    checkpoint = library.root / "runs" / "parts" / of(parts, CheckpointSaved)[-1].path
    parts += trains("parts", checkpoint=checkpoint, **asked)
    assert of(parts, CheckpointScored) == of(events, CheckpointScored) and of(parts, CheckpointPicked) == [picked]
    assert weights(library, of(parts, LoraSaved)[0].slug) == weights(library, saved.slug)


def test_a_pause_amid_the_samples_of_a_checkpoint_loses_no_score(trains, library, toys):
    asked = {"family": toys("sdxl")[0], "pick_best": True, "checkpoint_every": 2, "class_images": 0}
    whole = list(trains("whole", **asked))
    pause, parts = threading.Event(), []
    for event in trains("parts", pause=pause.is_set, **asked):
        parts.append(event)
        if isinstance(event, SampleDrawn) and event.step == 4:
            pause.set()
    assert not of(parts, LoraSaved) and len(of(parts, CheckpointScored)) == 2
    checkpoint = library.root / "runs" / "parts" / of(parts, CheckpointSaved)[-1].path
    parts += trains("parts", checkpoint=checkpoint, **asked)
    assert of(parts, CheckpointScored) == of(whole, CheckpointScored)
    assert weights(library, of(parts, LoraSaved)[0].slug) == weights(library, of(whole, LoraSaved)[0].slug)


def test_a_pause_amid_samples_that_nothing_is_picked_by_draws_the_rest_later(trains, library, toys):
    asked = {"family": toys("sdxl")[0], "pick_best": False, "checkpoint_every": 2, "sample_every": 2, "class_images": 0}
    pause, parts = threading.Event(), []
    for event in trains("parts", pause=pause.is_set, **asked):
        parts.append(event)
        if isinstance(event, SampleDrawn) and event.step == 2:
            pause.set()
    assert len(of(parts, SampleDrawn)) == 1
    checkpoint = library.root / "runs" / "parts" / of(parts, CheckpointSaved)[-1].path
    parts += trains("parts", checkpoint=checkpoint, **asked)
    prompts = {sample.prompt for sample in of(parts, SampleDrawn) if sample.step == 2}
    assert len(prompts) == 3 and len(of(parts, SampleDrawn)) == 1 + 3 + 3


def test_the_bare_class_is_looked_at_with_what_was_learnt_and_without(trains, library, family):
    events = list(trains(family=family, class_images=0, class_checks=2, steps=6, learning_rate=1e-2, pick_best=False))
    (checked,) = of(events, ClassChecked)
    assert checked.prompt == "a cartoon of a girl" and checked.step == 6
    after, before = (
        [np.asarray(Image.open(library.root / path)) for path in paths]
        for paths in (checked.pictures, checked.base_pictures)
    )
    assert len(after) == len(before) == 2 and not np.array_equal(after[0], before[0])
    assert checked.drift > 0.01 and checked.before > 0.01 and checked.diversity > 0
    assert from_json(json.loads(json.dumps(to_json(checked)))) == checked


def test_a_pause_amid_the_bare_class_looks_at_it_when_the_training_goes_on(trains, library, family):
    asked = {"family": family, "class_images": 0, "class_checks": 2, "pick_best": False}
    pause, parts = threading.Event(), []
    for event in trains(pause=pause.is_set, **asked):
        parts.append(event)
        if isinstance(event, StageReported) and "bare class" in event.stage:
            pause.set()
    assert not of(parts, LoraSaved) and not of(parts, ClassChecked)
    checkpoint = library.root / "runs" / "run" / of(parts, CheckpointSaved)[-1].path
    rest = list(trains(checkpoint=checkpoint, **asked))
    assert not of(rest, StepFinished) and of(rest, ClassChecked) and of(rest, LoraSaved)


def test_a_look_at_the_class_that_fails_loses_no_training(trains, toy):
    gone = replace(toy, scorer=str(toy.weights) + "-gone")
    events = list(trains(family=gone, class_images=0, class_checks=2, pick_best=False))
    assert "could not be looked at" in of(events, StageReported)[-1].stage and of(events, LoraSaved)


def test_a_pause_between_checkpoints_spares_the_best_of_a_full_fine_tune(trains, library, toys, monkeypatch):
    monkeypatch.setattr("studio.engine.training.validation_samples.pick", lambda scores: (2, "chosen by hand"))
    asked = {"family": toys("sdxl")[0], "pick_best": True, "method": "full", "checkpoint_every": 2, "class_images": 0}
    pause = threading.Event()
    for event in trains(pause=pause.is_set, steps=8, **asked):
        if isinstance(event, StepFinished) and event.step == 5:
            pause.set()
    kept = sorted(path.stem for path in (library.root / "runs" / "run" / "checkpoints").glob("*.safetensors"))
    assert kept == ["000002", "000005"]


def test_a_class_that_nothing_changed_has_not_moved(trains, family):
    events = list(trains(family=family, class_images=0, class_checks=2, steps=1, learning_rate=1e-8, pick_best=False))
    (checked,) = of(events, ClassChecked)
    assert abs(checked.drift) < 1e-3 and checked.diversity == pytest.approx(checked.before, abs=1e-3)


def test_a_scorer_that_cannot_be_had_ends_no_training(trains, toy):
    events = list(trains(family=replace(toy, scorer=str(toy.weights) + "-gone"), pick_best=True))
    assert any("not scored" in event.stage for event in of(events, StageReported))
    assert of(events, LoraSaved)[0].step == 4 and not of(events, CheckpointScored)


@pytest.mark.parametrize(
    "scores, best, told",
    [
        ({0: (0.3, 0.5), 50: (0.6, 0.5), 100: (0.8, 0.5)}, 100, "No earlier step is clearly better"),
        ({0: (0.3, 0.5), 50: (0.81, 0.5), 100: (0.8, 0.5)}, 100, "No earlier step is clearly better"),
        ({0: (0.3, 0.5), 50: (0.78, 0.5), 100: (0.8, 0.2)}, 50, "follows its prompts better than step 100"),
        ({0: (0.3, 0.5), 50: (0.9, 0.5), 100: (0.8, 0.5)}, 50, "is more like the photos than step 100"),
    ],
)
def test_the_pick_weighs_subject_against_prompt_fidelity_and_says_why(scores, best, told):
    step, reason = pick(scores)
    assert step == best and told in reason


def test_the_same_seed_gives_the_same_weights(trains, library, whole):
    assert weights(library, list(trains("a"))[-1].slug) == whole


def test_another_seed_gives_others(trains, library, whole):
    assert weights(library, list(trains("b", seed=6))[-1].slug) != whole


def test_a_training_that_goes_on_from_a_checkpoint_ends_in_the_same_bytes(trains, library, whole):
    events = list(trains("parts", until=2))
    assert not of(events, LoraSaved)
    checkpoint = library.root / "runs" / "parts" / of(events, CheckpointSaved)[-1].path
    rest = list(trains("parts", checkpoint=checkpoint))
    assert [event.step for event in of(rest, StepFinished)] == [3, 4]
    assert weights(library, rest[-1].slug) == whole


def test_a_checkpoint_names_its_run_as_the_first_version_did_so_that_older_ones_go_on(trains, library, toy):
    events = list(trains("parts", until=2))
    request = resolved(TrainRequest("mika", seed=5), toy.training)
    asked = {name: value for name, value in vars(request).items() if value is not None and name not in LOOKS}
    first = {
        "optimiser": "optimizer",
        "schedule": "lr_scheduler",
        "warm_up": "lr_warmup_steps",
        "accumulation": "gradient_accumulation_steps",
    }
    asked |= {name: asked.pop(today) for name, today in first.items()}
    subject = library.subject("mika")
    photos = [(photo.file, photo.caption, photo.crop) for photo in subject.photos]
    run = json.dumps([asked, subject.trigger, photos], sort_keys=True, default=str)
    told = metadata_of(library.root / "runs" / "parts" / of(events, CheckpointSaved)[-1].path)
    assert told["run"] == hashlib.sha256(run.encode()).hexdigest() and "optimiser" in told


def test_a_training_left_at_any_step_goes_on_from_its_last_checkpoint(trains, library, pipelines, toy, whole):
    with pipelines.lend(toy) as pipeline:
        before = fingerprint(pipeline)
    events, told = trains("left"), []
    for event in events:
        told.append(event)
        if isinstance(event, StepFinished) and event.step == 3:
            events.close()
    with pipelines.lend(toy) as pipeline:
        assert fingerprint(pipeline) == before, "the adapter went with the run"
    checkpoint = library.root / "runs" / "left" / of(told, CheckpointSaved)[-1].path
    assert weights(library, list(trains("left", checkpoint=checkpoint))[-1].slug) == whole


def test_cancel_keeps_what_is_learnt_as_a_lora(trains, library):
    stop = threading.Event()
    events = []
    for event in trains(stop=stop.is_set):
        events.append(event)
        if isinstance(event, StepFinished) and event.step == 3:
            stop.set()
    assert [event.step for event in of(events, StepFinished)] == [1, 2, 3]
    assert isinstance(events[-1], LoraSaved) and events[-1].step == 3
    assert library.lora(events[-1].slug).steps == 3


def test_a_run_cancelled_before_its_first_step_leaves_no_lora(trains, library):
    assert not of(list(trains(stop=lambda: True)), LoraSaved)
    assert library.loras() == []


def test_a_drawing_between_two_steps_changes_neither_result(trains, draws, library, toy, whole):
    alone = np.asarray(draws(family=toy)[0].image)
    between = []
    for event in trains("shared"):
        if isinstance(event, StepFinished) and event.step in (1, 3):
            between.append(np.asarray(draws(family=toy)[0].image))
    assert len(between) == 2 and all(np.array_equal(picture, alone) for picture in between)
    assert weights(library, library.loras()[0].slug) == whole


def test_a_drawing_waits_for_one_step_only(trains, draws, toy):
    waited = []
    drawer = None
    for event in trains(steps=6, sample_every=6):
        if isinstance(event, StepFinished) and event.step == 2:
            drawer = threading.Thread(target=lambda: waited.append(draws(family=toy, steps=1)))
            drawer.start()
        if isinstance(event, StepFinished) and event.step == 5:
            drawer.join(10)
            assert waited, "drawn before the training ended"


def test_out_of_memory_steps_down_and_ends_in_the_same_weights(trains, library, pipelines, toy, whole, monkeypatch):
    with pipelines.lend(toy) as pipeline:
        unet, forward = pipeline.unet, pipeline.unet.forward
    failures = []

    def failing(*args, **options):
        if failures:
            raise failures.pop()
        return forward(*args, **options)

    monkeypatch.setattr(unet, "forward", failing)
    events, saved = [], []
    for event in trains():
        events.append(event)
        if event == next(iter(of(events, StepFinished)), None):
            failures.append(torch.OutOfMemoryError("CUDA out of memory"))
        saved.append(unet.is_gradient_checkpointing)
    assert weights(library, events[-1].slug) == whole
    assert not saved[0] and any(saved) and not unet.is_gradient_checkpointing
    failures += [torch.OutOfMemoryError("CUDA out of memory")] * 2
    with pytest.raises(MemoryError, match="smaller batch"):
        list(trains("again", class_images=0))


def test_without_samples_only_the_lora_is_made(trains, library):
    events = list(trains(sample_every=0))
    assert not of(events, SampleDrawn)
    assert of(events, LoraSaved)


def test_class_images_are_drawn_once_and_kept(pipelines, toy, library):
    request = resolved(TrainRequest("mika"), toy.training)

    def made():
        return list(draw_class_pictures(request, library.subject("mika"), pipelines, toy, library))

    first, second = made(), made()
    drawn = sorted((library.root / "classes").rglob("*.png"))
    assert len(drawn) == 2 and first[0] == StageReported("Drawing class images", 0, 2)
    assert [picture.caption for picture in second] == ["a picture of a girl"] * 2
    drawn[0].write_bytes(b"torn")
    third = made()
    assert third[0] == StageReported("Drawing class images", 1, 2)
    # Alone this time, and two at once before: products of another shape may round the last bit another way.
    difference = np.asarray(third[1].image).astype(int) - np.asarray(second[0].image)
    assert np.abs(difference).max() <= 2


def test_class_images_show_what_the_family_knows(library, monkeypatch, family):
    subject = library.subject("mika")
    monkeypatch.setattr(ModelFamily, "words", lambda self: {})
    assert class_prompts(subject, family) == ["a picture of a girl"]
    monkeypatch.setattr(
        ModelFamily,
        "words",
        lambda self: {
            "nouns": ["girl", "boy"],
            "places": ["on the beach", "in the park"],
            "tops": ["jacket", "dress", "sweater"],
            "colours": ["red", "blue"],
        },
    )
    assert class_prompts(subject, family) == [
        "a picture of a girl in a red jacket, on the beach",
        "a picture of a boy in a blue dress, in the park",
        "a picture of a girl in a red sweater, in the park",
        "a picture of a boy in a blue jacket, on the beach",
    ]


def test_without_class_images_only_the_photos_count(trains):
    events = list(trains(class_images=0, steps=1))
    assert isinstance(events[-1], LoraSaved)
    assert {event.stage for event in of(events, StageReported)} == {"Reading the photos", "Drawing samples"}


def test_a_caption_that_does_not_say_the_trigger_gets_it(library):
    subject = library.subject("mika")
    first, second, third = subject.photos
    library.edit_photo("mika", first.file, caption="in the park")
    library.edit_photo("mika", second.file, caption="sks girl, waving")
    library.edit_photo("mika", third.file, caption="sks, waving")
    said = [picture.caption for picture in instance_pictures(library.subject("mika"), SQUARE, POCKET, 8)]
    assert said == ["a picture of sks girl, in the park", "sks girl, waving", "sks, waving"]


def test_the_crop_is_what_training_sees(library):
    photo = library.subject("mika").photos[0]
    library.edit_photo("mika", photo.file, crop=(80, 80, 144, 144))
    image = next(instance_pictures(library.subject("mika"), SQUARE, POCKET, 8)).image
    assert image.size == (64, 64) and np.ptp(np.asarray(image), (0, 1)).max() == 0, "the middle of a flat ellipse"


def test_what_lies_aside_goes_along_with_its_photo(library):
    photo = library.subject("mika").photos[0]
    library.edit_photo("mika", photo.file, crop=(0, 0, 200, 200))
    mask = Image.new("L", (200, 200))
    mask.paste(255, (100, 0, 200, 200))
    mask.save(library.root / "mask.png")
    seen = {photo.file: Seen(garments=library.root / "mask.png")}
    pictures = list(instance_pictures(library.subject("mika"), replace(SQUARE, garment_weight=0.3), POCKET, 8, seen))
    assert np.asarray(pictures[0].counts).mean() == pytest.approx(255 * 0.65, abs=3) and pictures[1].counts is None
    assert pictures[0].counts.size == (64, 64)


def test_a_subject_without_photos_is_refused(trains, library):
    for photo in library.subject("mika").photos:
        library.remove_photo("mika", photo.file)
    with pytest.raises(ValueError, match="no photos yet; add 3 to 20"):
        list(trains())


def test_a_checkpoint_of_another_training_is_refused(trains, library):
    checkpoint = library.root / "runs" / "run" / of(list(trains(until=1)), CheckpointSaved)[0].path
    with pytest.raises(ValueError, match="a checkpoint of another training"):
        list(trains(checkpoint=checkpoint, seed=6))


@pytest.mark.parametrize("layout", ["sdxl", "sd15"])
def test_sdxl_and_sd15_are_taught_by_the_same_code(layout, toys, trains, draws):
    family = toys(layout)[0]
    lora = list(trains(family=family))[-1]
    drawn = [draws("sks girl", family=family, lora=slug)[0] for slug in (lora.slug, None)]
    assert not np.array_equal(*(np.asarray(picture.image) for picture in drawn))


def test_the_loss_is_the_instances_plus_the_weighted_class():
    errors = torch.tensor([1.0, 3.0, 10.0, 20.0])
    assert prior_preservation_loss(errors, 2, 0.5) == 2.0 + 0.5 * 15.0
    assert prior_preservation_loss(errors[:2], 2, 0.5) == 2.0


def test_timesteps_are_spread_over_the_schedule():
    steps = stratified_timesteps(10, 1000, torch.Generator().manual_seed(0))
    assert sorted(int(step) // 100 for step in steps) == list(range(10))


def test_little_noise_counts_less(pipelines, family):
    with pipelines.lend(family) as pipeline:
        found = weights_of(pipeline.scheduler, torch.tensor([0, 500, 999]), 5.0)
    assert found[0] < 0.1 and found[2] == 1.0


def test_where_garments_alone_count_class_images_weigh_what_is_worn(pipelines, library, family, monkeypatch):
    subject = library.subject("mika")
    request = resolved(TrainRequest("mika", class_images=3, prior_region="garments"), family.training)
    pictures = [
        made
        for made in draw_class_pictures(request, subject, pipelines, family, library)
        if not isinstance(made, StageReported)
    ]
    assert pictures and all(0.02 < np.asarray(one.counts).mean() / 255 < 0.4 for one in pictures)
    monkeypatch.setattr("studio.engine.training.dataset.outline", None)
    again = list(draw_class_pictures(request, subject, pipelines, family, library))
    assert [np.array_equal(one.counts, two.counts) for one, two in zip(pictures, again, strict=True)] == [True] * 3


@pytest.mark.parametrize("breaks_at", [1, 4])
def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_last_good_checkpoint(
    breaks_at, trains, library, family, monkeypatch
):
    usual, turns = _Run._learn_from, []

    def broken(run, pipeline, turn):
        turns.append(turn)
        loss = usual(run, pipeline, turn)
        return float("nan") if len(turns) == breaks_at else loss

    monkeypatch.setattr(_Run, "_learn_from", broken)
    events = []
    with pytest.raises(ValueError, match=f"not a number at step {breaks_at}: .*Lower the learning rate") as caught:
        for event in trains(family=family, class_images=0, steps=6, checkpoint_every=2, sample_every=6):
            events.append(event)
    saved = [event for event in events if isinstance(event, LoraSaved)]
    assert len(turns) == breaks_at  # it stopped at once
    if breaks_at == 1:
        assert not saved and "no checkpoint" in str(caught.value)
    else:
        assert saved[0].step == 2 and "until step 2" in str(caught.value)
        assert all(tensor.isfinite().all() for tensor in load_file(library.lora(saved[0].slug).path).values())


def test_scores_that_are_no_numbers_are_never_picked():
    nan = float("nan")
    assert pick({0: (0.3, 1.0), 2: (0.6, 0.9), 4: (nan, nan)})[0] == 2
