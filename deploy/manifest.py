"""Spacefile: what the Hugging Face Space is, as checked data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

VISIBILITIES = ("public", "private", "protected")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
VARIABLE = re.compile(r"[A-Za-z_]\w*")
VOLUME_KEYS = {"type", "source", "mount_path", "revision", "read_only", "path"}
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Manifest:
    """One Space. Patterns are shell globs against paths with `/`, where `*` also crosses folders."""

    space: str  # a name, or owner/name
    front_matter: Mapping[str, Any]
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    visibility: str = "public"
    hardware: str = "cpu-basic"
    sleep_time: int | None = None  # seconds; None: the host's own rule
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names; the values come from the environment
    volumes: tuple[Mapping[str, Any], ...] = ()
    preload: tuple[str, ...] = ()  # "repo file1,file2"

    def __post_init__(self) -> None:
        for name in ("include", "exclude", "secrets", "volumes", "preload"):
            object.__setattr__(self, name, _as_tuple(name, getattr(self, name)))
        for name in ("front_matter", "variables"):
            object.__setattr__(self, name, MappingProxyType(dict(_as_mapping(name, getattr(self, name)))))
        if not NAME.fullmatch(str(self.space)):
            raise ValueError(f"space must be a name or owner/name, got {self.space!r}")
        if self.visibility not in VISIBILITIES:
            raise ValueError(f"visibility must be one of {', '.join(VISIBILITIES)}, got {self.visibility!r}")
        if self.front_matter.get("sdk") != "gradio":
            raise ValueError(f"front_matter: sdk must be gradio, got {self.front_matter.get('sdk')!r}")
        if not self.include:
            raise ValueError("include must name at least one file")
        for name, value in self.variables.items():
            if not isinstance(value, str):
                raise ValueError(f"variables: {name} must be text (put it in quotes), got {value!r}")
        if not all(VARIABLE.fullmatch(str(name)) for name in (*self.variables, *self.secrets)):
            # what was given is not repeated: it may be the secret itself
            raise ValueError("variables and secrets have names such as HF_TOKEN; secrets hold names, never values")
        for volume in self.volumes:
            unknown = _as_mapping("volumes", volume).keys() - VOLUME_KEYS
            if unknown or not {"source", "mount_path"} <= volume.keys():
                raise ValueError(
                    f"a volume has source, mount_path and may have {', '.join(sorted(VOLUME_KEYS))}; "
                    f"got {', '.join(sorted(volume))}"
                )


def read_manifest(path: Path) -> Manifest:
    """Raises ValueError with the file's name for what is missing, unknown or out of range."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"{path.name} must hold the fields of a Space, got {type(given).__name__}")
    known = {f.name for f in fields(Manifest)}
    needed = {f.name for f in fields(Manifest) if f.default is MISSING and f.default_factory is MISSING}
    if unknown := given.keys() - known:
        raise ValueError(f"{path.name}: unknown fields {', '.join(sorted(map(str, unknown)))}")
    if missing := needed - given.keys():
        raise ValueError(f"{path.name}: missing fields {', '.join(sorted(missing))}")
    try:
        return Manifest(**given)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def front_matter(manifest: Manifest) -> str:
    """The YAML block that heads the Space's README, with its `---` lines; ASCII."""
    data = dict(manifest.front_matter)
    if manifest.preload:
        data["preload_from_hub"] = list(manifest.preload)
    return f"---\n{yaml.safe_dump(data, sort_keys=False, width=1000)}---\n"


def with_front_matter(readme: str, manifest: Manifest) -> str:
    """The same page under the Spacefile's front matter, in place of the one it had."""
    return front_matter(manifest) + FRONT_MATTER.sub("", readme, count=1)


def files(manifest: Manifest, root: Path) -> Iterator[Path]:
    """What would be uploaded from `root`, as relative paths in order; nothing below a hidden folder."""
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(root)
            if _matches(path, manifest.include) and not _matches(path, manifest.exclude):
                yield path


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path.as_posix(), pattern) for pattern in patterns)


def _as_tuple(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, got {value!r}")
    return tuple(value)


def _as_mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must have names and values, got {value!r}")
    return value
