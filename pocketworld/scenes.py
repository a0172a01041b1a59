"""Backgrounds: a few flat shapes each, with little variation, so that few pictures teach them."""

import random

from pocketworld.canvas import Canvas, mix
from pocketworld.vocabulary import GARMENT_COLOURS

WHITE = (255, 255, 255)


def draw_scene(canvas: Canvas, scene: str, ground_colour: str | None, rng: random.Random) -> None:
    """Fill the canvas with the scene; a plain one has the ground colour, lightened."""
    canvas.part = None
    horizon = 86 + rng.uniform(-3, 3)
    side = rng.choice((-1, 1))
    if scene == "plain":
        _plain(canvas, ground_colour or "white")
    else:
        _DRAWN[scene](canvas, horizon, side, rng)


def _plain(canvas: Canvas, colour: str) -> None:
    rgb = GARMENT_COLOURS[colour]
    wall = rgb if colour in ("black", "white") else mix(rgb, WHITE, 0.4)
    floor = mix(rgb, WHITE, 0.12) if colour == "black" else mix(wall, (0, 0, 0), 0.1)
    canvas.rectangle(0, 0, 128, 128, wall)
    canvas.rectangle(0, 110, 128, 128, floor)


def _beach(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (150, 214, 245))
    canvas.rectangle(0, horizon - 24, 128, horizon, (42, 130, 200))
    canvas.rectangle(0, horizon, 128, 128, (243, 220, 160))
    canvas.ellipse(64 + side * 48, 16, 9, 9, (255, 236, 120), outline=False)
    for x, y in ((8, 8), (96, 8), (22, 16), (108, 17)):
        canvas.line([(x, horizon - y), (x + 11, horizon - y)], (170, 215, 245), 1.4)


def _forest(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (178, 224, 196))
    canvas.rectangle(0, horizon, 128, 128, (84, 138, 62))
    for index, x in enumerate((4, 32, 64, 96, 124)):
        x += rng.uniform(-3, 3)
        canvas.rectangle(x - 3, horizon - 16, x + 3, horizon + 3, (95, 62, 38))
        green = ((34, 116, 58), (44, 132, 66))[index % 2]
        canvas.polygon([(x - 17, horizon - 14), (x + 17, horizon - 14), (x, horizon - 74)], green, outline=False)


def _street_at_night(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (20, 22, 52))
    canvas.ellipse(64 + side * 50, 13, 7, 7, (245, 240, 205), outline=False)
    ground = horizon + 8
    for x, height in ((0, 62), (27, 46), (76, 46), (102, 66)):
        canvas.rectangle(x, ground - height, x + 24, ground, (46, 48, 84))
        for row in range(int(height) // 13):
            for column in range(3):
                y = ground - height + 5 + row * 13
                lit = (row + column) % 2 == 0
                canvas.rectangle(
                    x + 3 + column * 7,
                    y,
                    x + 6 + column * 7,
                    y + 5,
                    (250, 215, 105) if lit else (64, 66, 106),
                )
    canvas.rectangle(0, ground, 128, 128, (70, 70, 80))


def _kitchen(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (250, 236, 205))
    canvas.rectangle(0, horizon - 12, 128, horizon + 14, (214, 222, 228))
    canvas.rectangle(0, horizon - 16, 128, horizon - 11, (120, 85, 60))
    canvas.rectangle(0, horizon + 14, 128, 128, (196, 150, 105))
    x = 4 if side < 0 else 92
    canvas.rectangle(x - 2, 14, x + 34, 46, WHITE)
    for left in (x, x + 17):
        canvas.rectangle(left, 16, left + 15, 44, (165, 215, 245))
    for left in (28, 100):
        canvas.line([(left, horizon - 10), (left, horizon + 14)], (165, 172, 178), 1.2)


def _snow(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (184, 204, 230))
    canvas.ellipse(64 - side * 36, horizon + 22, 60, 32, (226, 235, 247), outline=False)
    canvas.ellipse(64 + side * 40, horizon + 24, 62, 28, (236, 243, 251), outline=False)
    canvas.rectangle(0, horizon + 10, 128, 128, (248, 251, 255))
    for index in range(14):
        x, y = index * 37 % 124 + rng.uniform(0, 4), index * 23 % 76 + 4
        canvas.ellipse(x, y, 1.5, 1.5, WHITE, outline=False)


def _desert(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (250, 196, 128))
    dunes = [(-5, horizon + 5), (28, horizon - 18), (66, horizon), (102, horizon - 14), (133, horizon + 5)]
    canvas.polygon(dunes, (226, 150, 80), outline=False)
    canvas.rectangle(0, horizon + 4, 128, 128, (238, 184, 110))
    x, green = 64 + side * 50, (50, 130, 70)
    canvas.limb([(x, horizon + 12), (x, horizon - 26)], 6, green, outline=False)
    canvas.limb([(x, horizon - 2), (x + 9, horizon - 2), (x + 9, horizon - 14)], 4, green, outline=False)
    canvas.limb([(x, horizon - 8), (x - 9, horizon - 8), (x - 9, horizon - 18)], 4, green, outline=False)


def _park(canvas, horizon, side, rng):
    canvas.rectangle(0, 0, 128, 128, (160, 215, 250))
    canvas.rectangle(0, horizon, 128, 128, (118, 198, 88))
    for x in (14 + rng.uniform(-3, 3), 114 + rng.uniform(-3, 3)):
        canvas.rectangle(x - 3, horizon - 24, x + 3, horizon + 4, (115, 75, 45))
        canvas.ellipse(x, horizon - 38, 16, 19, (60, 155, 70), outline=False)
    for dx, radius in ((-8, 5), (0, 7), (8, 5)):
        canvas.ellipse(64 + side * 26 + dx, 13, radius + 2, radius, (250, 252, 255), outline=False)


_DRAWN = {
    "beach": _beach,
    "forest": _forest,
    "street at night": _street_at_night,
    "kitchen": _kitchen,
    "snow": _snow,
    "desert": _desert,
    "park": _park,
}
