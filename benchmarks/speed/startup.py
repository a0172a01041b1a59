"""P7: from process start to the first HTTP 200, the studio against a trivial Gradio app in the same run.

    python -m benchmarks speed startup [--pairs 7]

Both start the same Python with the same settings, in turns, each on a library or port of its own, so that what else
the machine does falls on both. The studio's figure is for a library that exists already, as on any start but the
first; the first one, which copies the sample library, stands beside it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.results import ROOT, table, write_section

TARGET = 1.1
PATIENCE = 120.0  # seconds
TRIVIAL = """
import gradio as gr
with gr.Blocks() as page:
    gr.Textbox()
page.launch(server_port={port}, ssr_mode=False, enable_monitoring=False, run_history=False, quiet=True)
"""


def main(flags: Sequence[str]) -> None:
    given = _parser().parse_args(list(flags))
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        first = _studio(library)
        pairs = [(_studio(library), _trivial()) for _ in range(given.pairs)]
    studio, trivial = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(ours / theirs for ours, theirs in pairs)
    print(f"studio {studio:.2f} s, trivial {trivial:.2f} s, ratio {ratio:.2f}, first start {first:.2f} s")
    write_section("start-up", _section(studio, trivial, ratio, first, given.pairs))


def seconds_to_200(command: Sequence[str], port: int) -> float:
    """Start `command`, wait for its page, end it. Raises RuntimeError when it ends or stays silent instead."""
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SERVER_PORT": str(port)}
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - began < PATIENCE:
            if _answers(port):
                return time.monotonic() - began
            if process.poll() is not None:
                raise RuntimeError(f"{command[1]} ended with {process.returncode} before it served a page")
            time.sleep(0.01)
        raise RuntimeError(f"{command[1]} served no page within {PATIENCE:g} s")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _studio(library: Path) -> float:
    port = _free_port()
    return seconds_to_200([sys.executable, "app.py", "--library", str(library), "--port", str(port)], port)


def _trivial() -> float:
    port = _free_port()
    return seconds_to_200([sys.executable, "-c", TRIVIAL.format(port=port)], port)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _section(studio: float, trivial: float, ratio: float, first: float, pairs: int) -> str:
    rows = [
        ["a trivial Gradio app", f"{trivial:.2f} s"],
        ["the studio", f"{studio:.2f} s"],
        ["the studio, first start (copies the sample library)", f"{first:.2f} s"],
        ["studio / trivial", f"{ratio:.2f} (target: at most {TARGET})"],
    ]
    return (
        "## P7: start-up\n\n"
        f"From process start to the first HTTP 200; medians of {pairs} pairs, started in turns, "
        f"{os.cpu_count()} CPU cores. By `python -m benchmarks speed startup`.\n\n" + table(["what", "median"], rows)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks speed startup", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--pairs", type=int, default=7, help="how often each is started")
    return parser
