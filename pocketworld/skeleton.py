"""Where a figure's joints are: proportions by kind of character, angles by pose."""

import math
import random
from dataclasses import dataclass

from pocketworld.canvas import Point


@dataclass(frozen=True)
class Build:
    """Proportions in 1/128 of the picture; x from the figure's axis, y downwards, the ground at 121."""

    head_y: float
    head_rx: float
    head_ry: float
    shoulder_x: float
    hip_y: float
    bone: float = 12.5  # upper arm, and forearm

    @property
    def chin(self) -> float:
        return self.head_y + self.head_ry

    @property
    def shoulder_y(self) -> float:
        return self.chin + 5


CHILD = Build(head_y=40, head_rx=23, head_ry=21, shoulder_x=11.5, hip_y=93)
WOMAN = Build(head_y=34, head_rx=20.5, head_ry=19.5, shoulder_x=11, hip_y=88, bone=13.5)
MAN = Build(head_y=33, head_rx=20.5, head_ry=19.5, shoulder_x=14.5, hip_y=88, bone=13.5)
MANNEQUIN = Build(head_y=44, head_rx=9, head_ry=10, shoulder_x=12, hip_y=90, bone=13)
BUILDS = {"woman": WOMAN, "man": MAN}
ANKLE_Y = 117

# Upper and lower arm in degrees: 0 hangs down, 90 points away from the body, 180 up. The first arm is the one
# at the viewer's left (from the side: the far one).
ARMS = {
    "standing": ((22, 12), (22, 12)),
    "waving": ((22, 12), (112, 150)),
    "arms raised": ((128, 160), (128, 160)),
    "walking": ((38, 62), (38, 62)),
    "hands on hips": ((58, -52), (58, -52)),
    "laid flat": ((42, 42), (42, 42)),
}
PROFILE_ARMS = {"waving": ((-14, 8), (92, 128)), "arms raised": ((104, 118), (92, 128))}
UMBRELLA_ARM = (66, 140)
LEGS = {"walking": 24, "laid flat": 6}  # degrees away from straight down; otherwise 3


def skeleton(build: Build, pose: str, framing: str, umbrella: bool, rng: random.Random) -> dict[str, Point]:
    """Joints by OpenPose name; `r_` is the character's own right, at the viewer's left when it faces us."""
    profile = framing == "from the side"
    left, right = (PROFILE_ARMS if profile and pose in PROFILE_ARMS else ARMS)[pose]
    if umbrella:
        # The hand at the viewer's right holds it; a wave changes hands.
        left, right = (right if pose == "waving" else left), UMBRELLA_ARM
    first, second = ("l", "r") if profile or framing == "from behind" else ("r", "l")
    narrow = 0.15 if profile else 1.0
    joints = {"neck": (0, build.chin + 3)}
    for name, sign, angles in ((first, -1, left), (second, 1, right)):
        bend = _facing_right(sign, pose, umbrella) if profile else sign
        shoulder = (sign * build.shoulder_x * 0.88 * narrow, build.shoulder_y + 3)
        upper, lower = (angle + rng.uniform(-5, 5) for angle in angles)
        elbow = _reach(shoulder, bend, upper, build.bone)
        joints |= {
            f"{name}_shoulder": shoulder,
            f"{name}_elbow": elbow,
            f"{name}_wrist": _reach(elbow, bend, lower, build.bone),
        }
        joints |= _leg(build, name, sign, narrow, LEGS.get(pose, 3))
    return joints


def _facing_right(sign: int, pose: str, umbrella: bool) -> int:
    """The way an arm bends in profile: forward when it is lifted, one each way when walking."""
    if pose in ("waving", "arms raised") or umbrella:
        return 1
    return -1 if pose == "hands on hips" else sign


def _leg(build: Build, name: str, sign: int, narrow: float, angle: float) -> dict[str, Point]:
    hip = (sign * 6 * max(narrow, 0.3), build.hip_y)
    bone = (ANKLE_Y - build.hip_y) / 2
    knee = _reach(hip, sign, angle, bone)
    return {f"{name}_hip": hip, f"{name}_knee": knee, f"{name}_ankle": _reach(knee, sign, angle * 0.8, bone)}


def _reach(start: Point, sign: int, degrees: float, length: float) -> Point:
    angle = math.radians(degrees)
    return start[0] + sign * math.sin(angle) * length, start[1] + math.cos(angle) * length
