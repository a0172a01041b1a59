"""Heads: the shape that tells the species, the face, and hats, crowns and glasses."""

from pocketworld.canvas import INK, Canvas, Colour, arc_points, mix
from pocketworld.skeleton import Build
from pocketworld.vocabulary import GARMENT_COLOURS, HAIR_COLOURS
from pocketworld.world import Spec

WHITE = (255, 255, 255)
INNER_EAR = (245, 165, 180)
GOLD = (250, 205, 50)
MOUTH = (150, 35, 50)


def draw_head(canvas: Canvas, spec: Spec, build: Build, skin: Colour) -> None:
    """Ears, skull and face; hair and accessories are drawn over it."""
    canvas.part = "face"
    _EARS.get(spec.noun, _no_ears)(canvas, build, skin, spec)
    y, rx, ry = build.head_y, build.head_rx, build.head_ry
    if spec.noun == "robot":
        canvas.polygon(
            [
                (-rx, y - ry + 3),
                (-rx + 3, y - ry),
                (rx - 3, y - ry),
                (rx, y - ry + 3),
                (rx, y + ry - 3),
                (rx - 3, y + ry),
                (-rx + 3, y + ry),
                (-rx, y + ry - 3),
            ],
            skin,
        )
    elif spec.noun == "alien":
        canvas.polygon(
            arc_points(0, y - 2, rx + 1, ry - 1, 0, 180)
            + [(-rx + 4, y + 8), (-7, y + ry), (7, y + ry), (rx - 4, y + 8)],
            skin,
        )
    else:
        canvas.ellipse(0, y, rx, ry, skin)
    if spec.framing != "from behind":
        _draw_face(canvas, spec, build, skin)


def _no_ears(canvas, build, skin, spec):
    pass


def _human_ears(canvas, build, skin, spec):
    if spec.hair != "long" and spec.framing != "from the side":
        for sign in (-1, 1):
            canvas.ellipse(sign * build.head_rx, build.head_y + 3, 3.8, 4.6, skin)


def _cat_ears(canvas, build, skin, spec):
    y, rx, ry = build.head_y, build.head_rx, build.head_ry
    tall = 13 if spec.noun == "fox" else 9
    for sign in (-1, 1):
        canvas.polygon([(sign * 4, y - ry + 3), (sign * 19, y - ry - tall), (sign * (rx - 1), y - 5)], skin)
        if spec.framing != "from behind":
            inner = INK if spec.noun == "fox" else INNER_EAR
            canvas.polygon(
                [(sign * 11, y - ry + 2), (sign * 17.5, y - ry - tall + 6), (sign * 19, y - 9)],
                inner,
                outline=False,
            )


def _rabbit_ears(canvas, build, skin, spec):
    y = build.head_y - build.head_ry
    for sign in (-1, 1):
        canvas.ellipse(sign * 9, y - 4, 5.8, 15, skin)
        if spec.framing != "from behind":
            canvas.ellipse(sign * 9, y - 4, 2.8, 11, INNER_EAR, outline=False)


def _robot_antenna(canvas, build, skin, spec):
    y = build.head_y - build.head_ry
    canvas.limb([(0, y), (0, y - 8)], 2.4, (110, 114, 122))
    canvas.ellipse(0, y - 9, 4, 4, (235, 60, 60))
    for sign in (-1, 1):
        canvas.ellipse(sign * build.head_rx, build.head_y + 2, 4, 6, (150, 155, 165))


def _alien_antennae(canvas, build, skin, spec):
    y = build.head_y - build.head_ry
    for sign in (-1, 1):
        canvas.limb([(sign * 7, y + 4), (sign * 12, y - 8)], 2, skin)
        canvas.ellipse(sign * 12, y - 9, 3.8, 3.8, (250, 220, 60))


_EARS = {
    "girl": _human_ears,
    "boy": _human_ears,
    "woman": _human_ears,
    "man": _human_ears,
    "cat": _cat_ears,
    "fox": _cat_ears,
    "rabbit": _rabbit_ears,
    "robot": _robot_antenna,
    "alien": _alien_antennae,
}


def eye_positions(spec: Spec, build: Build) -> list[tuple[float, float]]:
    """The eyes in figure units, at the viewer's left first; one in profile, none from behind."""
    if spec.framing == "from behind":
        return []
    y = build.head_y + 2
    return [(build.head_rx * 0.5, y)] if spec.framing == "from the side" else [(-9, y), (9, y)]


def _draw_face(canvas: Canvas, spec: Spec, build: Build, skin: Colour) -> None:
    eyes = eye_positions(spec, build)
    profile = len(eyes) == 1
    middle, below = (build.head_rx * 0.53 if profile else 0), build.head_y + build.head_ry * 0.58
    line = INK if sum(skin) > 200 else (240, 236, 236)
    _draw_muzzle(canvas, spec, build, skin, middle, line)
    canvas.part = None
    for index, (x, y) in enumerate(eyes):
        sign = 1 if profile or index else -1
        _draw_eye(canvas, spec, x, y, sign, line)
        _draw_brow(canvas, spec.expression, x, y, sign * (-1 if profile else 1), line)
    _draw_mouth(canvas, spec.expression, middle, below, line, 0.7 if profile else 1)
    _draw_extras(canvas, spec, build, middle, profile)


def _draw_muzzle(canvas, spec, build, skin, x, line):
    y = build.head_y
    if spec.noun == "fox":
        canvas.ellipse(x, y + 12, 13 if x == 0 else 7, 8.5, (252, 246, 235), outline=False)
    if x and spec.noun in ("girl", "boy", "woman", "man"):
        canvas.ellipse(build.head_rx, y + 5, 3.4, 2.8, skin)
        canvas.ellipse(build.head_rx - 2.5, y + 5, 3.4, 3.2, skin, outline=False)
    if spec.noun in ("cat", "fox", "rabbit"):
        canvas.part = None
        nose = INK if spec.noun == "fox" else (240, 120, 145)
        canvas.polygon([(x - 2.6, y + 5.5), (x + 2.6, y + 5.5), (x, y + 8.6)], nose, outline=False)
    if spec.noun == "cat":
        for sign in (-1, 1) if x == 0 else (-1,):
            for dy in (0, 4):
                canvas.line([(x + sign * 13, y + 9 + dy * 0.5), (x + sign * 26, y + 7 + dy * 1.4)], line, 1.1)


def _draw_eye(canvas: Canvas, spec: Spec, x: float, y: float, sign: int, line: Colour) -> None:
    wide = spec.expression == "surprised"
    if spec.noun == "alien":
        canvas.ellipse(x, y - 1, 7, 9.5 if wide else 8, (22, 22, 30), outline=False)
        canvas.ellipse(x - 2, y - 4, 2, 2.4, WHITE, outline=False)
        return
    white = (255, 240, 130) if spec.noun == "robot" else WHITE
    canvas.ellipse(x, y, 6 if wide else 5.2, 7.2 if wide else 6, white)
    pupil = (2.6, 3) if wide else (3.3, 4.1)
    drop = 1 if spec.expression == "sad" else 0
    canvas.ellipse(x, y + drop, *pupil, INK, outline=False)
    canvas.ellipse(x + 1.1, y - 1.6 + drop, 1.4, 1.4, WHITE, outline=False)
    if spec.noun in ("girl", "woman"):
        for rise in (6.5, 2.5):
            canvas.line([(x + sign * 4, y - rise + 2), (x + sign * 8, y - rise)], line, 1.6)


def _draw_brow(canvas: Canvas, expression: str, x: float, y: float, sign: int, line: Colour) -> None:
    """A brow over the eye at x; sign points away from the nose."""
    inner, outer, width = {
        "smiling": (-9, -9, 1.7),
        "sad": (-11.5, -6.5, 2.2),
        "surprised": (-12.5, -11, 1.9),
        "angry": (-4, -9.5, 3),
    }[expression]
    middle = (inner + outer) / 2 - (1.6 if expression in ("smiling", "surprised") else 0)
    canvas.line([(x - sign * 5, y + inner), (x, y + middle), (x + sign * 5.5, y + outer)], line, width)


def _draw_mouth(canvas: Canvas, expression: str, x: float, y: float, line: Colour, width: float) -> None:
    if expression == "smiling":
        canvas.polygon(arc_points(x, y - 1.5, 7 * width, 6, 180, 360), MOUTH)
    elif expression == "surprised":
        canvas.ellipse(x, y + 1.5, 3.6 * width, 4.6, MOUTH)
    elif expression == "sad":
        canvas.line(arc_points(x, y + 4.5, 6 * width, 5, 20, 160), line, 2.2)
    else:
        half = 6 * width
        canvas.polygon([(x - half, y), (x + half, y), (x + half + 1, y + 4), (x - half - 1, y + 4)], WHITE)
        canvas.line([(x, y), (x, y + 4)], INK, 1.1)


def _draw_extras(canvas: Canvas, spec: Spec, build: Build, middle: float, profile: bool) -> None:
    """A girl's cheeks, a woman's earrings, a man's moustache, a sad one's tear."""
    y = build.head_y
    if spec.noun == "girl":
        for x in (-15.5, 15.5) if not profile else (6,):
            canvas.ellipse(x, y + 10.5, 3.8, 2.6, (245, 140, 145), outline=False)
    if spec.noun == "woman":
        for x in (-build.head_rx, build.head_rx) if not profile else (-3,):
            canvas.ellipse(x, y + 11, 2.8, 3.4, GOLD)
    if spec.noun == "man":
        colour = HAIR_COLOURS.get(spec.hair_colour, HAIR_COLOURS["brown"])
        half = 6 if profile else 9
        canvas.polygon([(middle - half, y + 10), (middle, y + 6), (middle + half, y + 10), (middle, y + 9.4)], colour)
    if spec.expression == "sad":
        x = -12 if not profile else 10
        canvas.ellipse(x, y + 11.5, 2, 3, (110, 190, 250), outline=False)


def draw_headwear(canvas: Canvas, spec: Spec, build: Build) -> None:
    """Hat, crown or glasses."""
    canvas.part = "accessory"
    y, top = build.head_y, build.head_y - build.head_ry
    if spec.accessory == "hat":
        colour = GARMENT_COLOURS[spec.accessory_colour]
        canvas.polygon([(-14, top + 6), (-12, top - 13), (12, top - 13), (14, top + 6)], colour)
        band = mix(colour, (0, 0, 0), 0.45) if sum(colour) > 200 else (200, 50, 50)
        canvas.rectangle(-13.2, top - 0.5, 13.2, top + 4, band)
        canvas.limb([(-24, top + 7), (24, top + 7)], 5, colour)
    elif spec.accessory == "crown":
        canvas.polygon(
            [
                (-15, top + 7),
                (-17, top - 9),
                (-8, top - 1),
                (0, top - 12),
                (8, top - 1),
                (17, top - 9),
                (15, top + 7),
            ],
            GOLD,
        )
        canvas.ellipse(0, top + 2, 2.4, 2.4, (220, 50, 60), outline=False)
    elif spec.accessory == "glasses":
        eyes = eye_positions(spec, build)
        for x, eye in eyes:
            ring = arc_points(x, eye, 8, 8, 0, 360, step=24)
            canvas.limb(ring, 1.6, (20, 20, 26), outline=False)
        nearest = min((abs(x) for x, _ in eyes), default=9) - 8
        end = -build.head_rx if len(eyes) == 1 else -nearest
        canvas.limb([(end, y + 1), (max(nearest, 1), y + 1)], 1.6, (20, 20, 26), outline=False)
