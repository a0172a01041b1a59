"""Heads: the shape that tells the species, ears, and hats, crowns and glasses."""

from pocketworld.canvas import INK, Canvas, Colour, Point, arc_points, curve, mix
from pocketworld.faces import GOLD, draw_face, eye_positions, lens
from pocketworld.skeleton import Build
from pocketworld.spec import Spec
from pocketworld.vocabulary import GARMENT_COLOURS

INNER_EAR = (245, 165, 180)
FRAME = (44, 42, 58)


def draw_head(canvas: Canvas, spec: Spec, build: Build, skin: Colour) -> None:
    """Ears, skull and face; hair and accessories are drawn over it."""
    canvas.part = "face"
    profile = spec.framing == "from the side"
    (_PROFILE_EARS if profile else _EARS).get(spec.noun, _no_ears)(canvas, build, skin, spec)
    y, rx, ry = build.head_y, build.head_rx, build.head_ry
    if spec.noun == "robot":
        cut = 3
        across, down = (rx - cut, rx), (ry - cut, ry)
        corner = [(across[1], -down[0]), (across[1], down[0]), (across[0], down[1]), (-across[0], down[1])]
        corner += [(-across[1], down[0]), (-across[1], -down[0]), (-across[0], -down[1]), (across[0], -down[1])]
        canvas.polygon([(x, y + dy) for x, dy in corner], skin)
    elif spec.noun == "alien":
        jaw = [(-rx - 1, y - 2), (-rx + 4, y + 8), (-7, y + ry), (7, y + ry), (rx - 4, y + 8), (rx + 1, y - 2)]
        canvas.polygon(arc_points(0, y - 2, rx + 1, ry - 1, 0, 180)[:-1] + curve(jaw)[:-1], skin)
    elif profile and spec.is_person:
        canvas.polygon(_profile(build), skin)
    else:
        canvas.ellipse(0, y, rx, ry, skin)
    if spec.framing != "from behind":
        draw_face(canvas, spec, build, skin)


def _profile(build: Build) -> list[Point]:
    """A person's head seen from its right: the skull's arc, then brow, nose, lips and chin."""
    y, rx, s = build.head_y, build.head_rx, build.head_ry / 21
    front = [
        (0.82, -12),
        (0.95, -6),
        (0.93, -1),
        (0.96, 2.5),
        (1.17, 6),
        (1.14, 8.4),
        (0.95, 9),
        (0.98, 11),
        (0.91, 12.7),
        (0.94, 14.8),
        (0.84, 16.2),
        (0.84, 18.6),
        (0.66, 20.6),
        (0.3, 21.2),
        (0, 21),
    ]
    skull = arc_points(0, y, rx, build.head_ry, 34, 268)
    return skull + curve([(x * rx, y + dy * s) for x, dy in front])[::-1]


def _no_ears(canvas, build, skin, spec):
    pass


def _human_ears(canvas, build, skin, spec):
    if spec.hair != "long":
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


def _cat_ears_aside(canvas, build, skin, spec):
    top = build.head_y - build.head_ry
    tall = 14 if spec.noun == "fox" else 10
    inner = INK if spec.noun == "fox" else INNER_EAR
    canvas.polygon([(2, top + 4), (13, top - tall + 1), (17, top + 9)], skin)
    canvas.polygon([(-16, top + 9), (-9, top - tall), (4, top + 3)], skin)
    canvas.polygon([(-9.5, top + 3), (-7.5, top - tall + 6), (0, top + 2.5)], inner, outline=False)


def _rabbit_ears(canvas, build, skin, spec):
    y = build.head_y - build.head_ry
    for sign in (-1, 1):
        canvas.ellipse(sign * 9, y - 4, 5.8, 15, skin)
        if spec.framing != "from behind":
            canvas.ellipse(sign * 9, y - 4, 2.8, 11, INNER_EAR, outline=False)


def _rabbit_ears_aside(canvas, build, skin, spec):
    y = build.head_y - build.head_ry
    for x, lean in ((1, -4), (-7, -14)):
        with canvas.turned((lean, (x, y + 8))):
            canvas.ellipse(x, y - 4, 5.4, 15, skin)
            if x < 0:
                canvas.ellipse(x + 0.8, y - 4, 2.4, 11, INNER_EAR, outline=False)


def _robot_antenna(canvas, build, skin, spec):
    y = build.head_y - build.head_ry
    canvas.limb([(0, y), (0, y - 8)], 2.4, (110, 114, 122))
    canvas.ellipse(0, y - 9, 4, 4, (235, 60, 60))
    if spec.framing != "from the side":
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
_PROFILE_EARS = {
    "cat": _cat_ears_aside,
    "fox": _cat_ears_aside,
    "rabbit": _rabbit_ears_aside,
    "robot": _robot_antenna,
    "alien": _alien_antennae,
}


def draw_near_ear(canvas: Canvas, spec: Spec, build: Build, skin: Colour) -> None:
    """In profile, what lies over the hair at the side of the head: an ear, a robot's disc."""
    if spec.framing != "from the side":
        return
    canvas.part = "face"
    y = build.head_y
    if spec.noun == "robot":
        canvas.ellipse(-3, y + 2, 5, 7, (150, 155, 165))
        canvas.ellipse(-3, y + 2, 2, 3.4, (110, 114, 122), outline=False)
    elif spec.is_person and spec.hair != "long":
        canvas.ellipse(-2, y + 3, 4.2, 5.4, skin)
        line = INK if sum(skin) > 200 else (240, 236, 236)
        canvas.line(arc_points(-1.6, y + 3.2, 1.7, 2.6, 40, 250), line, 0.9)
    if spec.noun == "woman":
        canvas.part = None
        canvas.ellipse(-2, y + 10.5, 2.8, 3.4, GOLD)


def face_joints(spec: Spec, build: Build) -> dict[str, Point]:
    """Ears, and where they show eyes and nose, by OpenPose name in figure units."""
    eyes, y = eye_positions(spec, build), build.head_y
    profile = len(eyes) == 1
    ear = _ear(spec.noun, build, profile)
    if profile:
        tip = 1.12 if spec.is_person else 1
        return {"nose": (build.head_rx * tip, y + 7), "r_eye": eyes[0], "r_ear": ear}
    first, second = ("r", "l") if eyes else ("l", "r")
    joints = {f"{first}_ear": (-ear[0], ear[1]), f"{second}_ear": ear}
    if eyes:
        joints |= {"nose": (0, y + 7), "r_eye": eyes[0], "l_eye": eyes[1]}
    return joints


def _ear(noun: str, build: Build, profile: bool) -> Point:
    """The ear at the viewer's right, or the near one: an animal's by its root."""
    y, top = build.head_y, build.head_y - build.head_ry
    if noun in ("cat", "fox"):
        return (-6, top + 5) if profile else (13, top + 5)
    if noun == "rabbit":
        return (-7, top + 7) if profile else (9, top + 7)
    return (-2, y + 3) if profile else (build.head_rx, y + 3)


def draw_headwear(canvas: Canvas, spec: Spec, build: Build) -> None:
    """Hat, crown or the frame of glasses."""
    canvas.part = "accessory"
    top = build.head_y - build.head_ry
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
        _draw_frame(canvas, spec, build)


def _draw_frame(canvas: Canvas, spec: Spec, build: Build) -> None:
    """Rings, bridge and temples; the lenses lie under the eyes."""
    eyes, y, rx = eye_positions(spec, build), build.head_y + 2, build.head_rx
    if len(eyes) == 1:
        radius = lens(spec)
        canvas.limb([(eyes[0][0] - radius[0], y - 1), (-2, y - 1.5)], 1, FRAME, outline=False)
    elif eyes:
        radius = lens(spec)
        canvas.line(arc_points(0, y + 0.5, 9 - radius[0] + 0.5, 2.4, 0, 180), FRAME, 1.3)
        for sign in (-1, 1):
            canvas.limb([(sign * (9 + radius[0]), y - 1), (sign * (rx - 1), y - 1.5)], 1, FRAME, outline=False)
    for x, eye in eyes:
        canvas.line([*arc_points(x, eye, *radius, 0, 360), (x + radius[0], eye - 0.5)], FRAME, 1.3)
