"""DreamBooth: a subject taught to a family from a handful of photos (Ruiz et al. 2023), as a LoRA or in all weights."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from studio.contracts.events import CheckpointPicked, CheckpointSaved, Event, LoraSaved, StageReported, StepFinished
from studio.contracts.family import ModelFamily
from studio.contracts.former_names import formerly
from studio.contracts.requests import ADAMW, COSINE, FULL, DrawRequest, TrainRequest
from studio.engine.adapters.exporting import keep_lora
from studio.engine.adapters.trainables import trainable_of
from studio.engine.generation.drawing import render
from studio.engine.models.driver import Conditioning, Words, denoiser_of, is_text_encoder
from studio.engine.models.layouts import driver_of
from studio.engine.models.loading import modules
from studio.engine.models.memory import free_bytes, is_out_of_memory
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.training.buckets import batch_at
from studio.engine.training.checkpoints import learnt_in, load_checkpoint, save_checkpoint
from studio.engine.training.dataset import Examples, Picture, draw_class_pictures, encode, instance_pictures, joined
from studio.engine.training.losses import prior_preservation_loss
from studio.engine.training.optimizers import new_optimizer, rate_of
from studio.engine.training.pace import Pace
from studio.engine.training.photo_analysis import look_at, seen_in
from studio.engine.training.precision import computed_in, quickest, scaler_like
from studio.engine.training.validation_samples import Samples
from studio.errors import explain
from studio.tasks.train import check_photos

if TYPE_CHECKING:
    from studio.library import Library, Subject

ROOM_GB = 12.0  # for one 1024 px picture of SDXL without gradient checkpointing
LONGEST_GRADIENT = 1.0
LOOKS = ("steps", "checkpoint_every", "sample_every", "validation_prompt", "pick_best", "class_checks")  # fields that
# do not decide what a step learns: runs are extended, and looked at in other ways, from the same checkpoints
BYTES = 12  # of a checkpoint for each number that is learnt: itself, and AdamW's two
FACE = 336  # pixels of the photos that checkpoints are scored by: as much as any CLIP sees
RESUMABLE, KEPT = 2, 200  # newest checkpoints of a LoRA that a training can go on from, and that keep what was learnt


def train(
    request: TrainRequest,
    *,
    pipelines: PipelineCache,
    family: ModelFamily,
    library: Library,
    run_folder: Path,
    checkpoint: Path | None = None,
    until: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    pause: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Teach the request's subject, from the start or from a checkpoint, to the end or until a step.

    Yields what happens; the pipeline is borrowed for one step at a time, so that a drawing waits for a step only.
    At the end, and when `stop()` is true, what was learnt becomes a LoRA of the library; at `until`, and when
    `pause()` is true, only a checkpoint. On one machine's CPU the weights depend on the request and the photos alone,
    not on interruptions.
    Raises ValueError, in a sentence, for a subject without photos and a checkpoint that does not belong here.
    """
    subject = library.subject(request.subject)
    check_photos(subject)
    class_pictures: list[Picture] = []
    for made in draw_class_pictures(request, subject, pipelines, family, library):
        if stop() or pause():
            return
        if isinstance(made, Picture):
            class_pictures.append(made)
        else:
            yield made
    for told in look_at(
        subject, request, run_folder, afresh=checkpoint is None, pipelines=pipelines, family=family, library=library
    ):
        if stop() or pause():
            return
        yield told
    yield StageReported("Reading the photos")
    run = _Run(request, subject, pipelines, family, library, run_folder)
    try:
        run.prepare(class_pictures, checkpoint)
        yield from run.go(until or request.steps or 0, stop, pause)
    finally:
        run.leave_for_good()


class _NotFinite(ArithmeticError):
    """A loss or its gradient that is NaN or Inf; nothing was learnt from it."""


@dataclass
class _Run:
    """One training between its start and its end; the tenant of the networks while it has its turn."""

    request: TrainRequest
    subject: Subject
    pipelines: PipelineCache
    family: ModelFamily
    library: Library
    folder: Path

    def prepare(self, class_pictures: list[Picture], checkpoint: Path | None) -> None:
        """Caches latents and text embeddings, makes what learns and its optimizer, and takes up the checkpoint."""
        request, driver = self.request, driver_of(self.family)
        if request.text_encoder_learning_rate and not driver.capabilities.trains_text_encoders:
            raise ValueError(
                f"The text encoders of {self.family.title} cannot be trained: set text_encoder_learning_rate to 0."
            )
        with self.pipelines.lend(self.family) as pipeline:
            faces: list[Image.Image] = []
            pictures = instance_pictures(
                self.subject, request, self.family, driver.cell(pipeline), seen_in(self.folder)
            )
            self._photos = encode(_shrunk(pictures, faces), self.pipelines, pipeline)
            self._class_images = encode(class_pictures, self.pipelines, pipeline)
            offload = self.pipelines.loaded(pipeline).plan.offload
            if request.method == FULL and offload != "none":
                raise ValueError(
                    f"There is not memory enough for all weights of {self.family.title}: train a LoRA, or "
                    "choose a smaller family."
                )
            if offload == "sequential":  # its weights come to the accelerator one by one: none can be trained beside
                raise ValueError(
                    f"There is not memory enough to train {self.family.title} here; choose a smaller family."
                )
            self._trainable = trainable_of(request, pipeline, self.family)
            self._driver, self._noise = driver, driver.noise(pipeline)
            self._pipeline, self._device = pipeline, pipeline._execution_device
            self._dtype = computed_in(request.precision or "auto", self._device.type)
            groups = self._trainable.groups(request.learning_rate or 0.0, request.text_encoder_learning_rate or 0.0)
            taught_texts = len(groups) > 1
            self._others = [
                part
                for name, part in modules(pipeline).items()
                if name != driver.denoiser and not (taught_texts and is_text_encoder(name))
            ]
            on_gpu = self._device.type != "cpu"
            self._can_move_others = on_gpu and offload == "none"
            size = (request.batch_size or 1) * ((request.resolution or 0) / 1024) ** 2
            self._sparing = on_gpu and free_bytes(self._device.type) < ROOM_GB * 2**30 * size
            self.pipelines.move_in(pipeline, self)
            self._weights_dtype = denoiser_of(driver, pipeline).dtype  # asked once: it walks over all modules
        self._optimizer = new_optimizer(request.optimizer or ADAMW, groups)
        self._rates = [group["lr"] for group in groups]
        self._texts_learn = taught_texts
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=self._dtype == torch.float16)
        self._step = 0
        self._samples = Samples(
            request, self.subject, self.family, self.pipelines, self.library, self.folder, faces, self._draw
        )
        if checkpoint is not None:
            self._step, learnt, scaler = load_checkpoint(checkpoint, self._optimizer, self._identity())
            self._trainable.load(learnt)
            if scaler and self._scaler.is_enabled():  # another machine may compute in another type
                self._scaler.load_state_dict(scaler)
            self._samples.take_up(self._step)

    def inject(self) -> None:
        """What learns goes in; where memory is short, what training does not use leaves the accelerator."""
        self._trainable.inject(self._pipeline)
        self._spare(self._sparing)

    def eject(self) -> None:
        self._spare(None)
        self._trainable.eject(self._pipeline)

    def _spare(self, sparing: bool | None) -> None:
        """Save memory, or stop saving it: the VAE and text encoders aside, activations computed again backwards.

        None: as for anybody else.
        """
        for part in self._others if self._can_move_others else ():
            part.to("cpu" if sparing else self._device)
        denoiser = denoiser_of(self._driver, self._pipeline)
        if sparing or (sparing is not None and self.request.gradient_checkpointing):
            denoiser.enable_gradient_checkpointing()
        else:
            denoiser.disable_gradient_checkpointing()

    def leave_for_good(self) -> None:
        self.pipelines.dismiss(self.family, self)

    def go(self, until: int, stop: Callable[[], bool], pause: Callable[[], bool]) -> Iterator[Event]:
        """Steps, samples and checkpoints; a LoRA at the end or when stopped."""
        request, total = self.request, self.request.steps or 0
        pace, began = Pace(total, [step for step in range(1, total + 1) if self._looked_at(step)]), self._step

        def interrupted() -> bool:
            return stop() or pause()

        unscored = request.pick_best and self._kept(self._step) and self._step not in self._samples.scores
        if unscored and not interrupted():
            with pace.look():
                yield from _till(self._look(), interrupted)  # of the base; or it was paused amidst them
        elif self._step and self._sampled(self._step) and self._samples.lacking(self._step):  # paused amidst them
            yield from _till(self._samples.drawn(self._step), interrupted)
        while self._step < min(until, total) and not interrupted():
            try:
                with pace.step():
                    loss = self._take_step()
            except _NotFinite as error:
                yield from self._broke_down(error)
            yield StepFinished(self._step, total, loss, pace.seconds_left(self._step))
            if self._looked_at(self._step):
                with pace.look():
                    yield from _till(self._look(), interrupted)
            if self._kept(self._step):
                yield self._save_checkpoint()
        if self._step == 0:
            return
        if not self._kept(self._step) and began < self._step:
            yield self._save_checkpoint()
        if self._step == total and not (pause() and self._samples.scoring and total not in self._samples.scores):
            yield from self._finish(stop, pause)
        elif stop():
            yield self._save_lora(self._step)

    def _broke_down(self, error: Exception) -> Iterator[Event]:
        """The last good checkpoint becomes the LoRA; raises ValueError, which says at which step and what to lower."""
        for path in sorted((self.folder / "checkpoints").glob("*.safetensors"), reverse=True):
            learnt, step = learnt_in(path), int(path.stem)
            if step and all(torch.isfinite(tensor).all() for tensor in learnt.values()):
                yield self._save_lora(step, learnt)
                kept = f"What was learnt until step {step} is kept as a LoRA."
                break
        else:
            kept = "There is no checkpoint from before to keep."
        wider = "" if self._dtype == torch.float32 else ", or train in precision float32 or bfloat16"
        raise ValueError(
            f"The loss is not a number at step {self._step + 1}: the training broke down and was stopped. Lower the "
            f"learning rate{wider}. {kept}"
        ) from error

    def _kept(self, step: int) -> bool:
        """Whether a step leaves a checkpoint that may be picked; the base, at step 0, is what they are held against."""
        return step % (self.request.checkpoint_every or self.request.steps or 1) == 0 or step == self.request.steps

    def _sampled(self, step: int) -> bool:
        """Whether samples are drawn at a step, to be picked by or not."""
        every, total = self.request.sample_every, self.request.steps
        return bool(every and (step % every == 0 or step == total))

    def _looked_at(self, step: int) -> bool:
        return self._sampled(step) or bool(self.request.pick_best and self._kept(step))

    def _look(self) -> Iterator[Event]:
        """Samples of this step, scored where a checkpoint is picked by them."""
        picked_by = self._kept(self._step) and self.request.pick_best
        return self._samples.scored(self._step) if picked_by else self._samples.drawn(self._step)

    def _finish(self, stop: Callable[[], bool], pause: Callable[[], bool]) -> Iterator[Event]:
        """The LoRA: of the best checkpoint by its scores where there are some, else of the last step."""
        step = self._step
        if self._step in self._samples.scores and (best := self._samples.best(self._step)):
            step = best[0]
            yield CheckpointPicked(*best)
        learnt = self._trainable.tensors() if step == self._step else learnt_in(self._checkpoint(step))
        if self.request.class_checks:
            self._trainable.load(learnt)
            try:
                yield from _till(self._samples.class_checked(step), lambda: stop() or pause())
            except Exception as error:  # no training of hours is lost for a look at its class
                yield StageReported(f"The bare class could not be looked at: {explain(error)}")
            if pause():
                return  # the last checkpoint is there: it is looked at when the training goes on
        yield self._save_lora(step, learnt)

    def _checkpoint(self, step: int) -> Path:
        return self.folder / "checkpoints" / f"{step:06d}.safetensors"

    def _take_step(self) -> float:
        """One optimizer step on photos and class images; returns its loss. Steps down once when memory runs out."""
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
                self._optimizer.zero_grad(set_to_none=True)
                self._sparing = True
                self._spare(True)
                self._scaler = scaler_like(self._scaler, self._device.type)  # it may be in the middle of a step

    def _try_step(self) -> float:
        parts, losses = self.request.gradient_accumulation_steps or 1, []
        with self.pipelines.lend(self.family, tenant=self) as pipeline, torch.enable_grad():
            for part in range(parts):
                losses.append(self._learn_from(pipeline, self._step * parts + part) / parts)
            self._scaler.unscale_(self._optimizer)
            learning = [p for group in self._optimizer.param_groups for p in group["params"]]
            length = torch.nn.utils.clip_grad_norm_(learning, LONGEST_GRADIENT)
            loss = sum(losses)
            # The scaler itself passes over gradients that are too large for half precision; nothing else may.
            if not math.isfinite(loss) or not (self._scaler.is_enabled() or torch.isfinite(length)):
                raise _NotFinite
            request = self.request
            share = rate_of(
                request.lr_scheduler or COSINE, request.lr_warmup_steps or 0, self._step, request.steps or 1
            )
            for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = rate * share
            self._scaler.step(self._optimizer)
            self._scaler.update()
            self._optimizer.zero_grad(set_to_none=True)
            self._step += 1
            return loss

    def _learn_from(self, pipeline: Any, turn: int) -> float:
        """Gradients of one batch, added to those that are there; returns its loss."""
        # Each batch draws its chances from its own number: a training that goes on later meets the same ones.
        seed = (self.request.seed or 0) * 1_000_003 + turn
        chances = torch.Generator().manual_seed(seed)
        batch = self._batch(turn, chances)
        with (
            quickest(self._device.type, denoiser_of(self._driver, pipeline), self._dtype),
            self._trainable.learning(),
            torch.random.fork_rng(enabled=bool(self.request.dropout)),
        ):
            if self.request.dropout:
                torch.manual_seed(seed)
            errors = [self._errors(pipeline, one, chances) for one in batch]
            instances = self.request.batch_size or 1
            loss = prior_preservation_loss(torch.cat(errors), instances, self.request.prior_loss_weight or 0.0)
            self._scaler.scale(loss / (self.request.gradient_accumulation_steps or 1)).backward()
        return loss.item()

    def _batch(self, turn: int, chances: torch.Generator) -> list[Examples]:
        """Photos in turn, then class images at random: together where they are of one size."""
        size = self.request.batch_size or 1
        bucket, rows = batch_at([len(one) for one in self._photos], size, turn, self.request.seed or 0)
        photos = self._photos[bucket].at(rows)
        if not self._class_images:
            return [photos]
        # Half as many, to save time: each term of the loss is a mean of its own.
        (known,) = self._class_images
        drawn = known.at(torch.randint(len(known), (max(1, size // 2),), generator=chances))
        return [joined([photos, drawn])] if photos.mean.shape[1:] == drawn.mean.shape[1:] else [photos, drawn]

    def _errors(self, pipeline: Any, batch: Examples, chances: torch.Generator) -> Tensor:
        """Weighted squared error of each picture in the batch, [batch]."""
        device, shape = batch.mean.device, batch.mean.shape
        latents = batch.mean + batch.std * torch.randn(shape, generator=chances).to(device)
        noise = torch.randn(shape, generator=chances).to(device)
        if self.request.noise_offset:  # https://www.crosslabs.org/blog/diffusion-with-offset-noise
            noise = noise + self.request.noise_offset * torch.randn((*shape[:2], 1, 1), generator=chances).to(device)
        times = self._noise.times(len(batch), chances).to(device)
        noisy = self._noise.noised(latents, noise, times)
        wanted = self._noise.target(latents, noise, times)
        with torch.autocast(device.type, self._dtype, enabled=self._dtype != torch.float32):
            conditioning = self._conditioning(pipeline, batch)
            if self._dtype == torch.float32:  # nothing casts then: all has the type that the weights have
                noisy = noisy.to(self._weights_dtype)
                conditioning = {name: value.to(self._weights_dtype) for name, value in conditioning.items()}
            said = self._driver.predict(pipeline, noisy, times, conditioning)
        squared = ((said.float() - wanted).square() * batch.weights).mean((1, 2, 3)) / batch.weights.mean((1, 2, 3))
        return squared * self._noise.weights(times, self.request.snr_gamma or 0.0)

    def _conditioning(self, pipeline: Any, batch: Examples) -> Conditioning:
        """What the denoiser takes beside the latents: as it was kept, or anew from text encoders that learn."""
        if not self._texts_learn:
            return batch.conditioning
        return {**batch.conditioning, **self._driver.encode(pipeline, Words(tuple(batch.captions)))}

    def _draw(self, asked: DrawRequest, step: int | None) -> Image.Image:
        """The picture with what was learnt until the step, which the networks hold; None: as the family draws it."""
        if step is None:
            with self.pipelines.lend(self.family) as pipeline:
                return render(self.pipelines, pipeline, asked)
        with self.pipelines.lend(self.family, tenant=self) as pipeline:
            self._spare(False)
            image = render(
                self.pipelines, pipeline, asked, texts=(str(self.folder), step) if self._texts_learn else None
            )
            self._spare(self._sparing)
        return image

    def _save_checkpoint(self) -> CheckpointSaved:
        full, learnt = self.request.method == FULL, self._trainable.tensors()
        self.library.make_room(BYTES * sum(tensor.numel() for tensor in learnt.values()))
        path = save_checkpoint(
            self.folder / "checkpoints",
            self._step,
            learnt,
            self._optimizer,
            self._scaler.state_dict(),
            {"run": self._identity()},
            resumable=1 if full else RESUMABLE,
            kept=1 if full else KEPT,
            spared=best[0] if (best := self._samples.best(self._step)) else None,
        )
        return CheckpointSaved(self._step, str(path.relative_to(self.folder)))

    def _save_lora(self, step: int, learnt: Mapping[str, Tensor] | None = None) -> LoraSaved:
        """What was learnt until a step, by default this one, becomes a LoRA of the library."""
        learnt = self._trainable.tensors() if learnt is None else learnt
        name = f"{self.subject.name} {self.request.way}".strip()
        now = self.family.resolution
        lora = keep_lora(self.library, name, learnt, self.request, self.subject, self.family, step, self.folder, now)
        return LoraSaved(lora.slug, step, self._step)

    def _identity(self) -> str:
        """What a checkpoint must have been made of to be taken up: the request, the trigger, photos and captions."""
        photos = [(photo.file, photo.caption, photo.crop) for photo in self.subject.photos]
        asked = {name: value for name, value in vars(self.request).items() if name not in LOOKS and value is not None}
        asked = formerly("TrainRequest", asked)  # so that a run begun by an earlier version goes on
        whole = json.dumps([asked, self.subject.trigger, photos], sort_keys=True, default=str)
        return hashlib.sha256(whole.encode()).hexdigest()


def _shrunk(pictures: Iterator[Picture], faces: list[Image.Image]) -> Iterator[Picture]:
    """The pictures as they come, each left small in `faces`, once."""
    last = None
    for picture in pictures:
        if picture.image is not last:
            faces.append(ImageOps.contain(picture.image, (FACE, FACE)))
        last = picture.image
        yield picture


def _till(events: Iterator[Event], interrupted: Callable[[], bool]) -> Iterator[Event]:
    """The events, up to the one after which somebody wants it to stop or to rest."""
    for event in events:
        yield event
        if interrupted():
            return
