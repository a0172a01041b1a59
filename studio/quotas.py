"""The limits of one visitor of a shared host, and the check of a request against them."""

from __future__ import annotations

from dataclasses import dataclass

from studio.contracts.requests import (
    FULL,
    DrawRequest,
    MaskRequest,
    MergeRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
)
from studio.contracts.validation import sides

MOST_LOOKS = 20  # checkpoints or samples of one training


@dataclass(frozen=True)
class Quota:
    """What one visitor of a shared host may use."""

    megabytes: float = 200.0  # of library
    waiting: int = 4  # runs that have not ended
    visitors: int = 40  # at once; one more, and whoever was quiet the longest goes
    train_steps: int = 1_000
    rank: int = 64
    class_images: int = 200
    class_checks: int = 16
    batch_size: int = 8  # of a step, accumulated ones included
    full: bool = False  # whether all weights may be trained: the files are as large as the family
    count: int = 8  # pictures of one drawing
    set_count: int = 20  # pictures of a set
    side: int = 1_024  # pixels, of pictures and of training
    idle_hours: float = 6.0  # then their library goes

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, bool) and not value > 0:
                raise ValueError(f"quota: {name} must be above 0, got {value}")

    def check(
        self,
        request: TrainRequest | DrawRequest | SetRequest | RepaintRequest | WearRequest | MaskRequest | MergeRequest,
    ) -> None:
        """Raises ValueError, naming the limit, for a resolved request that asks for more than a visitor may."""
        limits = {
            "count": self.count,
            "width": self.side,
            "height": self.side,
            "resolution": self.side,
            "batch_size": self.batch_size,
            "class_images": self.class_images,
            "class_checks": self.class_checks,
            "rank": self.rank,
        }
        if isinstance(request, SetRequest):
            limits["count"] = self.set_count
        if isinstance(request, TrainRequest):
            limits["steps"] = self.train_steps
            self._check_training(request)
        if isinstance(request, WearRequest) and request.total > self.count:
            raise ValueError(
                f"On this shared host pictures times count may be at most {self.count}, got {request.total}."
            )
        for name, most in limits.items():
            asked = getattr(request, name, None)
            if asked is not None and asked > most:
                raise ValueError(f"On this shared host {name.replace('_', ' ')} may be at most {most}, got {asked}.")

    def _check_training(self, request: TrainRequest) -> None:
        if request.method == FULL and not self.full:
            raise ValueError("On this shared host a full fine-tune is too large; train a LoRA.")
        if (request.batch_size or 1) * (request.accumulation or 1) > self.batch_size:
            raise ValueError(f"On this shared host batch size times accumulation may be at most {self.batch_size}.")
        if any(side > self.side for side in sides(request.more_resolutions)):
            raise ValueError(f"On this shared host more resolutions may be at most {self.side}.")
        often = min(request.checkpoint_every or request.steps or 1, request.sample_every or request.steps or 1)
        if (request.steps or 1) / often > MOST_LOOKS:
            raise ValueError(
                f"On this shared host a training may be looked at {MOST_LOOKS} times at most: take a "
                "larger number for checkpoint every and sample every."
            )
