"""Ways compared where equally much of an outfit arrives."""

import numpy as np
import pytest

from benchmarks.quality import equal_fidelity, outfit_methods


def table(fidelity: float, harm: float, pairs: int = 6) -> np.ndarray:
    """Pairs that are all alike: of every measure the same, but for fidelity."""
    row = [[fidelity * 4, 4], *[[harm, 1]] * (len(equal_fidelity.MEASURES) - 1)]
    return np.array([row] * pairs)


def test_ways_are_compared_where_equally_much_arrives():
    bare = table(0.1, 0.0)
    ways = {
        "whole picture": {0.0: bare, 1.0: table(0.3, 9.0)},
        equal_fidelity.REFERENCE: {0.0: bare, 0.5: table(0.2, 4.0), 1.0: table(0.5, 8.0)},
        equal_fidelity.OUR: {0.0: bare, 1.0: table(0.9, 4.0)},
    }
    told = equal_fidelity.as_figures(ways)
    assert told["level"] == pytest.approx(0.5) and told["equal"]["whole picture"] is None
    assert told["equal"][equal_fidelity.OUR]["bleed"] == pytest.approx([2.0] * 3)
    assert told["equal"][equal_fidelity.OUR]["factor"][0] == pytest.approx(0.5)
    assert told["against"][equal_fidelity.REFERENCE]["ratios"]["bleed"] == pytest.approx([0.25] * 3)
    beside = told["against"]["whole picture"]  # at the 30% that these two come to
    assert beside["theirs"]["bleed"][0] == pytest.approx(9) and beside["ours"]["bleed"][0] == pytest.approx(1)


def test_a_way_by_which_nothing_arrives_has_nothing_to_be_compared_at():
    bare = table(0.1, 0.0)
    ways = {
        equal_fidelity.REFERENCE: {0.0: bare, 1.0: table(0.1, 4.0)},
        equal_fidelity.OUR: {0.0: bare, 1.0: table(0.9, 4.0)},
    }
    told = equal_fidelity.as_figures(ways)["against"][equal_fidelity.REFERENCE]
    assert told["ratios"]["bleed"] is None and "nothing of an outfit arrives" in outfit_methods._beside("it", told, 0.1)


def test_a_curve_is_read_where_fidelity_first_rises_to_the_level():
    along = np.array([[0.0, 0.1, 0.0], [0.5, 0.6, 5.0], [1.0, 0.4, 8.0], [1.5, 0.8, 9.0]])
    assert equal_fidelity.at_fidelity(along, 0.35) == pytest.approx([0.25, 0.35, 2.5])
    assert equal_fidelity.at_fidelity(along, 0.7) == pytest.approx([1.375, 0.7, 8.75])
    assert (
        equal_fidelity.at_fidelity(along, 0.05) == pytest.approx(along[0])
        and equal_fidelity.at_fidelity(along, 0.9) is None
    )
