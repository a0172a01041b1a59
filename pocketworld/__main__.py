"""`python -m pocketworld train|assemble|unpack|revive|sheet`: make the bundled family, and look at it.

Everything is written to the work folder (--work, by default .pocketworld/ in the repository root), and a training that
was stopped goes on where it was. `assemble` writes elsewhere, to folders of assets/. `score` is another name for
`python -m benchmarks quality`, which measures.
"""

import argparse
import importlib
import inspect
from pathlib import Path

import torch

REPOSITORY = Path(__file__).resolve().parent.parent
FAMILY, MASKS, OUTFITS = (REPOSITORY / "assets" / name for name in ("pocket", "pocket-masks", "pocket-outfits"))
ASSEMBLED = {  # what -> the function of pocketworld.assemble, and where it writes by default
    "family": ("assemble", FAMILY),
    "masks": ("assemble_masks", MASKS),
    "outfits": ("assemble_outfits", OUTFITS),
    "styles": ("assemble_styles", REPOSITORY / "assets" / "pocket-styles"),
}
COMPONENTS = {  # in the order in which they need each other
    "vae": "pocketworld.training.vae",
    "clip": "pocketworld.training.clip",
    "classifier": "pocketworld.training.classifier",
    "latents": "pocketworld.training.latents",
    "unet": "pocketworld.training.unet",
    "decoder": "pocketworld.training.decoder",
    "outfits": "pocketworld.training.outfits",
    "styles": "pocketworld.training.styles",
    "sam": "pocketworld.training.sam",
    "dino": "pocketworld.training.dino",
}
SCORES = {  # flag of `score` -> the benchmark of quality that it names; without one it is "prompts"
    "identity": "identity",
    "masks": "masks",
    "leak": "leakage",
    "pick": "checkpoint-choice",
    "prior": "prior",
    "cures": "outfit-methods",
    "seams": "seams",
}


def main() -> None:
    arguments, flags = parse()
    if arguments.command == "score":
        return score(arguments, flags)
    torch.set_num_threads(arguments.threads)
    if arguments.command == "train":
        for component in [arguments.component] if arguments.component else COMPONENTS:
            train(component, arguments.work, minutes=arguments.minutes, device=arguments.device)
    elif arguments.command == "assemble":
        name, usual = ASSEMBLED[arguments.what]
        getattr(importlib.import_module("pocketworld.assemble"), name)(arguments.work, arguments.to or usual)
    elif arguments.command == "revive":
        from pocketworld.training.attention_revival import revive_checkpoint

        revive_checkpoint(arguments.work)
    elif arguments.command == "unpack":
        from pocketworld.assemble import unpack

        unpack(arguments.family, arguments.masks, arguments.outfits, arguments.work)
    else:
        from pocketworld.assemble import draw_sheet, load_family, load_parts

        unfinished = arguments.family is None
        draw_sheet(load_parts(arguments.work) if unfinished else load_family(arguments.family), arguments.to)


def parse() -> tuple[argparse.Namespace, list[str]]:
    """What was asked for, and the flags of a score, which are its benchmark's own."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, default=REPOSITORY / ".pocketworld", help="folder of unfinished work")
    common.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads of torch")
    parser = argparse.ArgumentParser(prog="python -m pocketworld", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", parents=[common], help="train one component, or all in order")
    training.add_argument("component", nargs="?", choices=COMPONENTS)
    training.add_argument("--minutes", type=float, help="training time; by default the component's own")
    training.add_argument(
        "--device", choices=("cpu", "cuda"), help="for vae, latents, unet, decoder and outfits; by default the CPU"
    )
    assembling = commands.add_parser("assemble", parents=[common], help="work folder -> folders that the studio loads")
    assembling.add_argument("what", nargs="?", choices=ASSEMBLED, default="family")
    assembling.add_argument("--to", type=Path, help="by default a folder of assets/, such as assets/pocket")
    unpacking = commands.add_parser(
        "unpack", parents=[common], help="a diffusers folder -> the work folder, to train on from it"
    )
    unpacking.add_argument("--family", type=Path, default=FAMILY)
    unpacking.add_argument("--masks", type=Path, default=MASKS)
    unpacking.add_argument("--outfits", type=Path, default=OUTFITS)
    commands.add_parser("revive", parents=[common], help="lay attention anew that has drowned in constants")
    looking = commands.add_parser("sheet", parents=[common], help="draw the fixed prompts")
    looking.add_argument("--family", type=Path, help="an assembled family; by default the work folder's weights")
    looking.add_argument("--to", type=Path, default=Path("sheet.png"))
    scoring = commands.add_parser("score", add_help=False, allow_abbrev=False, help="see python -m benchmarks quality")
    for flag, benchmark in SCORES.items():
        scoring.add_argument(f"--{flag}", dest="benchmark", action="store_const", const=benchmark)
    scoring.add_argument("--outfits", nargs="?", const="")  # names a benchmark, or says how many outfits another takes
    scoring.add_argument("--studio-family")
    arguments, flags = parser.parse_known_args()
    if flags and arguments.command != "score":
        parser.error(f"unrecognized arguments: {' '.join(flags)}")
    return arguments, flags


def score(arguments: argparse.Namespace, flags: list[str]) -> None:
    """Run the benchmark of the old flags. Training does without benchmarks/, which is looked for here alone."""
    from benchmarks.__main__ import run

    renamed = {"--outfits": arguments.outfits, "--family": arguments.studio_family}
    flags = [*flags, *(part for flag, value in renamed.items() if value for part in (flag, value))]
    run("quality", arguments.benchmark or ("prompts" if arguments.outfits is None else "outfits"), flags)


def train(component: str, work: Path, **options) -> None:
    """Run the component's own `train(work, ...)` with those of the options that were given and that it takes."""
    own = importlib.import_module(COMPONENTS[component]).train
    taken = inspect.signature(own).parameters
    own(work, **{name: value for name, value in options.items() if value is not None and name in taken})


if __name__ == "__main__":
    main()
