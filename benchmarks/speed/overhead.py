"""P8: what the studio adds to one picture, against the bare diffusers call of the same steps in the same process.

    python -m benchmarks speed overhead [--pairs 9]

Ours is `drawing.draw`: a thread, previews, the look at the stop flag, the recipe and the PNG on disk. The bare call
is `pipeline(prompt, ...)`, which returns a PIL image. Both draw in turns, each pair a prompt that neither has seen;
the clock is the process's CPU time, so that what else the machine does stays out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import torch

from benchmarks.results import table, write_section
from studio.contracts.requests import DrawRequest, resolved
from studio.engine.generation.drawing import draw
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.schedulers import build_scheduler
from studio.library import Library
from studio.library.family_files import built_in

POCKET = built_in()["pocket"]

TARGET = 1.01


def main(flags: Sequence[str]) -> None:
    given = _parser().parse_args(list(flags))
    pipelines = PipelineCache("cpu")
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder) / "library")
        for warm in (_bare, _ours):
            warm(pipelines, library, _request(0))
        pairs = [_pair(pipelines, library, number) for number in range(1, given.pairs + 1)]
    ours, bare = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(one / other for one, other in pairs)
    print(f"draw {ours:.3f} CPU-s, bare call {bare:.3f} CPU-s, ratio {ratio:.4f}")
    write_section("overhead", _section(ours, bare, ratio, given.pairs))


def _pair(pipelines: PipelineCache, library: Library, number: int) -> tuple[float, float]:
    """CPU seconds of ours and of the bare call; whoever goes first changes from pair to pair."""
    request = _request(number)
    order = (_ours, _bare) if number % 2 else (_bare, _ours)
    spent = {work: _seconds(lambda work=work: work(pipelines, library, request)) for work in order}
    return spent[_ours], spent[_bare]


def _request(number: int) -> DrawRequest:
    return resolved(DrawRequest(f"a cartoon of girl number {number} on the beach", seed=number), POCKET.drawing)


def _ours(pipelines: PipelineCache, library: Library, request: DrawRequest) -> None:
    for _ in draw(request, pipelines=pipelines, family=POCKET, library=library, stop=lambda: False):
        pass


def _bare(pipelines: PipelineCache, library: Library, request: DrawRequest) -> None:
    with pipelines.lend(POCKET) as pipeline:
        own = pipeline.scheduler
        pipeline.scheduler = build_scheduler(request.scheduler, own)
        pipeline(
            request.prompt,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            width=request.width,
            height=request.height,
            generator=torch.Generator().manual_seed(request.seed or 0),
        )
        pipeline.scheduler = own


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _section(ours: float, bare: float, ratio: float, pairs: int) -> str:
    rows = [
        ["`pipeline(prompt, ...)`", f"{bare:.3f} s"],
        ["`drawing.draw`, previews and PNG included", f"{ours:.3f} s"],
        ["ratio, median of the pairs", f"{ratio:.3f} (target: at most {TARGET})"],
    ]
    return (
        "## P8: what the studio adds to a picture\n\n"
        f"Pocket, {POCKET.drawing['steps']} steps, {torch.get_num_threads()} threads, CPU time of the process; medians "
        f"of {pairs} pairs drawn in turns, every prompt a new one. By `python -m benchmarks speed overhead`.\n\n"
        + table(["what", "CPU time"], rows)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks speed overhead", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--pairs", type=int, default=9, help="at least 5")
    return parser
