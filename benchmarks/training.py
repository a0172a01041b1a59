"""P1 to P3: a LoRA step, a sample at batch 4, and click to LoRA, beside diffusers' own script in one interleaved run.

    python -m benchmarks.training path/to/train_dreambooth_lora_sdxl.py [--pairs 5]

Pocket at 64 px, the sample subject's photos, rank 8 on attention, AdamW, float32, one thread, no class images: the same
for both. The clock is the CPU time of processes; a step is the median from one step of the optimiser to the next.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import studio
from benchmarks.peer import told_at_exit
from benchmarks.results import table, write_section
from studio.families import POCKET

ROOT = Path(__file__).resolve().parents[1]
SIDE, RANK, STEPS, LORA_STEPS = 64, 8, 60, 20
SUBJECT, PROMPT = "mika", "a picture of sks girl"
OURS = {
    "rank": RANK, "alpha": float(RANK), "targets": "attention", "optimiser": "AdamW", "schedule": "constant",
    "warm_up": 0, "learning_rate": 1e-4, "snr_gamma": 0.0, "precision": "fp32", "resolution": SIDE, "class_images": 0,
    "seed": 0, "describe": False, "garment_weight": 1.0, "pick_best": False, "checkpoint_every": 100_000,
    "sample_every": 0,
}


def main(flags: Sequence[str]) -> None:
    given = _parser().parse_args(list(flags))
    if given.ours is not None:
        return _train_here(given.ours, given.batch)
    rows = []
    for number in range(given.pairs):
        rows.append(_pair(given.script, number))
        told = {name: round(value, 3) for name, value in rows[-1].items()}
        print(f"pair {number + 1} of {given.pairs}:", told, flush=True)
    write_section("training", _section(rows))


def _pair(script: Path, number: int) -> dict[str, float]:
    """CPU seconds of both; whoever goes first changes from pair to pair."""
    works = [
        lambda: {name: value for name, value in _ours(STEPS, 1).items() if name in ("step", "bare")},
        lambda: {"sample of 4": _ours(STEPS, 4)["step"] / 4},
        lambda: {"lora": _ours(LORA_STEPS, 1)["lora"]},
        lambda: {"their step": _theirs(script, STEPS)["step"]},
        lambda: {"their lora": _theirs(script, LORA_STEPS)["whole"]},
    ]
    return {name: value for work in (works if number % 2 else reversed(works)) for name, value in work().items()}


def _ours(steps: int, batch: int) -> dict[str, float]:
    return _figures_of([sys.executable, "-m", "benchmarks.training", "--ours", str(steps), "--batch", str(batch)])


def _theirs(script: Path, steps: int) -> dict[str, float]:
    photos = ROOT / "assets" / "examples" / "subjects" / SUBJECT / "photos"
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder) / "photos"
        only.mkdir()
        for photo in photos.glob("*.png"):
            (only / photo.name).write_bytes(photo.read_bytes())
        return _figures_of([
            sys.executable, "-m", "benchmarks.peer", str(script), f"--pretrained_model_name_or_path={POCKET.weights}",
            f"--instance_data_dir={only}", f"--instance_prompt={PROMPT}", f"--output_dir={folder}/out",
            f"--resolution={SIDE}", "--train_batch_size=1", f"--rank={RANK}", f"--max_train_steps={steps}",
            "--learning_rate=1e-4", "--lr_scheduler=constant", "--lr_warmup_steps=0", "--mixed_precision=no",
            "--seed=0", "--checkpointing_steps=100000",
        ])


def _train_here(steps: int, batch: int) -> None:
    """One training in this process, in a studio that has the family loaded; prints figures as `told_at_exit` does."""
    told_at_exit()
    with tempfile.TemporaryDirectory() as folder, studio.open(Path(folder) / "library", sample=True) as desk:
        subject = desk.library.subject(SUBJECT)
        desk.executor.warm(POCKET).join()
        began = time.process_time()  # from the request to the LoRA in the library
        desk.start(studio.TrainRequest(subject.slug, steps=steps, batch_size=batch, **OURS)).result()
        print(f"\nlora={time.process_time() - began}")
        with desk.executor.pipelines.lend(POCKET) as pipeline:
            print(f"bare={_bare_step(pipeline)}")


def _bare_step(pipeline: Any, often: int = 20) -> float:
    """CPU seconds of the UNet's own arithmetic at batch 1, forwards and back to its input."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    config, factor = pipeline.unet.config, pipeline.vae_scale_factor
    latents = torch.randn(1, config.in_channels, SIDE // factor, SIDE // factor, requires_grad=True)
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


def _figures_of(command: list[str]) -> dict[str, float]:
    """What the command prints as name=seconds. Raises SystemExit with what it said if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-3000:]}")
    told = re.findall(r"^(step|whole|lora|bare)=(\S+)$", done.stdout, re.MULTILINE)
    return {name: float(value) for name, value in told}


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false"}


def _section(rows: Sequence[dict[str, float]]) -> str:
    def ratio(theirs: str, ours: str) -> str:
        return f"{median(row[theirs] / row[ours] for row in rows):.2f}x"

    def middle(name: str, scale: float = 1.0) -> str:
        return f"{scale * median(row[name] for row in rows):.3g}"

    step, lora = middle("their step", 1000), f"P3: click to LoRA, {LORA_STEPS} steps, warm; theirs the whole script"
    lines = [
        ["P1: a step at batch 1", f"{step} ms", f"{middle('step', 1000)} ms", ratio("their step", "step"), "2.0x"],
        ["P2: a sample at batch 4, theirs at batch 1", f"{step} ms", f"{middle('sample of 4', 1000)} ms",
         ratio("their step", "sample of 4"), "4x"],
        [lora, f"{middle('their lora')} s", f"{middle('lora')} s", ratio("their lora", "lora"), "7x"],
    ]
    return (
        "## P1 to P3: training beside diffusers' script\n\n"
        f"Pocket at {SIDE} px, rank {RANK} on attention, AdamW, float32, one thread, the same photos; CPU time of "
        f"processes, medians of {len(rows)} interleaved pairs. Neither draws samples. By "
        "`python -m benchmarks.training train_dreambooth_lora_sdxl.py` with the script of diffusers, unmodified.\n\n"
        + table(["what", "diffusers' script", "Understudy", "faster", "target"], lines)
        + f"\n\nThe UNet alone, without LoRA, takes {middle('bare', 1000)} ms forwards and back to its input: against "
        f"the script's step that is {ratio('their step', 'bare')}, and nearly all of it is in every step, whoever "
        "takes it. A larger lead at this size wants fewer or quicker operations in the UNet itself."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("script", type=Path, nargs="?",
                        help="diffusers' examples/dreambooth/train_dreambooth_lora_sdxl.py")
    parser.add_argument("--pairs", type=int, default=5, help="at least 5")
    parser.add_argument("--ours", type=int, help=argparse.SUPPRESS)  # steps of one training in this process
    parser.add_argument("--batch", type=int, default=1, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
