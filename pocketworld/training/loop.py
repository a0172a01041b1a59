"""The one training loop of all components: resumes, averages, saves, journals, and ends when its time is up.

    loop = Loop(folder, model, MuonAndAdamW(model), minutes=20)
    for step in loop:                                   # resumes from folder/checkpoint.pt if there is one
        loss = ...                                      # draw from loop.rng and torch's global generator only
        loop.descend(loss, samples=32, accuracy=0.9)    # backward, clip, optimiser, EMA, journal
    with loop.averaged():                               # the EMA's weights, for validation and for saving
        model.save_pretrained(...)

A run that was interrupted at any moment and started again gives the weights of one that was not (up to the steps
since its last checkpoint, which are repeated exactly). Minutes count training time over all starts together.
Under torchrun several processes share the work, see together.py.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn

from pocketworld.training import together


def trapezoid(fraction: float, decay_from: float = 0.6) -> float:
    """Learning rate factor: 1 until `decay_from` of the budget is spent, then linearly to 0 at its end."""
    return min(1.0, max(0.0, (1.0 - fraction) / (1.0 - decay_from)))


class Loop:
    """Iterates over training steps until `minutes` or `steps` are spent, whichever comes first.

    `fraction` (0 to 1) is the part of the budget that is spent; `schedule(fraction)` multiplies every group's
    learning rate, after a linear warm-up over the optimiser's first `warmup` steps. SIGTERM and Ctrl-C save, then
    end it.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimiser,
        *,
        minutes: float = float("inf"),
        steps: float = float("inf"),
        warmup: int = 50,
        schedule: Callable[[float], float] = trapezoid,
        ema_decay: float = 0.998,
        clip: float = 1.0,
        save_every: float = 240.0,
        seed: int = 0,
    ):
        self.folder, self.model, self.optimiser = Path(folder), model, optimiser
        self.minutes, self.steps, self.warmup, self.schedule = minutes, steps, warmup, schedule
        self.ema_decay, self.clip, self.save_every = ema_decay, clip, save_every
        self.step, self.began, self.taken, self.samples, self.seconds = 0, 0, 0, 0, 0.0
        self.rank, self.processes = together.join()
        self._seed(seed)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.parameters]
        self.stopping = self._signalled = False
        self._since_journal: list[dict[str, float]] = []
        for group in optimiser.param_groups:
            group.setdefault("initial_lr", group["lr"])
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def fraction(self) -> float:
        return max(self.seconds / 60 / self.minutes, self.step / self.steps)

    @property
    def finished(self) -> bool:
        return self.fraction >= 1.0

    def __iter__(self) -> Iterator[int]:
        """Step numbers from 0; the time the caller spends on each is counted, saving is not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        saved = time.monotonic()
        with self._stopping_politely():
            while not (self.finished or self.stopping):
                started = time.monotonic()
                yield self.step
                self.step += 1
                self._keep_time(time.monotonic() - started)
                if time.monotonic() - saved > self.save_every:
                    self.save()
                    saved = time.monotonic()
            self.save()

    def descend(self, loss: Tensor, samples: int, **figures: float) -> None:
        """One optimiser step down `loss` (a scalar), learnt from `samples` examples; `figures` are journalled."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        together.average_gradients(self.parameters, self.processes)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip, foreach=True)
        factor = self.schedule(self.fraction) * min(1.0, (self.step + 1 - self.began) / self.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = group["initial_lr"] * factor
        self.optimiser.step()
        # A young average must not remember the random start: its decay grows with its age.
        decay = min(self.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        self.taken = self.step + 1
        self.samples += samples * self.processes
        self._since_journal.append({"loss": loss.item(), "norm": norm.item(), **figures})
        if len(self._since_journal) == 25:
            means = {name: sum(f[name] for f in self._since_journal) / 25 for name in self._since_journal[0]}
            self.journal(**means, rate=factor)
            self._since_journal.clear()

    def journal(self, **figures: float) -> None:
        """Append one line to folder/journal.jsonl, and print it."""
        if self.rank > 0:
            return
        line = {"step": self.taken, "samples": self.samples, "minutes": round(self.seconds / 60, 2)}
        line |= {name: float(f"{value:.5g}") for name, value in figures.items()}
        with open(self.folder / "journal.jsonl", "a", encoding="utf-8") as file:
            print(json.dumps(line), file=file)
        print(self.folder.name, json.dumps(line), flush=True)

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """Lend the model with the averaged weights inside; the trained ones come back afterwards."""
        trained = [p.detach().clone() for p in self.parameters]
        mode = self.model.training
        try:
            self._put(self.average)
            yield self.model.eval()
        finally:
            self._put(trained)
            self.model.train(mode)

    def save(self) -> None:
        if self.rank > 0:
            return
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "began": self.began,
            "samples": self.samples,
            "seconds": self.seconds,
            "numpy": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }
        _write(state, self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        with torch.no_grad():
            torch._foreach_copy_(self.average, state["average"])
        self.step, self.samples, self.seconds = state["step"], state["samples"], state["seconds"]
        self.began, self.taken = state["began"], self.step
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
            self.rng.bit_generator.state = state["numpy"]
            torch.set_rng_state(state["torch"])
        if self.rank > 0 or "optimiser" not in state:  # it holds the first process's randomness, if any
            self._seed(self.step)
        self.journal(resumed=1)

    def _seed(self, seed: int) -> None:
        self.rng = numpy.random.default_rng([seed, self.rank])
        torch.manual_seed(seed + 1_000_003 * self.rank)

    def _keep_time(self, seconds: float) -> None:
        own = [self.seconds + seconds, self.stopping or self._signalled]
        self.seconds, stopping = together.as_first(own, self.processes)
        self.stopping = bool(stopping)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self.parameters, values)

    @contextmanager
    def _stopping_politely(self) -> Iterator[None]:
        def stop(signal_number, frame):
            self._signalled = True

        previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


@torch.no_grad()
def load_average(folder: Path, model: nn.Module) -> None:
    """Give `model` the averaged weights of the folder's last checkpoint; a training may be going on there."""
    state = torch.load(Path(folder) / "checkpoint.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    torch._foreach_copy_([p for p in model.parameters() if p.requires_grad], state["average"])


def go_on_from(model: nn.Module, record: dict, folder: Path) -> None:
    """Lay a finished model and its training record into `folder`, so that the next Loop there trains it further.

    Optimiser and random state are not kept with a finished model: they start anew, with a warm-up.
    """
    weights = model.state_dict()
    state = {
        "model": weights,
        "average": [p.detach() for p in model.parameters() if p.requires_grad],
        "step": record["steps"],
        "began": record["steps"],
        "samples": record["samples"],
        "seconds": 60 * record["minutes"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(state, folder / "checkpoint.pt")
    write_journal(record, folder)


def _write(state: dict, checkpoint: Path) -> None:
    temporary = checkpoint.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(checkpoint)


def training_record(folder: Path) -> dict:
    """What training.json tells beside the weights: steps, samples, minutes and the loss curve of a work folder."""
    with open(Path(folder) / "journal.jsonl", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    losses = [line for line in lines if "loss" in line]
    every = max(1, len(losses) // 40)
    curve = [[line["step"], line["loss"]] for line in losses[::every]]
    validation = [line for line in lines if "validation" in line]
    last = lines[-1]
    return {
        "steps": last["step"],
        "samples": last["samples"],
        "minutes": last["minutes"],
        "loss": curve,
        "validation": [[line["step"], line["validation"]] for line in validation],
    }


def write_journal(record: dict, folder: Path) -> None:
    """The way back from `training_record`: a journal whose curves are as thin as the record's."""
    lines = [{"step": step, "loss": loss} for step, loss in record["loss"]]
    lines += [{"step": step, "validation": value} for step, value in record["validation"]]
    lines.sort(key=lambda line: line["step"])
    lines.append({"step": record["steps"], "samples": record["samples"], "minutes": record["minutes"]})
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "journal.jsonl").write_text(text, encoding="utf-8")
