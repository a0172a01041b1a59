"""Backgrounds: a few flat shapes each, with little variation, so that few pictures teach them."""

import math
import random

from pocketworld.canvas import Canvas, mix
from pocketworld.vocabulary import GARMENT_COLOURS

WHITE = (255, 255, 255)


def draw_scene(canvas: Canvas, scene: str, ground_colour: str | None, rng: random.Random) -> None:
    """Fill the canvas with the scene; a plain one has the ground colour, lightened.

    The square in the middle takes the same numbers from the rng whatever the canvas shows beyond it.
    """
    canvas.part = None
    horizon = 86 + rng.uniform(-3, 3)
    side = rng.choice((-1, 1))
    if scene == "plain":
        _plain(canvas, ground_colour or "white")
    else:
        _DRAWN[scene](canvas, horizon, side, rng)


def _tiles(canvas: Canvas) -> list[int]:
    """Where the square repeats itself from side to side: 0, and multiples of 128 that the canvas shows."""
    first, last = math.floor(canvas.left / 128), math.ceil(canvas.right / 128)
    return [128 * number for number in range(first, last)]


def _beside(canvas: Canvas, leftmost: float, rightmost: float, step: float) -> list[float]:
    """Places beyond the square, `step` apart, that go on from the leftmost and the rightmost one in it."""
    places = []
    while rightmost < canvas.right + step / 2:
        rightmost += step
        places.append(rightmost)
    while leftmost > canvas.left - step / 2:
        leftmost -= step
        places.append(leftmost)
    return places if canvas.left < 0 else []


def _sway(place: float, most: float) -> float:
    """A number from -most to most that the place alone decides: what lies beyond the square takes none from the rng."""
    return most * math.sin(place * 12.9898)


def _sky(canvas: Canvas, above: int) -> range:
    """How far up the sky of a tall picture goes on beyond the square, in steps of `above`; nothing in others."""
    return range(-1, math.floor(canvas.top / above) - 1, -1) if canvas.top < 0 else range(0)


def _cloud(canvas: Canvas, x: float, y: float) -> None:
    for dx, radius in ((-8, 5), (0, 7), (8, 5)):
        canvas.ellipse(x + dx, y, radius + 2, radius, (250, 252, 255), outline=False)


def _plain(canvas: Canvas, colour: str) -> None:
    rgb = GARMENT_COLOURS[colour]
    wall = rgb if colour in ("black", "white") else mix(rgb, WHITE, 0.4)
    floor = mix(rgb, WHITE, 0.12) if colour == "black" else mix(wall, (0, 0, 0), 0.1)
    canvas.band(canvas.top, 110, wall)
    canvas.band(110, canvas.bottom, floor)


def _beach(canvas, horizon, side, rng):
    canvas.band(canvas.top, horizon - 24, (150, 214, 245))
    canvas.band(horizon - 24, horizon, (42, 130, 200))
    canvas.band(horizon, canvas.bottom, (243, 220, 160))
    canvas.ellipse(64 + side * 48, 16, 9, 9, (255, 236, 120), outline=False)
    for tile in _tiles(canvas):
        for x, y in ((8, 8), (96, 8), (22, 16), (108, 17)):
            canvas.line([(tile + x, horizon - y), (tile + x + 11, horizon - y)], (170, 215, 245), 1.4)
    for x in _beside(canvas, 24, 104, 84):
        _cloud(canvas, x, 22 + _sway(x, 8))
    for row in _sky(canvas, 40):
        _cloud(canvas, 64 + _sway(row, 44), row * 40 + 22)


def _forest(canvas, horizon, side, rng):
    canvas.band(canvas.top, horizon, (178, 224, 196))
    canvas.band(horizon, canvas.bottom, (84, 138, 62))
    places = [x + rng.uniform(-3, 3) for x in (4, 32, 64, 96, 124)]
    if canvas.top < 0:  # taller trees farther back
        for x in (18, 79, 111, 47):
            tip = canvas.top * 0.55 + 10 + _sway(x, 12)
            canvas.polygon([(x - 24, horizon), (x + 24, horizon), (x, tip)], (146, 202, 170), outline=False)
    beside = [x + _sway(x, 3) for x in _beside(canvas, 4, 124, 30)]
    for index, x in enumerate(places + beside):
        canvas.rectangle(x - 3, horizon - 16, x + 3, horizon + 3, (95, 62, 38))
        green = ((34, 116, 58), (44, 132, 66))[index % 2]
        canvas.polygon([(x - 17, horizon - 14), (x + 17, horizon - 14), (x, horizon - 74)], green, outline=False)


def _street_at_night(canvas, horizon, side, rng):
    canvas.band(canvas.top, canvas.bottom, (20, 22, 52))
    canvas.ellipse(64 + side * 50, 13, 7, 7, (245, 240, 205), outline=False)
    ground = horizon + 8
    if canvas.top < 0:  # taller houses farther back, and stars
        for x, share in ((10, 0.5), (56, 0.3), (88, 0.62)):
            canvas.rectangle(x, canvas.top * share + 8, x + 30, ground, (32, 34, 68))
        for row in _sky(canvas, 12):
            canvas.ellipse(64 + _sway(row, 60), row * 12 + 4, 1, 1, (245, 240, 205), outline=False)
    houses = [(0, 62), (27, 46), (76, 46), (102, 66)]
    for x, height in houses + [(x, 56 + _sway(x, 10)) for x in _beside(canvas, 0, 102, 27)]:
        _house(canvas, x, ground, height)
    canvas.band(ground, canvas.bottom, (70, 70, 80))


def _house(canvas, x, ground, height):
    canvas.rectangle(x, ground - height, x + 24, ground, (46, 48, 84))
    for row in range(int(height) // 13):
        for column in range(3):
            y, left = ground - height + 5 + row * 13, x + 3 + column * 7
            lit = (row + column) % 2 == 0
            canvas.rectangle(left, y, left + 3, y + 5, (250, 215, 105) if lit else (64, 66, 106))


def _kitchen(canvas, horizon, side, rng):
    canvas.band(canvas.top, horizon, (250, 236, 205))
    canvas.band(horizon - 12, horizon + 14, (214, 222, 228))
    canvas.band(horizon - 16, horizon - 11, (120, 85, 60))
    canvas.band(horizon + 14, canvas.bottom, (196, 150, 105))
    if canvas.top < 0:
        canvas.band(canvas.top, canvas.top * 0.8, (232, 214, 180))
    x = 4 if side < 0 else 92
    for left in (x, *_beside(canvas, x, x, 88)):
        canvas.rectangle(left - 2, 14, left + 34, 46, WHITE)
        for pane in (left, left + 17):
            canvas.rectangle(pane, 16, pane + 15, 44, (165, 215, 245))
    for left in (28, 100, *_beside(canvas, 28, 100, 72)):
        canvas.line([(left, horizon - 10), (left, horizon + 14)], (165, 172, 178), 1.2)


def _snow(canvas, horizon, side, rng):
    canvas.band(canvas.top, horizon + 10, (184, 204, 230))
    for tile in _tiles(canvas):
        canvas.ellipse(tile + 64 - side * 36, horizon + 22, 60, 32, (226, 235, 247), outline=False)
        canvas.ellipse(tile + 64 + side * 40, horizon + 24, 62, 28, (236, 243, 251), outline=False)
    canvas.band(horizon + 10, canvas.bottom, (248, 251, 255))
    flakes = [(index * 37 % 124 + rng.uniform(0, 4), index * 23 % 76 + 4) for index in range(14)]
    for tile in _tiles(canvas):
        for row in (0, *_sky(canvas, 80)):
            for x, y in flakes:
                aside = _sway(tile + row + y, 40) if tile or row else 0  # lest the pattern be seen
                canvas.ellipse(tile + x + aside, row * 80 + y, 1.5, 1.5, WHITE, outline=False)


def _desert(canvas, horizon, side, rng):
    canvas.band(canvas.top, horizon + 4, (250, 196, 128))
    for tile in _tiles(canvas):
        dunes = [(-5, horizon + 5), (28, horizon - 18), (66, horizon), (102, horizon - 14), (133, horizon + 5)]
        canvas.polygon([(tile + x, y) for x, y in dunes], (226, 150, 80), outline=False)
    canvas.band(horizon + 4, canvas.bottom, (238, 184, 110))
    x, green = 64 + side * 50, (50, 130, 70)
    for place in (x, *(x + _sway(x, 14) for x in _beside(canvas, 14, 114, 62))):
        canvas.limb([(place, horizon + 12), (place, horizon - 26)], 6, green, outline=False)
        for way, y, tip in ((9, 2, 14), (-9, 8, 18)):
            arm = [(place, horizon - y), (place + way, horizon - y), (place + way, horizon - tip)]
            canvas.limb(arm, 4, green, outline=False)
    if canvas.top < 0:
        canvas.ellipse(64 - side * 30, canvas.top * 0.5, 12, 12, (255, 236, 150), outline=False)


def _park(canvas, horizon, side, rng):
    canvas.band(canvas.top, horizon, (160, 215, 250))
    canvas.band(horizon, canvas.bottom, (118, 198, 88))
    places = [x + rng.uniform(-3, 3) for x in (14, 114)]
    for x in places + [x + _sway(x, 5) for x in _beside(canvas, 14, 114, 52)]:
        canvas.rectangle(x - 3, horizon - 24, x + 3, horizon + 4, (115, 75, 45))
        canvas.ellipse(x, horizon - 38, 16, 19, (60, 155, 70), outline=False)
    _cloud(canvas, 64 + side * 26, 13)
    for x in _beside(canvas, 24, 104, 84):
        _cloud(canvas, x, 14 + _sway(x, 6))
    for row in _sky(canvas, 40):
        _cloud(canvas, 64 + _sway(row, 44), row * 40 + 15)


_DRAWN = {
    "beach": _beach,
    "forest": _forest,
    "street at night": _street_at_night,
    "kitchen": _kitchen,
    "snow": _snow,
    "desert": _desert,
    "park": _park,
}
