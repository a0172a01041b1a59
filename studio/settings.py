"""What app.py was told: flags, then the environment, then what suits most people. Flags win."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.checks import sides
from studio.requests import (
    FULL,
    DrawRequest,
    MaskRequest,
    MergeRequest,
    RepaintRequest,
    SetRequest,
    TrainRequest,
    WearRequest,
)

LOCAL, EVERYWHERE = "127.0.0.1", "0.0.0.0"
SPACE_PORT = 7860
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


@dataclass(frozen=True)
class Settings:
    """How the studio is served. A port of None: the first free one from 7860 on."""

    library: Path = Path("library")
    family: str = "pocket"
    family_folder: Path | None = None  # the user's own families, *.yaml
    host: str = LOCAL
    port: int | None = None
    visitors: bool = False  # each has a library of their own, and a quota
    ask_consent: bool = False  # photos are taken only with the word that the people in them agree
    quota: Quota | None = None

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ValueError(f"the port must be 1 to 65535, got {self.port}")
        if self.library.exists() and not self.library.is_dir():
            raise ValueError(f"{self.library} is a file; --library must name a folder.")
        if self.family_folder is not None and not self.family_folder.is_dir():
            raise ValueError(f"There is no folder {self.family_folder}; --family-folder names one with *.yaml files.")


def read_settings(flags: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Flags over environment over defaults; on a Space (SPACE_ID) every visitor is on their own.

    Raises ValueError with a sentence for a value that cannot be. `--help` and unknown flags leave through argparse.
    """
    given = _parser().parse_args(list(flags))
    space = bool(environment.get("SPACE_ID"))
    port = _port(given.port or environment.get("GRADIO_SERVER_PORT") or (str(SPACE_PORT) if space else None))
    return Settings(
        library=Path(given.library or environment.get("UNDERSTUDY_LIBRARY") or "library").expanduser(),
        family=given.family or environment.get("UNDERSTUDY_FAMILY") or "pocket",
        family_folder=Path(given.family_folder).expanduser() if given.family_folder else None,
        host=given.host or environment.get("GRADIO_SERVER_NAME") or (EVERYWHERE if space else LOCAL),
        port=port,
        visitors=space,
        ask_consent=space,
        quota=Quota() if space else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Serve the studio in the browser.")
    parser.add_argument(
        "--library", metavar="FOLDER", help="where subjects, LoRAs and pictures are kept (UNDERSTUDY_LIBRARY; library)"
    )
    parser.add_argument("--family", metavar="NAME", help="the base model (UNDERSTUDY_FAMILY; pocket)")
    parser.add_argument("--family-folder", metavar="FOLDER", help="your own families, one YAML file each")
    parser.add_argument(
        "--host", metavar="ADDRESS", help="who may connect (GRADIO_SERVER_NAME; 127.0.0.1: this machine alone)"
    )
    parser.add_argument("--port", metavar="NUMBER", help="GRADIO_SERVER_PORT; the first free one from 7860 on")
    return parser


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"the port must be a number from 1 to 65535, got {text!r}")
    return int(text)
