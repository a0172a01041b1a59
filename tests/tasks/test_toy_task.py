"""A task in one file is a thing that can be asked: through the door, through the API, within a quota, and stopped."""

from dataclasses import dataclass

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

import app
import studio
from studio.contracts.requests import Source
from studio.execution.local import LocalExecutor
from studio.library.family_files import built_in
from studio.settings import Settings
from studio.tasks import TASKS
from studio.tasks.task import Task
from studio.ui.app import build, look
from tests.tasks.toy_task import COUNT, CountRequest

POCKET = built_in()["pocket"]

ENDLESS = 1_000_000


@pytest.fixture(scope="module")
def executor():
    executor = LocalExecutor(pipelines=object(), tasks=(*TASKS, COUNT))
    yield executor
    executor.close()


@pytest.fixture
def desk(tmp_path, executor):
    with studio.open(tmp_path / "library", executor=executor) as opened:
        yield opened


def test_it_starts_and_has_a_result_like_all_others(desk):
    run = desk.start(CountRequest(to=3))
    assert run.result(30) == 3 and run.status == "finished"
    assert (run.kind, run.title) == ("count", "Counting to 3") and desk.run(run.id) is run
    assert desk.runs(kind="count") == [run] and desk.runs(kind="draw") == []


def test_what_is_left_open_is_the_family_s_to_decide(desk):
    run = desk.start(CountRequest())
    assert run.request == CountRequest(to=POCKET.drawing["steps"], family="pocket") and run.asked == CountRequest()
    assert run.result(30) == POCKET.drawing["steps"]


def test_what_is_not_there_is_refused_at_once_and_leaves_no_run(desk):
    with pytest.raises(ValueError, match="no hand 'third'; known are left, right"):
        desk.start(CountRequest(hand="third"))
    with pytest.raises(ValueError, match="no family 'huge'"):
        desk.start(CountRequest(family="huge"))
    assert desk.runs() == []


def test_it_stops_within_a_step_and_others_are_told_no_name(desk, tmp_path):
    run, waiting = desk.start(CountRequest(to=ENDLESS)), desk.start(CountRequest(to=1))
    next(event for event in run.events() if isinstance(event, studio.StepFinished))
    (now,) = desk.now()
    assert now.title == "Counting to 1000000" and now.waiting == 1 and now.words.startswith("step ")
    visitor = desk.visit(tmp_path / "visitor")
    assert [(now.title, now.run_id) for now in visitor.now()] == [("Counting for someone else", "")]
    run.cancel()
    assert run.wait(30) and run.status == "cancelled" and run.kept() < ENDLESS
    with pytest.raises(studio.RunCancelled):
        run.result()
    assert waiting.result(30) == 1


def test_a_visitor_s_quota_holds_for_it(tmp_path, executor):
    desk = studio.open(tmp_path / "library", executor=executor, quota=studio.Quota(count=8, waiting=1))
    with pytest.raises(ValueError, match="On this shared host to may be at most 8, got 9"):
        desk.start(CountRequest(to=9))
    with pytest.raises(ValueError, match="to may be at most 8, got 20"):
        desk.start(CountRequest())
    assert desk.start(CountRequest(to=8)).result(30) == 8


def test_it_has_an_endpoint_a_status_and_a_cancel(desk):
    page = build(desk, Settings(library=desk.library.root))
    options = app.launch_options(desk, Settings(), port=0) | {"server_port": None, "quiet": True}
    _, url, _ = page.queue().launch(**look(), **options, prevent_thread_lock=True)
    try:
        client = Client(url, verbose=False)
        told = client.predict(to=ENDLESS, api_name="/count")
        assert (told["kind"], told["title"], told["request"]["hand"]) == ("count", "Counting to 1000000", "left")
        assert client.predict(told["run"], api_name="/run_status")["status"] in ("queued", "running")
        assert [run["run"] for run in client.predict(api_name="/runs")] == [told["run"]]
        client.predict(told["run"], api_name="/cancel")
        assert desk.run(told["run"]).wait(30)
        assert client.predict(told["run"], api_name="/run_status")["status"] == "cancelled"
        with pytest.raises(AppError, match="to must be 1 to"):
            client.predict(to=0, api_name="/count")
        with pytest.raises(AppError, match="no hand 'third'"):
            client.predict(to=1, hand="third", api_name="/count")
    finally:
        page.close(verbose=False)


@dataclass(frozen=True)
class LookRequest:
    """Look at a file."""

    picture: Source
    family: str | None = None


def test_one_that_takes_files_is_not_served_as_it_is(tmp_path):
    """A client that names a file of this machine must not have it read."""
    look_at = Task(LookRequest, "look", f"{__name__}:look", title=lambda request, library: "Looking")
    executor = LocalExecutor(pipelines=object(), tasks=(*TASKS, look_at))
    desk = studio.open(tmp_path / "library", executor=executor)
    with pytest.raises(TypeError, match="look takes files"):
        build(desk, Settings(library=desk.library.root))
    executor.close()
