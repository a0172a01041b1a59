"""Weights from a folder, a single file or the hub into a diffusers pipeline; safetensors only, offline where it can."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, DiffusionPipeline
from transformers import CLIPTokenizer

from studio.contracts.family import ModelFamily
from studio.engine.models.weights import component_files, read_header
from studio.words.identifiers import vocabulary_folder


def source_of(family: ModelFamily) -> Path:
    """The folder or the single file that the family is loaded from; one on the hub is fetched first.

    Raises FileNotFoundError for a path that is not there, and the hub's own errors where it cannot be reached.
    """
    path = Path(family.weights)
    if path.exists():
        return path
    if path.is_absolute() or family.weights.startswith((".", "~")) or family.weights.count("/") != 1:
        raise FileNotFoundError(
            f"{family.title} has no weights at {family.weights}; put them there, or name a hub id, a folder or a "
            ".safetensors file."
        )
    return Path(DiffusionPipeline.download(family.weights, variant=family.variant, use_safetensors=True))


def weight_files(family: ModelFamily) -> list[Path]:
    """Every file of weights that the family is made of, checked; see `component_files` for what it refuses."""
    source = source_of(family)
    files = component_files(source, family.variant) if source.is_dir() else [source]
    if not source.is_dir():
        read_header(source)
    return files + (_autoencoder_files(family.vae) if family.vae else [])


def helper_folder(weights: str) -> Path:
    """The folder of a transformers network and its processor, in safetensors; one on the hub is fetched first.

    Raises ValueError for a folder with pickles only, FileNotFoundError for one that is not there.
    """
    folder = Path(weights)
    if not folder.is_dir():
        if folder.is_absolute() or weights.count("/") < 1:
            raise FileNotFoundError(f"There is no folder {weights}; name a hub id or a folder of weights.")
        repository, within = _apart(weights)
        fetched = _hub_folder(repository, [f"{within}{kind}" for kind in ("*.json", "*.txt", "*.safetensors")])
        folder = Path(fetched) / within
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{weights} has no .safetensors file; the studio opens no other kind.")
    for file in files:
        read_header(file)
    quiet()
    return folder


def file_of(weights: str) -> Path:
    """A single .safetensors file, a path or owner/name/path of the hub; one of the hub is fetched first.

    Raises FileNotFoundError for a path that is not there.
    """
    path = Path(weights)
    if path.is_file():
        return path
    if path.is_absolute() or weights.startswith((".", "~")) or weights.count("/") < 2:
        raise FileNotFoundError(f"There is no file {weights}; name a path, or owner/name/file of the hub.")
    repository, within = _apart(weights + "/")
    return _hub_file(repository, within.rstrip("/"))


def _apart(weights: str) -> tuple[str, str]:
    """owner/name/some/folder -> owner/name, and some/folder/ or nothing."""
    owner, name, *within = weights.rstrip("/").split("/")
    return f"{owner}/{name}", "".join(f"{part}/" for part in within)


def quiet() -> None:
    """The libraries' news are for programmers, and would go to the terminal."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def load(family: ModelFamily, kind: type[DiffusionPipeline], dtype: torch.dtype) -> DiffusionPipeline:
    """The family's pipeline for drawing, which is of that kind, frozen and on the CPU.

    Raises ValueError for pickles and damaged files, before anything of them is read.
    """
    quiet()
    weight_files(family)
    source = source_of(family)
    own: dict = {"vae": _load_autoencoder(family.vae, dtype)} if family.vae else {}
    if source.is_dir():
        pipeline = kind.from_pretrained(source, dtype=dtype, variant=family.variant, use_safetensors=True, **own)
    else:
        if family.config is None:
            raise ValueError(f"{family.title} is a single file; its `config` must name a folder of configurations.")
        own |= shared_tokenizers(Path(family.config))
        single: Any = kind  # its pipelines have diffusers' mixin for single files, which their base class has not
        pipeline = single.from_single_file(str(source), config=family.config, dtype=dtype, local_files_only=True, **own)
    if getattr(pipeline, "watermark", None) is not None:
        pipeline.watermark = None  # needs a package of its own, and marks pixels that must reproduce
    for module in modules(pipeline).values():
        module.requires_grad_(False).eval()
    return pipeline


def shared_tokenizers(config: Path) -> dict[str, CLIPTokenizer]:
    """The tokenizers of a folder of configurations that only say how they pad, with CLIP's vocabulary, by component."""
    found = {}
    for file in sorted(config.glob("tokenizer*/tokenizer_config.json")):
        if (vocabulary := vocabulary_folder(file.parent)) != file.parent:
            settings = json.loads(file.read_text(encoding="utf-8"))
            said = {name: settings[name] for name in settings if name.endswith("_token") or name == "model_max_length"}
            found[file.parent.name] = CLIPTokenizer.from_pretrained(vocabulary, **said)
    return found


def modules(pipeline: DiffusionPipeline) -> dict[str, torch.nn.Module]:
    """The pipeline's networks by the names of its components."""
    return {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}


def _autoencoder_files(weights: str) -> list[Path]:
    path = Path(weights)
    if not path.exists():
        path = Path(_hub_folder(weights, ["config.json", "diffusion_pytorch_model.safetensors"]))
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not files:
        raise ValueError(f"the VAE {weights} has no .safetensors file; the studio opens no other kind.")
    for file in files:
        read_header(file)
    return files


def _hub_folder(repository: str, files: list[str]) -> str:
    from huggingface_hub import snapshot_download

    return snapshot_download(repository, allow_patterns=files)


@lru_cache(maxsize=64)
def _hub_file(repository: str, file: str) -> Path:
    """The hub is asked once in the life of a process, not with every picture."""
    return Path(_hub_folder(repository, [file])) / file


def _load_autoencoder(weights: str, dtype: torch.dtype) -> AutoencoderKL:
    file = _autoencoder_files(weights)[0]
    if Path(weights).is_file():
        return AutoencoderKL.from_single_file(str(file), dtype=dtype)
    return AutoencoderKL.from_pretrained(file.parent, dtype=dtype, use_safetensors=True)
