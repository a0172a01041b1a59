"""Where two pictures of one thing are joined: along the path on which they are most alike, so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

FINEST = 192  # cells on the longer side: a finer path takes seconds to find, and shows no better
STEPS, SHORT = 10, 5  # what a difference of 1 of 255 costs, and every step of a path: where all is alike, it is short


def joined(old: np.ndarray, new: np.ndarray, must: np.ndarray, may: np.ndarray) -> np.ndarray:
    """Where the new picture is taken, bool [height, width]: where it must be, and nowhere but where it may be.

    `old` and `new` are [height, width, channels], 0 to 255; `must` and `may` bool [height, width]. In between runs the
    cut across which the two differ the least (Kwatra et al. 2003, "Graphcut Textures").
    """
    zone = may & ~must
    if not must.any() or not zone.any():
        return must & may
    side = -(-max(must.shape) // FINEST)
    # The largest near by: the path keeps away from the outline of what is new, which would look like a seam.
    cost = maximum_filter(_cells(np.abs(old - new).mean(axis=-1), side, np.mean), size=3)
    inside = _cells(must, side, np.any)
    taken = _cut(cost, inside, _cells(zone, side, np.any) & ~inside)
    height, width = must.shape
    return (taken.repeat(side, axis=0).repeat(side, axis=1)[:height, :width] | must) & may


def _cells(values: np.ndarray, side: int, of: Callable[..., np.ndarray]) -> np.ndarray:
    """What `of`, a reduction such as np.mean, makes of squares of so many pixels a side; the last may be smaller."""
    height, width = values.shape
    padded = np.pad(values, ((0, -height % side), (0, -width % side)), mode="edge")
    return of(padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side), axis=(1, 3))


def _cut(cost: np.ndarray, must: np.ndarray, zone: np.ndarray) -> np.ndarray:
    """`must` and the part of the zone on its side of the smallest cut, bool [height, width]."""
    number = np.cumsum(zone).reshape(zone.shape) - 1
    source, sink = zone.sum(), zone.sum() + 1
    node = np.where(zone, number, np.where(must, source, sink))
    ends, weights = [], []
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        between = np.rint((cost[one] + cost[two]) * STEPS + SHORT).astype(np.int32)
        touching = zone[one] | zone[two]
        pair = np.stack([node[one][touching], node[two][touching]])
        ends += [pair, pair[::-1]]
        weights += [between[touching]] * 2
    rows, columns = np.concatenate(ends, axis=1)
    graph = coo_matrix((np.concatenate(weights), (rows, columns)), shape=(sink + 1, sink + 1)).tocsr()
    graph.sum_duplicates()
    left = graph - maximum_flow(graph, source, sink).flow
    open_still = csr_matrix(left > 0)
    reached = np.zeros(sink + 1, dtype=bool)
    reached[breadth_first_order(open_still, source, return_predecessors=False)] = True
    return must | (zone & reached[node])
