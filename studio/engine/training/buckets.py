"""Photos in their own shapes: sizes of about the same area, and batches that hold one size each."""

from __future__ import annotations

from collections.abc import Sequence

import torch

STEP = 8  # cells of latents that a side is a multiple of: the UNet halves them three times


def size_for(width: int, height: int, resolution: int, factor: int) -> tuple[int, int]:
    """The size of at most resolution x resolution pixels whose shape is nearest to the photo's.

    Sides are multiples of `factor` * STEP, the VAE's factor times the UNet's, and at most twice the resolution.
    """
    grid = factor * STEP
    if resolution <= grid:
        return resolution, resolution
    sides = range(grid, 2 * resolution + 1, grid)
    sizes = {(side, max(grid, resolution**2 // side // grid * grid)) for side in sides}
    sizes = {size for size in sizes if max(size) <= 2 * resolution}
    wanted = width / height
    return min(sorted(sizes), key=lambda size: abs(torch.tensor(size[0] / size[1] / wanted).log().item()))


def in_turn(count: int, size: int, turn: int, seed: int) -> torch.Tensor:
    """[size] of the rows 0 to count - 1 for a turn: endless shuffled rounds, told by the turn alone."""
    first = turn * size
    rows = []
    for place in range(first, first + size):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 7_919 + place // count))
        rows.append(int(order[place % count]))
    return torch.tensor(rows)


def batch_at(counts: Sequence[int], size: int, step: int, seed: int) -> tuple[int, torch.Tensor]:
    """Which bucket a step takes and which of its rows, [size], for buckets of so many pictures.

    Every picture is as often taken as any other, but for the last places of a bucket's batch. Told by the step alone.
    """
    turns = [-(-count // size) for count in counts]  # in a round over all
    order = [bucket for bucket, often in enumerate(turns) for _ in range(often)]
    round_, place = divmod(step, len(order))
    shuffled = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed * 6_007 + round_)).tolist()
    dealt = [order[i] for i in shuffled]
    bucket = dealt[place]
    return bucket, in_turn(counts[bucket], size, round_ * turns[bucket] + dealt[:place].count(bucket), seed)
