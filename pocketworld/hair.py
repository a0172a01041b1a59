"""Hair: what hangs behind the head, and the cap, spikes or crest over it."""

from pocketworld.canvas import Canvas, arc_points, curve
from pocketworld.skeleton import Build
from pocketworld.spec import Spec
from pocketworld.vocabulary import HAIR_COLOURS


def draw_hair_behind(canvas: Canvas, spec: Spec, build: Build) -> None:
    """What hangs or stands behind the head."""
    colour, y, rx, ry = HAIR_COLOURS.get(spec.hair_colour), build.head_y, build.head_rx, build.head_ry
    canvas.part = "hair"
    if spec.hair == "long":
        low = y + 36
        if spec.framing == "from the side":
            back = [(-rx, y), (-rx - 8, low - 8), (-rx - 6, low), (-rx * 0.6, low + 1), (-2, low - 2), (2, y)]
            canvas.polygon(arc_points(0, y, rx, ry, 100, 180) + curve(back)[1:], colour)
        else:
            ends = [(-rx - 3, y), (-rx - 5.5, low - 6), (-rx - 2, low), (0, low - 1)]
            canvas.polygon(
                arc_points(0, y, rx + 3, ry + 2, 0, 180)
                + curve(ends)[1:]
                + curve([(-x, end) for x, end in ends[::-1]])[1:-1],
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
        _draw_crest(canvas, colour, y, rx, ry) if spec.framing == "from the side" else _draw_mohawk(
            canvas, colour, build
        )
    elif spec.framing == "from behind":
        _draw_back_of_head(canvas, spec, colour, y, rx, ry)
    elif spec.framing == "from the side":
        _draw_aside(canvas, spec.hair, colour, y, rx, ry)
    else:
        _draw_fringe(canvas, spec.hair, colour, y, rx, ry)
    if spec.hair == "spiky" and spec.framing == "from behind":
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


def _draw_crest(canvas, colour, y, rx, ry):
    """A mohawk from the side: a fan along the head's middle."""
    outside = arc_points(0, y, rx + 9, ry + 13, 50, 170, step=15)
    inside = arc_points(0, y, rx + 2, ry + 3, 50, 170, step=15)
    points = [(outside if index % 2 else inside)[index] for index in range(len(outside))]
    canvas.polygon(points + arc_points(0, y, rx - 4, ry - 4, 170, 50), colour)


def _draw_aside(canvas, hair, colour, y, rx, ry):
    """Over the head in profile: the fringe at the right, the nape at the left, the ear between them."""
    if hair == "spiky":
        outside = arc_points(0, y, rx + 8, ry + 9, 30, 222, step=16)
        inside = arc_points(0, y, rx - 1, ry - 1, 30, 222, step=16)
        cap = [(outside if index % 2 else inside)[index] for index in range(len(outside))]
        inner = [(-9, y + 8), (-4, y - 5), (1, y + 1), (4, y - 10), (9, y - 5), (13, y - 11)]
        canvas.polygon(cap + inner, colour)
        return
    if hair == "long":  # falls over the ear
        cap = arc_points(0, y, rx, ry, 32, 180)
        inner = [(-rx - 1, y + 20), (-rx + 5, y + 25), (-7, y + 26), (0, y + 20), (2, y + 4), (6, y - 8), (14, y - 12)]
        canvas.polygon(cap + curve(inner), colour)
        return
    cap = arc_points(0, y, rx, ry, 32, 222 if hair == "short" else 205)
    if hair == "short":
        inner = [(-9, y + 10), (-7, y + 2), (-4, y - 4), (2, y - 4), (4, y + 4), (7, y - 7), (12, y - 7), (15, y - 12)]
    else:  # combed back, for the bun and the ponytail
        inner = [(-10, y + 5), (-4, y - 4), (2, y - 4), (5, y + 3), (8, y - 9), (15, y - 13)]
    canvas.polygon(cap + curve(inner), colour)


def _draw_back_of_head(canvas, spec, colour, y, rx, ry):
    if spec.hair == "long":
        low = y + 36
        ends = [(-rx, y), (-rx - 5, low - 6), (-rx, low), (0, low + 1)]
        right = [(-x, end) for x, end in ends[::-1]]
        canvas.polygon(arc_points(0, y, rx, ry, 0, 180) + curve(ends)[1:] + curve(right)[1:-1], colour)
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
