"""Faces: eyes, brows, nose and mouth, facing us or in profile."""

from pocketworld.canvas import INK, Canvas, Colour, Point, arc_points, curve, mix
from pocketworld.skeleton import Build
from pocketworld.spec import Spec
from pocketworld.vocabulary import HAIR_COLOURS

WHITE = (255, 255, 255)
GOLD = (250, 205, 50)
MOUTH = (150, 35, 50)
CREAM = (252, 246, 235)
GLASS = (205, 232, 250)
TINT = 0.5  # how much of a lens is glass, the rest what is behind it


def eye_positions(spec: Spec, build: Build) -> list[Point]:
    """The eyes in figure units, at the viewer's left first; one in profile, none from behind."""
    if spec.framing == "from behind":
        return []
    y = build.head_y + 2
    return [(build.head_rx * 0.57, y)] if spec.framing == "from the side" else [(-9, y), (9, y)]


def lens(spec: Spec) -> Point:
    """Half the width and half the height of a lens."""
    wide = 7.6 if spec.noun != "alien" else 8.2
    return (5.8, 8) if spec.framing == "from the side" else (wide, 8.2 if wide < 8 else 9.4)


def draw_face(canvas: Canvas, spec: Spec, build: Build, skin: Colour) -> None:
    """Everything on the front of the head."""
    eyes = eye_positions(spec, build)
    profile = len(eyes) == 1
    line = INK if sum(skin) > 200 else (240, 236, 236)
    (_draw_snout if profile else _draw_muzzle)(canvas, spec, build, skin, line)
    if spec.accessory == "glasses":
        _draw_lenses(canvas, spec, eyes, skin)
    canvas.part = None
    for index, (x, y) in enumerate(eyes):
        sign = 1 if profile or index else -1
        (_draw_eye_aside if profile else _draw_eye)(canvas, spec, x, y, sign, line)
        _draw_brow(canvas, spec.expression, x, y, sign * (-1 if profile else 1), line)
    if profile:
        _draw_mouth_aside(canvas, spec, build, line)
        _draw_extras_aside(canvas, spec, build)
    else:
        _draw_mouth(canvas, spec.expression, 0, build.head_y + build.head_ry * 0.58, line)
        _draw_extras(canvas, spec, build)


def _draw_lenses(canvas: Canvas, spec: Spec, eyes: list[Point], skin: Colour) -> None:
    canvas.part = "accessory"
    for x, y in eyes:
        canvas.ellipse(x, y, *lens(spec), mix(skin, GLASS, TINT), outline=False)


def _draw_muzzle(canvas, spec, build, skin, line):
    y = build.head_y
    if spec.noun == "fox":
        canvas.ellipse(0, y + 12, 13, 8.5, CREAM, outline=False)
    if spec.noun in ("cat", "fox", "rabbit"):
        canvas.part = None
        nose = INK if spec.noun == "fox" else (240, 120, 145)
        canvas.polygon([(-2.6, y + 5.5), (2.6, y + 5.5), (0, y + 8.6)], nose, outline=False)
    if spec.noun == "cat":
        for sign in (-1, 1):
            for dy in (0, 4):
                canvas.line([(sign * 13, y + 9 + dy * 0.5), (sign * 26, y + 7 + dy * 1.4)], line, 1.1)


def _draw_snout(canvas, spec, build, skin, line):
    """An animal's, in front of the skull; its nose at the tip."""
    if spec.noun not in ("cat", "fox", "rabbit"):
        return
    y, rx = build.head_y, build.head_rx
    long = 4 if spec.noun == "fox" else 0
    canvas.ellipse(rx - 4 + long / 2, y + 10, 8 + long / 2, 6.6, CREAM if long else skin)
    canvas.ellipse(rx - 9, y + 9.5, 8, 7.6, skin, outline=False)
    canvas.part = None
    nose = INK if long else (240, 120, 145)
    canvas.ellipse(rx + 3 + long, y + 6, 2.6, 2.1, nose, outline=False)
    if spec.noun == "cat":
        for dy in (0, 4):
            canvas.line([(rx - 5, y + 8.5 + dy * 0.6), (rx - 17, y + 8 + dy * 1.5)], line, 1.1)


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


def _draw_eye_aside(canvas: Canvas, spec: Spec, x: float, y: float, sign: int, line: Colour) -> None:
    wide = spec.expression == "surprised"
    if spec.noun == "alien":
        canvas.ellipse(x + 1, y - 1, 5.4, 9.5 if wide else 8, (22, 22, 30), outline=False)
        canvas.ellipse(x + 1.6, y - 4, 1.6, 2.4, WHITE, outline=False)
        return
    white = (255, 240, 130) if spec.noun == "robot" else WHITE
    canvas.ellipse(x, y, 4.6 if wide else 4.2, 7.2 if wide else 6, white)
    pupil = (2, 3) if wide else (2.4, 4.1)
    drop = 1 if spec.expression == "sad" else 0
    canvas.ellipse(x + 1.2, y + drop, *pupil, INK, outline=False)
    canvas.ellipse(x + 2, y - 1.6 + drop, 1.1, 1.4, WHITE, outline=False)
    if spec.noun in ("girl", "woman"):
        for rise in (6.5, 2.5):
            canvas.line([(x + 3.2, y - rise + 2), (x + 6.6, y - rise)], line, 1.6)


def _draw_brow(canvas: Canvas, expression: str, x: float, y: float, sign: int, line: Colour) -> None:
    """A brow over the eye at x; sign points away from the nose."""
    inner, outer, width = {
        "smiling": (-9, -9, 1.7),
        "sad": (-11.5, -6.5, 2.2),
        "surprised": (-12.5, -11, 1.9),
        "angry": (-4, -9.5, 3),
    }[expression]
    middle = (inner + outer) / 2 - (1.6 if expression in ("smiling", "surprised") else 0)
    brow = [(x - sign * 5, y + inner), (x, y + middle), (x + sign * 5.5, y + outer)]
    canvas.line(curve(brow), line, width)


def _draw_mouth(canvas: Canvas, expression: str, x: float, y: float, line: Colour) -> None:
    if expression == "smiling":
        canvas.polygon(arc_points(x, y - 1.5, 7, 6, 180, 360), MOUTH)
    elif expression == "surprised":
        canvas.ellipse(x, y + 1.5, 3.6, 4.6, MOUTH)
    elif expression == "sad":
        canvas.line(arc_points(x, y + 4.5, 6, 5, 20, 160), line, 2.2)
    else:
        canvas.polygon([(x - 6, y), (x + 6, y), (x + 7, y + 4), (x - 7, y + 4)], WHITE)
        canvas.line([(x, y), (x, y + 4)], INK, 1.1)


def _draw_mouth_aside(canvas: Canvas, spec: Spec, build: Build, line: Colour) -> None:
    """Half a mouth, that ends where the head's outline begins."""
    s = build.head_ry / 21
    lips, y = _lips(spec, build), build.head_y + 12.4 * s
    if spec.expression == "smiling":
        corner = [(lips, y - 1), (lips - 10, y - 2.4), (lips - 9, y + 1.5), (lips - 5.5, y + 4), (lips - 1, y + 3.2)]
        canvas.polygon(corner, MOUTH)
    elif spec.expression == "surprised":
        canvas.ellipse(lips - 3.4, y + 0.8, 2.8, 4.2, MOUTH)
    elif spec.expression == "sad":
        canvas.line(curve([(lips - 9, y + 4), (lips - 6.5, y), (lips - 0.5, y - 0.6)]), line, 2.2)
    else:
        canvas.polygon([(lips, y - 1.6), (lips - 8, y - 1.6), (lips - 9, y + 2.4), (lips, y + 2.4)], WHITE)
        canvas.line([(lips - 4, y - 1.6), (lips - 4.2, y + 2.4)], INK, 1.1)


def _lips(spec: Spec, build: Build) -> float:
    """How far to the right a head in profile reaches at its mouth."""
    if spec.is_person:
        return build.head_rx * 0.92
    return build.head_rx + {"robot": -0.6, "alien": -9, "fox": 3}.get(spec.noun, -1)


def _draw_extras(canvas: Canvas, spec: Spec, build: Build) -> None:
    """A girl's cheeks, a woman's earrings, a man's moustache, a sad one's tear."""
    y = build.head_y
    if spec.noun == "girl":
        for x in (-15.5, 15.5):
            canvas.ellipse(x, y + 10.5, 3.8, 2.6, (245, 140, 145), outline=False)
    if spec.noun == "woman":
        for x in (-build.head_rx, build.head_rx):
            canvas.ellipse(x, y + 11, 2.8, 3.4, GOLD)
    if spec.noun == "man":
        canvas.polygon([(-9, y + 10), (0, y + 6), (9, y + 10), (0, y + 9.4)], _moustache(spec))
    if spec.expression == "sad":
        canvas.ellipse(-12, y + 11.5, 2, 3, (110, 190, 250), outline=False)


def _draw_extras_aside(canvas: Canvas, spec: Spec, build: Build) -> None:
    y, rx = build.head_y, build.head_rx
    if spec.noun == "girl":
        canvas.ellipse(rx * 0.36, y + 10, 3.8, 2.6, (245, 140, 145), outline=False)
    if spec.noun == "man":
        canvas.polygon([(rx * 0.98, y + 8.2), (rx * 0.5, y + 10.6), (rx * 0.98, y + 10.4)], _moustache(spec))
    if spec.expression == "sad":
        canvas.ellipse(rx * 0.46, y + 10.5, 2, 3, (110, 190, 250), outline=False)


def _moustache(spec: Spec) -> Colour:
    return HAIR_COLOURS.get(spec.hair_colour, HAIR_COLOURS["brown"])
