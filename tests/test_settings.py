import pytest

from studio.contracts.requests import TrainRequest, resolved
from studio.library.family_files import built_in
from studio.quotas import Quota
from studio.settings import Settings, read_settings
from studio.tasks.train import TRAIN

POCKET = built_in()["pocket"]


def test_without_flags_or_environment_the_studio_serves_this_machine_alone():
    settings = read_settings([], {})
    assert (settings.host, settings.port) == ("127.0.0.1", None)
    assert (settings.family, str(settings.library)) == ("pocket", "library")
    assert not settings.visitors and not settings.ask_consent and settings.quota is None


def test_flags_win_over_the_environment():
    environment = {
        "GRADIO_SERVER_PORT": "7000",
        "GRADIO_SERVER_NAME": "10.0.0.1",
        "UNDERSTUDY_LIBRARY": "there",
        "UNDERSTUDY_FAMILY": "sd15",
    }
    by_environment = read_settings([], environment)
    assert (by_environment.port, by_environment.host) == (7000, "10.0.0.1")
    assert (str(by_environment.library), by_environment.family) == ("there", "sd15")
    by_flags = read_settings(["--port", "7001", "--host", "::1", "--library", "here", "--family", "sdxl"], environment)
    assert (by_flags.port, by_flags.host, str(by_flags.library), by_flags.family) == (7001, "::1", "here", "sdxl")


def test_on_a_space_everyone_may_connect_and_every_visitor_is_on_their_own():
    settings = read_settings([], {"SPACE_ID": "someone/understudy"})
    assert (settings.host, settings.port) == ("0.0.0.0", 7860)
    assert settings.visitors and settings.ask_consent and settings.quota == Quota()


@pytest.mark.parametrize(
    "flags, environment, words",
    [
        (["--port", "many"], {}, "number from 1 to 65535, got 'many'"),
        ([], {"GRADIO_SERVER_PORT": "99999"}, "1 to 65535, got 99999"),
        (["--family-folder", "nowhere"], {}, "no folder nowhere"),
    ],
)
def test_a_value_that_cannot_be_is_told_in_a_sentence(flags, environment, words):
    with pytest.raises(ValueError, match=words):
        read_settings(flags, environment)


def test_a_library_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "library").write_text("")
    with pytest.raises(ValueError, match="must name a folder"):
        Settings(library=tmp_path / "library")


def test_a_quota_of_nothing_is_refused():
    with pytest.raises(ValueError, match="megabytes must be above 0"):
        Quota(megabytes=0)


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"method": "full"}, "train a LoRA"),
        ({"gradient_accumulation_steps": 8, "batch_size": 2}, "batch size times accumulation"),
        ({"more_resolutions": "2048"}, "more resolutions"),
        ({"checkpoint_every": 1, "steps": 500}, "looked at 20 times"),
    ],
)
def test_a_visitor_s_training_keeps_within_the_quota(asked, said):
    request = resolved(TrainRequest("mika", **asked), POCKET.training)
    with pytest.raises(ValueError, match=said):
        TRAIN.limit(request, Quota(), None)
    TRAIN.limit(resolved(TrainRequest("mika"), POCKET.training), Quota(), None)
