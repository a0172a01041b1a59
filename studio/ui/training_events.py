"""A training as its events tell it, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from studio.contracts.events import (
    CheckpointPicked,
    CheckpointScored,
    ClassChecked,
    LoraSaved,
    SampleDrawn,
    StepFinished,
)
from studio.execution.run import Run

IN_WORDS = {
    "queued": "waiting",
    "running": "running",
    "paused": "paused",
    "finished": "finished",
    "cancelled": "stopped",
    "failed": "failed",
}


@dataclass(frozen=True)
class Training:
    """A training run as its events tell it."""

    run: Run
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    samples: tuple[SampleDrawn, ...]
    scores: dict[int, tuple[float, float]]  # step -> subject fidelity and prompt fidelity; 0 is the base
    picked: int | None
    reason: str
    lora: str | None
    taken: int | None  # the step whose checkpoint is the LoRA
    checked: ClassChecked | None  # what became of the bare class

    @classmethod
    def of(cls, run: Run) -> Training:
        """The training as its events until now tell it."""
        events = run.snapshot()
        done = [event for event in events if isinstance(event, StepFinished)]
        saved = [event for event in events if isinstance(event, LoraSaved)]
        picked = [event for event in events if isinstance(event, CheckpointPicked)]
        checked = [event for event in events if isinstance(event, ClassChecked)]
        scores = {
            event.step: (event.subject_fidelity, event.prompt_fidelity)
            for event in events
            if isinstance(event, CheckpointScored)
        }
        return cls(
            run,
            tuple(event.step for event in done),
            tuple(event.loss for event in done),
            tuple({event.path: event for event in events if isinstance(event, SampleDrawn)}.values()),
            scores,
            picked[-1].step if picked else None,
            picked[-1].reason if picked else "",
            saved[-1].slug if saved else None,
            saved[-1].step if saved else None,
            checked[-1] if checked else None,
        )

    @property
    def kept(self) -> set[int]:
        """The steps whose checkpoints are still there, by a look at the disk."""
        folder = self.run.library.run_folder(self.run.id) / "checkpoints"
        return {int(path.stem) for path in folder.glob("*.safetensors")}

    @property
    def total(self) -> int:
        """All its steps."""
        return self.run.request.steps or 0
