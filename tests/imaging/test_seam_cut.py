"""Along which path two pictures are joined: where they are alike, around what must be new, within what may be."""

import numpy as np
import pytest

from studio.imaging.seam_cut import joined


def square(size, first, last):
    """Bool [size, size], true from `first` to just before `last` both ways."""
    there = np.zeros((size, size), bool)
    there[first:last, first:last] = True
    return there


def pictures(size=64, apart=80.0):
    """An old one and a new one that differ everywhere."""
    old = np.full((size, size, 3), 90, np.float32)
    return old, old + apart


def test_they_are_joined_where_they_are_alike():
    old, new = pictures()
    ring = square(64, 14, 50) & ~square(64, 18, 46)
    new[ring] = old[ring]
    taken = joined(old, new, square(64, 24, 40), square(64, 8, 56))
    assert taken[square(64, 18, 46)].all(), "all within the ring is new"
    assert not taken[~square(64, 14, 50)].any(), "and nothing beyond it"


def test_where_all_is_alike_the_path_is_short():
    old, _ = pictures()
    taken = joined(old, old.copy(), square(64, 24, 40), square(64, 8, 56))
    assert np.array_equal(taken, square(64, 24, 40))


def test_something_that_sticks_out_is_taken_whole():
    """A sleeve that reaches into what may change: it is cut off nowhere."""
    old = np.full((64, 64, 3), 90, np.float32)
    new = old.copy()
    new[28:34, 20:54] = 200
    taken = joined(old, new, square(64, 24, 40), square(64, 8, 56))
    assert taken[28:34, 20:54].all() and taken.sum() < 1.6 * (square(64, 24, 40).sum() + 6 * 18)


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (500, 300), (1024, 1024)])
def test_it_is_new_where_it_must_be_and_old_where_it_may_not(size):
    chance = np.random.default_rng(3)
    old, new = (chance.uniform(0, 255, (*size, 3)).astype(np.float32) for _ in range(2))
    rows, columns = (np.linspace(-1, 1, length) for length in size)
    away = np.hypot(rows[:, None], columns[None])
    must, may = away < 0.4, away < 0.7
    taken = joined(old, new, must, may)
    assert taken.shape == size and taken[must].all() and not taken[~may].any()


@pytest.mark.parametrize(
    "must, may",
    [
        (square(32, 8, 24), square(32, 8, 24)),
        (square(32, 0, 32), square(32, 0, 32)),
        (square(32, 0, 0),) * 2,
        (square(32, 0, 0), square(32, 8, 24)),
    ],
)
def test_without_anywhere_to_choose_nothing_is_chosen(must, may):
    old, new = pictures(32)
    assert np.array_equal(joined(old, new, must, may), must)


def test_a_picture_that_may_be_new_to_its_rim_needs_no_path_there():
    old, new = pictures()
    taken = joined(old, new, square(64, 24, 40), np.ones((64, 64), bool))
    assert taken.all() or taken[square(64, 24, 40)].all()
