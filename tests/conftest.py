"""What many tests share: photos of a character to upload, and a studio served as a user serves it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 120.0  # seconds; a busy machine is slow


@dataclass(frozen=True)
class Served:
    """A running `python app.py`: where its page, its library and its log are."""

    url: str
    library: Path
    log: Path
    pid: int


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five drawn pictures of a boy with a star on his shirt, 256 px, whom the pocket family never saw."""
    from pocketworld.render import render
    from pocketworld.world import SUBJECTS, portray

    folder = tmp_path_factory.mktemp("photos")
    chance = random.Random(5)
    for number in range(5):
        picture = render(portray(SUBJECTS["star boy"], chance), size=256, truth=False).image
        picture.save(folder / f"boy-{number}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The studio on a fresh library (the sample one), on a free port, with the hub out of reach."""
    folder = tmp_path_factory.mktemp("served")
    with serve(folder / "library", folder / "app.log") as studio:
        yield studio


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium for every test that looks at the page."""
    from tests.e2e.chromium import chromium

    with chromium() as running:
        yield running


@contextmanager
def serve(library: Path, log: Path) -> Iterator[Served]:
    """Start app.py, wait for its page, end it after the block. RuntimeError shows its log where none comes."""
    port = _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPACE_", "UNDERSTUDY_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--library", str(library), "--port", str(port)],
            cwd=ROOT,
            env=kept | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    served = Served(f"http://127.0.0.1:{port}", library, log, process.pid)
    try:
        _wait_for(served, process)
        yield served
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(served: Served, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while not _answers(served.url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"app.py served no page; its log:\n{served.log.read_text()}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
