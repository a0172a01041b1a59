"""Clothes on a skeleton: torso, sleeves, trousers and skirts."""

import math

from pocketworld.canvas import Canvas, Colour, Point, between, mix, shade, turned
from pocketworld.skeleton import Build
from pocketworld.spec import Spec
from pocketworld.vocabulary import EMBLEMS, GARMENT_COLOURS

SHORT_SLEEVED = ("t-shirt", "dress")
WHITE = (244, 244, 244)
Joints = dict[str, Point]


def draw_sleeve(canvas: Canvas, spec: Spec, joints: Joints, side: str, inward: Point | None = None) -> None:
    """The sleeve of one arm, "l" or "r": to half the upper arm, or almost to the wrist with a cuff.

    A sleeve that lies over the top is sewn to it, from the shoulder towards `inward`.
    """
    colour = GARMENT_COLOURS[spec.top_colour]
    shoulder, elbow, wrist = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    canvas.part = "top"
    if spec.top in SHORT_SLEEVED:
        canvas.limb([shoulder, between(shoulder, elbow, 0.6)], 9, colour)
    else:
        canvas.limb([shoulder, elbow, between(elbow, wrist, 0.62)], 8.5, colour)
        if spec.top in ("hoodie", "sweater"):
            canvas.limb([between(elbow, wrist, 0.6), between(elbow, wrist, 0.7)], 8, shade(colour), outline=False)
    if inward:
        canvas.limb([shoulder, inward], 8.4, colour, outline=False)


def draw_trouser_leg(canvas: Canvas, spec: Spec, joints: Joints, side: str) -> None:
    """One leg, "l" or "r", of pants or shorts."""
    if spec.bottom not in ("pants", "shorts"):
        return
    canvas.part = "bottom"
    colour = GARMENT_COLOURS[spec.bottom_colour]
    hip, knee, ankle = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    if spec.bottom == "pants":
        canvas.limb([hip, knee, between(knee, ankle, 0.72)], 10.5, colour)
    else:
        canvas.limb([hip, between(hip, knee, 0.72)], 12, colour)


def draw_waist(canvas: Canvas, spec: Spec, joints: Joints, build: Build, half: float) -> None:
    """What joins the legs of pants and shorts, or the whole skirt; `half` is half the waist's width."""
    if not spec.bottom:
        return
    canvas.part = "bottom"
    colour, hip = GARMENT_COLOURS[spec.bottom_colour], build.hip_y
    if spec.bottom == "skirt":
        hem = _hem(joints, half + 7, 12, 0.4 * half)
        canvas.polygon([(-half, hip - 6), (half, hip - 6), *hem], colour)
        for x, low in ((0.4, between(hem[0], hem[1], 0.7)), (-0.4, between(hem[3], hem[2], 0.7))):
            canvas.line([(x * half, hip), low], shade(colour), 1.2)
        return
    canvas.polygon(
        [(-half, hip - 5), (half, hip - 5), (half, hip + 2), (0, hip + 5), (-half, hip + 2)],
        colour,
        outline=False,
    )


def _hem(joints: Joints, wide: float, long: float, fold: float) -> list[Point]:
    """A skirt's hem over the thighs, from the right to the left: two corners, and between them two folds.

    Over hanging legs it is twice `wide`; a lifted thigh takes its corner along.
    """
    thighs = sorted((joints[f"{side}_hip"], joints[f"{side}_knee"]) for side in ("l", "r"))
    corners, folds = [], []
    for (hip, knee), sign in sorted(zip(_by_knee(thighs), (-1, 1), strict=True), key=lambda both: -both[1]):
        along = complex(knee[0] - hip[0], knee[1] - hip[1])
        along /= abs(along)
        lift = max(0.0, math.degrees(math.atan2(along.real * sign, along.imag)))
        outward = -1j * along * sign
        share = min(lift / 60, 1)
        room = (wide - abs(hip[0])) * (1 - share) + 6.4 * share
        corner = complex(*hip) + along * (long + 2 * share) + outward * room
        fold_point = complex(sign * fold, hip[1] + long + 2)
        under = complex(*hip) + along * (long + 2) - outward * 5.2
        spot = fold_point * (1 - share) + under * share
        corners.append((corner.real, corner.imag))
        folds.append((spot.real, spot.imag))
    return [corners[0], folds[0], folds[1], corners[1]]


def _by_knee(thighs: list[tuple[Point, Point]]) -> list[tuple[Point, Point]]:
    return sorted(thighs, key=lambda thigh: thigh[1][0])


def draw_torso(canvas: Canvas, spec: Spec, joints: Joints, build: Build, half: float, lean: float = 0) -> None:
    """The top itself, leaning; `half` is half the shoulders' width."""
    canvas.part = "top"
    colour, top, hip = GARMENT_COLOURS[spec.top_colour], build.shoulder_y - 1, build.hip_y
    if spec.top == "dress":
        waist = hip - 9
        bodice = [(-half * 0.85, waist), (-half, top), (half, top), (half * 0.85, waist)]
        hem = _hem(joints, half + 11, 14, 0.5 * half)
        canvas.polygon([*(turned(point, lean, build.waist) for point in bodice), *hem], colour)
    with canvas.turned((lean, build.waist)):
        if spec.top != "dress":
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
