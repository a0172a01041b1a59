"""Hair: what hangs behind the head, and the cap, spikes or crest over it."""

from pocketworld.canvas import Canvas, arc_points
from pocketworld.skeleton import Build
from pocketworld.vocabulary import HAIR_COLOURS
from pocketworld.world import Spec


def draw_hair_behind(canvas: Canvas, spec: Spec, build: Build) -> None:
    """What hangs or stands behind the head."""
    colour, y, rx, ry = HAIR_COLOURS.get(spec.hair_colour), build.head_y, build.head_rx, build.head_ry
    canvas.part = "hair"
    if spec.hair == "long":
        shift = -6 if spec.framing == "from the side" else 0
        low = y + 36
        right = (shift + 3, low) if shift else (rx + 5, low)
        canvas.polygon(
            arc_points(shift, y, rx + 3, ry + 2, 0, 180)
            + [(shift - rx - 5, low - 5), (shift - rx, low), right, (right[0] + 1, low - 5)],
            colour,
        )
    elif spec.hair == "bun":
        canvas.ellipse(-14 if spec.framing == "from the side" else 0, y - ry - 5, 10, 9, colour)
    elif spec.hair == "ponytail" and spec.framing != "from behind":
        sign = -1 if spec.framing == "from the side" else 1
        canvas.polygon(
            [
                (sign * (rx - 8), y - 14),
                (sign * (rx + 7), y - 16),
                (sign * (rx + 15), y - 4),
                (sign * (rx + 12), y + 22),
                (sign * (rx + 4), y + 8),
            ],
            colour,
            smooth=True,
        )


def draw_hair(canvas: Canvas, spec: Spec, build: Build) -> None:
    """The hair over the head: a cap with a fringe, spikes, or a crest."""
    if not spec.is_person or spec.hair == "bald":
        return
    colour, y, rx, ry = HAIR_COLOURS[spec.hair_colour], build.head_y, build.head_rx + 1.5, build.head_ry + 1.5
    canvas.part = "hair"
    if spec.hair == "mohawk":
        _draw_mohawk(canvas, colour, build)
    elif spec.framing == "from behind":
        _draw_back_of_head(canvas, spec, colour, y, rx, ry)
    elif spec.framing == "from the side":
        canvas.polygon(arc_points(0, y, rx, ry, 35, 215) + [(-8, y + 10), (-4, y - 2), (4, y - 9)], colour)
    else:
        _draw_fringe(canvas, spec.hair, colour, y, rx, ry)
    if spec.hair == "spiky" and spec.framing != "full figure" and spec.framing != "portrait":
        _draw_spikes(canvas, colour, y, rx, ry)


def _draw_mohawk(canvas, colour, build):
    y, shift = build.head_y - build.head_ry, (-3 if build.head_rx < 22 else 0)
    canvas.polygon(
        [
            (-6, y + 8),
            (-8, y - 4),
            (-9, y - 13 - shift),
            (-3, y - 9),
            (0, y - 17 - shift),
            (3, y - 9),
            (9, y - 13 - shift),
            (8, y - 4),
            (6, y + 8),
            (0, y + 4),
        ],
        colour,
    )


def _draw_back_of_head(canvas, spec, colour, y, rx, ry):
    if spec.hair == "long":
        canvas.polygon(arc_points(0, y, rx, ry, 0, 180) + [(-rx - 2, y + 36), (rx + 2, y + 36)], colour)
        return
    canvas.polygon(arc_points(0, y, rx, ry, -35, 215), colour)
    if spec.hair == "ponytail":
        canvas.polygon([(-6, y - 6), (6, y - 6), (9, y + 18), (0, y + 34), (-9, y + 18)], colour, smooth=True)
    elif spec.hair == "bun":
        canvas.ellipse(0, y - ry - 1, 10, 9, colour)


def _draw_fringe(canvas, hair, colour, y, rx, ry):
    if hair == "spiky":
        _draw_spikes(canvas, colour, y, rx, ry)
        return
    low = {"long": 22, "short": 1}.get(hair, -2)
    cap = arc_points(0, y, rx, ry, 0, 180)
    if hair == "long":
        inner = [
            (-rx - 1, y + low),
            (-rx + 5, y + low),
            (-rx + 6, y - 4),
            (-8, y - 11),
            (8, y - 11),
            (rx - 6, y - 4),
            (rx - 5, y + low),
            (rx + 1, y + low),
        ]
    elif hair == "short":
        inner = [
            (-rx + 3, y + low),
            (-rx + 6, y - 8),
            (-8, y - 6),
            (-3, y - 10),
            (4, y - 6),
            (10, y - 10),
            (rx - 6, y - 8),
            (rx - 3, y + low),
        ]
    else:  # swept aside, for the bun and the ponytail
        inner = [
            (-rx + 3, y + low),
            (-rx + 8, y - 8),
            (-4, y - 14),
            (6, y - 14),
            (rx - 8, y - 8),
            (rx - 3, y + low),
        ]
    canvas.polygon(cap + inner, colour)


def _draw_spikes(canvas, colour, y, rx, ry):
    """A crown of points, and a jagged fringe."""
    outside = arc_points(0, y, rx + 8, ry + 9, -4, 184, step=15)
    inside = arc_points(0, y, rx - 1, ry - 1, -4, 184, step=15)
    crown = [(outside if index % 2 else inside)[index] for index in range(len(outside))]
    canvas.polygon(crown + [(-15, y - 7), (-10, y - 12), (-4, y - 6), (3, y - 12), (9, y - 6), (15, y - 11)], colour)
