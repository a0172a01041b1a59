"""To merge LoRAs of one family into one that the library keeps beside them."""

from __future__ import annotations

from studio.contracts.requests import MergeRequest
from studio.library import Library, Lora
from studio.quotas import Quota, at_most
from studio.tasks.task import Task, shortened
from studio.tasks.train import saved_lora


def merged(request: MergeRequest, library: Library) -> list[Lora]:
    """Those that are merged, in their order. Raises ValueError for one that the library does not have."""
    return [library.lora(use.slug) for use in request.loras]


def family_of(request: MergeRequest, library: Library) -> str:
    """The one that they are all of. Raises ValueError where they are of several."""
    named = sorted({lora.family for lora in merged(request, library)})
    if len(named) > 1:
        raise ValueError(f"These LoRAs are of several families ({', '.join(named)}); only those of one merge.")
    return named[0]


def limit(request: MergeRequest, quota: Quota, library: Library) -> None:
    """Without a rank it becomes as wide as all of them together."""
    at_most("rank", quota.rank, request.rank or sum(lora.rank for lora in merged(request, library)))


MERGE = Task[MergeRequest, Lora](
    MergeRequest,
    "merge",
    "studio.engine.adapters.merging:merge_loras",
    title=lambda request, library: shortened(f"Merging {', '.join(lora.name for lora in merged(request, library))}"),
    results=saved_lora,
    family=family_of,
    limit=limit,
    for_others="Merging for someone else",
)
