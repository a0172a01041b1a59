"""The executor of this process alone, on small works of its own; what every executor keeps is in
test_executor_contract.py, and the engine behind it in test_door.py."""

import errno
import threading
import time
from dataclasses import dataclass, replace

import pytest

from studio.contracts.events import (
    Cancelled,
    Failed,
    Finished,
    LoraSaved,
    PreviewDrawn,
    StageReported,
    StepFinished,
    from_json,
)
from studio.contracts.requests import DrawRequest, TrainRequest
from studio.errors import explain
from studio.execution.local import LocalExecutor
from studio.execution.run import Run, RunCancelled, RunFailed, without_repeated_steps
from studio.library import Library
from studio.library.family_files import built_in
from studio.tasks import task_of
from studio.tasks.draw import DRAW
from studio.tasks.task import Task
from studio.tasks.train import TRAIN

POCKET = built_in()["pocket"]

GATES: dict[str, threading.Event] = {}  # prompt -> opened when that work may go on
AT_WORK: list[str] = []
FAULTS = {
    "memory": RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
    "disk": OSError(errno.ENOSPC, "No space left on device"),
    "bug": KeyError("state_dict.whatever"),
}


def draw(request, *, pipelines, family, library, stop):
    """Three steps; waits at its gate, and at every step gives way to a stop."""
    AT_WORK.append(request.prompt)
    assert len(AT_WORK) == 1, "two drawings at once"
    try:
        for step in range(1, 4):
            yield PreviewDrawn(0, step, 3, b"")
            gate = GATES.get(request.prompt)
            while gate and not gate.wait(0.01):
                if stop():
                    return
            yield StageReported("step", step, 3)
    finally:
        AT_WORK.remove(request.prompt)


def fail(request, *, pipelines, family, library, stop):
    yield StageReported("about to fail")
    raise FAULTS[request.prompt]


def train(request, *, pipelines, family, library, run_folder, checkpoint, stop, pause, until=None):
    for step in range(1, request.steps + 1):
        if stop():
            break
        yield StepFinished(step, request.steps, 1 / step, 0.0)
        gate = GATES.get(request.subject)
        while gate and not gate.wait(0.01) and not stop():
            pass
    yield LoraSaved(request.subject, step)


@dataclass(frozen=True)
class FailRequest:
    prompt: str
    family: str | None = None


TASKS = (
    replace(DRAW, function=f"{__name__}:draw"),
    replace(TRAIN, function=f"{__name__}:train"),
    Task(FailRequest, "fail", f"{__name__}:fail", title=lambda request, library: "Failing"),
)


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library")
    library.add_subject("Mika", "girl", "sks")
    return library


@pytest.fixture
def executor():
    executor = LocalExecutor(pipelines=object(), tasks=TASKS)
    yield executor
    for gate in GATES.values():
        gate.set()
    executor.close()
    GATES.clear()


@pytest.fixture
def start(executor, library):
    def resolved_first(request):
        resolved = task_of(request, TASKS).resolve(request, library, POCKET)
        return executor.start(resolved, library, POCKET, asked=request)

    return resolved_first


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def gate(name):
    GATES[name] = threading.Event()
    return GATES[name]


def test_a_run_tells_its_events_and_ends_finished(start):
    run = start(DrawRequest("a"))
    events = [event for event in run.events() if not isinstance(event, PreviewDrawn)]
    assert events == [StageReported("step", 1, 3), StageReported("step", 2, 3), StageReported("step", 3, 3), Finished()]
    assert run.status == "finished" and run.latest is None


def test_many_readers_see_the_same_story_whenever_they_come(start):
    opened = gate("a")
    run = start(DrawRequest("a"))
    stories = [[] for _ in range(8)]
    readers = [
        threading.Thread(
            target=lambda story=story: story.extend(
                event for event in run.events() if not isinstance(event, PreviewDrawn)
            )
        )
        for story in stories
    ]
    for reader in readers[:4]:
        reader.start()
    opened.set()
    run.wait(5)
    for reader in readers[4:]:
        reader.start()
    for reader in readers:
        reader.join(5)
    assert all(story == run.snapshot() for story in stories)
    assert list(run.events(after=2)) == run.snapshot()[2:]


def test_a_preview_is_shown_while_it_lives_and_never_kept(start):
    opened = gate("a")
    run = start(DrawRequest("a"))
    assert next(run.events()) == PreviewDrawn(0, 1, 3, b"")
    assert run.latest == PreviewDrawn(0, 1, 3, b"")
    opened.set()
    run.wait(5)
    assert not any(isinstance(event, PreviewDrawn) for event in run.snapshot())


def test_drawings_wait_their_turn(start, executor):
    opened = gate("a")
    first, second, third = start(DrawRequest("a")), start(DrawRequest("b")), start(DrawRequest("c"))
    until(lambda: first.status == "running")
    assert [run.status for run in (first, second, third)] == ["running", "queued", "queued"]
    assert [(now.title, now.waiting) for now in executor.now()] == [("Drawing a", 2)]
    opened.set()
    assert third.wait(5)
    until(lambda: executor.now() == [])


def test_a_drawing_does_not_wait_for_a_training(start, executor):
    opened = gate("mika")
    training = start(TrainRequest("mika", steps=3))
    until(lambda: training.status == "running")
    assert start(DrawRequest("a")).wait(5)
    assert training.status == "running"
    until(training.snapshot)
    (now,) = executor.now()
    assert (now.title, now.kind, now.words) == ("Training Mika", "train", "step 1 of 3")
    opened.set()
    training.wait(5)


def test_a_run_cancelled_in_its_queue_ends_at_once(start):
    gate("a")
    start(DrawRequest("a"))
    waiting = start(DrawRequest("b"))
    waiting.cancel()
    assert waiting.status == "cancelled" and waiting.snapshot() == [Cancelled()]
    with pytest.raises(RunCancelled, match="Drawing b was stopped"):
        waiting.result(1)


def test_a_cancelled_run_stops_within_a_step_and_the_next_one_goes_on(start):
    gate("a")
    run, next_run = start(DrawRequest("a")), start(DrawRequest("b"))
    until(lambda: run.latest is not None)
    run.cancel()
    assert run.wait(1) and run.status == "cancelled"
    assert next_run.wait(5) and next_run.status == "finished"


def test_pressing_train_twice_is_one_run(start):
    opened = gate("mika")
    first, again = start(TrainRequest("mika")), start(TrainRequest("mika"))
    other = start(TrainRequest("mika", rank=4))
    assert first is again and first is not other
    opened.set()
    assert other.wait(5)
    assert start(TrainRequest("mika")) is not first, "the first has ended"


def test_pressing_train_again_after_stop_is_a_new_run(start):
    gate("mika")
    first = start(TrainRequest("mika"))
    first.cancel()
    assert start(TrainRequest("mika")) is not first


@pytest.mark.parametrize(
    "fault, words",
    [
        ("memory", "not enough memory"),
        ("disk", "disk is full"),
        ("bug", "nobody foresaw"),
    ],
)
def test_a_fault_ends_the_run_with_a_sentence(start, fault, words, caplog):
    run = start(FailRequest(fault))
    assert run.wait(5)
    assert isinstance(run.snapshot()[-1], Failed) and words in run.message
    assert "state_dict" not in run.message
    with pytest.raises(RunFailed, match=words):
        run.result()


def test_a_fault_nobody_foresaw_is_logged_whole_under_the_number_it_names(start, caplog):
    run = start(FailRequest("bug"))
    run.wait(5)
    number = run.message.split("fault ")[1].split(";")[0]
    assert f"fault {number}" in caplog.text and "state_dict.whatever" in caplog.text


def test_a_bug_in_our_own_code_is_not_shown_to_people():
    try:
        Run.__init__(None, *[None] * 6)  # raises an AttributeError inside of the studio
    except AttributeError as error:
        said = explain(error)
    assert "nobody foresaw" in said and "NoneType" not in said


def test_an_event_of_a_later_version_is_a_sentence_and_no_crash():
    for odd in ({"event": "StepFinished", "step": 1}, {"event": "Finished", "mood": "good"}, {"event": "Sang"}):
        with pytest.raises(ValueError, match="StepFinished|Finished|Sang"):
            from_json(odd)


def test_the_lane_goes_on_after_a_fault(start):
    start(FailRequest("bug")).wait(5)
    assert start(FailRequest("disk")).wait(5)


def test_what_cannot_be_written_fails_the_training_and_not_the_lane(start, library, monkeypatch):
    def full(id, event):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library, "append_event", full)
    run = start(TrainRequest("mika", steps=2))
    assert run.wait(5) and "disk is full" in run.message
    monkeypatch.undo()
    again = start(TrainRequest("mika", steps=2))
    assert again.wait(5) and again.status == "finished"


def test_too_many_waiting_are_refused_kindly(library):
    executor = LocalExecutor(pipelines=object(), tasks=TASKS, max_waiting=2)
    opened = gate("a")
    first = executor.start(DrawRequest("a"), library, POCKET)
    until(lambda: first.status == "running")
    for _ in range(2):
        executor.start(DrawRequest("b"), library, POCKET)
    with pytest.raises(ValueError, match="2 others wait already"):
        executor.start(DrawRequest("b"), library, POCKET)
    opened.set()
    executor.close()


def test_a_request_of_an_unknown_type_is_refused(executor, library):
    with pytest.raises(ValueError, match="str cannot be carried out here"):
        executor.start("draw me a sheep", library, POCKET)


def test_training_events_are_written_as_they_come(start, library):
    run = start(TrainRequest("mika", steps=2))
    run.wait(5)
    kinds = [event["event"] for event in library.events(run.id)]
    assert kinds == ["StepFinished", "StepFinished", "LoraSaved", "Finished"]
    assert library.run(run.id).status == "finished"


def test_closing_cancels_drawings_and_leaves_training_to_go_on(library):
    executor = LocalExecutor(pipelines=object(), tasks=TASKS)
    gate("a"), gate("mika")
    drawing = executor.start(DrawRequest("a"), library, POCKET)
    training = executor.start(TrainRequest("mika", steps=9), library, POCKET)
    until(lambda: training.status == drawing.status == "running")
    GATES["mika"].set()
    executor.close()
    assert drawing.status == "cancelled"
    if training.status == "running":
        assert library.run(training.id).status == "running"
        with pytest.raises(RunFailed, match="goes on when the library is opened again"):
            training.result(1)
    with pytest.raises(ValueError, match="closed"):
        executor.start(DrawRequest("b"), library, POCKET)


def test_steps_that_are_walked_again_are_told_once_whatever_lies_between(executor, library):
    walked = [
        StepFinished(1, 4, 0.5, 1.0),
        StepFinished(2, 4, 0.5, 1.0),
        StageReported("Reading the photos"),
        StepFinished(2, 4, 0.4, 1.0),
        StepFinished(3, 4, 0.3, 1.0),
    ]
    steps = [event for event in without_repeated_steps(walked) if isinstance(event, StepFinished)]
    assert [(event.step, event.loss) for event in steps] == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_a_training_that_goes_on_is_queued_once(start, executor, library):
    opened = gate("mika")
    first = start(TrainRequest("mika"))
    record = library.run(first.id)
    assert executor.resume(record, first.request, [], library, POCKET) is first
    opened.set()
    assert first.wait(5)


def test_a_training_killed_between_its_lora_and_its_end_is_not_trained_twice(executor, library):
    record = library.new_run("train", {"type": "TrainRequest", **vars(TrainRequest("mika", steps=2))}, "Training Mika")
    run = executor.resume(record, TrainRequest("mika", steps=2), [LoraSaved("mika", 2)], library, POCKET)
    assert run.status == "finished" and library.run(record.id).status == "finished"


def test_the_result_of_a_run_that_takes_too_long_is_a_timeout(start):
    gate("a")
    with pytest.raises(TimeoutError, match="Drawing a is still going"):
        start(DrawRequest("a")).result(timeout=0.01)


def test_a_story_that_was_interrupted_reads_as_one():
    steps = [StepFinished(step, 4, 1.0, 0.0) for step in (1, 2, 3, 2, 3, 4)]
    assert [event.step for event in without_repeated_steps(steps)] == [1, 2, 3, 4]


def test_a_run_shows_as_what_it_is():
    assert repr(Run("7", DRAW, "Drawing a", DrawRequest("a"), None, POCKET)) == "Run('7', 'Drawing a', queued)"
