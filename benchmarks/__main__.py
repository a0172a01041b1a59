"""The one door to what is measured: `python -m benchmarks speed|quality NAME [its flags]`; alone, it lists them all.

Each writes its own section of benchmarks/RESULTS.md. `python -m benchmarks quality NAME --help` tells its flags.
"""

import argparse
import importlib
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.results import weights_digest


class Benchmark(NamedTuple):
    """A module with `main(flags)`, what it measures, and how long that takes on two CPU cores."""

    module: str
    measures: str
    takes: str


BENCHMARKS = {
    "speed": {
        "startup": Benchmark(
            "startup", "from the start of the process to the first page, beside a trivial app", "2 min"
        ),
        "overhead": Benchmark("overhead", "what the studio adds to a picture, beside a bare diffusers call", "2 min"),
        "switching": Benchmark("switching", "changing the LoRA, the outfit's adapter and the task", "3 min"),
        "training": Benchmark("training", "a LoRA step and a whole LoRA, beside diffusers' own script", "10 min"),
    },
    "quality": {
        "prompts": Benchmark("prompts", "how well pictures obey their prompts", "10 min"),
        "cleanliness": Benchmark("cleanliness", "how flat and sharp drawings are, beside renders", "4 min"),
        "identity": Benchmark("identity", "how alike five taught characters come out", "30 min"),
        "masks": Benchmark("masks", "how well clothing, hair and faces are found", "2 min"),
        "leakage": Benchmark("outfit_leakage", "whether characters take off what they were taught in", "1.5 h"),
        "checkpoint-choice": Benchmark("checkpoint_choice", "whether the picked checkpoint is the better one", "2 h"),
        "prior": Benchmark("prior_preservation", "what prior preservation keeps and what it costs", "30 min"),
        "outfits": Benchmark("outfits", "how well an outfit is carried over by its picture", "30 min"),
        "outfit-methods": Benchmark("outfit_methods", "what an outfit does to the rest, by method", "2.5 h"),
        "seams": Benchmark("seams", "what repainting clothes does to the rest of a picture", "1 h"),
    },
}


def main(arguments: Sequence[str] | None = None) -> None:
    given, flags = _parser().parse_known_args(arguments)
    if given.kind is None or given.name is None:
        return print(listing(given.kind))
    run(given.kind, given.name, flags)


def run(kind: str, name: str, flags: Sequence[str]) -> None:
    """Run one benchmark with flags of its own. Raises SystemExit when the weights were exchanged meanwhile."""
    before = weights_digest()
    importlib.import_module(f"benchmarks.{kind}.{BENCHMARKS[kind][name].module}").main(flags)
    if weights_digest() != before:
        raise SystemExit(f"The bundled weights changed while {kind} {name} measured; run it again.")


def listing(kind: str | None = None) -> str:
    """A line for each benchmark, of one kind or of all."""
    kinds = [kind] if kind else list(BENCHMARKS)
    lines = [
        f"  {one:7} {name:19}{benchmark.takes:>6}   {benchmark.measures}"
        for one in kinds
        for name, benchmark in BENCHMARKS[one].items()
    ]
    return "\n".join(("python -m benchmarks speed|quality NAME [its flags]", "", *lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind")
    parser.set_defaults(name=None)
    for kind, benchmarks in BENCHMARKS.items():
        names = kinds.add_parser(kind, help=", ".join(benchmarks)).add_subparsers(dest="name")
        for name, benchmark in benchmarks.items():  # flags, --help among them, are the benchmark's own
            names.add_parser(name, help=f"{benchmark.measures}: {benchmark.takes}", add_help=False)
    return parser


if __name__ == "__main__":
    main()
