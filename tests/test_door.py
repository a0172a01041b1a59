"""The studio through its one door, on the real pocket family."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

import studio
from studio.contracts.recipes import write_png
from studio.execution.local import LocalExecutor
from studio.library.family_files import built_in

POCKET = built_in()["pocket"]

ROOT = Path(__file__).resolve().parent.parent
QUICK = {
    "steps": 8,
    "checkpoint_every": 3,
    "sample_every": 8,
    "class_images": 1,
    "prior_region": "picture",
    "batch_size": 1,
    "rank": 2,
    "seed": 5,
}
TRAINING = studio.TrainRequest(subject="mika", **QUICK)
DRAWING = studio.DrawRequest(prompt="a cartoon of sks girl on the beach", steps=3, seed=7)


def photos():
    """Three drawn faces, no two alike."""
    for shade in (60, 120, 180):
        photo = Image.new("RGB", (256, 256), (240, 240 - shade, 200))
        ImageDraw.Draw(photo).ellipse((60, 40, 196, 216), fill=(shade, 80, 90))
        yield photo


def furnish(root):
    library = studio.Library(root)
    library.add_subject("Mika", class_noun="girl", identifier="sks", photos=list(photos()))
    return root


def hasty(folder):
    """A folder with pocket as a user's own family, whose pictures take two steps unless the request says more."""
    folder.mkdir(exist_ok=True)
    family = {field.name: getattr(POCKET, field.name) for field in fields(POCKET)}
    family["drawing"] = {**POCKET.drawing, "steps": 2}
    family["presets"] = {name: preset.to_json() for name, preset in POCKET.presets.items()}
    plain = json.loads(json.dumps(family, default=lambda one: dict(one) if isinstance(one, Mapping) else vars(one)))
    (folder / "pocket.yaml").write_text(yaml.safe_dump(plain))
    return folder


def open_studio(root, executor):
    return studio.open(root, family_folder=hasty(root.parent / "families"), executor=executor)


def pixels(picture):
    return np.asarray(picture.image)


@pytest.fixture(scope="module")
def executor():
    """One executor, so one pipeline, for all studios of this file."""
    executor = LocalExecutor()
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, executor):
    """A library with one trained LoRA and one picture drawn with it, and its studio."""
    root = furnish(tmp_path_factory.mktemp("trained") / "library")
    desk = open_studio(root, executor)
    lora = desk.start(TRAINING).result(120)
    desk.start(studio.DrawRequest(prompt=DRAWING.prompt, steps=3, seed=7, lora=lora.slug)).result(60)
    return desk


@pytest.fixture
def desk(tmp_path, executor):
    return open_studio(furnish(tmp_path / "library"), executor)


def test_a_script_teaches_a_subject_and_draws_it(trained):
    (lora,) = trained.library.loras()
    (picture,) = trained.library.pictures()
    assert lora.path.stat().st_size > 1000 and lora.trigger == "sks girl"
    assert picture.recipe.request["lora"] == lora.slug
    assert picture.image.size == (trained.family.resolution,) * 2


def test_a_picture_draws_again_to_the_pixel(trained):
    picture = trained.library.pictures()[-1]
    again = trained.replay(picture.path)
    assert again.path != picture.path
    assert np.array_equal(pixels(again), pixels(picture))


def test_the_pixels_of_a_picture_do_not_depend_on_the_count(desk):
    two = desk.start(studio.DrawRequest(prompt="a cat in the snow", steps=2, seed=7, count=2)).result(60)
    (second,) = desk.start(studio.DrawRequest(prompt="a cat in the snow", steps=2, seed=8)).result(60)
    assert np.array_equal(pixels(two[1]), pixels(second))
    assert np.array_equal(pixels(desk.replay(two[1].path)), pixels(second))


def test_brackets_that_were_letters_are_told_when_a_picture_is_drawn_again(desk, tmp_path):
    (picture,) = desk.start(studio.DrawRequest(prompt="a (cat) in the snow", steps=1, seed=7)).result(60)
    assert np.array_equal(pixels(desk.replay(picture.path)), pixels(picture))
    before = tmp_path / "before.png"
    write_png(picture.image, before, replace(picture.recipe, versions={}))
    with pytest.raises(ValueError, match="were read as letters when this picture was drawn"):
        desk.replay(before)


def test_a_missing_lora_is_named_when_a_picture_is_drawn_again(trained, desk):
    picture = trained.library.pictures()[-1]
    visitor = desk.visit(sample=False)
    with pytest.raises(ValueError, match=r"The LoRA .* that this picture was drawn with is not in this library"):
        visitor.replay(picture.path)
    visitor.leave()


def test_a_changed_lora_is_named_when_a_picture_is_drawn_again(trained, tmp_path, executor):
    shutil.copytree(trained.library.root, tmp_path / "library")
    with open(next((tmp_path / "library" / "loras").glob("*/*.safetensors")), "ab") as file:
        file.write(b" ")
    copy = studio.open(tmp_path / "library", executor=executor)
    with pytest.raises(ValueError, match="The LoRA .* has changed since this picture was drawn"):
        copy.replay(copy.library.pictures()[-1].path)


def test_a_changed_family_is_named_when_a_picture_is_drawn_again(trained, monkeypatch):
    picture = trained.library.pictures()[-1]
    monkeypatch.setattr(type(trained.executor.pipelines), "fingerprint", lambda self, family: "0" * 64)
    with pytest.raises(ValueError, match="The weights of Pocket have changed since this picture was drawn"):
        trained.replay(picture.path)


def test_a_picture_is_drawn_again_with_the_library_that_holds_it(trained, desk):
    picture = trained.library.pictures()[-1]
    for again in (desk.replay(picture.path), studio.replay(picture.path)):
        assert np.array_equal(pixels(again), pixels(picture))
        assert again.path.is_relative_to(trained.library.root)


def test_an_image_without_a_recipe_is_refused_in_a_sentence(desk, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    with pytest.raises(ValueError, match="recipe"):
        desk.replay(tmp_path / "plain.png")
    with pytest.raises(ValueError, match="recipe"):
        studio.replay(tmp_path / "plain.png")


@pytest.mark.parametrize(
    "request_, words",
    [
        (studio.TrainRequest(subject="nobody"), "no subject 'nobody'; known are mika"),
        (studio.DrawRequest(prompt="a cat", lora="nothing"), "no LoRA 'nothing'; there is none yet"),
        (studio.DrawRequest(prompt="a cat", scheduler="Magic"), "no scheduler 'Magic'; known are"),
        (studio.DrawRequest(prompt="a cat", family="huge"), "no family 'huge'; known are pocket, sdxl"),
    ],
)
def test_what_is_not_there_is_refused_at_once_with_what_there_is(desk, request_, words):
    with pytest.raises(ValueError, match=words):
        desk.start(request_)


def test_a_subject_without_photos_is_not_trained(desk):
    desk.library.add_subject("Nemo", class_noun="boy", identifier="ohwx")
    with pytest.raises(ValueError, match="Nemo has no photos yet"):
        desk.start(studio.TrainRequest(subject="nemo"))


def test_an_unknown_family_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="no family 'flux'; known are pocket, sdxl, sd15"):
        studio.open(tmp_path / "library", family="flux")


def test_missing_weights_fail_the_run_with_a_sentence(tmp_path, executor):
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "gone.yaml").write_text("layout: sd15\nweights: /nowhere/at/all\n")
    desk = studio.open(tmp_path / "library", "gone", family_folder=tmp_path / "families", executor=executor)
    run = desk.start(studio.DrawRequest(prompt="a cat", steps=1))
    with pytest.raises(studio.RunFailed) as failed:
        run.result(60)
    assert "nobody foresaw" not in str(failed.value)


def test_training_and_drawing_share_one_pipeline_and_never_at_once(desk, monkeypatch):
    inside, most = [], []
    cache = desk.executor.pipelines
    lend = type(cache).lend

    def watched(self, *arguments, **options):
        return SchedulerTap(lend(self, *arguments, **options), inside, most)

    monkeypatch.setattr(type(cache), "lend", watched)
    training = desk.start(studio.TrainRequest(subject="mika", **QUICK | {"class_images": 0, "seed": 6}))
    drawings = [desk.start(studio.DrawRequest(prompt=f"cat {n}", steps=2, seed=n)) for n in range(3)]
    assert [len(run.result(60)) for run in drawings] == [1, 1, 1]
    training.result(120)
    assert max(most) == 1


class SchedulerTap:
    """Counts who is inside a lending."""

    def __init__(self, lending, inside, most):
        self.lending, self.inside, self.most = lending, inside, most

    def __enter__(self):
        pipeline = self.lending.__enter__()
        self.inside.append(threading.get_ident())
        self.most.append(len(self.inside))
        return pipeline

    def __exit__(self, *fault):
        self.inside.pop()
        return self.lending.__exit__(*fault)


def test_a_drawing_stops_within_a_step(desk):
    run = desk.start(studio.DrawRequest(prompt="a cat", steps=200, count=8, seed=1))
    next(event for event in run.events() if isinstance(event, studio.PreviewDrawn))
    run.cancel()
    assert run.wait(60) and run.status == "cancelled"
    assert run.kept() == [], "it did not go on to the end of a picture"


def test_a_cancelled_training_keeps_its_last_checkpoint_as_a_lora(desk):
    run = desk.start(studio.TrainRequest(subject="mika", **QUICK | {"steps": 500, "class_images": 0, "seed": 9}))
    next(event for event in run.events() if isinstance(event, studio.CheckpointSaved))
    run.cancel()
    assert run.wait(30) and run.status == "cancelled"
    assert run.kept() == desk.library.loras()[0]


KILLED = textwrap.dedent("""
    import os, signal, sys
    import studio
    from pathlib import Path
    from tests.test_door import TRAINING, open_studio

    desk = open_studio(Path(sys.argv[1]), None)
    for event in desk.start(TRAINING).events():
        if isinstance(event, studio.StepFinished) and event.step == 5:
            os.kill(os.getpid(), signal.SIGKILL)
""")


def test_a_killed_training_goes_on_at_the_next_open_and_ends_in_the_same_weights(trained, tmp_path, executor):
    root = furnish(tmp_path / "library")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(root)], cwd=ROOT, timeout=100, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert killed.returncode == -signal.SIGKILL
    desk = open_studio(root, executor)
    (run,) = desk.runs()
    lora = run.result(60)
    assert lora.path.read_bytes() == trained.library.loras()[0].path.read_bytes()
    steps = [event.step for event in desk.runs()[0].snapshot() if isinstance(event, studio.StepFinished)]
    assert steps[-1] == QUICK["steps"]


def test_a_training_that_was_paused_goes_on_to_the_same_weights_and_can_be_extended(trained, desk):
    run = desk.start(TRAINING)
    for event in run.events():
        if isinstance(event, studio.StepFinished) and event.step == 3:
            run.pause()
    assert run.status == "paused" and isinstance(run.snapshot()[-1], studio.Paused)
    with pytest.raises(studio.RunPaused):
        run.result(1)
    with pytest.raises(ValueError, match="is paused already"):
        run.pause()
    assert desk.library.loras() == [] and desk.resume() == [], "it rests until it is asked for"
    (resumed,) = desk.resume(run.id)
    assert resumed.id == run.id
    first = resumed.result(60)
    assert first.path.read_bytes() == trained.library.loras()[0].path.read_bytes()
    with pytest.raises(ValueError, match="is finished; extend it"):
        desk.resume(run.id)
    with pytest.raises(ValueError, match="1 or more; got 0"):
        desk.extend(run.id, 0)
    longer = desk.extend(run.id, 2).result(60)
    assert (longer.steps, first.steps) == (QUICK["steps"] + 2, QUICK["steps"]) and longer.slug != first.slug
    assert len(desk.runs()) == 1 and desk.run(run.id).request.steps == QUICK["steps"] + 2


def test_another_checkpoint_of_a_run_is_taken_by_hand(desk):
    run = desk.start(studio.TrainRequest("mika", **QUICK | {"class_images": 0, "checkpoint_every": 2}))
    first = run.result(60)
    scored = [event for event in run.snapshot() if isinstance(event, studio.CheckpointScored)]
    other = next(event.step for event in scored if event.step not in (0, first.steps))
    lora = desk.pick_checkpoint(run.id, other)
    assert lora.steps == other and lora.trigger == first.trigger and lora.preview is not None
    assert run.result(1) == lora and lora.path.read_bytes() != first.path.read_bytes()
    assert desk.start(studio.DrawRequest("sks girl", lora=lora.slug, steps=1)).result(60)
    with pytest.raises(ValueError, match="no checkpoint of step 99; it has 2, 4"):
        desk.pick_checkpoint(run.id, 99)


def test_a_training_paused_in_the_queue_rests_and_a_drawing_cannot_pause(desk):
    first, second = (desk.start(studio.TrainRequest("mika", **QUICK | {"steps": 400, "seed": seed})) for seed in (1, 2))
    second.pause()
    assert second.wait(5) and second.status == "paused" and not first.ended
    first.cancel()
    assert desk.resume(second.id)[0].id == second.id
    desk.run(second.id).cancel()
    drawing = desk.start(studio.DrawRequest(prompt="a cat", steps=1))
    with pytest.raises(ValueError, match="Only a training can be paused"):
        drawing.pause()
    drawing.wait(60)
    with pytest.raises(ValueError, match="is paused; let it go on|is cancelled; let it go on"):
        desk.extend(second.id, 5)
    with pytest.raises(ValueError, match="Only a training can be extended"):
        desk.extend(drawing.id, 5)


def test_a_training_that_cannot_go_on_since_too_many_wait_rests_as_before(desk, executor, monkeypatch):
    run = desk.start(studio.TrainRequest("mika", **QUICK | {"steps": 400}))
    run.pause()
    assert run.wait(60)
    monkeypatch.setattr(executor, "_max_waiting", 0)
    with pytest.raises(ValueError, match="others wait already"):
        desk.resume(run.id)
    assert desk.library.run(run.id).status == "paused"
    monkeypatch.undo()
    desk.resume(run.id)[0].cancel()


def test_one_press_trains_with_class_images_and_without_from_one_seed(desk):
    first, second = desk.start_both(studio.TrainRequest("mika", **{**QUICK, "seed": None, "class_checks": 2}))
    assert (first.request.class_images, second.request.class_images) == (1, 0)
    assert first.request.seed == second.request.seed
    assert desk.twin(first) is second and desk.twin(second) is first
    assert desk.start_both(first.asked) == (first, second), "pressed twice"
    for run in (first, second):
        run.result(120)
        (checked,) = (event for event in run.snapshot() if isinstance(event, studio.ClassChecked))
        assert len(checked.pictures) == len(checked.base_pictures) == 2
    assert {lora.name for lora in desk.library.loras()} == {"Mika with class images", "Mika without class images"}
    later = studio.open(desk.library.root, executor=LocalExecutor())
    assert later.twin(later.run(first.id)).id == second.id, "another process finds them too"


def test_runs_of_this_process_are_listed_without_reading_their_files(desk, monkeypatch):
    run = desk.start(studio.TrainRequest("mika", **QUICK | {"steps": 400}))
    monkeypatch.setattr(type(desk.library), "events", None)
    assert desk.runs() == [run] and desk.run(run.id) is run and desk.twin(run) is None
    run.cancel()


def test_a_pair_of_trainings_without_room_for_both_trains_neither(desk, executor, monkeypatch):
    busy = desk.start(studio.TrainRequest("mika", **QUICK | {"steps": 400}))
    monkeypatch.setattr(executor, "_max_waiting", 1)
    with pytest.raises(ValueError, match="others wait already"):
        desk.start_both(studio.TrainRequest("mika", **QUICK))
    assert all(run.status == "cancelled" for run in desk.runs() if run is not busy)
    busy.cancel()


def test_only_one_process_trains_in_a_library_and_any_may_draw(desk, executor):
    second = studio.open(desk.library.root, executor=executor)
    with pytest.raises(ValueError, match="Another studio has this library open"):
        second.start(TRAINING)
    assert second.start(studio.DrawRequest(prompt="a cat", steps=1)).result(60)


def test_runs_of_earlier_processes_are_listed_and_read(trained):
    later = studio.open(trained.library.root, executor=LocalExecutor())
    run = next(run for run in later.runs() if run.kind == "train")
    assert run.status == "finished" and run.title == "Training Mika"
    assert run.result(1) == trained.library.loras()[0]
    assert list(run.events())[-1] == studio.Finished()
    assert later.run(run.id).request == run.request
    later.close()


def test_a_run_that_a_later_version_wrote_is_left_out(desk):
    desk.library.new_run("train", {"type": "TrainRequest", "subject": "mika", "mood": "blue"}, "Training Mika")
    desk.library.new_run("dream", {"type": "DreamRequest"}, "Dreaming")
    assert desk.runs() == [] and desk.resume() == []


def test_a_lora_that_was_removed_is_no_result_any_more(desk):
    library = desk.library
    library.save_lora("Mika", "mika", "pocket", "sks girl", 2, 2.0, 8, lambda path: path.write_bytes(b"x"))
    record = library.new_run("train", {"type": "TrainRequest", "subject": "mika"}, "Training Mika")
    library.append_event(record.id, {"event": "LoraSaved", "slug": "mika", "step": 8})
    library.update_run(record.id, status="finished")
    assert desk.run(record.id).kept().slug == "mika"
    library.remove_lora("mika")
    assert desk.run(record.id).kept() is None


def test_a_visitor_sees_only_their_own_and_leaves_nothing(desk):
    one, other = desk.visit(sample=False), desk.visit(sample=False)
    run = one.start(studio.DrawRequest(prompt="a secret", steps=200, count=4))
    assert other.runs() == desk.runs() == []
    with pytest.raises(ValueError, match="no run"):
        other.run(run.id)
    until_shown = time.monotonic() + 30
    while "Drawing for someone else" not in [now.title for now in other.now()]:
        assert time.monotonic() < until_shown
        time.sleep(0.01)
    assert not any(now.run_id or "secret" in now.title for now in other.now())
    assert any("secret" in now.title for now in one.now())
    folder = one.library.root.parent
    one.leave()
    with pytest.raises(ValueError, match="This visit has ended"):
        one.start(DRAWING)
    assert run.status == "cancelled" and not folder.exists()
    assert not [served for served in desk.served if served.startswith(str(folder))]
    other.leave()


def test_visitors_have_a_quota_of_runs_steps_and_room(tmp_path, executor):
    quota = studio.Quota(megabytes=0.4, waiting=1, train_steps=50)
    desk = studio.open(tmp_path / "library", executor=executor, quota=quota)
    visitor = desk.visit(sample=False)
    visitor.add_subject("Mika", "girl", "sks", photos())
    with pytest.raises(ValueError, match="steps may be at most 50, got 200"):
        visitor.start(studio.TrainRequest(subject="mika"))
    with pytest.raises(ValueError, match="count may be at most 8, got 9"):
        visitor.start(studio.DrawRequest(prompt="a cat", count=9))
    run = visitor.start(studio.DrawRequest(prompt="a cat", steps=100))
    with pytest.raises(ValueError, match="1 runs under way"):
        visitor.start(studio.DrawRequest(prompt="a cat"))
    with pytest.raises(ValueError, match="1 runs under way"):
        visitor.start(studio.RepaintRequest(Image.new("RGB", (64, 64)), Image.new("L", (64, 64))))
    assert not list((visitor.library.root / "images").glob("*")), "nothing is kept for what is refused"
    run.cancel()
    run.wait(30)
    noise = tmp_path / "big.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (700, 700, 3), np.uint8)).save(noise)
    added = visitor.add_photos("mika", [noise])
    assert not added.kept and "at most 0.4 MB" in added.refused[0][1]
    visitor.leave()


def test_a_visitor_idle_for_long_is_sent_away(tmp_path, executor):
    desk = studio.open(tmp_path / "library", executor=executor, quota=studio.Quota(idle_hours=1e-9))
    idle = desk.visit()
    time.sleep(0.01)
    desk.visit()
    assert idle.gone
    wait_until(lambda: not idle.library.root.exists())


def test_of_too_many_visitors_the_one_quiet_for_longest_goes(tmp_path, executor):
    desk = studio.open(tmp_path / "library", executor=executor, quota=studio.Quota(visitors=2))
    first, second = desk.visit(sample=False), desk.visit(sample=False)
    first.notice()
    third = desk.visit(sample=False)
    assert second.gone and not first.gone and not third.gone


def wait_until(happened, seconds=30):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_shared_host_takes_photos_only_with_consent(tmp_path, executor):
    desk = studio.open(tmp_path / "library", executor=executor, ask_consent=True)
    with pytest.raises(ValueError, match="only with consent"):
        desk.add_subject("Mika", "girl", "sks", photos())
    assert len(desk.add_subject("Mika", "girl", "sks", photos(), consent=True).photos) == 3
    with pytest.raises(ValueError, match="only with consent"):
        desk.add_photos("mika", photos())


def test_a_new_library_starts_from_the_sample_where_asked(tmp_path, executor):
    assert studio.open(tmp_path / "empty", executor=executor).library.subjects() == []
    with studio.open(tmp_path / "library", sample=True, executor=executor) as desk:
        assert {subject.name for subject in desk.library.subjects()} == {"Mika", "Heart cup"}
        desk.library.remove_subject("mika")
    with studio.open(tmp_path / "library", sample=True, executor=executor) as desk:
        assert [subject.name for subject in desk.library.subjects()] == ["Heart cup"], "no longer new"
