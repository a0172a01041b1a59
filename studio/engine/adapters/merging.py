"""LoRAs that are drawn with together as one LoRA: exactly, or at a rank of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from studio.contracts.events import Event, LoraSaved, StageReported
from studio.contracts.family import ModelFamily
from studio.contracts.requests import MOST_RANK, MergeRequest
from studio.engine.adapters.lora import NAME, Place, load_lora
from studio.engine.adapters.metadata import LoraMetadata, adapted_network
from studio.engine.models.driver import is_text_encoder
from studio.engine.models.layouts import driver_of
from studio.engine.models.pipeline_cache import PipelineCache
from studio.engine.models.weights import write_tensors

if TYPE_CHECKING:
    from studio.library import Library, Lora

Pair = tuple[Tensor, Tensor]  # down, [rank, in, ...], and up, [out, rank, ...]: the change is up @ down


def merge_loras(
    request: MergeRequest,
    *,
    pipelines: PipelineCache,
    family: ModelFamily,
    library: Library,
    stop: Callable[[], bool],
) -> Iterator[Event]:
    """Merge LoRAs of the library into one that it keeps beside them: LoraSaved. Raises what `merge` raises."""
    loras = [library.lora(use.slug) for use in request.loras]
    yield StageReported("Merging")
    with TemporaryDirectory() as aside:
        file = Path(aside) / "merged.safetensors"
        told = merge(request, loras, file, pipelines=pipelines, family=family)
        if stop():
            return
        library.make_room(file.stat().st_size)
        lora = library.save_lora(
            request.name,
            loras[0].subject,
            family.name,
            told["trigger"],
            told["rank"],
            told["alpha"],
            0,
            write=lambda path: shutil.copyfile(file, path),
            preview=loras[0].preview,
            base_resolution=family.resolution,
        )
    yield LoraSaved(lora.slug, 0)


def merge(
    request: MergeRequest, loras: Sequence[Lora], to: Path, *, pipelines: PipelineCache, family: ModelFamily
) -> dict[str, Any]:
    """Write one LoRA that does what those of the request do together; returns its rank, alpha and trigger.

    Without a rank the sum is exact, and as wide as all of them together; with one it is the nearest of that rank
    (truncated SVD, Eckart and Young 1936). Raises ValueError for full fine-tunes, and as `load_lora` does.
    """
    for lora in loras:
        if LoraMetadata.read(lora.path).full:
            raise ValueError(f"{lora.name} is a full fine-tune, not a LoRA: it cannot be merged.")
    changes: dict[tuple[str, str], list[Pair]] = {}
    with pipelines.lend(family) as pipeline:
        for lora, use in zip(loras, request.loras, strict=True):
            for place in load_lora(driver_of(family), pipeline, lora.path).places:
                weight = use.text_encoder if is_text_encoder(place.component) else use.unet
                if weight:
                    changes.setdefault((place.component, place.name), []).append(_change(place, weight))
    if not changes:
        raise ValueError("Nothing to merge: every weight is 0.")
    wide = max(sum(len(down) for down, _ in pairs) for pairs in changes.values())
    rank = request.rank
    if rank is None and wide > MOST_RANK:
        raise ValueError(
            f"Together they have rank {wide}, more than a LoRA may have: merge them at a rank of {MOST_RANK} or below."
        )
    rank = wide if rank is None else min(rank, wide)
    learnt: dict[str, Tensor] = {}
    for (component, place_name), pairs in sorted(changes.items()):
        down, up = joined(pairs)
        down, up = _padded(nearest((down, up), rank) if len(down) > rank else (down, up), rank)
        learnt |= {f"{component}.{place_name}.lora_A.weight": down, f"{component}.{place_name}.lora_B.weight": up}
    trigger = ", ".join(dict.fromkeys(lora.trigger for lora in loras if lora.trigger))
    adapted: dict[str, Any] = {}
    for component in sorted({component for component, _ in changes}):
        ends = sorted({place_name for part, place_name in changes if part == component})
        adapted |= adapted_network(component, rank, rank, ends)
    told = LoraMetadata.of_family(family, request.name, trigger, rank=rank, alpha=float(rank), adapted=adapted)
    write_tensors(learnt, to, told.header())
    return {"rank": rank, "alpha": float(rank), "trigger": trigger}


@torch.no_grad()
def _change(place: Place, weight: float) -> Pair:
    """What the layer adds to its module's weight, scaled as it is drawn with."""
    layer = place.layer
    down, up = (getattr(layer, matrix)[NAME].weight.detach().float().cpu() for matrix in ("lora_A", "lora_B"))
    return down, up * (weight * layer.scaling[NAME])


def joined(pairs: Sequence[Pair]) -> Pair:
    """The exact sum of changes: their ranks side by side."""
    return torch.cat([down for down, _ in pairs]), torch.cat([up for _, up in pairs], dim=1)


def nearest(pair: Pair, rank: int) -> Pair:
    """The change of a lower rank that is nearest to this one in the sum of squares; of the layer's own at most."""
    down, up = pair
    outward, left = torch.linalg.qr(up.flatten(1).double())
    inward, right = torch.linalg.qr(down.flatten(1).double().t())
    u, s, v = torch.linalg.svd(left @ right.t())
    rank = min(rank, len(s))
    root = s[:rank].sqrt()
    new_up = (outward @ u[:, :rank] * root).float()
    new_down = (inward @ v[:rank].t() * root).t().float()
    return (
        new_down.reshape(rank, *down.shape[1:]).contiguous(),
        new_up.reshape(len(up), rank, *up.shape[2:]).contiguous(),
    )


def _padded(pair: Pair, rank: int) -> Pair:
    """The same change at a higher rank: a file has one rank for all its layers."""
    down, up = pair
    more = rank - len(down)
    return (
        torch.cat([down, down.new_zeros(more, *down.shape[1:])]),
        torch.cat([up, up.new_zeros(len(up), more, *up.shape[2:])], dim=1),
    )
