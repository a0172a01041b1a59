"""P4 to P6: what it takes to change the LoRA, the task, and to draw the same prompt in the same outfit again.

    python -m benchmarks speed switching [--pairs 9]

SDXL's own layout with its 560 attention layers, made narrow, random weights. The clock is the CPU time of this process;
ours and diffusers' own ways take turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import save_file

from benchmarks.results import table, write_section
from benchmarks.speed.random_weights import random_pipeline, save_random_adapter, save_random_eyes
from studio.contracts.block_scales import by_layer
from studio.contracts.events import PictureDrawn
from studio.contracts.family import ImageAdapter, ModelFamily
from studio.contracts.requests import DrawRequest
from studio.engine.adapters.ip_adapter import ImageEncoder, ImagePrompt, prompted
from studio.engine.adapters.lora import Applied, attached
from studio.engine.generation.drawing import draw
from studio.engine.models.pipeline_cache import PipelineCache
from studio.library import Library
from studio.library.family_files import built_in
from studio.tasks.draw import DRAW

POCKET, SDXL = built_in()["pocket"], built_in()["sdxl"]

WIDTH, SIDE, RANK = 32, 64, 8
CLIP = {"intermediate_size": WIDTH, "num_attention_heads": 2, "num_hidden_layers": 2}
NARROW = {
    "unet": {
        "block_out_channels": [16, 32, 32],
        "attention_head_dim": [2, 2, 2],
        "cross_attention_dim": WIDTH + 48,
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 48,
        "norm_num_groups": 8,
        "sample_size": 8,
    },
    "vae": {"block_out_channels": [8, 8, 8, 16], "norm_num_groups": 4, "layers_per_block": 1, "sample_size": SIDE},
    "text_encoder": {**CLIP, "hidden_size": WIDTH, "projection_dim": WIDTH},
    "text_encoder_2": {**CLIP, "hidden_size": 48, "projection_dim": 48},
}
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


def main(flags: Sequence[str]) -> None:
    given = _parser().parse_args(list(flags))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        random_pipeline("sdxl", NARROW).save_pretrained(folder / "weights")
        family = replace(
            SDXL,
            name="narrow",
            weights=str(folder / "weights"),
            vae=None,
            variant=None,
            resolution=SIDE,
            dtype={"cpu": "float32"},
            drawing={"steps": 2, "width": SIDE, "height": SIDE},
        )
        pipelines = PipelineCache("cpu")
        swaps = _swaps(pipelines, family, folder, given.pairs)
        tasks = _tasks(pipelines, family, given.pairs)
        dressing = _with_adapters(pipelines, family, folder)
        outfits = _outfits(pipelines, dressing, given.pairs)
        calls = _encoder_calls(pipelines, dressing, folder)
    write_section("switching", _section(swaps, outfits, tasks, calls, given.pairs))


def _swaps(pipelines: PipelineCache, family: ModelFamily, folder: Path, pairs: int) -> dict[str, float]:
    """CPU milliseconds to change from one LoRA to another, in each way."""
    theirs = StableDiffusionXLPipeline.from_pretrained(family.weights)
    files = [_lora(theirs, folder / f"{name}.safetensors", seed) for seed, name in enumerate(("one", "two"))]

    def load_anew(file: Path) -> None:
        theirs.unload_lora_weights()
        theirs.load_lora_weights(str(file))

    def hotswap(file: Path) -> None:
        hot.load_lora_weights(str(file), adapter_name="hot", hotswap=True)

    hot = StableDiffusionXLPipeline.from_pretrained(family.weights)
    hot.load_lora_weights(str(files[0]), adapter_name="hot")
    theirs.load_lora_weights(str(files[0]))
    with pipelines.lend(family) as pipeline:

        def ours(file: Path) -> None:
            with attached(pipelines, pipeline, [Applied(file)]):
                pass

        for file in files:
            ours(file)  # read once
        ways = {"unload and load": load_anew, "hotswap": hotswap, "ours": ours}
        return _medians({name: lambda number, way=way: way(files[number % 2]) for name, way in ways.items()}, pairs)


def _lora(pipeline: StableDiffusionXLPipeline, file: Path, seed: int) -> Path:
    noise, learnt = torch.Generator().manual_seed(seed), {}
    for name, module in pipeline.unet.named_modules():
        if name.endswith(ATTENTION):
            out, inside = module.weight.shape
            learnt[f"unet.{name}.lora_A.weight"] = torch.randn(RANK, inside, generator=noise)
            learnt[f"unet.{name}.lora_B.weight"] = torch.randn(out, RANK, generator=noise)
    save_file(learnt, file, {"format": "pt"})
    return file


def _with_adapters(pipelines: PipelineCache, family: ModelFamily, folder: Path) -> ModelFamily:
    """The family with two IP-Adapters, and with Pocket's masks: it finds clothes with no download."""
    save_random_eyes(folder / "eyes", WIDTH, SIDE)
    adapters = {}
    with pipelines.lend(family) as pipeline:
        for seed, title in enumerate(("one", "two")):
            save_random_adapter(pipeline.unet, folder / f"adapter-{title}.safetensors", WIDTH, seed)
            adapters[title] = ImageAdapter(str(folder / f"adapter-{title}.safetensors"), str(folder / "eyes"))
    return replace(
        family, image_adapters=adapters, detector=POCKET.detector, segmenters=POCKET.segmenters, masking=POCKET.masking
    )


def _outfits(pipelines: PipelineCache, family: ModelFamily, pairs: int) -> dict[str, float]:
    """CPU milliseconds to change from one image adapter to another and set its scales, in each way."""
    theirs = StableDiffusionXLPipeline.from_pretrained(family.weights)
    adapters, scales = list(family.image_adapters.values()), family.outfit_presets["Both, gently"]
    nothing = torch.zeros(1, 1, WIDTH)

    def load_anew(number: int) -> None:
        if theirs.unet.encoder_hid_proj is not None:
            theirs.unload_ip_adapter()
        file = Path(adapters[number % 2].weights)
        theirs.load_ip_adapter(str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder=None)
        theirs.set_ip_adapter_scale(scales)

    with pipelines.lend(family) as pipeline:

        def ours(number: int) -> None:
            worn = ImagePrompt(Path(adapters[number % 2].weights), (nothing, nothing), by_layer(scales, family.blocks))
            with prompted(pipelines, pipeline, [worn]) as wearing:
                assert wearing is not None, "one picture prompts"
                wearing.at(0.0)

        for number in range(2):
            ours(number)  # read once
        return _medians({"load anew": load_anew, "ours": ours}, pairs)


def _tasks(pipelines: PipelineCache, family: ModelFamily, pairs: int) -> dict[str, float]:
    """CPU milliseconds from drawing to repainting and back; and what a pipeline of its own takes."""

    def switch(_: int) -> None:
        for task in ("repaint", "draw"):
            with pipelines.lend(family, task):
                pass

    def anew(_: int) -> None:
        StableDiffusionXLPipeline.from_pretrained(family.weights)

    switch(0)
    return _medians({"ours": switch, "anew": anew}, pairs)


def _encoder_calls(pipelines: PipelineCache, family: ModelFamily, folder: Path) -> tuple[int, int]:
    """How often encoders, of texts and of images, run for a prompt and an outfit that are drawn for the first time,
    and for the second."""
    library, calls = Library(folder / "library"), []
    coat = library.add_outfit("Coat", Image.new("RGB", (SIDE, SIDE), "red"))
    with pipelines.lend(family) as pipeline:
        encoders = [pipeline.text_encoder, pipeline.text_encoder_2]
    with pipelines.lend_helper(ImageEncoder.published, next(iter(family.image_adapters.values())).encoder) as eyes:
        encoders.append(eyes.network.vision_model)
    hooks = [encoder.register_forward_hook(lambda *_: calls.append(1)) for encoder in encoders]
    counts = []
    for seed in (1, 2):
        before = len(calls)
        request = DRAW.resolve(DrawRequest("a girl on the beach", outfit=coat.slug, seed=seed), library, family)
        events = draw(request, pipelines=pipelines, family=family, library=library, stop=lambda: False)
        assert [Image.open(event.path).size for event in events if isinstance(event, PictureDrawn)] == [(SIDE, SIDE)]
        counts.append(len(calls) - before)
    for hook in hooks:
        hook.remove()
    return counts[0], counts[1]


def _medians(ways: dict[str, Callable[[int], None]], pairs: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, pairs + 1):
        for name, way in ways.items():
            began = time.process_time()
            way(number)
            spent[name].append(time.process_time() - began)
    return {name: 1000 * median(times) for name, times in spent.items()}


def _section(
    swaps: dict[str, float], outfits: dict[str, float], tasks: dict[str, float], calls: tuple[int, int], pairs: int
) -> str:
    rows = [
        [
            "P4: LoRA swap, 560 modules",
            f"{swaps['unload and load']:.0f} ms; hotswap {swaps['hotswap']:.0f} ms",
            f"{swaps['ours']:.1f} ms",
            "20 ms",
        ],
        [
            "P4: IP-Adapter swap with the reference's dict, 70 modules",
            f"{outfits['load anew']:.0f} ms",
            f"{outfits['ours']:.1f} ms",
            "20 ms",
        ],
        [
            "P5: draw to repaint and back",
            f"{tasks['anew']:.0f} ms for a second pipeline",
            f"{tasks['ours']:.2f} ms",
            "1 ms",
        ],
        ["P6: encoders run for the same prompt and outfit again", f"{calls[0]} each time", str(calls[1]), "0"],
    ]
    return (
        "## P4 to P6: switching\n\n"
        f"SDXL's layout, narrow, random weights; CPU time of one process, medians of {pairs} turns. By "
        "`python -m benchmarks speed switching`. ControlNet is not in it yet.\n\n"
        + table(["what", "diffusers", "Understudy", "target"], rows)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks speed switching", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--pairs", type=int, default=9)
    return parser
