"""Families as YAML files: ours in assets/families, and a user's own, read alike."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from studio.contracts.family import ASSETS, ModelFamily
from studio.contracts.former_names import renamed
from studio.contracts.validation import known_only, of_type, one_of

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML without libyaml
    from yaml import SafeLoader

OURS = ASSETS / "families"
OFFERED_FIRST = ("pocket", "sdxl", "sd15")  # in this order; the others follow by name
LAYOUTS = ("sdxl", "sd15")  # families that another may begin with
FIELDS = {one.name: one for one in fields(ModelFamily)}
# What is given of these changes some of what the layout has; of the others it is all there is.
MERGED = ("pipelines", "dtype", "drawing", "repainting", "training", "presets", "masking")
PLACES = ("weights", "vae", "config", "detector", "scorer")  # where something lies: a folder, a file, or at the hub


class _Loader(SafeLoader):  # pyright: ignore[reportGeneralTypeIssues] - one of two
    """YAML as people write it: 1e-4 is a number, though YAML 1.1 takes it for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load_family(path: Path) -> ModelFamily:
    """Read a family from YAML: the fields of ModelFamily, with `layout: sdxl` or `sd15` as a start.

    Places that begin with "./" or "../" are seen from the file, those with "~" from home. Raises ValueError with the
    file's name for a field that does not exist, with the one it may have been meant for, for one that is missing, and
    for values that the family or a request does not take.
    """
    try:
        given = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"{path.name} must hold the fields of a family, got {type(given).__name__}")
    try:
        return _family_of(given, path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _family_of(given: dict[str, Any], path: Path) -> ModelFamily:
    known_only("field", given, ("layout", *FIELDS))
    one_of("layout", layout := given.pop("layout", None), LAYOUTS)
    for name, value in given.items():
        of_type(name, value, str(FIELDS[name].type))
    base = {"name": path.stem, **(_start_of(layout, path) if layout else {})}
    if "segmenters" in given and base.get("masking"):  # the usual one of others' is none of these
        base["masking"] = {name: value for name, value in base["masking"].items() if name != "segmenter"}
    given |= _under_todays_names(given)
    for name in MERGED:
        if name in given:
            given[name] = {**base.get(name, {}), **given[name]}
    needed = [name for name, one in FIELDS.items() if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in needed if name not in {**base, **given}]:
        raise ValueError(f"a family must have {', '.join(missing)} too, or a layout to begin with")
    return ModelFamily(**{**base, **_placed(given, path.parent)})


def _under_todays_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says of requests, whichever version it was written for."""
    told = {
        name: renamed(kind, given[name])
        for name, kind in (("training", "TrainRequest"), ("repainting", "RepaintRequest"))
        if name in given
    }
    if "presets" in given:
        told["presets"] = {
            name: renamed("TrainRequest", preset) if isinstance(preset, Mapping) else preset
            for name, preset in given["presets"].items()
        }
    return told


def _start_of(layout: str, path: Path) -> dict[str, Any]:
    """What a family made from one of ours begins with: all but what belongs to that one's own weights."""
    start = {name: getattr(_ours(OURS / f"{layout}.yaml"), name) for name in FIELDS}
    own = {"name": path.stem, "title": path.stem, "vae": None, "variant": None, "download_gb": 0.0}
    return {**start, **own, "loras_of": (layout,)}


def _placed(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same with every place as a path from anywhere."""
    placed = {name: _place(value, folder) if name in PLACES else value for name, value in given.items()}
    for name in ("segmenters", "image_adapters"):
        if name in given:
            placed[name] = {
                title: {key: _place(part, folder) for key, part in one.items()}
                if isinstance(one, Mapping)
                else _place(one, folder)
                for title, one in given[name].items()
            }
    return placed


def _place(value: Any, folder: Path) -> Any:
    if isinstance(value, str) and value.startswith(("./", "../")):
        return os.path.normpath(folder.absolute() / value)
    return str(Path(value).expanduser()) if isinstance(value, str) and value.startswith("~") else value


@cache
def _ours(path: Path) -> ModelFamily:
    return load_family(path)


@cache
def built_in() -> Mapping[str, ModelFamily]:
    """The families that come with the studio, by name."""
    first = {name: number for number, name in enumerate(OFFERED_FIRST)}
    paths = sorted(OURS.glob("*.yaml"), key=lambda path: (first.get(path.stem, len(first)), path.stem))
    return MappingProxyType({family.name: family for family in map(_ours, paths)})


def families(folder: Path | None = None) -> dict[str, ModelFamily]:
    """The built-in families, then those of `folder` (*.yaml), by name; a user's own may replace a built-in."""
    found = dict(built_in())
    for path in sorted(folder.glob("*.yaml")) if folder and folder.is_dir() else ():
        own = load_family(path)
        found[own.name] = own
    return found
