"""The checkpoint of a training to take, chosen by the scores of its samples."""

from __future__ import annotations

import math
from collections.abc import Mapping

WORTH = 1.0  # of prompt fidelity against subject fidelity
CLEARLY = 0.05  # by which an earlier step must be better than the last one


def pick(scores: Mapping[int, tuple[float, float]]) -> tuple[int, str]:
    """The step to take, and why, from (subject fidelity, prompt fidelity) of each; step 0, the base, is never taken.

    Subject fidelity counts as the way from the base's to 1, prompt fidelity as the share of the base's that is left;
    where the best is not CLEARLY better than the last, the last is taken.
    """
    sound = {step: two for step, two in scores.items() if not step or all(math.isfinite(one) for one in two)}
    scores = sound if any(sound) else scores
    base_subject, base_prompt = scores.get(0, (0.0, 1.0))
    gained = {step: (like - base_subject) / max(1 - base_subject, 1e-6) for step, (like, _) in scores.items() if step}
    left = {step: min(1.0, close / max(base_prompt, 1e-6)) for step, (_, close) in scores.items() if step}
    worth = {step: gained[step] + WORTH * left[step] for step in gained}
    best, last = max(worth, key=lambda step: (worth[step], -step)), max(worth)
    if worth[best] - worth[last] < CLEARLY:
        return (
            last,
            "No earlier step is clearly better than the last one: subject fidelity "
            f"{scores[last][0]:.2f}, prompt fidelity {scores[last][1]:.2f}.",
        )
    more, less = scores[best][1] - scores[last][1], scores[last][0] - scores[best][0]
    gives = (
        f"follows its prompts better than step {last} ({scores[best][1]:.2f} against {scores[last][1]:.2f})"
        if more > 0
        else f"is more like the photos than step {last} ({scores[best][0]:.2f} against {scores[last][0]:.2f})"
    )
    costs = (
        f", and gives up little likeness ({scores[best][0]:.2f} against {scores[last][0]:.2f})"
        if more > 0 and less > 0
        else ""
    )
    return best, f"Step {best} {gives}{costs}."
