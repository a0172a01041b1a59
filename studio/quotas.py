"""The limits of one visitor of a shared host; each task says which of them a request of its own must keep."""

from __future__ import annotations

from dataclasses import dataclass

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


def at_most(what: str, most: float, asked: float | None) -> None:
    """Raises ValueError, naming the limit, where more is asked than a visitor may."""
    if asked is not None and asked > most:
        raise ValueError(f"On this shared host {what} may be at most {most}, got {asked}.")
