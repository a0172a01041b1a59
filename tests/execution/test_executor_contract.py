"""What every executor keeps: each test runs on all of EXECUTORS. Another executor (Ray, ZeroGPU) is one line there.

The works are named as text and take their signs from files in the library, so that they may run in any process.
"""

import errno
import json
import pickle
import threading
import time
from dataclasses import replace

import pytest

from studio.contracts.events import (
    Cancelled,
    CheckpointSaved,
    Finished,
    LoraSaved,
    Paused,
    PreviewDrawn,
    StepFinished,
)
from studio.contracts.requests import DrawRequest, TrainRequest, as_json
from studio.execution.local import LocalExecutor
from studio.execution.run import RunCancelled, RunFailed, RunPaused
from studio.library import Library
from studio.library.family_files import built_in
from studio.tasks import request_from_json, task_of
from studio.tasks.draw import DRAW
from studio.tasks.train import TRAIN

POCKET = built_in()["pocket"]

TASKS = (replace(DRAW, function=f"{__name__}:draw"), replace(TRAIN, function=f"{__name__}:train"))


def draw(request, *, pipelines, family, library, stop):
    """As many steps as are asked for, each once the file `go` is there; "fault" ends in one."""
    for step in range(1, request.steps + 1):
        yield PreviewDrawn(0, step, request.steps, b"")
        while not (library.root / "go").exists():
            if stop():
                return
            time.sleep(0.005)
        if request.prompt == "fault":
            raise OSError(errno.ENOSPC, "No space left on device")
    (library.root / f"drawn-{request.prompt}").write_text(family.name)


def train(request, *, pipelines, family, library, run_folder, checkpoint, stop, pause):
    """Steps likewise, with a checkpoint after each; a pause is taken at once."""
    step = int(checkpoint.stem) if checkpoint else 0
    while step < request.steps and not stop() and not pause():
        if not (library.root / "go").exists():
            time.sleep(0.005)
            continue
        step += 1
        (run_folder / "checkpoints").mkdir(exist_ok=True)
        (run_folder / "checkpoints" / f"{step:06d}.safetensors").touch()
        yield StepFinished(step, request.steps, 1 / step, 0.0)
        yield CheckpointSaved(step, f"checkpoints/{step:06d}.safetensors")
        if step == 2 and not (library.root / "go on").exists():
            (library.root / "go").unlink()
    if not pause():
        yield LoraSaved(request.subject, step)


def answered(word, *, pipelines, family, library=None):
    return pipelines is not None, word, family.title, library and library.root


def refused(*, pipelines):
    raise ValueError("No; ask for something else.")


class Shipped:
    """An executor to which everything travels: requests as JSON, all else pickled, as to another machine."""

    def __init__(self, inner):
        self.inner = inner

    def start(self, request, library, family, asked=None):
        told = request_from_json(json.loads(json.dumps(as_json(request))), TASKS)
        assert told == request
        return self.inner.start(told, *pickle.loads(pickle.dumps((library, family, asked))))

    def resume(self, *given):
        return self.inner.resume(*pickle.loads(pickle.dumps(given)))

    def ask(self, function, *given, **options):
        given, options = pickle.loads(pickle.dumps((given, options)))
        return pickle.loads(pickle.dumps(self.inner.ask(function, *given, **options)))

    def __getattr__(self, name):
        return getattr(self.inner, name)


EXECUTORS = {
    "local": lambda **options: LocalExecutor(pipelines=object(), **options),
    "local, by what travels": lambda **options: Shipped(LocalExecutor(pipelines=object(), **options)),
}


@pytest.fixture(params=EXECUTORS)
def make(request):
    made = []

    def executor(tasks=TASKS, **options):
        made.append(EXECUTORS[request.param](tasks=tasks, **options))
        return made[-1]

    yield executor
    for one in made:
        one.close()


@pytest.fixture
def executor(make):
    return make()


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library")
    library.add_subject("Mika", "girl", "sks")
    return library


@pytest.fixture
def start(executor, library):
    return lambda request: begun(executor, request, library)


def begun(executor, request, library, family=POCKET):
    resolved = task_of(request, executor.tasks).resolve(request, library, family)
    return executor.start(resolved, library, family, asked=request)


def go(library, *signs):
    for sign in ("go", *signs):
        (library.root / sign).touch()


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_a_request_is_carried_out_with_its_family_and_in_its_library(start, library):
    go(library)
    run = start(DrawRequest("cat", steps=2))
    assert run.wait(10) and run.status == "finished" and run.snapshot() == [Finished()]
    assert (library.root / "drawn-cat").read_text() == "pocket" and run.result() == []


def test_runs_are_known_by_their_ids_newest_first(start, executor, library):
    go(library)
    first, second = start(DrawRequest("one", steps=1)), start(DrawRequest("two", steps=1))
    assert executor.runs() == [second, first] and executor.run(first.id) is first and executor.run("7") is None
    assert first.wait(10) and second.wait(10)


def test_previews_and_what_goes_on_are_told_while_it_goes_on(start, executor, library):
    run, waiting = start(DrawRequest("cat", steps=4)), start(DrawRequest("dog", steps=1))
    until(lambda: run.latest is not None)
    (now,) = executor.now()
    assert (now.title, now.run_id, now.waiting, now.fraction) == ("Drawing cat", run.id, 1, 0.25)
    go(library)
    assert waiting.wait(10)
    until(lambda: executor.now() == [])


def test_what_waits_ends_at_once_when_it_is_stopped_and_what_runs_within_a_step(start):
    run, waiting = start(DrawRequest("cat", steps=4)), start(DrawRequest("dog", steps=4))
    until(lambda: run.latest is not None)
    waiting.cancel()
    assert waiting.wait(1) and waiting.snapshot() == [Cancelled()]
    run.cancel()
    assert run.wait(10) and run.status == "cancelled"
    with pytest.raises(RunCancelled, match="Drawing cat was stopped"):
        run.result()


def test_a_fault_is_the_run_s_alone_and_the_next_one_goes_on(start, library):
    go(library)
    run, after = start(DrawRequest("fault", steps=1)), start(DrawRequest("cat", steps=1))
    assert after.wait(10) and after.status == "finished"
    with pytest.raises(RunFailed, match="The disk is full"):
        run.result()


def test_a_training_that_is_asked_for_twice_is_one_run_and_is_on_disk(start, library):
    first, again = start(TrainRequest("mika", steps=3)), start(TrainRequest("mika", steps=3))
    other = start(TrainRequest("mika", steps=4))
    assert first is again and other is not first
    assert library.run(first.id).request == json.loads(json.dumps(as_json(first.request)))
    go(library, "go on")
    assert other.wait(10) and library.run(first.id).status == "finished"
    told = [event["event"] for event in library.events(first.id)]
    assert told == ["StepFinished", "CheckpointSaved"] * 3 + ["LoraSaved", "Finished"]


def test_a_training_rests_at_a_checkpoint_and_goes_on_from_there(start, executor, library):
    go(library)
    run = start(TrainRequest("mika", steps=4))
    until(lambda: CheckpointSaved(2, "checkpoints/000002.safetensors") in run.snapshot())
    run.pause()
    assert run.wait(10) and run.snapshot()[-1] == Paused(2) and library.run(run.id).status == "paused"
    with pytest.raises(RunPaused):
        run.result()
    go(library, "go on")
    resumed = executor.resume(library.run(run.id), run.request, run.snapshot()[:-1], library, POCKET)
    assert resumed.id == run.id and executor.run(run.id) is resumed
    assert resumed.wait(10) and resumed.status == "finished"
    steps = [event.step for event in resumed.snapshot() if isinstance(event, StepFinished)]
    assert steps == [1, 2, 3, 4], "none is walked twice"


def test_a_training_under_way_is_not_queued_twice(start, executor, library):
    run = start(TrainRequest("mika", steps=3))
    assert executor.resume(library.run(run.id), run.request, [], library, POCKET) is run


def test_too_many_that_wait_are_refused_in_a_sentence(make, library):
    executor = make(max_waiting=1)
    first = begun(executor, DrawRequest("one", steps=1), library)
    until(lambda: first.status == "running")
    begun(executor, DrawRequest("two", steps=1), library)
    with pytest.raises(ValueError, match="1 others wait already"):
        begun(executor, DrawRequest("three", steps=1), library)


def test_what_nobody_carries_out_is_refused_in_a_sentence(make, library):
    executor = make(tasks=TASKS[:1])
    with pytest.raises(ValueError, match="TrainRequest cannot be carried out here; known are DrawRequest"):
        executor.start(TrainRequest("mika"), library, POCKET)


def test_a_question_is_answered_with_the_executor_s_own_pipelines(executor, library):
    asked = executor.ask(f"{__name__}:answered", "word", family=POCKET, library=library)
    assert asked == (True, "word", POCKET.title, library.root)
    with pytest.raises(ValueError, match="No; ask for something else."):
        executor.ask(f"{__name__}:refused")


def test_after_its_end_nothing_starts_and_trainings_are_left_to_go_on(start, executor, library):
    drawing, training = start(DrawRequest("cat", steps=4)), start(TrainRequest("mika", steps=9))
    until(lambda: drawing.status == training.status == "running")
    threading.Timer(0.2, lambda: go(library)).start()  # a training is left after what it tells next
    executor.close()
    assert drawing.status == "cancelled"
    assert library.run(training.id).status == "running"
    with pytest.raises(RunFailed, match="goes on when the library is opened again"):
        training.result(1)
    with pytest.raises(ValueError, match="This studio is closed"):
        start(DrawRequest("dog"))


def test_families_and_libraries_travel_as_plain_data(library):
    library.max_bytes = 1000
    there = pickle.loads(pickle.dumps(library))
    assert (there.root, there.max_bytes) == (library.root, 1000) and there.subject("mika") == library.subject("mika")
    for family in built_in().values():
        assert pickle.loads(pickle.dumps(family)) == family
