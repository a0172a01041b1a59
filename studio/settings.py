"""What app.py was told: flags, then the environment, then what suits most people. Flags win."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.quotas import Quota

LOCAL, EVERYWHERE = "127.0.0.1", "0.0.0.0"
SPACE_PORT = 7860


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
