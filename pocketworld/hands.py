"""Hands: three fingers and a thumb, open, relaxed or closed."""

import math

from pocketworld.canvas import Canvas, Colour, Point, mix

# Strokes and their widths, by u along the forearm from the wrist and v to the thumb's side.
_PALM = ([(0.8, 0), (2.9, 0)], 7.2)
_HANDS = {
    "open": [
        _PALM,
        ([(3, -2.1), (7.9, -4.3)], 2.7),
        ([(3, 0), (9, -0.3)], 2.7),
        ([(3, 1.6), (8.1, 3.5)], 2.7),
        ([(1.6, 2), (4, 6.2)], 2.7),
    ],
    "relaxed": [
        _PALM,
        ([(3, -2.2), (5.6, -1.9)], 2.8),
        ([(3, 0), (6.6, 0)], 2.8),
        ([(3, 2.1), (5.9, 1.8)], 2.8),
        ([(1, 2.4), (3.9, 4.7)], 2.6),
    ],
    "closed": [([(1.3, 0), (2.7, 0)], 8.4), ([(0.8, 2.6), (3.6, 4)], 2.8)],
}
_LINES = {
    "open": [],
    "relaxed": [[(3.7, -1.05), (6.6, -0.95)], [(3.7, 1.05), (6.7, 0.95)]],
    "closed": [[(4, -1.9), (6.3, -1.9)], [(4, 0.2), (6.8, 0.2)], [(1.6, 2.7), (3.9, 1.6)]],
}


def draw_hand(canvas: Canvas, skin: Colour, elbow: Point, wrist: Point, kind: str, inward: int) -> None:
    """A hand at the wrist, pointing away from the elbow; the thumb is up or `inward`: -1 or 1, to the right."""
    along = complex(wrist[0] - elbow[0], wrist[1] - elbow[1])
    along /= abs(along) or 1
    across = along * 1j
    if across.real * inward - 0.6 * across.imag < 0:
        across = -across

    def placed(points: list[Point]) -> list[Point]:
        spots = [complex(*wrist) + u * along + v * across for u, v in points]
        return [(spot.real, spot.imag) for spot in spots]

    canvas.part = "body"
    canvas.limbs([(placed(points), width) for points, width in _HANDS[kind]], skin)
    crease = mix(skin, (255, 255, 255), 0.35) if sum(skin) < 200 else mix(skin, (0, 0, 0), 0.45)
    for points in _LINES[kind]:
        canvas.line(placed(points), crease, 0.8)


def palm(elbow: Point, wrist: Point) -> Point:
    """The middle of the hand."""
    length = math.dist(elbow, wrist) or 1
    return tuple(end + (end - start) * 2 / length for start, end in zip(elbow, wrist, strict=True))
