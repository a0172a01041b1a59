"""Fields by the names that files of earlier versions have them under: read for good, written no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMER: Mapping[str, Mapping[str, str]] = {  # a type's name -> former name -> today's
    "TrainRequest": {
        "optimiser": "optimizer",
        "schedule": "lr_scheduler",
        "warm_up": "lr_warmup_steps",
        "accumulation": "gradient_accumulation_steps",
    },
    "RepaintRequest": {"fill": "masked_content"},
    "CheckpointScored": {"identity": "subject_fidelity", "obedience": "prompt_fidelity"},
}


def renamed(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a type under today's names; where a field stands under both, today's counts."""
    former = FORMER.get(kind, {})
    return {former.get(name, name): value for name, value in values.items() if former.get(name) not in values}


def formerly(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a type under the first names that their fields had."""
    first = {today: name for name, today in FORMER.get(kind, {}).items()}
    return {first.get(name, name): value for name, value in values.items()}
