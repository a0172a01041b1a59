"""Spacefile is the one description of the Space: checked, equal to the README's front matter, and safe to print."""

import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
import yaml
from huggingface_hub import HfApi, SpaceHardware

from deploy.manifest import Manifest, files, front_matter, read_manifest, with_front_matter
from deploy.space import deploy, plan
from studio.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
SMALL = {
    "space": "ann/studio",
    "front_matter": {"title": "Studio", "sdk": "gradio"},
    "include": ("*.py", "art/**"),
    "exclude": ("*.pyc",),
    "variables": {"UNDERSTUDY_FAMILY": "pocket"},
    "secrets": ("HF_TOKEN", "OTHER"),
    "volumes": ({"type": "bucket", "source": "ann/store", "mount_path": "/data"},),
    "preload": ("ann/base a.json",),
}


@pytest.fixture
def spacefile():
    return read_manifest(ROOT / "Spacefile")


@pytest.fixture
def checkout(tmp_path):
    for name in ("app.py", "app.pyc", "art/deep/x.png", ".venv/lib/hidden.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_readme_front_matter_is_the_spacefiles(spacefile):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == with_front_matter(readme, spacefile), "run: python -m deploy.space --write-readme"


def test_front_matter_is_yaml_that_a_space_reads(spacefile):
    data = yaml.safe_load(front_matter(spacefile).strip("-\n"))
    assert data["sdk"] == "gradio" and (ROOT / data["app_file"]).is_file()
    assert f"gradio=={data['sdk_version']}\n" in (ROOT / "constraints.txt").read_text()
    assert len(data["short_description"]) <= 60  # the hub refuses a longer one


def test_preloaded_files_reach_the_front_matter():
    assert yaml.safe_load(front_matter(Manifest(**SMALL)).strip("-\n"))["preload_from_hub"] == ["ann/base a.json"]


def test_spacefile_names_hardware_that_the_hub_has(spacefile):
    assert spacefile.hardware in {hardware.value for hardware in SpaceHardware}


def test_spacefile_variables_are_ones_the_app_takes(spacefile):
    assert read_settings([], dict(spacefile.variables)).family == spacefile.variables["UNDERSTUDY_FAMILY"]


def test_upload_holds_all_that_the_app_needs_and_no_library(spacefile):
    names = {path.as_posix() for path in files(spacefile, ROOT)}
    assert {"app.py", "README.md", "requirements.txt", "studio/__init__.py", "studio/ui/static/page.js"} <= names
    assert not [name for name in names if name.startswith(("library/", "tests/", ".")) or name.endswith(".pyc")]


def test_files_follow_the_patterns_and_pass_over_hidden_folders(checkout):
    assert [path.as_posix() for path in files(Manifest(**SMALL), checkout)] == ["app.py", "art/deep/x.png"]


def test_dry_run_needs_no_network():
    blocked = (
        "import socket, sys, runpy\n"
        "def refuse(*a, **k): raise SystemExit('the network was used')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "sys.argv = ['space', '--dry-run']\n"
        "runpy.run_module('deploy.space', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "upload      app.py" in done.stdout


def test_plan_says_which_secrets_are_there_but_never_their_values(checkout):
    told = "\n".join(plan(Manifest(**SMALL), checkout, {"HF_TOKEN": "hf_very_secret"}))
    assert "secret      HF_TOKEN (from your environment)" in told
    assert "secret      OTHER (not set here: left alone)" in told
    assert "hf_very_secret" not in told


def test_plan_opens_no_socket(checkout, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    assert list(plan(Manifest(**SMALL), checkout, {}))


def test_deploy_calls_the_hub_as_its_signatures_have_it(checkout):
    hub = create_autospec(HfApi, instance=True)
    hub.create_repo.return_value = "https://hub.test/spaces/ann/studio"
    hub.get_space_runtime.return_value = SimpleNamespace(requested_hardware=None)
    hub.wait_for_space.return_value = SimpleNamespace(stage="RUNNING")
    told = deploy(Manifest(**SMALL), checkout, {"HF_TOKEN": "hf_very_secret"}, hub)
    assert told == "ann/studio runs: https://hub.test/spaces/ann/studio"
    hub.add_space_secret.assert_called_once_with("ann/studio", "HF_TOKEN", "hf_very_secret")
    hub.add_space_variable.assert_called_once_with("ann/studio", "UNDERSTUDY_FAMILY", "pocket")
    assert hub.set_space_volumes.call_args.args[1][0].source == "ann/store"
    assert hub.upload_folder.call_args.kwargs["allow_patterns"] == ["app.py", "art/deep/x.png"]
    hub.request_space_hardware.assert_called_once_with("ann/studio", "cpu-basic", sleep_time=None)


def test_deploy_says_when_the_space_does_not_start(checkout):
    hub = create_autospec(HfApi, instance=True)
    hub.wait_for_space.return_value = SimpleNamespace(stage="BUILD_ERROR")
    with pytest.raises(ValueError, match="stage BUILD_ERROR"):
        deploy(Manifest(**SMALL), checkout, {}, hub)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": "a/b/c"}, "space must be"),
        ({"visibility": "secret"}, "visibility must be one of"),
        ({"front_matter": {"sdk": "docker"}}, "sdk must be gradio"),
        ({"variables": {"STEPS": 3}}, "put it in quotes"),
        ({"secrets": ["HF_TOKEN=hf_abc"]}, "never values"),
        ({"volumes": [{"type": "bucket"}]}, "a volume has source"),
        ({"include": "app.py"}, "include must be a list"),
        ({"colour": "red"}, "unknown fields colour"),
    ],
)
def test_a_wrong_spacefile_is_refused_in_a_sentence(tmp_path, change, message):
    path = tmp_path / "Spacefile"
    as_lists = {k: list(v) if isinstance(v, tuple) else v for k, v in SMALL.items()}
    path.write_text(yaml.safe_dump({**as_lists, **change}))
    with pytest.raises(ValueError, match=message):
        read_manifest(path)
