"""A whole figure: limbs, clothes and head in the order in which they cover each other."""

import math
import random
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pocketworld import hair, heads
from pocketworld.canvas import Canvas, Colour, Point, arc_points, curve, turned
from pocketworld.garments import Joints, draw_sleeve, draw_torso, draw_trouser_leg, draw_waist
from pocketworld.hands import draw_hand, palm
from pocketworld.skeleton import ANKLE_Y, BUILDS, CHILD, MANNEQUIN, Build, skeleton
from pocketworld.spec import Spec
from pocketworld.vocabulary import GARMENT_COLOURS, SKINS, fur_colour

GROUND_Y = 121
PORTRAIT_ZOOM = 1.72
MANNEQUIN_GREY = (206, 208, 212)
UMBRELLA_X, UMBRELLA_Y = 34, 22
OPEN_ABOVE = 75  # degrees of a free forearm from which its hand is open


@dataclass(frozen=True)
class Figure:
    """Everything that the drawing functions below share."""

    canvas: Canvas
    spec: Spec
    build: Build
    joints: Joints
    skin: Colour
    lean: float = 0
    tilt: float = 0

    @property
    def behind(self) -> bool:
        return self.spec.framing == "from behind"

    @property
    def profile(self) -> bool:
        return self.spec.framing == "from the side"

    @property
    def free(self) -> bool:
        return self.spec.pose is None or self.spec.limbs is not None

    @property
    def half(self) -> float:
        """Half the shoulders' width, as seen."""
        return self.build.shoulder_x * (0.72 if self.profile else 1)

    def leaning(self) -> AbstractContextManager[None]:
        return self.canvas.turned((self.lean, self.build.waist))

    def tilted(self) -> AbstractContextManager[None]:
        """The head's frame."""
        return self.canvas.turned((self.lean, self.build.waist), (self.tilt, self.build.throat))


def draw_figure(canvas: Canvas, spec: Spec, rng: random.Random) -> dict[str, Point]:
    """Draw the character; returns its visible joints, in pixels of the finished picture."""
    build = BUILDS.get(spec.noun, CHILD)
    place = _placing(spec, build, rng)
    found = skeleton(build, spec.pose, spec.framing, spec.accessory == "umbrella", rng, spec.limbs)
    skin = SKINS[spec.skin] if spec.is_person else fur_colour(spec.noun, spec.fur)
    figure = Figure(canvas, spec, build, found.joints, skin, found.lean, found.tilt)
    _stand(figure, *place)
    _draw_back(figure)
    _draw_legs(figure)
    _draw_body(figure)
    _draw_head(figure)
    for side in _arms(figure, "front"):
        _draw_arm(figure, side)
    return _visible(figure)


def draw_outfit(canvas: Canvas, spec: Spec, worn: bool, rng: random.Random) -> None:
    """The clothes alone: on a mannequin, or laid flat."""
    canvas.place(64 + rng.uniform(-2, 2), 63 - 77.5 * 1.36 if worn else 63 - 88 * 1.5, 1.36 if worn else 1.5)
    joints = skeleton(MANNEQUIN, "standing" if worn else "laid flat", "full figure", False, rng).joints
    facing = Spec(
        top=spec.top,
        top_colour=spec.top_colour,
        bottom=spec.bottom,
        bottom_colour=spec.bottom_colour,
        emblem=spec.emblem,
        pose="standing",
    )
    figure = Figure(canvas, facing, MANNEQUIN, joints, MANNEQUIN_GREY)
    if worn:
        _draw_legs(figure)
        for side in ("l", "r"):
            _draw_arm(figure, side)
        _draw_neck(figure)
        canvas.ellipse(0, MANNEQUIN.head_y, MANNEQUIN.head_rx, MANNEQUIN.head_ry, MANNEQUIN_GREY)
    else:
        for side in ("l", "r"):
            draw_trouser_leg(canvas, facing, joints, side)
        draw_waist(canvas, facing, joints, MANNEQUIN, figure.half)
        for side in ("l", "r"):
            draw_sleeve(canvas, facing, joints, side)
    draw_torso(canvas, facing, joints, MANNEQUIN, figure.half)


def _placing(spec: Spec, build: Build, rng: random.Random) -> tuple[float, float, float]:
    """Where the figure's origin comes, and how large it is."""
    zoom = rng.uniform(0.94, 1.01)
    x = 64 + rng.uniform(-4, 4)
    if spec.framing == "portrait":
        zoom *= PORTRAIT_ZOOM
        return x, 70 + rng.uniform(-2, 2) - build.head_y * zoom, zoom
    return x, GROUND_Y + rng.uniform(-1.5, 1.5) - GROUND_Y * zoom, zoom


def _stand(figure: Figure, x: float, y: float, zoom: float) -> None:
    """Place the figure, the lower foot of a free pose on the ground."""
    if figure.free and figure.spec.framing != "portrait":
        y += zoom * (ANKLE_Y - max(figure.joints["l_ankle"][1], figure.joints["r_ankle"][1]))
    figure.canvas.place(x, y, zoom)


def _arms(figure: Figure, layer: str) -> list[str]:
    """Which arms are drawn behind the body, over the body, or in front of the head."""
    return [side for side in ("l", "r") if _layer(figure, side) == layer]


def _layer(figure: Figure, side: str) -> str:
    shoulder, elbow, wrist = _arm(figure, side)
    lifted = wrist[1] < shoulder[1]
    if figure.free and not figure.profile:
        across = abs(wrist[0]) < abs(elbow[0]) or wrist[0] * shoulder[0] < 0
        if figure.behind:  # what crosses the body or the head there is before it
            hidden = across and abs(palm(elbow, wrist)[0]) < figure.half + 4
            return "back" if hidden or not lifted else "front"
        lifted = palm(elbow, wrist)[1] < figure.build.shoulder_y + 6
        return "front" if lifted else "over" if across else "back"
    if figure.profile and side == "l":
        return "back"
    if lifted:
        return "front"
    return "over" if figure.profile or figure.spec.pose == "hands on hips" else "back"


def _arm(figure: Figure, side: str) -> tuple[Point, Point, Point]:
    return tuple(figure.joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))


def _draw_back(figure: Figure) -> None:
    if figure.spec.accessory == "umbrella":
        _draw_umbrella(figure)
    if not figure.behind:
        with figure.tilted():
            hair.draw_hair_behind(figure.canvas, figure.spec, figure.build)
        _draw_tail(figure)


def _umbrella_side(figure: Figure) -> str:
    return max(("l", "r"), key=lambda side: figure.joints[f"{side}_shoulder"][0])


def _draw_umbrella(figure: Figure) -> None:
    canvas = figure.canvas
    hand = palm(*_arm(figure, _umbrella_side(figure))[1:])
    tip = (UMBRELLA_X - 2, UMBRELLA_Y - 14)
    length = math.dist(hand, tip)
    end = tuple(start + (start - to) * 8 / length for start, to in zip(hand, tip, strict=True))
    canvas.part = "accessory"
    canvas.limb([end, tip], 2, (90, 70, 60))
    canvas.limb([tip, (tip[0] + 0.5, tip[1] - 3.5)], 1.6, (90, 70, 60))
    dome = arc_points(UMBRELLA_X, UMBRELLA_Y, 25, 18, 0, 180)
    hem = []
    for start in range(4):  # scallops between the ribs
        left = UMBRELLA_X - 25 + start * 12.5
        hem += arc_points(left + 6.25, UMBRELLA_Y, 6.25, 3, 180, 0, step=20)
    canvas.polygon(dome + hem, GARMENT_COLOURS[figure.spec.accessory_colour])


def _draw_tail(figure: Figure) -> None:
    canvas, noun, hip = figure.canvas, figure.spec.noun, figure.build.hip_y
    sign = -1 if figure.profile else 1
    canvas.part = "body"
    if noun == "cat":
        tail = [(sign * 6, hip), (sign * 18, hip + 9), (sign * 25, hip + 2), (sign * 25, hip - 9)]
        canvas.limb(curve(tail), 5, figure.skin)
    elif noun == "fox":
        canvas.polygon(
            [
                (sign * 4, hip),
                (sign * 18, hip + 12),
                (sign * 31, hip + 2),
                (sign * 32, hip - 18),
                (sign * 19, hip - 8),
            ],
            figure.skin,
            smooth=True,
        )
        tip = [(sign * 31.2, hip - 14.5), (sign * 30.2, hip - 5), (sign * 24.6, hip - 9.6)]
        canvas.polygon(tip, (252, 246, 235))
    elif noun == "rabbit" and (figure.behind or figure.profile):
        canvas.ellipse(-figure.half if figure.profile else 0, hip, 6, 6, (250, 246, 242))


def _draw_legs(figure: Figure) -> None:
    canvas, spec = figure.canvas, figure.spec
    for side in ("l", "r"):
        hip, knee, ankle = (figure.joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        canvas.part = "body"
        canvas.limb([hip, knee, ankle], 8, figure.skin)
        _draw_shoe(figure, side)
        draw_trouser_leg(canvas, spec, figure.joints, side)
    draw_waist(canvas, spec, figure.joints, figure.build, figure.half)


def _draw_shoe(figure: Figure, side: str) -> None:
    canvas, (knee, ankle) = figure.canvas, (figure.joints[f"{side}_{name}"] for name in ("knee", "ankle"))
    lowest = max(figure.joints["l_ankle"][1], figure.joints["r_ankle"][1])
    outward = 1 if ankle[0] > 0 else -1
    toe = 3 if figure.profile or figure.spec.pose == "walking" else outward * 1.5
    turn = 0.0
    if figure.free and lowest - ankle[1] > 2:  # off the ground it follows the shin
        turn = -0.85 * math.degrees(math.atan2(ankle[0] - knee[0], ankle[1] - knee[1]))
    canvas.part = "shoes"
    with canvas.turned((turn, ankle)):
        canvas.ellipse(
            ankle[0] + toe, ankle[1] + 0.5, 7.2, 4.4, GARMENT_COLOURS.get(figure.spec.shoes, (185, 187, 192))
        )


def _draw_neck(figure: Figure) -> None:
    build = figure.build
    figure.canvas.part = "body"
    with figure.leaning():
        figure.canvas.limb([(0, build.chin - 3), (0, build.shoulder_y)], 8, figure.skin)


def _draw_body(figure: Figure) -> None:
    for side in _arms(figure, "back"):
        _draw_arm(figure, side)
    _draw_neck(figure)
    draw_torso(figure.canvas, figure.spec, figure.joints, figure.build, figure.half, figure.lean)
    if figure.behind:
        _draw_tail(figure)
    for side in _arms(figure, "over"):
        _draw_arm(figure, side)
    if figure.spec.accessory == "scarf":
        with figure.leaning():
            _draw_scarf(figure)


def _draw_scarf(figure: Figure) -> None:
    canvas, y = figure.canvas, figure.build.shoulder_y + 0.5
    colour = GARMENT_COLOURS[figure.spec.accessory_colour]
    canvas.part = "accessory"
    if not figure.behind:
        canvas.limb([(6, y + 3), (8, y + 18)], 6.5, colour)
    half = figure.half - 1.5
    canvas.limb([(-half, y - 0.5), (0, y + 1.5), (half, y - 0.5)], 8, colour)


def _draw_head(figure: Figure) -> None:
    canvas, spec, build = figure.canvas, figure.spec, figure.build
    with figure.tilted():
        heads.draw_head(canvas, spec, build, figure.skin)
        hair.draw_hair(canvas, spec, build)
        heads.draw_near_ear(canvas, spec, build, figure.skin)
        heads.draw_headwear(canvas, spec, build)


def _draw_arm(figure: Figure, side: str) -> None:
    canvas, build = figure.canvas, figure.build
    shoulder, elbow, wrist = _arm(figure, side)
    inward = None
    if _layer(figure, side) != "back":
        neck = turned((0, build.shoulder_y + 4), figure.lean, build.waist)
        reach = 3.2 / max(math.dist(shoulder, neck), 3.2)
        inward = tuple(start + (end - start) * reach for start, end in zip(shoulder, neck, strict=True))
    canvas.part = "body"
    canvas.limb([shoulder, elbow, wrist], 6.5, figure.skin)
    draw_sleeve(canvas, figure.spec, figure.joints, side, inward)
    towards = 1 if figure.profile or shoulder[0] < 0 else -1
    draw_hand(canvas, figure.skin, elbow, wrist, _hand(figure, side), towards)


def _hand(figure: Figure, side: str) -> str:
    shoulder, elbow, wrist = _arm(figure, side)
    if figure.spec.accessory == "umbrella" and side == _umbrella_side(figure):
        return "closed"
    if figure.spec.pose in ("waving", "arms raised") and wrist[1] < shoulder[1]:
        return "open"
    away = math.degrees(math.atan2(abs(wrist[0] - elbow[0]), wrist[1] - elbow[1]))
    return "open" if figure.free and away > OPEN_ABOVE else "relaxed"


def _visible(figure: Figure) -> dict[str, Point]:
    canvas = figure.canvas
    placed = {name: canvas.at(*point) for name, point in figure.joints.items()}
    with figure.tilted():
        face = heads.face_joints(figure.spec, figure.build)
        placed |= {name: canvas.at(*point) for name, point in face.items()}
    width, height = canvas.size
    return {name: (x, y) for name, (x, y) in placed.items() if 0 <= x < width and 0 <= y < height}
