"""DreamBooth LoRA: a subject taught to a family from a handful of photos (Ruiz et al. 2023, Hu et al. 2021)."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDPMScheduler
from peft import LoraConfig, inject_adapter_in_model
from peft.helpers import disable_input_dtype_casting
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from studio.engine.adapters import NAME, Adapter, take_out
from studio.engine.checkpoints import KEPT, load_checkpoint, save_checkpoint, write_tensors
from studio.engine.dataset import (
    Examples,
    Picture,
    draw_class_pictures,
    encode,
    instance_pictures,
    joined,
)
from studio.engine.drawing import render
from studio.engine.loading import modules
from studio.engine.losses import prior_preservation_loss, stratified_timesteps, target_of, weights_of
from studio.engine.memory import free_bytes, is_out_of_memory
from studio.engine.pipelines import PipelineCache
from studio.events import CheckpointSaved, Event, LoraSaved, SampleDrawn, StageReported, StepFinished
from studio.families import ModelFamily
from studio.requests import DrawRequest, TrainRequest, resolved

if TYPE_CHECKING:
    from studio.library import Library, Subject

ARCHITECTURES = {  # modelspec's names of what a pipeline's class draws with
    "StableDiffusionXLPipeline": "stable-diffusion-xl-v1-base", "StableDiffusionPipeline": "stable-diffusion-v1",
}
ROOM_GB = 12.0  # for one 1024 px picture of SDXL without gradient checkpointing
WARM_UP = 10  # steps until the learning rate is whole
LAST_RATE = 0.1  # of the learning rate, at the end of its cosine
LONGEST_GRADIENT = 1.0
WEIGHT_DECAY = 1e-4


def train(request: TrainRequest, *, pipelines: PipelineCache, family: ModelFamily, library: Library, run_folder: Path,
          checkpoint: Path | None = None, until: int | None = None, stop: Callable[[], bool] = lambda: False
          ) -> Iterator[Event]:
    """Teach the request's subject, from the start or from a checkpoint, to the end or until a step.

    Yields what happens; the pipeline is borrowed for one step at a time, so that a drawing waits for a step only.
    At the end, and when `stop()` is true, the adapter becomes a LoRA of the library; at `until` it only becomes a
    checkpoint. On one machine's CPU the weights depend on the request and the photos alone, not on interruptions.
    Raises ValueError, in a sentence, for a subject without photos and a checkpoint that does not belong here.
    """
    subject = library.subject(request.subject)
    pictures = instance_pictures(subject, request.resolution or family.resolution)
    class_pictures: list[Picture] = []
    for made in draw_class_pictures(request, subject, pipelines, family, library):
        if stop():
            return
        if isinstance(made, Picture):
            class_pictures.append(made)
        else:
            yield made
    yield StageReported("Reading the photos")
    run = _Run(request, subject, pipelines, family, library, run_folder)
    try:
        run.prepare(pictures, class_pictures, checkpoint)
        yield from run.go(until or request.steps or 0, stop)
    finally:
        run.leave_for_good()


@dataclass
class _Run:
    """One training between its start and its end; the tenant of the UNet while it has its turn."""

    request: TrainRequest
    subject: Subject
    pipelines: PipelineCache
    family: ModelFamily
    library: Library
    folder: Path

    def prepare(self, pictures: list[Picture], class_pictures: list[Picture], checkpoint: Path | None) -> None:
        """Caches latents and text embeddings, makes the adapter and its optimiser, and takes up the checkpoint."""
        request = self.request
        with self.pipelines.lend(self.family) as pipeline:
            photos = encode(pictures, self.pipelines, pipeline)
            assert photos is not None
            self._photos: Examples = photos
            self._class_images = encode(class_pictures, self.pipelines, pipeline)
            self._adapter = new_adapter(pipeline.unet, self.family, request.rank or 8, request.alpha, request.seed or 0)
            self._noise = DDPMScheduler.from_config(pipeline.scheduler.config)
            self._unet, self._device = pipeline.unet, pipeline._execution_device
            self._others = [part for name, part in modules(pipeline).items() if name != "unet"]
            on_gpu = self._device.type != "cpu"
            self._can_move_others = on_gpu and self.pipelines.loaded(pipeline).plan.offload == "none"
            size = (request.batch_size or 1) * ((request.resolution or 0) / 1024) ** 2
            self._sparing = on_gpu and free_bytes(self._device.type) < ROOM_GB * 2**30 * size
            self.pipelines.move_in(pipeline, self)
        self._optimiser = torch.optim.AdamW(
            self._adapter.parameters(), lr=request.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
        )
        self._step = 0
        if checkpoint is not None:
            self._step = load_checkpoint(checkpoint, self._adapter.parameters(), self._optimiser, self._identity())

    def arrive(self) -> None:
        """The adapter goes in; where memory is short, what training does not use leaves the accelerator."""
        self._adapter.inject()
        self._spare(self._sparing)

    def leave(self) -> None:
        self._adapter.eject()
        self._spare(False)

    def _spare(self, sparing: bool) -> None:
        """Save memory, or stop saving it: the VAE and text encoders aside, activations computed again backwards."""
        for part in self._others if self._can_move_others else ():
            part.to("cpu" if sparing else self._device)
        if sparing:
            self._unet.enable_gradient_checkpointing()
        else:
            self._unet.disable_gradient_checkpointing()

    def leave_for_good(self) -> None:
        self.pipelines.dismiss(self.family, self)

    def go(self, until: int, stop: Callable[[], bool]) -> Iterator[Event]:
        """Steps, samples and checkpoints; a LoRA at the end or when stopped."""
        request, total = self.request, self.request.steps or 0
        pace = _Pace(total)
        while self._step < min(until, total) and not stop():
            loss = self._take_step()
            yield StepFinished(self._step, total, loss, pace.seconds_left(self._step))
            if self._step % (request.sample_every or total) == 0 or self._step == total:
                yield self._draw_sample()
            if self._step % (request.checkpoint_every or total) == 0 or self._step == total:
                yield self._save_checkpoint()
        if self._step == 0:
            return
        if self._step % (request.checkpoint_every or total) and self._step < total:
            yield self._save_checkpoint()
        if self._step == total or stop():
            yield self._save_lora()

    def _take_step(self) -> float:
        """One optimiser step on photos and class images; returns its loss. Steps down once when memory runs out."""
        while True:
            try:
                return self._try_step()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if self._sparing:
                    raise MemoryError(
                        "Out of memory with every saving on: train with a smaller batch, resolution or rank, or choose "
                        "a smaller family."
                    ) from error
            with self.pipelines.lend(self.family, tenant=self):
                self._optimiser.zero_grad(set_to_none=True)
                self._sparing = True
                self._spare(True)

    def _try_step(self) -> float:
        # Each step draws its chances from its own number: a training that goes on later meets the same ones.
        chances = torch.Generator().manual_seed((self.request.seed or 0) * 1_000_003 + self._step)
        batch, instances = self._batch(chances)
        with self.pipelines.lend(self.family, tenant=self) as pipeline, torch.enable_grad():
            with _quickest(self._device.type, pipeline.unet):
                errors = self._errors(pipeline.unet, batch, chances)
                loss = prior_preservation_loss(errors, instances, self.request.prior_loss_weight or 0.0)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(self._adapter.parameters(), LONGEST_GRADIENT)
            for group in self._optimiser.param_groups:
                group["lr"] = (self.request.learning_rate or 0.0) * rate(self._step, self.request.steps or 1)
            self._optimiser.step()
            self._optimiser.zero_grad(set_to_none=True)
            self._step += 1
            return loss.item()

    def _batch(self, chances: torch.Generator) -> tuple[Examples, int]:
        """Photos in turn, every one as often as the others, then class images; and how many photos."""
        size = self.request.batch_size or 1
        rows = _in_turn(len(self._photos), size, self._step, self.request.seed or 0)
        photos = self._photos.at(rows)
        if self._class_images is None:
            return photos, size
        # Half as many, to save time: each term of the loss is a mean of its own.
        drawn = torch.randint(len(self._class_images), (max(1, size // 2),), generator=chances)
        return joined(photos, self._class_images.at(drawn)), size

    def _errors(self, unet: Any, batch: Examples, chances: torch.Generator) -> Tensor:
        """Weighted squared error of each picture in the batch, [batch]."""
        device, shape = batch.mean.device, batch.mean.shape
        latents = batch.mean + batch.std * torch.randn(shape, generator=chances).to(device)
        noise = torch.randn(shape, generator=chances).to(device)
        timesteps = stratified_timesteps(len(batch), self._noise.config.num_train_timesteps, chances).to(device)
        noisy = self._noise.add_noise(latents, noise, timesteps)
        wanted = target_of(self._noise, latents, noise, timesteps)
        with torch.autocast(device.type, torch.bfloat16, enabled=_computes_bfloat16(device.type)):
            said = unet(
                noisy, timesteps, batch.text, added_cond_kwargs=batch.added or None, return_dict=False
            )[0]
        return (said.float() - wanted).square().mean((1, 2, 3)) * weights_of(self._noise, timesteps)

    def _draw_sample(self) -> SampleDrawn:
        """The validation prompt with the adapter as it is, always from the run's seed."""
        prompt = self.request.validation_prompt or self.subject.instance_prompt
        asked = resolved(
            DrawRequest(prompt=prompt, seed=self.request.seed, width=self.request.resolution,
                        height=self.request.resolution),
            self.family.drawing,
        )
        with self.pipelines.lend(self.family, tenant=self) as pipeline:
            self._spare(False)
            image = render(self.pipelines, pipeline, asked)
            self._spare(self._sparing)
        path = self.folder / "samples" / f"{self._step:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        return SampleDrawn(self._step, str(path.relative_to(self.library.root)), prompt)

    def _save_checkpoint(self) -> CheckpointSaved:
        path = save_checkpoint(
            self.folder / "checkpoints", self._step, self._adapter, self._optimiser, self._identity(),
            kept=1 if self._step == self.request.steps else KEPT,
        )
        return CheckpointSaved(self._step, str(path.relative_to(self.folder)))

    def _save_lora(self) -> LoraSaved:
        request = self.request
        lora = self.library.save_lora(
            name=self.subject.name, subject=self.subject.slug, family=self.family.name, trigger=self.subject.trigger,
            rank=request.rank, alpha=request.alpha, steps=self._step,
            preview=max((self.folder / "samples").glob("*.png"), default=None),
            write=lambda path: write_lora(path, self._adapter, request, self.subject, self.family, self._step),
        )
        return LoraSaved(lora.slug, self._step)

    def _identity(self) -> str:
        """What a checkpoint must have been made of to be taken up: the request, the trigger, photos and captions."""
        photos = [(photo.file, photo.caption, photo.crop) for photo in self.subject.photos]
        whole = json.dumps([vars(self.request), self.subject.trigger, photos], sort_keys=True, default=str)
        return hashlib.sha256(whole.encode()).hexdigest()


def new_adapter(unet: Any, family: ModelFamily, rank: int, alpha: float | None, seed: int) -> Adapter:
    """A LoRA that changes nothing yet, out of the UNet; its matrices in single precision, the same for a seed."""
    config = LoraConfig(r=rank, lora_alpha=alpha or rank, target_modules=list(family.lora_targets))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, unet, NAME)
    adapter = take_out(unet)
    for parameter in adapter.parameters():
        parameter.data = parameter.data.float()
        parameter.requires_grad_(True)
    return adapter


def write_lora(path: Path, adapter: Adapter, request: TrainRequest, subject: Subject, family: ModelFamily, step: int
               ) -> None:
    """Write the LoRA as diffusers does (pytorch_lora_weights.safetensors), with what it is in the header."""
    tensors: dict[str, Tensor] = {}
    for name, (_, _, layer) in zip(adapter.names, adapter.places, strict=True):
        tensors[f"unet.{name}.lora_A.weight"] = layer.lora_A[NAME].weight
        tensors[f"unet.{name}.lora_B.weight"] = layer.lora_B[NAME].weight
    drawn_by = family.pipelines["draw"]
    config = {"r": request.rank, "lora_alpha": request.alpha, "target_modules": list(family.lora_targets)}
    write_tensors(tensors, path, {
        "format": "pt",
        "lora_adapter_metadata": json.dumps({f"unet.{key}": value for key, value in config.items()}, sort_keys=True),
        "base": family.weights if not family.is_local else family.name,
        "trigger": subject.trigger,
        "rank": str(request.rank),
        "alpha": str(request.alpha),
        "steps": str(step),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{ARCHITECTURES.get(drawn_by, drawn_by)}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": f"{subject.name} ({family.title})",
        "modelspec.trigger_phrase": subject.trigger,
        "modelspec.usage_hint": f"Say {subject.trigger} in the prompt.",
        "modelspec.resolution": f"{request.resolution}x{request.resolution}",
        "ss_tag_frequency": json.dumps({"photos": {subject.trigger: len(subject.photos)}}),
    })


def rate(step: int, total: int) -> float:
    """Share of the learning rate at a step: a short warm-up, then a cosine."""
    warm = min(1.0, (step + 1) / WARM_UP)
    return warm * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * step / total)) / 2)


def _computes_bfloat16(device: str) -> bool:
    """Whether the device does so natively; elsewhere single precision is as quick."""
    of_cpu = getattr(torch.cpu, "get_capabilities", dict)()  # torch before 2.10 cannot tell
    return device == "cuda" or (device == "cpu" and of_cpu.get("avx512_bf16", False))


@contextmanager
def _quickest(device: str, unet: Any) -> Iterator[None]:
    """What makes a step quicker, forwards and backwards, since checkpointing computes the one within the other.

    On a CPU torch's fused attention can be slow backwards: with plain attention a step took 0.74 of the CPU time at
    16x16 latents, and 0.98 at 32x32 (the least of 7 each, on a busy machine).
    """
    # Autocast casts the inputs of LoRA layers; PEFT would do it before, and to single precision.
    with disable_input_dtype_casting(unet, active=_computes_bfloat16(device)), ExitStack() as stack:
        if device == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield


def _in_turn(count: int, size: int, step: int, seed: int) -> Tensor:
    """[size] of the rows 0 to count - 1 for a step: endless shuffled rounds, told by the step alone."""
    first = step * size
    rows = []
    for place in range(first, first + size):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 7_919 + place // count))
        rows.append(int(order[place % count]))
    return torch.tensor(rows)


class _Pace:
    """Estimates the seconds left from the steps of this process alone."""

    def __init__(self, total: int) -> None:
        self._total, self._taken, self._spent = total, 0, 0.0
        self._last = time.perf_counter()

    def seconds_left(self, step: int) -> float:
        now = time.perf_counter()
        self._spent, self._taken, self._last = self._spent + now - self._last, self._taken + 1, now
        return self._spent / self._taken * (self._total - step)
