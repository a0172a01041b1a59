"""P1 to P3: a LoRA step, a sample at batch 4, and click to LoRA, beside diffusers' own script in one interleaved run.

    python -m benchmarks speed training path/to/train_dreambooth_lora_sdxl.py [--pairs 5]

Pocket at 128 px, the sample subject's photos, rank 8 on attention, AdamW, float32, one thread, no class images: the same
for both. The clock is the CPU time of processes; a step is the median from one step of the optimizer to the next.

    python -m benchmarks speed training path/to/train_dreambooth_lora_sdxl.py --device cuda [--pairs 3] \\
        --sd15-script path/to/train_dreambooth_lora.py

H3 to H5: SDXL and SD 1.5 at full size with random weights, in bfloat16, by the wall's clock with the GPU waited for.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import studio
from benchmarks.results import ROOT, table, write_section
from benchmarks.speed.peer import clock_of, told_at_exit
from studio.execution.local import LocalExecutor
from studio.library.family_files import built_in

POCKET = built_in()["pocket"]

RANK = 8
SUBJECT, PROMPT = "mika", "a picture of sks girl"
OURS = {
    "rank": RANK,
    "alpha": float(RANK),
    "targets": "attention",
    "optimizer": "AdamW",
    "lr_scheduler": "constant",
    "lr_warmup_steps": 0,
    "learning_rate": 1e-4,
    "snr_gamma": 0.0,
    "class_images": 0,
    "seed": 0,
    "describe": False,
    "garment_weight": 1.0,
    "pick_best": False,
    "checkpoint_every": 100_000,
    "sample_every": 0,
}
ALONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
PRECISION = {"cpu": ("fp32", "no"), "cuda": ("bf16", "bf16")}  # as ours and as theirs call it


@dataclass(frozen=True)
class Work:
    """A training that both are asked for. `family` is Pocket, or a layout whose weights are random."""

    family: str
    side: int
    steps: int
    batch: int = 1
    device: str = "cpu"
    weights: str = POCKET.weights


P_STEP, P_FOUR, P_LORA = Work("pocket", 128, 60), Work("pocket", 128, 60, batch=4), Work("pocket", 128, 20)
H3, H5 = Work("sdxl", 512, 60, device="cuda"), Work("sdxl", 1024, 30, device="cuda")
H4 = Work("sd15", 512, 800, device="cuda")


def main(flags: Sequence[str]) -> None:
    given = _parser().parse_args(list(flags))
    if given.ours:
        return _train_here(Work(**json.loads(given.ours)))
    if given.script is None:
        raise SystemExit("name diffusers' examples/dreambooth/train_dreambooth_lora_sdxl.py")
    if given.device == "cpu":
        rows = _rows(_pocket_works(given.script), given.pairs)
        return write_section("training", _pocket_section(rows))
    if given.sd15_script is None:
        raise SystemExit("name diffusers' examples/dreambooth/train_dreambooth_lora.py with --sd15-script")
    with tempfile.TemporaryDirectory() as folder:
        for layout in ("sdxl", "sd15"):
            _write_random_weights(layout, Path(folder) / layout, given.device)
        rows = _rows(_full_works(given.script, given.sd15_script, Path(folder)), given.pairs)
    write_section("training at full size", _full_section(rows))


Figures = dict[str, float]


def _rows(works: Sequence[Callable[[], Figures]], pairs: int) -> list[Figures]:
    """The figures of every work, as often as asked; whoever goes first changes from pair to pair."""
    rows = []
    for number in range(pairs):
        rows.append(
            {name: value for work in (works if number % 2 else reversed(works)) for name, value in work().items()}
        )
        told = {name: round(value, 4) for name, value in rows[-1].items()}
        print(f"pair {number + 1} of {pairs}:", told, flush=True)
    return rows


def _pocket_works(script: Path) -> list[Callable[[], Figures]]:
    return [
        lambda: _named(_ours(P_STEP), step="step", bare="bare"),
        lambda: {"sample of 4": _ours(P_FOUR)["step"] / 4},
        lambda: _named(_ours(P_LORA), lora="lora"),
        lambda: _named(_theirs(script, P_STEP), step="their step"),
        lambda: _named(_theirs(script, P_LORA), whole="their lora"),
    ]


def _full_works(script: Path, sd15_script: Path, folder: Path) -> list[Callable[[], Figures]]:
    h3, h4, h5 = (Work(**{**asdict(work), "weights": str(folder / work.family)}) for work in (H3, H4, H5))
    return [
        lambda: _named(_ours(h3), step="H3"),
        lambda: _named(_ours(h4), lora="H4"),
        lambda: _named(_ours(h5), step="H5", peak="H5 peak"),
        lambda: _named(_theirs(script, h3), step="their H3"),
        lambda: _named(_theirs(sd15_script, h4), whole="their H4"),
        lambda: _named(_theirs(script, h5, "--gradient_checkpointing"), step="their H5", peak="their H5 peak"),
    ]


def _named(figures: Mapping[str, float], **names: str) -> Figures:
    return {called: figures[name] for name, called in names.items()}


def _ours(work: Work) -> Figures:
    return _figures_of([sys.executable, "-m", "benchmarks", "speed", "training", "--ours", json.dumps(asdict(work))])


def _theirs(script: Path, work: Work, *flags: str) -> Figures:
    photos = ROOT / "assets" / "examples" / "subjects" / SUBJECT / "photos"
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder) / "photos"
        only.mkdir()
        for photo in photos.glob("*.png"):
            (only / photo.name).write_bytes(photo.read_bytes())
        return _figures_of(
            [
                sys.executable,
                "-m",
                "benchmarks.speed.peer",
                work.device,
                str(script),
                f"--pretrained_model_name_or_path={work.weights}",
                f"--instance_data_dir={only}",
                f"--instance_prompt={PROMPT}",
                f"--output_dir={folder}/out",
                f"--resolution={work.side}",
                f"--train_batch_size={work.batch}",
                f"--rank={RANK}",
                f"--max_train_steps={work.steps}",
                "--learning_rate=1e-4",
                "--lr_scheduler=constant",
                "--lr_warmup_steps=0",
                f"--mixed_precision={PRECISION[work.device][1]}",
                "--seed=0",
                "--checkpointing_steps=100000",
                *flags,
            ]
        )


def _train_here(work: Work) -> None:
    """One training in this process, in a studio that has the family loaded; prints figures as `told_at_exit` does."""
    told_at_exit(work.device)
    now = clock_of(work.device)
    with tempfile.TemporaryDirectory() as folder:
        name, families = work.family, Path(folder) / "families"
        if name != POCKET.name:
            name = f"random {work.family}"
            families.mkdir()
            # JSON is YAML, and asks nothing of what a folder may be called
            (families / "random.yaml").write_text(
                json.dumps({"name": name, "layout": work.family, "weights": work.weights, "vae": None})
            )
        with studio.open(Path(folder) / "library", name, family_folder=families, sample=True) as desk:
            subject = desk.library.subject(SUBJECT)
            desk.executor.warm(desk.family).join()
            began = now()  # from the request to the LoRA in the library
            desk.start(
                studio.TrainRequest(
                    subject.slug,
                    steps=work.steps,
                    batch_size=work.batch,
                    resolution=work.side,
                    precision=PRECISION[work.device][0],
                    **OURS,
                )
            ).result()
            print(f"\nlora={now() - began}")
            if work.family == POCKET.name:
                assert isinstance(desk.executor, LocalExecutor)
                with desk.executor.pipelines.lend(desk.family) as pipeline:
                    print(f"bare={_bare_step(pipeline, work.side)}")


def _bare_step(pipeline: Any, side: int, often: int = 20) -> float:
    """CPU seconds of the UNet's own arithmetic at batch 1, forwards and back to its input."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    config, factor = pipeline.unet.config, pipeline.vae_scale_factor
    latents = torch.randn(1, config.in_channels, side // factor, side // factor, requires_grad=True)
    text = torch.randn(1, 77, config.cross_attention_dim)
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    added = {"text_embeds": torch.randn(1, pooled), "time_ids": torch.ones(1, 6)}
    spent = []
    for _ in range(often):
        began = time.process_time()
        with sdpa_kernel(SDPBackend.MATH):
            pipeline.unet(latents, torch.tensor([500]), text, added_cond_kwargs=added)[0].square().mean().backward()
        spent.append(time.process_time() - began)
    return median(spent)


def _write_random_weights(layout: str, folder: Path, device: str) -> None:
    import torch

    from benchmarks.speed.random_weights import random_pipeline

    random_pipeline(layout, device=device).to(torch.float16).save_pretrained(folder)


def _figures_of(command: list[str]) -> Figures:
    """What the command prints as name=number. Raises SystemExit with what it said if it fails."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ALONE}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-3000:]}")
    told = re.findall(r"^(step|whole|lora|bare|peak)=(\S+)$", done.stdout, re.MULTILINE)
    return {name: float(value) for name, value in told}


def _ratio(rows: Sequence[Figures], theirs: str, ours: str) -> str:
    return f"{median(row[theirs] / row[ours] for row in rows):.2f}x"


def _middle(rows: Sequence[Figures], name: str, scale: float = 1.0) -> str:
    return f"{scale * median(row[name] for row in rows):.3g}"


def _pocket_section(rows: Sequence[Figures]) -> str:
    step = f"{_middle(rows, 'their step', 1000)} ms"
    lora = f"P3: click to LoRA, {P_LORA.steps} steps, warm; theirs the whole script"
    lines = [
        [
            "P1: a step at batch 1",
            step,
            f"{_middle(rows, 'step', 1000)} ms",
            _ratio(rows, "their step", "step"),
            "2.0x",
        ],
        [
            "P2: a sample at batch 4, theirs at batch 1",
            step,
            f"{_middle(rows, 'sample of 4', 1000)} ms",
            _ratio(rows, "their step", "sample of 4"),
            "4x",
        ],
        [
            lora,
            f"{_middle(rows, 'their lora')} s",
            f"{_middle(rows, 'lora')} s",
            _ratio(rows, "their lora", "lora"),
            "7x",
        ],
    ]
    return (
        "## P1 to P3: training beside diffusers' script\n\n"
        f"Pocket at {P_STEP.side} px, rank {RANK} on attention, AdamW, float32, one thread, the same photos; CPU time "
        f"of processes, medians of {len(rows)} interleaved pairs. Neither draws samples. By "
        "`python -m benchmarks speed training train_dreambooth_lora_sdxl.py` with the script of diffusers, unmodified.\n\n"
        + table(["what", "diffusers' script", "Understudy", "faster", "target"], lines)
        + f"\n\nThe UNet alone, without LoRA, takes {_middle(rows, 'bare', 1000)} ms forwards and back to its input: "
        f"against the script's step that is {_ratio(rows, 'their step', 'bare')}, and nearly all of it is in every "
        "step, whoever takes it. A larger lead at this size wants fewer or quicker operations in the UNet itself."
    )


def _full_section(rows: Sequence[Figures]) -> str:
    import torch

    lines = [
        [
            f"H3: SDXL, a step at {H3.side} px, batch 1",
            f"{_middle(rows, 'their H3', 1000)} ms",
            f"{_middle(rows, 'H3', 1000)} ms",
            _ratio(rows, "their H3", "H3"),
            "9 ms and 8x",
        ],
        [
            f"H4: SD 1.5, {H4.steps} steps at {H4.side} px, to the LoRA; theirs the whole script",
            f"{_middle(rows, 'their H4')} s",
            f"{_middle(rows, 'H4')} s",
            _ratio(rows, "their H4", "H4"),
            "5 s",
        ],
        [
            f"H5: SDXL, a step at {H5.side} px, batch 1; theirs with checkpointing",
            f"{_middle(rows, 'their H5', 1000)} ms, {_middle(rows, 'their H5 peak')} GiB",
            f"{_middle(rows, 'H5', 1000)} ms, {_middle(rows, 'H5 peak')} GiB",
            _ratio(rows, "their H5", "H5"),
            "32 ms, 12 GiB",
        ],
    ]
    return (
        "## H3 to H5: training SDXL and SD 1.5 at full size beside diffusers' scripts\n\n"
        f"Random weights, rank {RANK} on attention, AdamW, bfloat16, on {torch.cuda.get_device_name()}; medians of "
        f"{len(rows)} interleaved pairs. By `python -m benchmarks speed training train_dreambooth_lora_sdxl.py --sd15-script "
        "train_dreambooth_lora.py --device cuda`, the scripts unmodified.\n\n"
        + table(["what", "diffusers' script", "Understudy", "faster", "target"], lines)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks speed training", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "script", type=Path, nargs="?", help="diffusers' examples/dreambooth/train_dreambooth_lora_sdxl.py"
    )
    parser.add_argument("--sd15-script", type=Path, help="its train_dreambooth_lora.py, for H4")
    parser.add_argument("--device", choices=list(PRECISION), default="cpu")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--ours", help=argparse.SUPPRESS)  # one training in this process: a Work, as JSON
    return parser
