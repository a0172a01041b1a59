"""A whole figure: limbs, clothes and head in the order in which they cover each other."""

import random
from dataclasses import dataclass

from pocketworld import hair, heads
from pocketworld.canvas import Canvas, Colour, Point, arc_points
from pocketworld.garments import Joints, between, draw_bottom, draw_sleeve, draw_torso
from pocketworld.skeleton import BUILDS, CHILD, MANNEQUIN, Build, skeleton
from pocketworld.vocabulary import GARMENT_COLOURS, SKINS, fur_colour
from pocketworld.world import Spec

GROUND_Y = 121
PORTRAIT_ZOOM = 1.72
MANNEQUIN_GREY = (206, 208, 212)
UMBRELLA_X, UMBRELLA_Y = 34, 22


@dataclass(frozen=True)
class Figure:
    """Everything that the drawing functions below share."""

    canvas: Canvas
    spec: Spec
    build: Build
    joints: Joints
    skin: Colour
    half: float  # half the shoulders' width, as seen
    behind: bool
    profile: bool


def draw_figure(canvas: Canvas, spec: Spec, rng: random.Random) -> dict[str, Point]:
    """Draw the character; returns its visible joints, in pixels of the finished picture."""
    build = BUILDS.get(spec.noun, CHILD)
    _place(canvas, spec, build, rng)
    joints = skeleton(build, spec.pose, spec.framing, spec.accessory == "umbrella", rng)
    skin = SKINS[spec.skin] if spec.is_person else fur_colour(spec.noun, spec.fur)
    profile = spec.framing == "from the side"
    figure = Figure(
        canvas,
        spec,
        build,
        joints,
        skin,
        build.shoulder_x * (0.72 if profile else 1),
        spec.framing == "from behind",
        profile,
    )
    _draw_back(figure)
    _draw_legs(figure)
    _draw_body(figure)
    _draw_head(figure)
    for side in _arms(figure, "front"):
        _draw_arm(figure, side)
    return _visible(canvas, joints | _face_joints(spec, build))


def draw_outfit(canvas: Canvas, spec: Spec, worn: bool, rng: random.Random) -> None:
    """The clothes alone: on a mannequin, or laid flat."""
    canvas.place(64 + rng.uniform(-2, 2), 63 - 77.5 * 1.36 if worn else 63 - 88 * 1.5, 1.36 if worn else 1.5)
    joints = skeleton(MANNEQUIN, "standing" if worn else "laid flat", "full figure", False, rng)
    figure = Figure(canvas, spec, MANNEQUIN, joints, MANNEQUIN_GREY, MANNEQUIN.shoulder_x, False, False)
    if worn:
        _draw_legs(figure)
        for side in ("l", "r"):
            _draw_arm(figure, side)
        _draw_neck(figure)
        canvas.ellipse(0, MANNEQUIN.head_y, MANNEQUIN.head_rx, MANNEQUIN.head_ry, MANNEQUIN_GREY)
    else:
        draw_bottom(canvas, spec, joints, MANNEQUIN, figure.half)
        for side in ("l", "r"):
            draw_sleeve(canvas, spec, joints, side)
    draw_torso(canvas, spec, MANNEQUIN, figure.half)


def _place(canvas: Canvas, spec: Spec, build: Build, rng: random.Random) -> None:
    zoom = rng.uniform(0.94, 1.01)
    x = 64 + rng.uniform(-4, 4)
    if spec.framing == "portrait":
        zoom *= PORTRAIT_ZOOM
        canvas.place(x, 70 + rng.uniform(-2, 2) - build.head_y * zoom, zoom)
    else:
        canvas.place(x, GROUND_Y + rng.uniform(-1.5, 1.5) - GROUND_Y * zoom, zoom)


def _arms(figure: Figure, layer: str) -> list[str]:
    """Which arms are drawn behind the body, over the body, or in front of the head."""
    spec = figure.spec
    layers = {}
    for side in ("l", "r"):
        lifted = figure.joints[f"{side}_wrist"][1] < figure.joints[f"{side}_shoulder"][1]
        layers[side] = "front" if lifted else "over" if spec.pose == "hands on hips" else "back"
    if figure.profile:
        layers = {"l": "back", "r": "front" if layers["r"] == "front" else "over"}
    return [side for side in ("l", "r") if layers[side] == layer]


def _draw_back(figure: Figure) -> None:
    canvas, spec = figure.canvas, figure.spec
    if spec.accessory == "umbrella":
        _draw_umbrella(figure)
    if not figure.behind:
        hair.draw_hair_behind(canvas, spec, figure.build)
        _draw_tail(figure)


def _draw_umbrella(figure: Figure) -> None:
    canvas = figure.canvas
    hand = max((figure.joints["l_wrist"], figure.joints["r_wrist"]))
    canvas.part = "accessory"
    canvas.limb([(hand[0], hand[1] + 6), (UMBRELLA_X - 2, UMBRELLA_Y - 14)], 2, (90, 70, 60))
    dome = arc_points(UMBRELLA_X, UMBRELLA_Y, 25, 18, 0, 180)
    hem = [(UMBRELLA_X - 25 + step * 50 / 6, UMBRELLA_Y - (2.5 if step % 2 else 0)) for step in range(7)]
    canvas.polygon(dome + hem, GARMENT_COLOURS[figure.spec.accessory_colour])


def _draw_tail(figure: Figure) -> None:
    canvas, noun, hip = figure.canvas, figure.spec.noun, figure.build.hip_y
    sign = -1 if figure.profile else 1
    canvas.part = "body"
    if noun == "cat":
        canvas.limb(
            [(sign * 6, hip), (sign * 18, hip + 9), (sign * 25, hip + 2), (sign * 25, hip - 9)],
            5,
            figure.skin,
        )
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
        canvas.polygon([(sign * 31.5, hip - 18), (sign * 31, hip - 6), (sign * 23, hip - 10)], (252, 246, 235))
    elif noun == "rabbit" and (figure.behind or figure.profile):
        canvas.ellipse(-figure.half if figure.profile else 0, hip, 6, 6, (250, 246, 242))


def _draw_legs(figure: Figure) -> None:
    canvas, spec, joints = figure.canvas, figure.spec, figure.joints
    shoe = GARMENT_COLOURS.get(spec.shoes, (185, 187, 192)) if figure.skin != MANNEQUIN_GREY else (185, 187, 192)
    for side in ("l", "r"):
        hip, knee, ankle = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        canvas.part = "body"
        canvas.limb([hip, knee, ankle], 8, figure.skin)
        canvas.part = "shoes"
        outward = 1 if ankle[0] > 0 else -1
        toe = 3 if figure.profile or spec.pose == "walking" else outward * 1.5
        canvas.ellipse(ankle[0] + toe, ankle[1] + 0.5, 7.2, 4.4, shoe)
    draw_bottom(canvas, spec, joints, figure.build, figure.half)


def _draw_neck(figure: Figure) -> None:
    figure.canvas.part = "body"
    build = figure.build
    figure.canvas.limb([(0, build.chin - 3), (0, build.shoulder_y)], 8, figure.skin)


def _draw_body(figure: Figure) -> None:
    for side in _arms(figure, "back"):
        _draw_arm(figure, side)
    _draw_neck(figure)
    draw_torso(figure.canvas, figure.spec, figure.build, figure.half)
    if figure.behind:
        _draw_tail(figure)
    for side in _arms(figure, "over"):
        _draw_arm(figure, side)
    if figure.spec.accessory == "scarf":
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
    heads.draw_head(canvas, spec, build, figure.skin)
    hair.draw_hair(canvas, spec, build)
    heads.draw_headwear(canvas, spec, build)


def _draw_arm(figure: Figure, side: str) -> None:
    canvas, joints = figure.canvas, figure.joints
    shoulder, elbow, wrist = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    canvas.part = "body"
    canvas.limb([shoulder, elbow, wrist], 6.5, figure.skin)
    draw_sleeve(canvas, figure.spec, joints, side)
    canvas.part = "body"
    canvas.ellipse(*between(elbow, wrist, 1.06), 4.6, 4.6, figure.skin)


def _face_joints(spec: Spec, build: Build) -> dict[str, Point]:
    eyes = heads.eye_positions(spec, build)
    if not eyes:
        return {}
    nose = (build.head_rx if len(eyes) == 1 else 0, build.head_y + 7)
    return {"nose": nose} | dict(zip(("r_eye", "l_eye"), eyes, strict=False))


def _visible(canvas: Canvas, joints: dict[str, Point]) -> dict[str, Point]:
    placed = {name: canvas.at(*point) for name, point in joints.items()}
    return {name: (x, y) for name, (x, y) in placed.items() if 0 <= x < canvas.size and 0 <= y < canvas.size}
