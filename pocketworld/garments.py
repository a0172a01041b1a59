"""Clothes on a skeleton: torso, sleeves, trousers and skirts."""

from pocketworld.canvas import Canvas, Colour, Point, mix, shade
from pocketworld.skeleton import Build
from pocketworld.vocabulary import EMBLEMS, GARMENT_COLOURS
from pocketworld.world import Spec

SHORT_SLEEVED = ("t-shirt", "dress")
WHITE = (244, 244, 244)
Joints = dict[str, Point]


def between(start: Point, end: Point, share: float) -> Point:
    """The point at `share` of the way."""
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def draw_sleeve(canvas: Canvas, spec: Spec, joints: Joints, side: str) -> None:
    """The sleeve of one arm, "l" or "r": to half the upper arm, or almost to the wrist with a cuff."""
    colour = GARMENT_COLOURS[spec.top_colour]
    shoulder, elbow, wrist = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    canvas.part = "top"
    if spec.top in SHORT_SLEEVED:
        canvas.limb([shoulder, between(shoulder, elbow, 0.6)], 9, colour)
        return
    canvas.limb([shoulder, elbow, between(elbow, wrist, 0.62)], 8.5, colour)
    if spec.top in ("hoodie", "sweater"):
        canvas.limb([between(elbow, wrist, 0.6), between(elbow, wrist, 0.7)], 8, shade(colour), outline=False)


def draw_bottom(canvas: Canvas, spec: Spec, joints: Joints, build: Build, half: float) -> None:
    """Pants, shorts or a skirt; `half` is half the waist's width."""
    if not spec.bottom:
        return
    canvas.part = "bottom"
    colour, hip = GARMENT_COLOURS[spec.bottom_colour], build.hip_y
    if spec.bottom == "skirt":
        hem = hip + 12
        canvas.polygon(
            [
                (-half, hip - 6),
                (half, hip - 6),
                (half + 7, hem),
                (half * 0.4, hem + 2),
                (-half * 0.4, hem + 2),
                (-half - 7, hem),
            ],
            colour,
        )
        for x in (-0.4, 0.4):
            canvas.line([(x * half, hip), (x * half * 1.4, hem + 1)], shade(colour), 1.2)
        return
    for side in ("l", "r"):
        hip_joint, knee, ankle = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        if spec.bottom == "pants":
            canvas.limb([hip_joint, knee, between(knee, ankle, 0.72)], 10.5, colour)
        else:
            canvas.limb([hip_joint, between(hip_joint, knee, 0.72)], 12, colour)
    canvas.polygon(
        [(-half, hip - 5), (half, hip - 5), (half, hip + 2), (0, hip + 5), (-half, hip + 2)],
        colour,
        outline=False,
    )


def draw_torso(canvas: Canvas, spec: Spec, build: Build, half: float) -> None:
    """The top itself; `half` is half the shoulders' width."""
    canvas.part = "top"
    colour, top, hip = GARMENT_COLOURS[spec.top_colour], build.shoulder_y - 1, build.hip_y
    if spec.top == "dress":
        waist, hem = hip - 9, hip + 14
        canvas.polygon(
            [
                (-half, top),
                (half, top),
                (half * 0.85, waist),
                (half + 11, hem),
                (half * 0.5, hem + 2),
                (-half * 0.5, hem + 2),
                (-half - 11, hem),
                (-half * 0.85, waist),
            ],
            colour,
        )
    else:
        loose = 2 if spec.top in ("hoodie", "sweater", "jacket") else 0.5
        canvas.polygon(
            [
                (-half + 2, top),
                (half - 2, top),
                (half, top + 4),
                (half + loose, hip),
                (-half - loose, hip),
                (-half, top + 4),
            ],
            colour,
        )
    canvas.part = None
    _DETAILS[spec.top](canvas, colour, top, hip, half, spec.framing)
    if spec.emblem and spec.framing != "from behind":
        draw_emblem(canvas, spec.emblem, 0, (top + hip) / 2 + 1, 6.5)


def _t_shirt(canvas, colour, top, hip, half, framing):
    canvas.limb([(-5, top + 0.5), (0, top + 3.5), (5, top + 0.5)], 1.6, shade(colour), outline=False)


def _jacket(canvas, colour, top, hip, half, framing):
    if framing == "from behind":
        canvas.line([(-half, top + 8), (half, top + 8)], shade(colour), 1.4)
        return
    shirt = WHITE if colour != WHITE else (120, 130, 145)
    profile = framing == "from the side"
    centre = half * 0.42 if profile else 0
    canvas.polygon([(centre - 5, top), (centre + 5, top), (centre + 3.4, hip), (centre - 3.4, hip)], shirt)
    for sign in (-1,) if profile else (-1, 1):  # the lapels
        canvas.polygon(
            [(centre + sign * 4, top), (centre + sign * 9, top + 1), (centre + sign * 4.4, top + 11)],
            shade(colour),
        )


def _dress(canvas, colour, top, hip, half, framing):
    waist = hip - 9
    canvas.rectangle(-half * 0.86, waist - 1.5, half * 0.86, waist + 1.8, shade(colour))
    if framing != "from behind":
        canvas.polygon([(-8, top), (8, top), (0, top + 5)], mix(colour, (255, 255, 255), 0.6))


def _hoodie(canvas, colour, top, hip, half, framing):
    dark = shade(colour)
    canvas.rectangle(-half - 1.4, hip - 3, half + 1.4, hip - 0.6, dark)
    if framing == "from behind":
        canvas.polygon([(-10, top - 2), (10, top - 2), (8, top + 8), (0, top + 12), (-8, top + 8)], dark, smooth=True)
        return
    canvas.polygon([(-9.5, top - 3), (9.5, top - 3), (5, top + 5), (-5, top + 5)], dark)
    canvas.polygon([(-5, hip - 11), (5, hip - 11), (8.5, hip - 4), (-8.5, hip - 4)], dark)
    for x in (-3, 3):
        canvas.line([(x, top + 4), (x, top + 11)], WHITE, 1.5)


def _striped_shirt(canvas, colour, top, hip, half, framing):
    stripe = WHITE if colour != WHITE else (60, 90, 190)
    for y in (6.5, 13.5, 20.5):
        if top + y + 2.4 < hip:
            canvas.rectangle(-half + 0.9, top + y, half - 0.9, top + y + 2.7, stripe)


def _sweater(canvas, colour, top, hip, half, framing):
    dark = shade(colour)
    canvas.rectangle(-half - 1.2, hip - 4.5, half + 1.2, hip - 0.7, dark)
    for x in (-8, -4, 0, 4, 8):
        canvas.line([(x, hip - 4.5), (x, hip - 0.7)], colour, 1)
    canvas.limb([(-6, top + 1), (6, top + 1)], 4.5, dark)


_DETAILS = {
    "t-shirt": _t_shirt,
    "jacket": _jacket,
    "dress": _dress,
    "hoodie": _hoodie,
    "striped shirt": _striped_shirt,
    "sweater": _sweater,
}

_STAR = [
    (0, -1),
    (0.25, -0.34),
    (0.95, -0.3),
    (0.4, 0.14),
    (0.6, 0.85),
    (0, 0.45),
    (-0.6, 0.85),
    (-0.4, 0.14),
    (-0.95, -0.3),
    (-0.25, -0.34),
]
_HEART = [
    (0, 0.95),
    (-0.85, 0.1),
    (-0.95, -0.45),
    (-0.5, -0.85),
    (0, -0.4),
    (0.5, -0.85),
    (0.95, -0.45),
    (0.85, 0.1),
]
_BOLT = [(0.25, -1), (-0.6, 0.15), (-0.05, 0.15), (-0.25, 1), (0.6, -0.2), (0.08, -0.2)]


def draw_emblem(canvas: Canvas, emblem: str, x: float, y: float, radius: float) -> None:
    """A star, a heart or a bolt around (x, y); it belongs to what it is on."""
    shape = {"star": _STAR, "heart": _HEART, "bolt": _BOLT}[emblem]
    colour: Colour = EMBLEMS[emblem]
    canvas.polygon([(x + px * radius, y + py * radius) for px, py in shape], colour)
