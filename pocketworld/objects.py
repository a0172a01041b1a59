"""Things without a person: cup, teapot, backpack, lamp."""

import random

from pocketworld.canvas import Canvas, Colour, arc_points, mix, shade
from pocketworld.garments import draw_emblem
from pocketworld.spec import Spec
from pocketworld.vocabulary import GARMENT_COLOURS


def draw_object(canvas: Canvas, spec: Spec, rng: random.Random) -> None:
    """Draw the spec's object, standing in the middle of the picture."""
    zoom = rng.uniform(0.94, 1.04)
    canvas.place(64 + rng.uniform(-4, 4), 108 + rng.uniform(-2, 2), zoom)
    canvas.part = "object"
    _DRAWN[spec.object](canvas, GARMENT_COLOURS[spec.object_colour])
    if spec.emblem:
        draw_emblem(canvas, spec.emblem, 0, -27, 12)


def _cup(canvas: Canvas, colour: Colour) -> None:
    canvas.limb(arc_points(26, -30, 15, 14, -80, 80), 6.5, colour)
    canvas.polygon([(-28, -56), (28, -56), (24, -5), (18, 0), (-18, 0), (-24, -5)], colour)
    canvas.ellipse(0, -56, 28, 7, mix(colour, (255, 255, 255), 0.45))
    canvas.ellipse(0, -55, 23, 4.5, (110, 66, 40))


def _teapot(canvas: Canvas, colour: Colour) -> None:
    canvas.limb(arc_points(28, -28, 16, 15, -90, 90), 6, colour)
    canvas.polygon([(-24, -26), (-34, -36), (-40, -50), (-50, -48), (-42, -24), (-26, -8)], colour)
    canvas.ellipse(0, -27, 33, 27, colour)
    canvas.polygon(arc_points(0, -46, 20, 11, 0, 180), shade(colour))
    canvas.ellipse(0, -60, 5, 5, colour)


def _backpack(canvas: Canvas, colour: Colour) -> None:
    canvas.limb(arc_points(0, -70, 10, 10, 0, 180), 5, shade(colour))
    for sign in (-1, 1):
        canvas.polygon([(sign * 26, -34), (sign * 36, -30), (sign * 36, -4), (sign * 26, -2)], shade(colour))
    canvas.polygon([(-28, 0), (-30, -46), (-22, -66), (-10, -72), (10, -72), (22, -66), (30, -46), (28, 0)], colour)
    canvas.polygon([(-19, -5), (-19, -32), (19, -32), (19, -5)], shade(colour))
    canvas.polygon([(-21, -28), (-21, -36), (21, -36), (21, -28)], colour)
    canvas.ellipse(0, -27, 3, 3, (250, 205, 50))


def _lamp(canvas: Canvas, colour: Colour) -> None:
    canvas.limb([(0, -4), (0, -46)], 6, (120, 120, 130))
    canvas.ellipse(0, -3, 20, 6, (120, 120, 130))
    canvas.ellipse(0, -42, 7, 8, (255, 240, 150))
    canvas.polygon([(-16, -86), (16, -86), (32, -44), (-32, -44)], colour)


_DRAWN = {"cup": _cup, "teapot": _teapot, "backpack": _backpack, "lamp": _lamp}
