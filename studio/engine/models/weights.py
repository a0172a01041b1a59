"""Files of weights: safetensors only, checked before anything reads them, and known by their content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from safetensors.torch import save_file
from torch import Tensor

from studio.contracts import recipes

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
LONGEST_HEADER = 100_000_000  # bytes; what the safetensors library itself allows
METADATA = "__metadata__"
SHA256 = re.compile(r"[0-9a-f]{64}")


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: tensor name -> dtype, shape, data_offsets; "__metadata__" -> texts.

    Raises ValueError, in a sentence, for a pickle under any name, a truncated file, and what is neither.
    """
    if path.suffix.lower() in PICKLES:
        raise ValueError(
            f"{path.name} is a pickle, which can run code when it is opened; take the .safetensors file instead."
        )
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or start[:4] == b"PK\x03\x04":
            raise ValueError(
                f"{path.name} is a pickle under another name, which can run code when it is opened; "
                "take the .safetensors file instead."
            )
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise ValueError(f"{path.name} is truncated or not a safetensors file; fetch or save it again.")
        try:
            header = json.loads(file.read(length))
            entries = {name: entry for name, entry in header.items() if name != METADATA}
            end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path.name} is not a safetensors file; fetch or save it again.") from error
    if 8 + length + end != size:
        raise ValueError(f"{path.name} is truncated: {size} of {8 + length + end} bytes; fetch or save it again.")
    return header


def metadata_of(path: Path) -> dict[str, str]:
    """The texts that the header of a safetensors file carries; raises as `read_header` does."""
    return read_header(path).get(METADATA, {})


def component_files(folder: Path, variant: str | None = None) -> list[Path]:
    """The safetensors files that a diffusers folder is loaded from, checked, in order of name.

    Raises ValueError where a component has pickles only, FileNotFoundError where the folder is no family.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        raise FileNotFoundError(f"{folder} holds no model_index.json, so it is not a diffusers folder.")
    found: list[Path] = []
    for component in sorted(json.loads(index.read_text())):
        files = sorted((folder / component).glob("*.safetensors"))
        if variant:
            files = [file for file in files if f".{variant}." in file.name] or files
        else:
            files = [file for file in files if file.name.count(".") == 1] or files
        pickles = [file for file in (folder / component).glob("*") if file.suffix in PICKLES]
        if pickles and not files:
            read_header(pickles[0])  # raises, with the reason
        found += files
    for file in found:
        read_header(file)
    return found


def sha256_of(path: Path) -> str:
    """Hex digest of a file; files in the Hugging Face cache are named by theirs already."""
    real = path.resolve()
    if real.parent.name == "blobs" and SHA256.fullmatch(real.name):
        return real.name
    return recipes.sha256_of(path)


def sha256_of_all(digests: Iterable[tuple[str, str]]) -> str:
    """One digest for several files, from (name, digest) of each."""
    return hashlib.sha256("\n".join(f"{digest}  {name}" for name, digest in digests).encode()).hexdigest()


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Save atomically; the same tensors and metadata give the same bytes. What is on a CPU is not copied."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch()
        usual = part.stat().st_mode
        save_file(whole, part, dict(metadata))
        part.chmod(usual)  # the library makes files that nobody else may read
        with part.open("r+b") as file:
            _order(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _order(file: BinaryIO) -> None:
    """Put the metadata of a safetensors file in alphabetical order, in place; the library leaves that to chance."""
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    entries = {METADATA: dict(sorted(header.pop(METADATA, {}).items())), **header}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
    if len(text) != length:
        raise ValueError(f"the header of {file.name} cannot be ordered in place")
    file.seek(8)
    file.write(text)
